"""Test the command `make corpus`: the files that it finds, what it prints, and its exit status."""

from pathlib import Path

import pytest

from bench.corpus.__main__ import check_folder, find_files
from bench.corpus.results import FileResult, Outcome
from bench.corpus.stored_results import StoredResults
from infrastructure.user_error import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.pdf", "sub/a.PDF", "notes.txt"):
        file = tmp_path / "plans" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    (tmp_path / "plans" / "folder.pdf").mkdir()
    return tmp_path / "plans"


def run(folder: Path, outcome: Outcome, checked: list[str] | None = None) -> int:
    def check(file: str, _data: bytes) -> FileResult:
        if checked is not None:
            raise AssertionError(file)
        return FileResult(file=file, outcome=outcome if file == "b.pdf" else Outcome.SEALED, reason="why")

    stored = StoredResults.open(folder.parent / "results.jsonl", "code")
    return check_folder(folder, stored, check, processes=1, seconds=9)


def test_all_pdfs_below_the_folder_are_found(folder: Path) -> None:
    assert find_files(folder) == ["b.pdf", "sub/a.PDF"]


def test_a_folder_without_a_pdf_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match=r"no PDF in the folder .* DIR="):
            find_files(folder)


@pytest.mark.parametrize("outcome", Outcome)
def test_the_exit_status_tells_a_failure_and_not_a_refusal(folder: Path, outcome: Outcome) -> None:
    assert run(folder, outcome) == (outcome not in {Outcome.SEALED, Outcome.REFUSED})


def test_every_file_that_was_not_sealed_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, Outcome.REFUSED)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["refused: b.pdf: why", "", "     2  files"]
    assert not any(line.endswith("a.PDF: why") for line in lines)


def test_an_interrupted_run_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(folder, Outcome.STUCK)
    assert "2 files, of which 0 have a result" in capsys.readouterr().err
    again = run(folder, Outcome.SEALED, checked=[])
    assert (first, again) == (1, 1)
    printed = capsys.readouterr()
    assert "2 files, of which 2 have a result" in printed.err
    assert printed.out.startswith("stuck: b.pdf: why")
