"""Work in a copy of this process, which can be ended whatever it does: in C too, where no signal reaches."""

import faulthandler
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

_PATIENCE = 10.0
"""How many times its processor time a piece may take by the clock: the machine may be busy."""


class SandboxKilled(Exception):
    """The copy ended before its work. `by_time`: it was ended, as it took too long."""

    def __init__(self, *, by_time: bool) -> None:
        super().__init__("the work took too long" if by_time else "the work crashed")
        self.by_time = by_time


def run_sandboxed(work: Callable[[], Iterator[bytes]], *, seconds: float) -> Iterator[bytes]:
    """What `work` yields in the copy. `SandboxKilled` where a piece takes that much time, or the copy dies.

    What `work` raises counts as dying: it should yield what it has to say.
    """
    if threading.current_thread() is not threading.main_thread():
        # A copy made beside other threads may wait for a lock that one of them held.
        yield from work()
        return
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, there, here, seconds), daemon=True)
    process.start()
    there.close()
    try:
        yield from _received(here, seconds * _PATIENCE)
    except EOFError:
        process.join()
        raise SandboxKilled(by_time=process.exitcode in (-signal.SIGKILL, -signal.SIGXCPU)) from None
    finally:
        process.kill()
        process.join()
        process.close()
        here.close()


def _received(here: Connection, seconds: float) -> Iterator[bytes]:
    """An empty piece ends it."""
    while True:
        if not here.poll(seconds):
            raise SandboxKilled(by_time=True)
        piece = here.recv_bytes()
        if not piece:
            return
        yield piece[1:]


def _run(work: Callable[[], Iterator[bytes]], there: Connection, here: Connection, seconds: float) -> None:
    """In the copy. Its end is told by the pipe alone: nothing is printed, nothing of the parent is closed."""
    here.close()
    faulthandler.disable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        _limit_time(seconds)
        for piece in work():
            there.send_bytes(b"\1" + piece)
            _limit_time(seconds)
        there.send_bytes(b"")
    except BaseException:  # noqa: BLE001 - whatever it is: the parent learns of it by the pipe's end
        os._exit(1)
    os._exit(0)


def _limit_time(seconds: float) -> None:
    """From now on; the kernel ends what goes on for longer."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))
