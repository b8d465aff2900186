"""Test the preparation of a PDF for its seal (digital signature): the search for a place to sign, and failures."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.status import Action
from chalicelib.pdf.models import SignatureBox
from chalicelib.services.pdf_function import seal_preparation
from chalicelib.services.pdf_function.sandbox import SandboxKilled
from chalicelib.services.pdf_requests import Attempt, PrepareDocument
from tests.support.pdf.fake_pdf import FakeLinks
from tests.unit.services.pdf_jobs.test_seal_job import Portal, decided

ON_PAGE, OFF_PAGE = (SignatureBox(page=page, x=72, y=72, width=200, height=40) for page in (1, 9))
FOUND = SignatureBox(page=2, x=80, y=90, width=200, height=40)


def request_of(action: Action) -> tuple[PrepareDocument, FakeLinks]:
    """Return the request to prepare the PDF of a document with this decision, and the files behind the request's
    links."""
    portal = Portal(decided(action))
    portal.seal()
    request = next(asked for asked in portal.pdf.asked if isinstance(asked, PrepareDocument))
    return request, FakeLinks(portal.files)


@pytest.mark.parametrize(
    ("action", "changes", "searches"),
    [
        (Action.APPROVE, {"field": None}, 1),
        (Action.APPROVE, {"field": OFF_PAGE}, 1),
        (Action.APPROVE, {"field": ON_PAGE}, 0),
        (Action.APPROVE, {"field": None, "searched": True}, 0),
        (Action.DECLINE, {}, 0),
    ],
)
def test_a_place_is_searched_once_for_a_signature_without_a_box(
    monkeypatch: pytest.MonkeyPatch, action: Action, changes: dict[str, Any], searches: int
) -> None:
    request, files = request_of(action)
    searched: list[int] = []

    def find(_data: bytes, pages: int, _block: object) -> SignatureBox:
        searched.append(pages)
        return FOUND

    monkeypatch.setattr(seal_preparation, "find_field", find)
    result = seal_preparation.prepare_file(replace(request, **changes), files)
    assert searched == [3] * searches
    assert (result.fault, result.found) == ("", FOUND if searches else None)
    assert result.searched is (bool(searches) or changes.get("searched", False))


@pytest.mark.parametrize(("offset", "is_pdf"), [(0, True), (1019, True), (1020, False)])
def test_a_pdf_that_cannot_be_prepared_is_known_by_its_first_kilobyte(*, offset: int, is_pdf: bool) -> None:
    request, files = request_of(Action.DECLINE)
    source = b"x" * offset + b"%PDF-1.7 and no more"
    files.files.put("originals/1.pdf", source, "application/pdf")
    link = replace(request.source, sha256=hashlib.sha256(source).hexdigest())
    result = seal_preparation.prepare_file(replace(request, source=link), files)
    assert (result.fault, result.is_pdf) == ("the file could not be prepared for its seal", is_pdf)


@pytest.mark.parametrize(("attempt", "seconds"), [("as_is", 30), ("rebuilt", 30), ("pictures", 90)])
def test_a_file_has_less_time_than_its_pictures(
    monkeypatch: pytest.MonkeyPatch, attempt: Attempt, seconds: float
) -> None:
    request, files = request_of(Action.DECLINE)
    limits: list[float] = []

    def run(_work: object, *, seconds: float) -> None:
        limits.append(seconds)
        raise SandboxKilled(by_time=attempt != "rebuilt")

    monkeypatch.setattr(seal_preparation, "run_sandboxed", run)
    result = seal_preparation.prepare_file(replace(request, attempt=attempt), files)
    assert (limits, bool(result.fault), result.by_time) == ([seconds], True, attempt != "rebuilt")
