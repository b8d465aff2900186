"""Test the whole way of a fax with the real reader: it comes in, staff confirm the copy, and the copy is sealed."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from chalicelib.domain.carriers.received_faxes import PageMatch
from chalicelib.domain.certification.facts import CopySeen
from chalicelib.domain.claim_keys import own_fax_number_claim
from chalicelib.domain.documents import Sealing, StoredPdf
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Outcome, Status
from chalicelib.pdf.assembly.fax import compose_fax
from chalicelib.pdf.fax_pages import link_stem
from chalicelib.pdf.signing import verification
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.idempotent_events import InboundEvent
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.documents.staff_reports import CopyCommand, StaffReports
from chalicelib.services.ports import IncomingFax
from chalicelib.services.transaction import Change, Claim, Job
from examples.mailbox.fax_damage import draw_pages, fax
from tests.support.fakes import START
from tests.support.pdf import sample_pdfs as samples
from tests.support.provider_fixtures import PRACTICE, a_document
from tests.support.worlds.returned_fax_world import NUMBER, SENDER, InboundCarrier
from tests.unit.services.pdf_jobs.test_seal_job import ORIGINAL, OURS, Portal

SHA256 = hashlib.sha256(ORIGINAL).hexdigest()
DOCUMENT = a_document(original=StoredPdf(key="originals/1.pdf", sha256=SHA256, pages=3))
STEM = link_stem("https://portal.test", DOCUMENT.id, SHA256)


@pytest.fixture(scope="module")
def pages() -> list[Image.Image]:
    """Return the pages of the document as the provider got them by fax, with their QR codes, and without the cover."""
    pictures = draw_pages(compose_fax(replace(samples.COVER, link_stem=STEM), ORIGINAL))
    return [fax(picture, 196) for picture in pictures[1:]]


def as_tiff(pictures: Sequence[Image.Image]) -> bytes:
    target = io.BytesIO()
    first, *others = (picture.convert("1") for picture in pictures)
    first.save(target, "TIFF", save_all=True, append_images=others, compression="group4", dpi=(204, 196))
    return target.getvalue()


def come_in(portal: Portal, data: bytes, carrier_id: str = "0ccc7b54") -> None:
    """Let a fax with this file come in to the practice's number, and have it read."""
    assert isinstance(portal.fax_carrier, InboundCarrier)
    at = portal.clock.now()
    incoming = IncomingFax(id=carrier_id, at=at, to=NUMBER, sender=SENDER, url="https://f.test", is_partial=False)
    portal.fax_carrier.faxes[carrier_id] = incoming
    portal.fax_carrier.files[carrier_id] = data
    portal.fax_reception.receive(Job(queue=QueueName.DELIVERIES, name=JobName.RECEIVE_FAX, event_id=carrier_id))


def a_portal() -> Portal:
    portal = Portal(DOCUMENT)
    portal.fax_carrier = InboundCarrier()  # type: ignore[assignment]  # - only what comes in
    portal.store.commit(Change(at=START, claims=(Claim(key=own_fax_number_claim(NUMBER), owner=PRACTICE.id),)))
    return portal


def confirm(portal: Portal) -> None:
    """Report that a person at the clinic read a dated signature on the copy."""
    now = portal.clock.now()
    inbound = InboundEvent(practice=PRACTICE, webhook_id="msg_1", body=b"{}", actor=Actor("practice:prc_1"), now=now)
    command = CopyCommand(
        document=DocumentRef(document_id=DOCUMENT.id),
        seen=CopySeen.SIGNED_AND_DATED,
        signed_on=START.date() - timedelta(days=1),
        by="Sam Lee",
    )
    StaffReports(portal.document_writer).confirm_copy(inbound, command)


def test_a_tiff_that_came_upside_down_and_without_page_2_is_sealed(pages: list[Image.Image]) -> None:
    portal = a_portal()
    come_in(portal, as_tiff([pages[2].rotate(180), pages[0].rotate(180)]))
    document = portal.document
    (copy,) = document.copies
    assert (document.status, [page.page for page in copy.pages]) == (Status.PENDING, [3, 1])
    assert copy.missing_pages(3) == (2,)

    confirm(portal)
    (job,) = (job for job in portal.store.jobs() if job.name is JobName.SEAL)
    portal.seal_job.seal(job)
    document = portal.document
    assert (document.status, document.outcome, document.sealing) == (Status.APPROVED, Outcome.BY_HAND, Sealing.SEALED)
    sealed = portal.files.get(portal.signed.key)
    assert verification.verify(sealed, OURS).verdict == "intact"
    assert samples.one_line(samples.texts(sealed)[3]).count("Page 2. It is taken from the original.") == 1
    assert portal.events("document.approved") == 1


def test_a_blank_fax_and_an_unknown_page_are_no_copy(pages: list[Image.Image]) -> None:
    portal = a_portal()
    blank = Image.new("1", (204, 196), 1)
    words = pages[0].crop((0, 0, 1734, 900))
    come_in(portal, as_tiff([blank, words]))
    (fax_row,) = portal.store.received_faxes(PRACTICE.id, limit=9, before=None).items
    assert [page.match for page in fax_row.pages] == [PageMatch.BLANK, PageMatch.UNREADABLE]
    assert portal.document.copies == ()


def test_the_same_fax_twice_gives_the_pages_of_the_copy_once(pages: list[Image.Image]) -> None:
    portal, data = a_portal(), as_tiff(pages[:1])
    come_in(portal, data)
    portal.clock.pass_time(minutes=5)
    come_in(portal, data, carrier_id="again")
    assert len(portal.document.copies) == 2
    assert len(portal.files.keys("evidence/faxes/")) == 1, "the same bytes are stored once"
    confirm(portal)
    decision = portal.document.decision
    assert decision is not None
    assert decision.copy is not None
    assert decision.copy.fax_ids == (portal.document.copies[1].fax_id,)
