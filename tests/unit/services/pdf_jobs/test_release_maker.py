"""Test that an attacker who controls the function that parses PDFs can spoil at most the PDF of one document."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from chalicelib.domain.documents import Sealing
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.status import Action
from chalicelib.pdf.models import SignatureBox
from chalicelib.services.pdf_function import seal_preparation
from chalicelib.services.pdf_requests import (
    CheckedRelease,
    CheckRelease,
    PrepareCertificate,
    PreparedFile,
    PrepareDocument,
    SourceLink,
    UploadLink,
)
from chalicelib.services.ports import StoredFileCorrupt
from tests.support.pdf.fake_pdf import FakePdf
from tests.unit.services.pdf_jobs.test_seal_job import ORIGINAL, SCAN, Portal, decided, signed_by_others

T = TypeVar("T")


class TakenOver(FakePdf):
    """The function that parses PDFs, under the control of an attacker who changes its results."""

    change: Callable[[Any], Any]

    def run(self, request: object, result: type[T]) -> T:
        changed: T = self.change(super().run(request, result))
        return changed


def taken_over(change: Callable[[Any], Any]) -> tuple[Portal, list[bytes]]:
    """Return a portal whose function that parses PDFs is an attacker's. `change` is the change of its results.

    The second value lists the digests that the sealing key then signs."""
    portal, signed = Portal(decided(Action.APPROVE)), list[bytes]()
    portal.pdf = TakenOver(portal.files)
    portal.pdf.change = change
    key = portal.sealer_cache._key

    class Key:
        public_key = staticmethod(key.public_key)

        def sign(self, digest: bytes) -> bytes:
            signed.append(digest)
            return key.sign(digest)

    portal.sealer_cache._key = Key()
    return portal, signed


def assert_nothing_released(portal: Portal) -> None:
    with pytest.raises(StoredFileCorrupt):
        portal.seal()
    assert portal.document.sealing is Sealing.IN_PROGRESS
    assert portal.files.keys("evidence/signed/") == []


@pytest.mark.parametrize("offset", [-1, 1, 10**9, -(10**9)])
def test_a_false_position_gets_no_signature(offset: int) -> None:
    def change(result: Any) -> Any:
        return replace(result, start=result.start + offset) if isinstance(result, PreparedFile) else result

    portal, signed = taken_over(change)
    assert_nothing_released(portal)
    assert signed == []


def test_a_file_with_a_fault_is_not_released_even_if_other_bytes_were_checked() -> None:
    def change(result: Any) -> Any:
        return CheckedRelease("0" * 64, "") if isinstance(result, CheckedRelease) else result

    assert_nothing_released(taken_over(change)[0])


def test_a_fault_that_the_function_reports_stops_the_release() -> None:
    def change(result: Any) -> Any:
        return replace(result, fault="page 1 is missing") if isinstance(result, CheckedRelease) else result

    portal, _ = taken_over(change)
    assert_nothing_released(portal)


def links(request: object) -> list[str]:
    values = vars(request).values()
    reads = [value.url for value in values if isinstance(value, SourceLink)]
    return [*reads, *(value.fields["key"] for value in values if isinstance(value, UploadLink))]


@pytest.mark.parametrize("action", [Action.APPROVE, Action.DECLINE, Action.SIGN_BY_HAND])
def test_a_request_has_links_to_its_own_document_only(action: Action) -> None:
    portal = Portal(decided(action))
    portal.seal()
    source = "scans/1" if action is Action.SIGN_BY_HAND else "originals/1.pdf"
    prepare, check = portal.pdf.asked
    assert isinstance(prepare, PrepareDocument)
    assert isinstance(check, CheckRelease)
    read, written = links(prepare)
    assert read.startswith(f"https://files.test/{source}?")
    assert written.startswith(f"work/seals/{portal.document.id}/")
    draft, same = links(check)
    assert draft.startswith(f"https://files.test/{written}?")
    assert same.startswith(f"https://files.test/{source}?")


def test_a_file_that_breaks_its_preparation_is_tried_in_other_ways(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaking(*_args: object, **_more: object) -> None:
        raise RecursionError

    portal = Portal(decided(Action.APPROVE))
    monkeypatch.setattr(seal_preparation, "prepare_signed", breaking)
    with pytest.raises(StoredFileCorrupt, match="could not be prepared"):
        portal.seal()
    attempts = [request.attempt for request in portal.pdf.asked if isinstance(request, PrepareDocument)]
    assert attempts == ["as_is", "rebuilt", "pictures"]
    assert caplog.messages == ["preparation for the seal lost", "sealed file refused"] * 3


def test_after_a_slow_attempt_only_pictures_are_tried() -> None:
    def change(result: Any) -> Any:
        return replace(result, fault="too slow", by_time=True) if isinstance(result, PreparedFile) else result

    portal, _ = taken_over(change)
    assert_nothing_released(portal)
    attempts = [request.attempt for request in portal.pdf.asked if isinstance(request, PrepareDocument)]
    assert attempts == ["as_is", "pictures"]


def test_a_function_without_a_result_leaves_the_job_for_another_try() -> None:
    portal = Portal(decided(Action.APPROVE))

    def unavailable(*_: object) -> None:
        raise Unavailable("The file could not be worked on right now.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal.pdf, "run", unavailable)
        with pytest.raises(Unavailable):
            portal.seal()
    portal.seal()
    assert portal.document.sealing is Sealing.SEALED


@pytest.mark.parametrize(
    ("action", "shown"), [(Action.APPROVE, True), (Action.DECLINE, True), (Action.SIGN_BY_HAND, False)]
)
def test_the_pages_are_compared_with_those_that_the_signer_saw(*, action: Action, shown: bool) -> None:
    portal = Portal(decided(action, broken_pages=(2,)))
    portal.seal()
    (check,) = (request for request in portal.pdf.asked if isinstance(request, CheckRelease))
    assert (check.shown, check.unseen, check.pages) == (shown, (2,), portal.signed.pages)


def test_a_separate_certificate_names_the_hash_of_the_signed_file() -> None:
    portal, _ = signed_by_others()
    portal.seal()
    prepare, check = portal.pdf.asked[-2:]
    assert isinstance(prepare, PrepareCertificate)
    assert isinstance(check, CheckRelease)
    assert prepare.certificate.signed_sha256 == portal.signed.sha256
    assert (check.source, check.unseen) == (None, ())


@pytest.mark.parametrize(("scan", "attempts"), [(SCAN, ["as_is"]), (ORIGINAL, ["as_is", "pictures"])])
def test_a_scan_is_never_rebuilt_and_a_picture_is_tried_once(scan: bytes, attempts: list[str]) -> None:
    document = decided(Action.SIGN_BY_HAND)
    assert document.decision is not None
    decision = replace(document.decision, scan_sha256=hashlib.sha256(scan).hexdigest())
    portal = Portal(replace(document, decision=decision))
    portal.files.put("scans/1", scan, "application/pdf")
    assert [request.attempt for request in refused_attempts(portal)] == attempts


def test_a_place_that_was_found_is_not_searched_for_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SignatureBox(page=2, x=80, y=90, width=200, height=40)
    monkeypatch.setattr(seal_preparation, "find_field", lambda *_: found)
    attempts = refused_attempts(Portal(decided(Action.APPROVE)))
    assert [(request.searched, request.found) for request in attempts] == [(False, None), (True, found), (True, found)]


def refused_attempts(portal: Portal) -> list[PrepareDocument]:
    """Make the sealed PDF of a document if every attempt fails the checks.

    Return the requests to prepare a file: one for each way to make it."""
    run = portal.pdf.run

    def finds_fault(request: object, result: type[Any]) -> Any:
        found = run(request, result)
        return replace(found, fault="a page is missing") if isinstance(found, CheckedRelease) else found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal.pdf, "run", finds_fault)
        with pytest.raises(StoredFileCorrupt, match="a page is missing"):
            portal.seal()
    return [request for request in portal.pdf.asked if isinstance(request, PrepareDocument)]
