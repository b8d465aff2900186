"""Work on untrusted files in a forked process that can be killed at any time, and limits on CPU time and memory.

A kill also ends code in C libraries, which a Python exception cannot interrupt."""

import ctypes
import faulthandler
import json
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

_WALL_TIME_FACTOR = 10.0
"""The wall time limit of a piece as a multiple of its CPU time limit, because the machine may be busy."""

MAX_CRASHES = 2
"""The number of pages of one file that may end a forked process. After that, no further page is worked on."""

_PR_SET_DUMPABLE = 4
_PAGE_SIZE = resource.getpagesize()


class SandboxKilled(Exception):
    """Error for a forked process that ended before its work was done. `by_time`: the time limit was exceeded."""

    def __init__(self, *, by_time: bool) -> None:
        super().__init__("the work took too long" if by_time else "the work crashed")
        self.by_time = by_time


def run_sandboxed(work: Callable[[], Iterator[bytes]], *, seconds: float) -> Iterator[bytes]:
    """Run `work` in a forked process, and yield the items that `work` yields there.

    Raises `SandboxKilled` if an item takes more than `seconds` of CPU time, or if the process dies. An error
    that `work` raises counts as a death, so `work` must yield its expected failures as results."""
    if threading.current_thread() is not threading.main_thread():
        # A process forked from another thread could wait forever for a lock that a third thread held.
        yield from work()
        return
    _hide_memory()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, there, here, seconds), daemon=True)
    process.start()
    there.close()
    try:
        yield from _receive(here, seconds * _WALL_TIME_FACTOR)
    except EOFError:
        process.join()
        raise SandboxKilled(by_time=process.exitcode in (-signal.SIGKILL, -signal.SIGXCPU)) from None
    finally:
        process.kill()
        process.join()
        process.close()
        here.close()


def _hide_memory() -> None:
    """Forbid other processes to read or change the memory of this process and of its forked copies. Linux only.

    A hostile file that takes control of one forked copy then cannot reach its parent or another copy."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


def run_sandboxed_json(work: Callable[[], Any], *, seconds: float, memory: int) -> Any:
    """Return the JSON value that `work` computes in a forked process, which may use `memory` more bytes.

    Raises `SandboxKilled` like `run_sandboxed`, and also if `work` needs more memory."""

    def pieces() -> Iterator[bytes]:
        with limit_memory(memory):
            yield json.dumps(work()).encode()

    (piece,) = run_sandboxed(pieces, seconds=seconds)
    return json.loads(piece)


def run_page_by_page(
    numbers: Sequence[int], work: Callable[[Sequence[int]], Iterator[bytes]], *, seconds: float
) -> Iterator[tuple[int, bytes | None]]:
    """Run `work` for the pages with these numbers in a forked process, and yield each number with its item.

    `work` gets the numbers, and yields one item for each. A page that ends the process, or takes more than `seconds` of
    CPU time, has no item (None), and another process goes on after it. After `MAX_CRASHES` such pages, the others are
    left out."""
    left, crashes = tuple(numbers), 0
    while left and crashes < MAX_CRASHES:
        done = 0
        with suppress(SandboxKilled):
            for item in islice(run_sandboxed(partial(work, left), seconds=seconds), len(left)):
                yield left[done], item
                done += 1
        if done < len(left):
            yield left[done], None
            done, crashes = done + 1, crashes + 1
        left = left[done:]


def _receive(here: Connection, seconds: float) -> Iterator[bytes]:
    """Yield the items that the forked process sends through the pipe. An empty message marks the end.

    `here` is the parent's end of the pipe. Raises `SandboxKilled` if an item takes more than `seconds`."""
    while True:
        if not here.poll(seconds):
            raise SandboxKilled(by_time=True)
        piece = here.recv_bytes()
        if not piece:
            return
        yield piece[1:]


def _run(work: Callable[[], Iterator[bytes]], there: Connection, here: Connection, seconds: float) -> None:
    """Run `work` in the forked process, and send its items to the parent through a pipe.

    `there` is the end of the pipe for this process, and `here` is the parent's end. The process exits without any
    cleanup, so that it prints nothing and closes nothing of the parent. The parent notices the end of the process by
    the end of the pipe."""
    here.close()
    faulthandler.disable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(BaseException):  # The parent notices every error by the end of the pipe.
        _limit_time(seconds)
        for piece in work():
            there.send_bytes(b"\1" + piece)
            _limit_time(seconds)
        there.send_bytes(b"")
    os._exit(0)


def _limit_time(seconds: float) -> None:
    """Allow `seconds` of CPU time from now on. The kernel kills the process after that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


class CpuTimeExceeded(BaseException):
    """Error for an exceeded limit of CPU time. The class is not an `Exception`, because parsers catch those."""


@contextmanager
def limit_cpu_time(seconds: float) -> Iterator[None]:
    """Raise `CpuTimeExceeded` if the `with` block uses more than `seconds` of CPU time.

    The limit is CPU time and not wall time, because a slow machine does not make a file hostile. Outside the
    main thread there is no limit, because only the main thread receives the signal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise CpuTimeExceeded

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def limit_memory(extra: int) -> Iterator[None]:
    """Raise `MemoryError` if the `with` block allocates more than `extra` bytes. Only Linux has this limit."""
    if sys.platform != "linux":
        yield
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE_SIZE
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + extra
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
