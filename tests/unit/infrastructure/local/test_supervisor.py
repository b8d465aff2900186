"""Test that `make run` loses no data and leaves no process behind, however the command ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Processes, take_lock
from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError
from tests.support.local.savers import eventually, is_running, ready, saved, saver


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    paths = LocalPaths(tmp_path / "local")
    paths.prepare()
    return paths


@pytest.fixture
def progress() -> Progress:
    return Progress(time.time(), stream=StringIO())


@pytest.fixture
def processes(paths: LocalPaths, progress: Progress) -> Iterator[Processes]:
    processes = Processes(paths, take_lock(paths, progress))
    yield processes
    processes.stop()


def start_commander(paths: LocalPaths, seconds_to_save: float = 0.5) -> subprocess.Popen[bytes]:
    module = "tests.support.local.supervised_commander"
    arguments = [sys.executable, "-m", module, str(paths.home), str(seconds_to_save)]
    commander = subprocess.Popen(arguments, cwd=ROOT)
    assert eventually(ready(paths).exists)
    return commander


def supervisor_pid(paths: LocalPaths) -> int:
    pid: int = json.loads(paths.supervisor_record.read_text())["pid"]
    return pid


def saver_pid(paths: LocalPaths, name: str = "saver") -> int:
    assert eventually(lambda: ready(paths, name).exists() and ready(paths, name).read_text() != "")
    return int(ready(paths, name).read_text())


def check_until_an_error(processes: Processes) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        processes.check()
        time.sleep(0.02)


def test_a_killed_run_saves_its_data_and_leaves_no_process_behind(paths: LocalPaths) -> None:
    commander = start_commander(paths)
    pids = [supervisor_pid(paths), saver_pid(paths)]
    commander.kill()
    commander.wait()
    assert eventually(lambda: not any(is_running(pid) for pid in pids))
    assert saved(paths).exists()
    assert paths.clean_stop.exists()
    assert not paths.supervisor_record.exists()


def test_a_killed_run_no_longer_announces_the_portal(paths: LocalPaths) -> None:
    commander = start_commander(paths)
    paths.portal.touch()
    commander.kill()
    commander.wait()
    assert eventually(lambda: not paths.portal.exists())


def test_a_new_run_waits_for_an_earlier_run_that_is_still_saving(paths: LocalPaths) -> None:
    commander = start_commander(paths, seconds_to_save=1.5)
    commander.kill()
    commander.wait()
    output = StringIO()
    lock = take_lock(paths, Progress(time.time(), stream=output))
    os.close(lock)
    assert saved(paths).exists()
    assert "still saving" in output.getvalue()


def test_a_second_run_is_refused_while_another_is_up(
    paths: LocalPaths, processes: Processes, progress: Progress
) -> None:
    processes.start(saver(paths))
    saver_pid(paths)
    with pytest.raises(UserError, match="Another `make run` is up"):
        take_lock(paths, progress)


def test_a_killed_supervisor_ends_its_processes_and_lets_them_save(paths: LocalPaths) -> None:
    commander = start_commander(paths)
    pid = saver_pid(paths)
    os.kill(supervisor_pid(paths), signal.SIGKILL)
    assert eventually(lambda: not is_running(pid))
    assert saved(paths).exists()
    assert eventually(lambda: commander.poll() is not None)


def test_a_kill_does_not_count_as_a_clean_stop(paths: LocalPaths, processes: Processes) -> None:
    paths.clean_stop.write_text("from an earlier run")
    processes.start(saver(paths))
    os.kill(saver_pid(paths), signal.SIGKILL)
    with pytest.raises(UserError, match="`saver` ended unexpectedly"):
        check_until_an_error(processes)
    processes.stop()
    assert not paths.clean_stop.exists()


def test_a_process_that_ignores_sigterm_is_killed(paths: LocalPaths, processes: Processes) -> None:
    processes.start(saver(paths, manner="stubborn", grace=0.3))
    pid = saver_pid(paths)
    assert processes.stop()
    assert not is_running(pid)
    assert not paths.clean_stop.exists()


def test_a_failure_to_save_does_not_count_as_a_clean_stop(paths: LocalPaths, processes: Processes) -> None:
    processes.start(saver(paths, manner="failing"))
    saver_pid(paths)
    assert processes.stop()
    assert not paths.clean_stop.exists()


def test_the_process_that_started_last_is_stopped_first(paths: LocalPaths, processes: Processes) -> None:
    for name in ("first", "second"):
        processes.start(saver(paths, name=name))
        saver_pid(paths, name)
    assert processes.stop()
    times = [saved(paths, name).stat().st_mtime_ns for name in ("first", "second")]
    assert times[1] < times[0]


def test_the_supervisor_ignores_the_signals_of_a_terminal(paths: LocalPaths, processes: Processes) -> None:
    processes.start(saver(paths))
    pid = saver_pid(paths)
    for signal_number in (signal.SIGINT, signal.SIGHUP):
        os.kill(supervisor_pid(paths), signal_number)
    time.sleep(0.7)
    processes.check()
    assert is_running(pid)


def test_the_supervisor_stops_all_processes_on_sigterm(paths: LocalPaths, processes: Processes) -> None:
    processes.start(saver(paths))
    pid = saver_pid(paths)
    os.kill(supervisor_pid(paths), signal.SIGTERM)
    assert eventually(lambda: not is_running(pid))
    assert eventually(paths.clean_stop.exists)


def test_the_supervisor_has_its_own_session(paths: LocalPaths, processes: Processes) -> None:
    processes.start(saver(paths))
    pid = saver_pid(paths)
    assert os.getsid(supervisor_pid(paths)) == supervisor_pid(paths) == os.getsid(pid)
