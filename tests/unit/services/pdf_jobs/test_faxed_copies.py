"""Test the sealing of a copy that came back by fax and was confirmed by a person at the clinic."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.adapters import json_codec
from chalicelib.domain.carriers.document_copies import ConfirmedCopy, CopySheet
from chalicelib.domain.carriers.received_faxes import Arrival, PageMatch, ReceivedPage, received_fax_id
from chalicelib.domain.documents import Document, Identity, Sealing, SigningMethod
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.status import Action
from chalicelib.pdf.fax_files import FaxFile
from chalicelib.pdf.models import FaxedSheet
from chalicelib.pdf.reader import open_pdf
from chalicelib.pdf.signing import verification
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.pdf_function import fax_reading, release_checks
from chalicelib.services.pdf_jobs.faxed_copies import copy_origin, faxed_sheets, read_faxes
from chalicelib.services.pdf_requests import CheckRelease, PrepareDocument
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.pdf import sample_pdfs as samples
from tests.support.provider_fixtures import PRACTICE, a_document, a_received_fax
from tests.unit.services.pdf_jobs.test_seal_job import ORIGINAL, OURS, Portal, decided

FILE = samples.blank_pdf(pages=2, size=(120, 150))
FAX = a_received_fax(file_key="evidence/faxes/prc_1/1", sha256=hashlib.sha256(FILE).hexdigest())
LATER = a_received_fax(
    id=received_fax_id(77), sort_key=77, carrier_id="77", received_at=START + timedelta(hours=1), sender=None
)
COPY = ConfirmedCopy(
    sheets=(CopySheet(page=1, fax_id=FAX.id, number=2), CopySheet(page=2), CopySheet(page=3, fax_id=FAX.id, number=1)),
    confirmed_by="Sam Lee",
)
IDENTITY = Identity(method="returned_copy", sent_to=None, supplied_by=None, statement="As Cedar Clinic read it.")


def confirmed(copy: ConfirmedCopy = COPY, **changes: Any) -> Document:
    """Return a document whose copy came back by fax and was confirmed as signed on November 21."""
    document = decided(Action.SIGN_BY_HAND)
    assert document.decision is not None
    signer = replace(document.decision.signer, method=SigningMethod.BY_HAND, identity=IDENTITY)
    decision = replace(document.decision, signer=signer, scan_key=None, scan_sha256=None, copy=copy)
    return replace(document, decision=decision, hand_signed_on=date(2026, 11, 21), **changes)


def a_portal(document: Document | None = None) -> Portal:
    portal = Portal(document or confirmed())
    portal.files.put(FAX.file_key, FILE, "application/pdf")
    portal.store.commit(Change(at=START, received_faxes=(FAX,)))
    return portal


def sealed_text(portal: Portal) -> str:
    return samples.one_line(" ".join(samples.texts(portal.files.get(portal.signed.key))))


def test_the_copy_is_sealed_in_the_order_of_its_pages() -> None:
    portal = a_portal()
    portal.seal()
    data = portal.files.get(portal.signed.key)
    finding = verification.verify(data, OURS)
    assert finding.verdict == "intact"
    assert finding.seal is not None
    reason = f"Received by fax, signed by hand; {PRACTICE.name} read the signature of Luis Rivera"
    assert finding.seal.reason == reason
    assert (portal.document.sealing, portal.signed.pages) == (Sealing.SEALED, 4)
    first, second, third, certificate = samples.texts(data)
    assert ("Page 2" in second, first.strip(), third.strip()) == (True, "", "")
    assert "Certificate of signature by hand" in certificate


def test_the_certificate_says_how_the_copy_came() -> None:
    portal = a_portal()
    portal.seal()
    text = sealed_text(portal)
    for words in (
        "This document was received by fax, signed by hand.",
        f"Sam Lee at {PRACTICE.name} confirmed the signature and date on November 22, 2026",
        "Signed on 11/21/2026, as read on the copy",
        "from (512) 555-0100",
        "Pages by fax Pages 1 and 3",
        "Not faxed back Page 2. It is taken from the original.",
        f"SHA-256, fax {' '.join(FAX.sha256[start : start + 8] for start in range(0, 64, 8))}",
        "Identity As Cedar Clinic read it.",
        "Addressed to Luis Rivera, MD, NPI 1234567893",
    ):
        assert words in text
    assert "uploader" not in text


def test_the_emr_learns_of_the_file_only_when_it_can_fetch_it() -> None:
    portal = a_portal()
    assert portal.events("document.approved") == 0
    portal.seal()
    assert portal.events("document.approved") == 1
    resource = document_resource(portal.document, "https://portal.test", portal.clock.now())
    assert (resource["outcome"], resource["sealing"]) == ("by_hand", "sealed")
    assert resource["signed_pdf"] is not None
    assert resource["signed_pdf"]["sha256"] == portal.signed.sha256
    assert resource["signer"] is not None
    assert resource["signer"]["method"] == "by_hand"


def test_the_function_gets_links_to_the_original_and_the_faxes_of_the_copy() -> None:
    portal = a_portal()
    portal.seal()
    prepare, check = portal.pdf.asked
    assert isinstance(prepare, PrepareDocument)
    assert prepare.source.url.startswith("https://files.test/originals/1.pdf?")
    assert [link.sha256 for link in prepare.faxes] == [FAX.sha256]
    assert prepare.faxes[0].url.startswith(f"https://files.test/{FAX.file_key}?")
    assert prepare.sheets == (FaxedSheet(0, 2), FaxedSheet(None, 2), FaxedSheet(0, 1))
    assert (prepare.decision, prepare.block, prepare.field) == ("by_fax", None, None)
    assert isinstance(check, CheckRelease)
    assert check.source is not None
    assert (check.source.sha256, check.shown) == (hashlib.sha256(ORIGINAL).hexdigest(), False)


def test_a_copy_is_made_from_pictures_of_the_original_if_its_pages_fail_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portal = a_portal()

    def compare(_source: bytes, sealed: bytes, *_: object) -> Iterator[str]:
        yield "" if open_pdf(sealed).pages[1].images else "page 2 is printed otherwise than it is shown"

    monkeypatch.setattr(release_checks, "compare_pages", compare)
    portal.seal()
    attempts = [request.attempt for request in portal.pdf.asked if isinstance(request, PrepareDocument)]
    assert attempts == ["as_is", "pictures"]
    pages = open_pdf(portal.files.get(portal.signed.key)).pages
    assert [len(page.images) for page in pages[:3]] == [1, 1, 1]


# Failures and repetitions


def test_a_job_that_runs_twice_seals_once() -> None:
    portal = a_portal()
    portal.seal()
    first = portal.signed
    portal.seal()
    assert (portal.signed, portal.events("document.approved")) == (first, 1)


def test_two_jobs_at_once_release_one_file() -> None:
    portal = a_portal()
    portal.store.before_commit = portal.seal
    portal.seal()
    assert portal.events("document.approved") == 1
    assert portal.files.exists(portal.signed.key)


def test_a_job_that_stops_before_the_release_makes_the_file_at_its_next_run() -> None:
    portal = a_portal()
    portal.store.failing = True
    with pytest.raises(Unavailable):
        portal.seal()
    portal.store.failing = False
    assert (portal.document.signed, portal.events("document.approved")) == (None, 0)
    portal.seal()
    assert (portal.document.sealing, portal.events("document.approved")) == (Sealing.SEALED, 1)


def test_a_fax_that_comes_after_the_confirmation_changes_nothing() -> None:
    portal = a_portal()
    portal.store.commit(Change(at=START, received_faxes=(LATER,)))
    portal.seal()
    (prepare, *_) = portal.pdf.asked
    assert isinstance(prepare, PrepareDocument)
    assert len(prepare.faxes) == 1


@pytest.mark.parametrize("data", [samples.blank_pdf(pages=1), b""], ids=["another", "empty"])
def test_a_fax_with_other_bytes_is_never_sealed(data: bytes) -> None:
    portal = a_portal()
    portal.files.objects[FAX.file_key] = (data, "application/pdf")
    with pytest.raises(StoredFileCorrupt):
        portal.seal()
    assert portal.document.sealing is Sealing.IN_PROGRESS


def test_a_fax_without_its_row_is_never_sealed() -> None:
    copy = replace(COPY, sheets=(CopySheet(page=1, fax_id="fax_5", number=1),))
    portal = a_portal(confirmed(copy))
    with pytest.raises(StoredFileCorrupt, match="a fax of the confirmed copy is not stored"):
        portal.seal()
    assert portal.document.signed is None


def test_a_hostile_fax_is_not_sealed_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    data = b"%PDF-1.7 and nothing else"
    portal = a_portal()
    hostile = replace(FAX, id=received_fax_id(88), sort_key=88, sha256=hashlib.sha256(data).hexdigest(), file_key="e/8")
    portal.files.put("e/8", data, "application/pdf")
    sheets = (CopySheet(page=1, fax_id=hostile.id, number=1),)
    document = replace(portal.document, version=2, decision=confirmed(ConfirmedCopy(sheets=sheets)).decision)
    portal.store.commit(Change(at=START, received_faxes=(hostile,), documents=(document,)))
    with pytest.raises(StoredFileCorrupt, match="could not be prepared"):
        portal.seal()
    assert portal.document.signed is None
    assert "preparation for the seal lost" in caplog.messages


@pytest.mark.parametrize("seconds", [None, 0.1], ids=["crashes", "takes too long"])
def test_a_page_that_nobody_can_draw_does_not_keep_the_copy_from_its_seal(
    monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> None:
    draw = FaxFile.draw

    def fail(file: FaxFile, index: int) -> Any:
        if index == 0:
            os._exit(9) if seconds is None else sum(iter(int, 1))
        return draw(file, index)

    monkeypatch.setattr(FaxFile, "draw", fail)
    monkeypatch.setattr(fax_reading, "SECONDS", seconds or fax_reading.SECONDS)
    portal = a_portal()
    portal.seal()
    pages = open_pdf(portal.files.get(portal.signed.key)).pages
    sizes = [image.image.size for page in pages[:3] for image in page.images if image.image]
    assert (portal.document.sealing, sizes) == (Sealing.SEALED, [(340, 425), (1734, 2244)])


def test_a_copy_on_paper_has_no_file_to_seal() -> None:
    document = confirmed(sealing=Sealing.NONE)
    assert document.decision is not None
    portal = a_portal(replace(document, decision=replace(document.decision, copy=None)))
    portal.seal()
    assert (portal.pdf.asked, portal.document.signed, portal.events("document.approved")) == ([], None, 0)


# The parts


def test_faxes_are_read_in_the_order_of_the_copy_and_of_one_practice_only() -> None:
    store = FakeStore()
    store.commit(Change(at=START, received_faxes=(FAX, LATER)))
    sheets = (CopySheet(page=1, fax_id=LATER.id, number=1), CopySheet(page=2, fax_id=FAX.id, number=1))
    copy = ConfirmedCopy(sheets=sheets)
    assert read_faxes(store, PRACTICE.id, copy) == (LATER, FAX)
    assert faxed_sheets(copy) == (FaxedSheet(0, 1), FaxedSheet(1, 1))
    for practice, wrong in (("prc_2", copy), (PRACTICE.id, ConfirmedCopy(sheets=(replace(sheets[0], fax_id="x"),)))):
        with pytest.raises(StoredFileCorrupt, match="is not stored"):
            read_faxes(store, practice, wrong)


@pytest.mark.parametrize("sheet", [CopySheet(page=None), CopySheet(page=1, fax_id=FAX.id)])
def test_a_sheet_that_names_no_page_is_refused(sheet: CopySheet) -> None:
    with pytest.raises(StoredFileCorrupt, match="names no page"):
        faxed_sheets(ConfirmedCopy(sheets=(sheet,)))


def test_the_origin_counts_the_pages_of_each_fax() -> None:
    sheets = (
        CopySheet(page=1, fax_id=FAX.id, number=1),
        CopySheet(page=2),
        CopySheet(page=None, fax_id=LATER.id, number=4),
        CopySheet(page=None, fax_id=LATER.id, number=5),
    )
    document = a_document(hand_signed_on=date(2026, 11, 21))
    origin = copy_origin(document, ConfirmedCopy(sheets=sheets), (FAX, LATER))
    assert (origin.confirmed_by, origin.signed_on, origin.original_pages) == (PRACTICE.name, date(2026, 11, 21), (2,))
    first, second = origin.faxes
    assert (first.sender, first.received_at, first.sha256, first.pages, first.loose) == (
        "(512) 555-0100",
        START,
        FAX.sha256,
        (1,),
        0,
    )
    assert (second.sender, second.pages, second.loose) == (None, (), 2)


def test_a_page_of_another_version_is_not_called_unreadable() -> None:
    sheets = tuple(CopySheet(page=None, fax_id=FAX.id, number=number) for number in range(1, 5))
    matches = (PageMatch.UNREADABLE, PageMatch.OLDER_VERSION, PageMatch.LEFT_OVER)
    pages = tuple(ReceivedPage(number=number, match=match) for number, match in enumerate(matches, start=1))
    (fax,) = copy_origin(a_document(), ConfirmedCopy(sheets=sheets), (replace(FAX, pages=pages),)).faxes
    assert (fax.pages, fax.loose, fax.foreign) == ((), 2, 2)


@pytest.mark.parametrize(
    ("arrivals", "way"),
    [([Arrival.CARRIER], "fax"), ([Arrival.EMAIL], "email"), ([Arrival.EMAIL, Arrival.CARRIER], "fax and email")],
)
def test_the_origin_says_how_the_copy_came(arrivals: list[Arrival], way: str) -> None:
    origin = copy_origin(a_document(), COPY, [replace(FAX, arrival=arrival) for arrival in arrivals])
    assert (origin.way, [fax.by_email for fax in origin.faxes]) == (way, [it is Arrival.EMAIL for it in arrivals])


def test_a_copy_that_came_by_email_is_not_sealed_as_one_by_fax() -> None:
    portal = a_portal()
    emailed = replace(FAX, id=received_fax_id(99), sort_key=99, sender=None, arrival=Arrival.EMAIL)
    sheets = tuple(replace(sheet, fax_id=emailed.id if sheet.fax_id else None) for sheet in COPY.sheets)
    decision = confirmed(ConfirmedCopy(sheets=sheets)).decision
    document = replace(portal.document, version=2, decision=decision)
    portal.store.commit(Change(at=START, received_faxes=(emailed,), documents=(document,)))
    portal.seal()
    text = sealed_text(portal)
    assert "This document was received by email, signed by hand." in text
    assert "at the clinic's address for faxes. The sender was not verified" in text
    assert "withheld" not in text
    finding = verification.verify(portal.files.get(portal.signed.key), OURS)
    assert finding.seal is not None
    assert finding.seal.reason.startswith("Received by email, signed by hand; ")


def test_a_stored_decision_of_an_earlier_release_has_no_copy() -> None:
    document = decided(Action.SIGN_BY_HAND)
    row = json.loads(json_codec.dump(document))
    row["decision"].pop("copy", None)
    assert json_codec.load(Document, json.dumps(row)) == document
