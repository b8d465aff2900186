"""Limits on the time and memory that reading a stranger's file may take."""

import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_PAGE_SIZE = resource.getpagesize()


class CpuTimeExceeded(BaseException):
    """The time is up. Not an `Exception`, since parsers catch those and go on."""


@contextmanager
def limit_cpu_time(seconds: float) -> Iterator[None]:
    """Raises `CpuTimeExceeded` in the block after that much time of the processor; needs the main thread.

    The processor's time, since a busy machine makes no file hostile.
    """
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
    """In the block, allocating more than `extra` bytes raises `MemoryError`; on Linux, which can do that."""
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
