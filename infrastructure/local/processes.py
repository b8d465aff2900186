"""The processes of a local stack, which `make run` starts, checks and stops."""

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from infrastructure.local.paths import LocalPaths
from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError

SECONDS_TO_STOP = 150.0
# If `make run` was killed, its supervisor records the state `stopping` only after a moment.
SECONDS_TO_NOTICE = 2.0
LOG_LINES_SHOWN = 8
BYTES_PER_READ = 65536


@dataclass(frozen=True)
class Command:
    """A process for the supervisor (which starts and stops all processes of `make run`) to start.

    It runs a Python module with arguments, in exactly this environment. `grace` is the seconds that the process may
    take to end. `clean_stop`, if any, is the file that the supervisor writes after the process has ended by itself in
    time."""

    name: str
    module: str
    arguments: Sequence[str]
    environment: dict[str, str]
    grace: float
    clean_stop: Path | None = None

    def line(self, paths: LocalPaths) -> bytes:
        """Return the command as a line of JSON, in the form in which the supervisor reads commands."""
        command = {
            "name": self.name,
            "argv": [sys.executable, "-m", "infrastructure.local.supervised_child", self.module, *self.arguments],
            "environment": self.environment,
            "folder": str(ROOT),
            "log": str(paths.log_of(self.name)),
            "grace": self.grace,
            "clean_stop": str(self.clean_stop) if self.clean_stop else None,
        }
        return json.dumps(command).encode() + b"\n"


def take_lock(paths: LocalPaths, progress: Progress) -> int:
    """Lock the folder of a local run, so that no second run uses it, and return the file descriptor of the lock.

    Waits for an earlier run that is still saving its data. Raises UserError if another run is active."""
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _try_lock(descriptor):
        return descriptor
    if _stays_running(paths):
        os.close(descriptor)
        raise UserError(
            f"Another `make run` is up in this checkout (process {_record(paths).get('pid', 'unknown')}). "
            "Use that run, or stop it with Ctrl-C and try again."
        )
    progress.say("Waiting for an earlier run, which is still saving its data")
    _wait_for_lock(descriptor)
    return descriptor


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stays_running(paths: LocalPaths) -> bool:
    deadline = time.monotonic() + SECONDS_TO_NOTICE
    while (record := _record(paths)).get("state") == "running" and _is_alive(record.get("pid")):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.1)
    return False


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _record(paths: LocalPaths) -> dict[str, object]:
    try:
        record = json.loads(paths.supervisor_record.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _wait_for_lock(descriptor: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_STOP
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise UserError(
                "An earlier run does not end. Look for its process with "
                "`pgrep -f infrastructure.local.supervisor`, end it, and try again."
            )
        time.sleep(0.2)


class Processes:
    """The running processes of one `make run`, such as the local AWS and the mailbox.

    They are children of a supervisor, a process that stops them even if `make run` is killed."""

    def __init__(self, paths: LocalPaths, lock: int) -> None:
        """Start the supervisor, the process that starts and stops all others.

        `lock` is the descriptor of the lock on the folder. The supervisor and its children hold the lock until they
        end."""
        self._layout = paths
        self._pending = b""
        self._stopped = False
        self._supervisor = _start_supervisor(paths, lock)
        # Popen has these because it was asked for pipes.
        self._commands = cast("IO[bytes]", self._supervisor.stdin)
        self._answers = cast("IO[bytes]", self._supervisor.stdout)
        os.close(lock)

    def start(self, command: Command) -> None:
        """Order the supervisor to start a process. The process may not have started yet when this method returns."""
        self._commands.write(command.line(self._layout))
        self._commands.flush()

    def check(self) -> None:
        """Raise UserError, with the end of its log, if a process of `make run` has ended unexpectedly."""
        for event in self._events(0.0):
            if event["event"] == "exited":
                raise UserError(self._describe_end(str(event["name"])))
        if self._supervisor.poll() is not None:
            raise UserError(self._describe_end("supervisor"))

    def stop(self) -> bool:
        """Stop all processes of `make run`, and wait until they have saved their data.

        Return True if all processes have ended within `SECONDS_TO_STOP`."""
        if self._answers.closed:
            return self._stopped
        with contextlib.suppress(BrokenPipeError):
            self._commands.close()
        deadline = time.monotonic() + SECONDS_TO_STOP
        while not self._stopped and self._supervisor.poll() is None and time.monotonic() < deadline:
            self._events(0.5)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._supervisor.wait(5.0)
        self._events(0.0)
        self._answers.close()
        return self._stopped

    def _events(self, seconds: float) -> list[dict[str, object]]:
        ready, _, _ = select.select([self._answers], [], [], seconds)
        if not ready:
            return []
        *lines, self._pending = (self._pending + os.read(self._answers.fileno(), BYTES_PER_READ)).split(b"\n")
        events: list[dict[str, object]] = [json.loads(line) for line in lines]
        self._stopped = self._stopped or any(event["event"] == "stopped" for event in events)
        return events

    def _describe_end(self, name: str) -> str:
        log = self._layout.log_of(name)
        tail = "\n".join(f"    {line}" for line in last_lines(log, LOG_LINES_SHOWN))
        return (
            f"The process `{name}` ended unexpectedly. The end of its log, {log}:\n{tail}\n"
            "All other processes are being stopped. Run `make run` again to start from the saved data."
        )


def _start_supervisor(paths: LocalPaths, lock: int) -> subprocess.Popen[bytes]:
    arguments = [paths.supervisor_record, lock, paths.portal, paths.stand_ins]
    with paths.log_of("supervisor").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "infrastructure.local.supervisor", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            pass_fds=[lock],
            start_new_session=True,
        )


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last `count` lines of a log file, for an error message, or no lines if there is no such file."""
    if not log.exists():
        return []
    return log.read_text(errors="replace").splitlines()[-count:]
