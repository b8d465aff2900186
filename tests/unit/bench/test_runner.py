"""Test that `make corpus` checks many files at a time, and ends a file that is stuck or ends its process."""

import hashlib
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.corpus.results import FileResult, Outcome
from bench.corpus.runner import SECONDS, check_all

FILES = ("a.pdf", "b.pdf", "c.pdf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in FILES:
        (tmp_path / file).write_bytes(file.encode())
    return tmp_path


def sealed(file: str, data: bytes) -> FileResult:
    return FileResult(file=file, sha256="of the child", outcome=Outcome.SEALED, pages=len(data))


def run(
    folder: Path, check: Callable[[str, bytes], FileResult], *, processes: int = 2, seconds: float = SECONDS
) -> dict[str, FileResult]:
    found = check_all(folder, FILES, check, processes=processes, seconds=seconds)
    return {result.file: result for result in found}


def stop_for_ever(file: str, data: bytes) -> FileResult:
    """Check a file and never return for `b.pdf`, as a step does that is stuck."""
    while file == "b.pdf":
        time.sleep(0.05)
    return sealed(file, data)


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_every_file_has_its_result(folder: Path, processes: int) -> None:
    seconds = itertools.count(1.0)
    found = check_all(folder, FILES, sealed, processes=processes, clock=lambda: next(seconds))
    results = {result.file: result for result in found}
    assert sorted(results) == list(FILES)
    assert {result.outcome for result in results.values()} == {Outcome.SEALED}
    assert {result.pages for result in results.values()} == {5}
    assert results["a.pdf"].sha256 == hashlib.sha256(b"a.pdf").hexdigest()
    assert all(10 < result.megabytes < 4096 and result.seconds >= 2 for result in results.values())


def test_a_step_that_never_ends_is_stuck_and_the_others_go_on(folder: Path) -> None:
    started = time.monotonic()
    results = run(folder, stop_for_ever, seconds=0.4, processes=1)
    assert [results[file].outcome for file in FILES] == [Outcome.SEALED, Outcome.STUCK, Outcome.SEALED]
    assert results["b.pdf"].reason == "the time limit was exceeded"
    assert 0.4 <= results["b.pdf"].seconds < 2
    assert time.monotonic() - started < 3


def test_a_process_that_ends_has_crashed(folder: Path) -> None:
    def end(file: str, data: bytes) -> FileResult:
        if file == "b.pdf":
            os._exit(3)
        return sealed(file, data)

    results = run(folder, end)
    assert [results[file].outcome for file in FILES] == [Outcome.SEALED, Outcome.CRASHED, Outcome.SEALED]
    assert results["b.pdf"].reason == "the process ended"


def test_a_file_cannot_use_all_memory(folder: Path) -> None:
    def grow(file: str, data: bytes) -> FileResult:
        blocks = [bytes(2**30) for _ in range(8 if file == "b.pdf" else 0)]
        return sealed(file, data + bytes(len(blocks)))

    assert run(folder, grow)["b.pdf"].outcome is Outcome.CRASHED


def test_the_processes_that_a_stuck_file_started_end_too(folder: Path) -> None:
    def fork(file: str, data: bytes) -> FileResult:
        if not (pid := os.fork()):
            stop_for_ever("b.pdf", data)
        (folder / f"{file}.pid").write_text(str(pid))
        return stop_for_ever(file, data)

    run(folder, fork, seconds=0.4)
    deadline = time.monotonic() + 5
    while any(map(_is_running, folder.glob("*.pid"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_running, folder.glob("*.pid")))


def _is_running(pid_file: Path) -> bool:
    try:
        state = Path(f"/proc/{pid_file.read_text()}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(") ")[2][0] != "Z"
