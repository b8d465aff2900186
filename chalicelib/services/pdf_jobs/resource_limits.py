"""Limits on the CPU time and memory that the reading of an untrusted file may use."""

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
    """The CPU time limit is exceeded. The class is not an `Exception`, because parsers catch those."""


@contextmanager
def limit_cpu_time(seconds: float) -> Iterator[None]:
    """Raise `CpuTimeExceeded` in the block after `seconds` of CPU time.

    The limit is CPU time and not wall time, because a slow machine does not make a file hostile. Outside the
    main thread there is no limit, because only the main thread receives the signal.
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
    """Raise `MemoryError` in the block if it allocates more than `extra` bytes. Only Linux has this limit."""
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
