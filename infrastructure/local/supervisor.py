"""The supervisor, which owns the processes of a local stack.

The supervisor has its own session, so that the processes outlive a killed `make run`. It reads commands as
lines of JSON from standard input, and writes events as lines of JSON to standard output. Standard input ends
when `make run` has ended or was killed. Then the supervisor stops all processes, in reverse order of their
start: the local AWS is stopped last and has time to save its state.

Command: `{"name", "argv", "environment", "folder", "log", "grace", "clean_stop"}`. `grace` is the seconds
that the process may take to end. `clean_stop` is a file or null. The supervisor removes the file at the start
of the process, and writes it again after a clean stop.
Events: `{"event": "exited", "name", "status"}`, `{"event": "stopped"}`."""

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

BYTES_PER_READ = 65536


@dataclass(frozen=True)
class Child:
    """A process that the supervisor has started, such as the local AWS, and the way to stop the process.

    `grace` is the seconds that the process may take to end. `clean_stop` is the file to write if it ends in time."""

    name: str
    process: subprocess.Popen[bytes]
    grace: float
    clean_stop: Path | None

    def stop(self) -> None:
        """Ask the process to end, and kill it after `grace` seconds.

        If the process ended by itself, with status 0, write the file `clean_stop`: the process has then saved its
        data."""
        self.process.terminate()
        try:
            self.process.wait(self.grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        else:
            self._record_clean_stop()

    def _record_clean_stop(self) -> None:
        if self.clean_stop and self.process.returncode == 0:
            self.clean_stop.write_text("The local AWS has saved its state.\n")


def start_child(command: Mapping[str, Any], lock: int) -> Child:
    """Start the process that `command` (JSON from `make run`, see the module) describes, and return the process.

    The process inherits the lock on the folder, so that no new run starts while the process still runs."""
    clean_stop = Path(command["clean_stop"]) if command["clean_stop"] else None
    if clean_stop:
        clean_stop.unlink(missing_ok=True)
    with Path(command["log"]).open("ab") as log:
        process = subprocess.Popen(
            command["argv"],
            env=command["environment"],
            cwd=command["folder"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
        )
    return Child(command["name"], process, command["grace"], clean_stop)


class Supervisor:
    """The owner of the processes of `make run`: it starts them, reports their ends, and stops them."""

    def __init__(
        self, commands: int, events: TextIO, *, record: Path, lock: int, announcements: Sequence[Path]
    ) -> None:
        """Set where commands of `make run` are read (`commands`) and where events are written (`events`).

        `commands` and `lock` (the lock on the folder) are file descriptors. `record` is the file that shows the next
        run the state of this supervisor. `announcements` are files that tell other programs that the portal is ready.
        They are removed before the processes are stopped."""
        self._commands = commands
        self._events = events
        self._record = record
        self._lock = lock
        self._announcements = announcements
        self._children: list[Child] = []
        self._pending = b""

    def run(self) -> None:
        """Carry out commands until standard input ends. Then stop all processes, the newest first."""
        self._write_record("running")
        while self._serve_once():
            self._report_ended()
        self._write_record("stopping")
        for announcement in self._announcements:
            announcement.unlink(missing_ok=True)
        while self._children:
            self._children.pop().stop()
        self._record.unlink(missing_ok=True)
        self._emit({"event": "stopped"})

    def _serve_once(self) -> bool:
        ready, _, _ = select.select([self._commands], [], [], 0.5)
        if not ready:
            return True
        chunk = os.read(self._commands, BYTES_PER_READ)
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            self._children.append(start_child(json.loads(line), self._lock))
        return bool(chunk)

    def _report_ended(self) -> None:
        for child in [child for child in self._children if child.process.poll() is not None]:
            self._children.remove(child)
            self._emit({"event": "exited", "name": child.name, "status": child.process.returncode})

    def _emit(self, event: Mapping[str, Any]) -> None:
        try:
            print(json.dumps(event), file=self._events, flush=True)
        except BrokenPipeError:
            # `make run` was killed, so nobody reads the events. The processes must be stopped nevertheless.
            self._events = io.StringIO()

    def _write_record(self, state: str) -> None:
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": os.getpid(), "state": state, "since": time.time()}))
        draft.replace(self._record)


def interrupt(_signal: int, _frame: object) -> None:
    """Handle SIGTERM like the end of standard input: close the input, so that the supervisor stops all processes."""
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)


def main() -> None:
    """Run the supervisor until it has stopped all processes, then kill what is left of its process group."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, interrupt)
    record, lock, *announcements = sys.argv[1:]
    Supervisor(
        0,
        sys.stdout,
        record=Path(record),
        lock=int(lock),
        announcements=[Path(announcement) for announcement in announcements],
    ).run()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
