"""Test the forked process for untrusted files: it ends on time, and cannot reach the process that made it."""

import ctypes
import faulthandler
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace

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


@pytest.mark.parametrize(
    ("number", "by_time"), [(signal.SIGKILL, True), (signal.SIGXCPU, True), (signal.SIGSEGV, False), (0, False)]
)
def test_a_copy_that_the_kernel_kills_took_too_long(*, number: int, by_time: bool) -> None:
    def ending() -> Iterator[bytes]:
        yield b""
        if number:
            os.kill(os.getpid(), number)
        raise ValueError

    with pytest.raises(SandboxKilled) as caught:
        list(run_sandboxed(ending, seconds=5))
    assert caught.value.by_time is by_time
    assert str(caught.value) == ("the work took too long" if by_time else "the work crashed")


def test_every_item_may_take_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter(SimpleNamespace(ru_utime=user, ru_stime=0.5) for user in (100.0, 200.0, 300.0))
    monkeypatch.setattr(resource, "getrusage", lambda _who: next(used))

    def work() -> Iterator[bytes]:
        for _ in range(2):
            yield str(resource.getrlimit(resource.RLIMIT_CPU)[0]).encode()

    assert list(run_sandboxed(work, seconds=7)) == [b"108", b"208"]


def test_a_copy_does_not_react_to_signals_as_its_parent_does() -> None:
    """Neither the parent's handlers nor its report of crashes may run in the copy."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)

    def work() -> Iterator[bytes]:
        os.kill(os.getpid(), signal.SIGTERM)
        yield b"still here"

    try:
        with pytest.raises(SandboxKilled):
            list(run_sandboxed(work, seconds=5))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert faulthandler.is_enabled()
    assert run_sandboxed_json(faulthandler.is_enabled, seconds=5, memory=64 * 1024 * 1024) is False


def test_a_copy_ends_when_its_parent_was_killed() -> None:
    """The copy keeps no end of the pipe from which it could read itself, so its next item has no reader."""
    reading, writing = os.pipe()

    def endless() -> Iterator[bytes]:
        yield str(os.getpid()).encode()
        while True:
            yield bytes(100_000)

    parent = os.fork()
    if not parent:
        os.write(writing, next(run_sandboxed(endless, seconds=60)))
        os._exit(0)
    os.waitpid(parent, 0)
    of_copy = Path(f"/proc/{os.read(reading, 100).decode()}")
    until = time.monotonic() + 30
    while of_copy.exists() and "State:\tZ" not in (of_copy / "status").read_text() and time.monotonic() < until:
        time.sleep(0.02)
    assert time.monotonic() < until
    for end in (reading, writing):
        os.close(end)


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
