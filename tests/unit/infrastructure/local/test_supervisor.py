"""No way of ending `make run` loses data or leaves a process behind."""

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

from infrastructure.local.paths import Layout
from infrastructure.local.processes import Processes, take_lock
from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from infrastructure.user_error import Trouble
from tests.support.local.savers import eventually, is_running, ready, saved, saver


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "local")
    layout.prepare()
    return layout


@pytest.fixture
def progress() -> Progress:
    return Progress(time.time(), stream=StringIO())


@pytest.fixture
def processes(layout: Layout, progress: Progress) -> Iterator[Processes]:
    processes = Processes(layout, take_lock(layout, progress))
    yield processes
    processes.stop()


def start_commander(layout: Layout, seconds_to_save: float = 0.5) -> subprocess.Popen[bytes]:
    module = "tests.support.local.supervised_commander"
    arguments = [sys.executable, "-m", module, str(layout.home), str(seconds_to_save)]
    commander = subprocess.Popen(arguments, cwd=ROOT)
    assert eventually(ready(layout).exists)
    return commander


def supervisor_pid(layout: Layout) -> int:
    pid: int = json.loads(layout.supervisor_record.read_text())["pid"]
    return pid


def saver_pid(layout: Layout, name: str = "saver") -> int:
    assert eventually(lambda: ready(layout, name).exists() and ready(layout, name).read_text() != "")
    return int(ready(layout, name).read_text())


def check_until_it_complains(processes: Processes) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        processes.check()
        time.sleep(0.02)


def test_killing_the_commander_outright_still_saves_and_leaves_nobody_behind(layout: Layout) -> None:
    commander = start_commander(layout)
    pids = [supervisor_pid(layout), saver_pid(layout)]
    commander.kill()
    commander.wait()
    assert eventually(lambda: not any(is_running(pid) for pid in pids))
    assert saved(layout).exists()
    assert layout.clean_stop.exists()
    assert not layout.supervisor_record.exists()


def test_the_portal_is_no_longer_announced_once_its_commander_is_gone(layout: Layout) -> None:
    commander = start_commander(layout)
    layout.portal.touch()
    commander.kill()
    commander.wait()
    assert eventually(lambda: not layout.portal.exists())


def test_a_new_run_waits_for_one_that_is_still_saving(layout: Layout) -> None:
    commander = start_commander(layout, seconds_to_save=1.5)
    commander.kill()
    commander.wait()
    said = StringIO()
    lock = take_lock(layout, Progress(time.time(), stream=said))
    os.close(lock)
    assert saved(layout).exists()
    assert "still saving" in said.getvalue()


def test_a_second_run_is_refused_while_one_is_up(
    layout: Layout, processes: Processes, progress: Progress
) -> None:
    processes.start(saver(layout))
    saver_pid(layout)
    with pytest.raises(Trouble, match="Another `make run` is up"):
        take_lock(layout, progress)


def test_killing_the_supervisor_ends_its_processes_and_lets_them_save(layout: Layout) -> None:
    commander = start_commander(layout)
    pid = saver_pid(layout)
    os.kill(supervisor_pid(layout), signal.SIGKILL)
    assert eventually(lambda: not is_running(pid))
    assert saved(layout).exists()
    assert eventually(lambda: commander.poll() is not None)


def test_a_kill_is_not_taken_for_a_clean_stop(layout: Layout, processes: Processes) -> None:
    layout.clean_stop.write_text("from an earlier run")
    processes.start(saver(layout))
    os.kill(saver_pid(layout), signal.SIGKILL)
    with pytest.raises(Trouble, match="`saver` ended by itself"):
        check_until_it_complains(processes)
    processes.stop()
    assert not layout.clean_stop.exists()


def test_a_process_that_will_not_end_is_ended(layout: Layout, processes: Processes) -> None:
    processes.start(saver(layout, mood="stubborn", grace=0.3))
    pid = saver_pid(layout)
    assert processes.stop()
    assert not is_running(pid)
    assert not layout.clean_stop.exists()


def test_a_failure_to_save_is_not_taken_for_a_clean_stop(layout: Layout, processes: Processes) -> None:
    processes.start(saver(layout, mood="failing"))
    saver_pid(layout)
    assert processes.stop()
    assert not layout.clean_stop.exists()


def test_what_was_started_last_is_stopped_first(layout: Layout, processes: Processes) -> None:
    for name in ("first", "second"):
        processes.start(saver(layout, name=name))
        saver_pid(layout, name)
    assert processes.stop()
    times = [saved(layout, name).stat().st_mtime_ns for name in ("first", "second")]
    assert times[1] < times[0]


def test_the_supervisor_shrugs_off_the_signals_of_a_terminal(layout: Layout, processes: Processes) -> None:
    processes.start(saver(layout))
    pid = saver_pid(layout)
    for signal_number in (signal.SIGINT, signal.SIGHUP):
        os.kill(supervisor_pid(layout), signal_number)
    time.sleep(0.7)
    processes.check()
    assert is_running(pid)


def test_the_supervisor_stops_everything_when_told_to_end(layout: Layout, processes: Processes) -> None:
    processes.start(saver(layout))
    pid = saver_pid(layout)
    os.kill(supervisor_pid(layout), signal.SIGTERM)
    assert eventually(lambda: not is_running(pid))
    assert eventually(layout.clean_stop.exists)


def test_the_supervisor_leads_a_session_of_its_own(layout: Layout, processes: Processes) -> None:
    processes.start(saver(layout))
    pid = saver_pid(layout)
    assert os.getsid(supervisor_pid(layout)) == supervisor_pid(layout) == os.getsid(pid)
