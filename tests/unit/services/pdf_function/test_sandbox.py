"""Test the forked process for untrusted files: it ends on time, and cannot reach the process that made it."""

import ctypes
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from chalicelib.services.pdf_function.sandbox import (
    SandboxKilled,
    limit_cpu_time,
    limit_memory,
    run_sandboxed,
    run_sandboxed_json,
)

PR_GET_DUMPABLE = 3


def test_the_error_of_a_killed_sandbox_states_the_reason() -> None:
    def endless() -> Iterator[bytes]:
        yield b"one"
        while True:
            pass

    received = run_sandboxed(endless, seconds=0.2)
    assert next(received) == b"one"
    started = time.monotonic()
    with pytest.raises(SandboxKilled) as caught:
        next(received)
    assert caught.value.by_time
    assert time.monotonic() - started < 30

    def crashing() -> Iterator[bytes]:
        yield b""
        raise MemoryError

    with pytest.raises(SandboxKilled) as other:
        list(run_sandboxed(crashing, seconds=5))
    assert not other.value.by_time


def test_work_that_waits_without_computing_is_ended_too() -> None:
    def waiting() -> Iterator[bytes]:
        time.sleep(60)
        yield b""

    with pytest.raises(SandboxKilled) as caught:
        list(run_sandboxed(waiting, seconds=0.02))
    assert caught.value.by_time


def test_a_copy_cannot_read_the_memory_of_its_parent() -> None:
    """A forked copy that parses a hostile file must not reach the process with secrets.

    The kernel allows access to another process's memory only for a dumpable process, except to the superuser."""
    parent = os.getpid()
    assert run_sandboxed_json(os.getppid, seconds=5, memory=64 * 1024 * 1024) == parent
    assert ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0


def test_no_limit_of_time_remains_after_the_block() -> None:
    before = signal.getsignal(signal.SIGPROF)
    with limit_cpu_time(5):
        assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_a_reader_that_stops_early_ends_the_process() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1000)

    items = run_sandboxed(endless, seconds=60)
    assert isinstance(items, Generator)
    assert next(items) == bytes(1000)
    (process,) = multiprocessing.active_children()
    assert process.daemon, "it also ends with its parent"
    of_process = Path(f"/proc/{process.pid}")
    items.close()
    assert not of_process.exists()


MIB = 1024 * 1024


def test_work_may_use_its_memory_and_not_more() -> None:
    """The limit is for the memory that the work adds. The memory that the process used before does not count."""
    assert run_sandboxed_json(lambda: len(bytearray(32 * MIB)), seconds=5, memory=64 * MIB) == 32 * MIB
    with pytest.raises(SandboxKilled) as caught:
        run_sandboxed_json(lambda: len(bytearray(96 * MIB)), seconds=5, memory=64 * MIB)
    assert not caught.value.by_time


def test_no_limit_of_memory_remains_after_the_block() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with limit_memory(512 * MIB):
        assert resource.getrlimit(resource.RLIMIT_AS)[0] != before[0]
    assert resource.getrlimit(resource.RLIMIT_AS) == before
