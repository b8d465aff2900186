"""Test the report of `make corpus`, and that its results survive an interrupted run."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.corpus.results import FAILURES, FileResult, Outcome, report
from bench.corpus.stored_results import StoredResults, hash_code

SEALED = FileResult(file="a.pdf", sha256="aa", outcome=Outcome.SEALED, way="as_is", seconds=2.0, megabytes=90.0)
REFUSED = FileResult(file="b.pdf", outcome=Outcome.REFUSED, reason="xfa: A form.", seconds=0.1, megabytes=70.0)
CHANGED = FileResult(file="c.pdf", outcome=Outcome.CHANGED, reason="PDFium differs", page=3, unseen=(2, 4))


def test_everything_but_sealed_and_refused_is_a_failure() -> None:
    assert {Outcome.NOT_SEALED, Outcome.NOT_VALID, Outcome.CHANGED, Outcome.STUCK, Outcome.CRASHED} == FAILURES


def test_a_line_names_the_file_the_page_and_the_reason() -> None:
    assert REFUSED.line == "refused: b.pdf: xfa: A form."
    assert CHANGED.line == "changed outside the signature block: c.pdf, page 3: PDFium differs"
    assert replace(REFUSED, file="é\x1b[2J\n.pdf").line == "refused: é\\x1b[2J\\n.pdf: xfa: A form."


def test_the_report_counts_outcomes_and_reasons() -> None:
    lines = list(report([SEALED, REFUSED, replace(REFUSED, file="d.pdf"), CHANGED]))
    assert lines == [
        "     4  files",
        "     2  refused",
        "     1  sealed",
        "     1  changed outside the signature block",
        "",
        "Refused, by reason",
        "     2  xfa: A form.",
        "",
        "Failed, by reason",
        "     1  PDFium differs",
        "",
        "Sealed, by the way in which the file was made",
        "     1  as_is",
        "",
        "Pages that cannot be shown to the signer",
        "        c.pdf: 2, 4",
        "",
        "Slowest",
        "   2.0 s  a.pdf",
        "   0.1 s  b.pdf",
        "   0.1 s  d.pdf",
        "   0.0 s  c.pdf",
        "",
        "Largest in memory",
        "  90.0 MB  a.pdf",
        "  70.0 MB  b.pdf",
        "  70.0 MB  d.pdf",
        "   0.0 MB  c.pdf",
    ]


def test_a_report_on_sealed_files_only_has_no_other_parts() -> None:
    lines = list(report([replace(SEALED, file=f"{number}.pdf") for number in range(7)]))
    assert [line for line in lines if "by reason" in line or "cannot" in line] == []
    assert len([line for line in lines if " s  " in line]) == 5
    assert list(report([])) == ["     0  files"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "c.pdf"
    path.write_bytes(b"")
    return path


EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_result_counts_for_the_same_bytes_and_the_same_code(tmp_path: Path, file: Path) -> None:
    results, changed = tmp_path / "new" / "folder" / "results.jsonl", replace(CHANGED, sha256=EMPTY_SHA256)
    StoredResults.open(results, "code 1").add(changed)
    with results.open("a") as target:
        target.write('{"file": "d.pdf", "outc')
    stored = StoredResults.open(results, "code 1")
    assert stored.find("c.pdf", file) == changed
    assert stored.find("d.pdf", file) is None
    file.write_bytes(b"other")
    assert stored.find("c.pdf", file) is None
    file.write_bytes(b"")
    assert StoredResults.open(results, "code 2").find("c.pdf", file) is None
    assert StoredResults.open(results, "code 1").find("c.pdf", file) is None


def test_the_code_has_one_hash(tmp_path: Path, file: Path) -> None:
    results, changed = tmp_path / "results.jsonl", replace(CHANGED, sha256=EMPTY_SHA256)
    StoredResults.open(results).add(changed)
    assert results.read_text().splitlines()[0] == hash_code()
    assert len(hash_code()) == 64
    module = tmp_path / "chalicelib" / "pdf" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text("A = 1\n")
    before = hash_code(tmp_path)
    module.write_text("A = 2\n")
    assert hash_code(tmp_path) != before
    assert StoredResults.open(results).find("c.pdf", file) == changed
