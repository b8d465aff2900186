"""Test the whole way of one PDF in `make corpus`: what it reports of a file, good or bad, and of a broken portal."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bench.corpus import file_check
from bench.corpus.file_check import FileCheck
from bench.corpus.results import FileResult, Outcome
from chalicelib.domain.documents import Document
from chalicelib.services.pdf_jobs.release_maker import Release, ReleaseMaker, SealedFile
from chalicelib.services.ports import StoredFileCorrupt
from tests.support.pdf import raw_pdf
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sealing import seal_plain
from tests.support.pdf.sealing_key import FACTS, sealer

PLAN = samples.plan_of_care()
SMALL = raw_pdf.write_pdf(raw_pdf.objects())
OTHER = raw_pdf.write_pdf(raw_pdf.objects(o4=raw_pdf.stream(b"BT /F1 60 Tf 72 300 Td (Discharge) Tj ET")))


def check(data: bytes) -> FileResult:
    return FileCheck(sealer()).run("plan.pdf", data)


@dataclass
class Broken(FileCheck):
    """A check of a broken portal, which releases `data` for every file, whatever its own checks say."""

    data: bytes

    def __post_init__(self) -> None:
        super().__init__(sealer())

    def seal(self, document: Document) -> Release:
        super().seal(document)
        return Release(SealedFile(self.data, "", 2, "B-B"))


def test_a_plan_goes_the_whole_way() -> None:
    result = check(PLAN)
    assert (result.outcome, result.reason, result.page) == (Outcome.SEALED, "", 0)
    assert (result.file, result.sha256) == ("plan.pdf", hashlib.sha256(PLAN).hexdigest())
    assert (result.pages, result.unseen, result.way, result.block) == (3, (), "as_is", True)


def test_a_file_with_no_place_to_sign_is_sealed_with_the_block_on_the_certificate_only() -> None:
    result = check(SMALL)
    assert (result.outcome, result.pages, result.way, result.block) == (Outcome.SEALED, 1, "as_is", False)


def test_a_refused_file_has_the_code_and_the_sentence_of_the_response() -> None:
    result = check(b"Dear Dr. Rivera")
    assert result.outcome is Outcome.REFUSED
    assert result.reason == "not-a-pdf: The file is not a PDF: it does not begin with %PDF-."
    assert (result.pages, result.way) == (0, "")


def test_a_file_that_passes_no_check_is_accepted_and_not_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Release:
        raise StoredFileCorrupt("page 1 does not show what the signer saw")

    monkeypatch.setattr(ReleaseMaker, "make", fail)
    result = check(SMALL)
    assert (result.outcome, result.pages) == (Outcome.NOT_SEALED, 1)
    assert result.reason == "page 1 does not show what the signer saw"


def test_a_broken_assembler_changes_the_file_outside_the_block() -> None:
    result = Broken(seal_plain(OTHER, sealer(), FACTS).data).run("plan.pdf", SMALL)
    assert (result.outcome, result.page, result.reason) == (Outcome.CHANGED, 1, "PDFium draws the page differently")
    assert result.way == "as_is"


def test_a_file_without_a_seal_is_not_valid() -> None:
    result = Broken(SMALL).run("plan.pdf", SMALL)
    assert (result.outcome, result.reason) == (Outcome.NOT_VALID, "the portal's verifier says not_signed")
    sealed = seal_plain(SMALL, sealer(), FACTS).data
    result = Broken(sealed.replace(b"200 feet", b"900 feet")).run("plan.pdf", SMALL)
    assert (result.outcome, result.reason) == (Outcome.NOT_VALID, "the portal's verifier says broken")


def test_the_verdicts_of_other_programs_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_check, "has_syntax_errors", lambda file: file.name == "after.pdf")
    assert check(SMALL).reason == "qpdf finds errors that the original does not have"
    monkeypatch.setattr(file_check, "has_syntax_errors", lambda _: True)
    assert check(SMALL).outcome is Outcome.SEALED
    monkeypatch.setattr(file_check, "is_seal_valid", lambda file: file.name != "after.pdf")
    result = check(SMALL)
    assert (result.outcome, result.reason) == (Outcome.NOT_VALID, "pdfsig does not find the seal valid")


def test_an_error_of_the_portal_is_named_by_its_kind_and_not_by_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Release:
        raise KeyError("Ada Byron")

    monkeypatch.setattr(FileCheck, "seal", fail)
    result = check(SMALL)
    assert (result.outcome, result.reason, result.pages) == (Outcome.CRASHED, "KeyError", 1)


def test_the_pages_that_cannot_be_shown_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    show = FileCheck.show

    def blind(self: FileCheck, document: Document) -> Document:
        return replace(show(self, document), broken_pages=(1,))

    monkeypatch.setattr(FileCheck, "show", blind)
    assert check(SMALL).unseen == (1,)
