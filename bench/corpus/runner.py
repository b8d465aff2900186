"""Many files checked at a time, each in a process of its own that can be killed.

A file that exceeds the time limit is stuck. A file that ends its process has crashed."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

from bench.corpus.results import FileResult, Outcome
from chalicelib.services.documents.incoming_pdf import sha256

Check = Callable[[str, bytes], FileResult]
Clock = Callable[[], float]
"""A clock that returns seconds since some moment."""

SECONDS = 600.0
"""The time limit for a file. The functions of production end after 140 seconds for each part of the work."""

MEMORY = 4 * 1024**3
"""The limit of the address space of a process in bytes. The limits of production are lower, and hold here too."""

_FORK = get_context("fork")


@dataclass
class _Running:
    """The process that checks one file. It ends, or is killed when the clock reaches `until`."""

    file: str
    sha256: str
    process: ForkProcess
    pipe: Connection
    started: float
    until: float


def check_all(
    folder: Path,
    files: Iterable[str],
    check: Check,
    *,
    processes: int,
    seconds: float = SECONDS,
    clock: Clock = time.monotonic,
) -> Iterator[FileResult]:
    """Check the files (paths below `folder`), and yield each result as it comes. `processes` run at a time."""
    waiting, running = iter(files), list[_Running]()
    while True:
        while len(running) < processes and (file := next(waiting, None)) is not None:
            running.append(_start(file, (folder / file).read_bytes(), check, seconds, clock))
        if not running:
            return
        yield from _collect(running, clock)


def _start(file: str, data: bytes, check: Check, seconds: float, clock: Clock) -> _Running:
    here, there = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_run, args=(file, data, check, there))
    process.start()
    there.close()
    now = clock()
    return _Running(file, sha256(data), process, here, now, now + seconds)


def _run(file: str, data: bytes, check: Check, there: Connection) -> None:
    """Check one file in this process, and send the result to the parent.

    The process and all that it starts are one group, so that the parent can kill them together."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    there.send(check(file, data).to_json())
    there.send(_peak_megabytes())


def _peak_megabytes() -> float:
    """Return the peak memory of the largest process, of this one and those that it started."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(max(usage.ru_maxrss for usage in usages) / 1024, 1)


def _collect(running: list[_Running], clock: Clock) -> Iterator[FileResult]:
    """Wait until a process ends or exceeds its time. Remove all such processes from the list, and yield their results.

    A result that arrives at the last moment counts."""
    nearest = min(job.until for job in running) - clock()
    connection.wait([job.pipe for job in running], timeout=max(0.0, nearest))
    for job in tuple(running):
        if job.pipe.poll() or clock() >= job.until:
            running.remove(job)
            yield _finish(job, clock)


def _finish(job: _Running, clock: Clock) -> FileResult:
    """Return the result of a process, and end the process with all that it started."""
    try:
        result = _receive(job)
    except EOFError:
        result = FileResult(file=job.file, outcome=Outcome.CRASHED, reason="the process ended")
    _kill(job.process)
    job.pipe.close()
    return replace(result, sha256=job.sha256, seconds=round(clock() - job.started, 2))


def _receive(job: _Running) -> FileResult:
    if not job.pipe.poll():
        return FileResult(file=job.file, outcome=Outcome.STUCK, reason="the time limit was exceeded")
    result = FileResult.from_json(job.pipe.recv())
    return replace(result, megabytes=job.pipe.recv())


def _kill(process: ForkProcess) -> None:
    """End a process and its group. The group is missing if the process had no time to make it, or has ended."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join()
    process.close()
