import hashlib
import io
import os
import re
from dataclasses import replace

import pytest
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.domain.deliveries import Channel, DeliveryStatus, MessageType
from chalicelib.domain.delivery_attempts import queue_again
from chalicelib.domain.documents import DeliveryLine
from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.pdf.fax_pages import FaxPage, read_page_link
from chalicelib.pdf.models import FaxCover
from chalicelib.services.delivery import faxes
from chalicelib.services.delivery.faxes import gateway_address, short_code
from chalicelib.services.delivery.message_sender import look_up
from chalicelib.services.documents.closed_numbers import closing_claim
from chalicelib.services.pdf_function import fax_composition
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.worlds.delivery_world import World

NUMBER = "+15125550100"


def original() -> bytes:
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(612, 792), invariant=1)
    for number in (1, 2, 3):
        canvas.drawString(72, 700, f"Plan of care of Ada Byron, page {number}")
        canvas.showPage()
    canvas.save()
    return data.getvalue()


@pytest.fixture
def world() -> World:
    world = World()
    stored = replace(world.document.original, sha256=hashlib.sha256(original()).hexdigest())
    world.change_document(original=stored)
    world.files.put(stored.key, original(), "application/pdf")
    return world


def fax(world: World) -> bytes:
    (part,) = world.mail().iter_attachments()
    assert (part.get_content_type(), part.get_filename()) == ("application/pdf", "document.pdf")
    data = part.get_content()
    assert isinstance(data, bytes)
    return data


def text(pdf: bytes, page: int) -> str:
    return PdfReader(io.BytesIO(pdf)).pages[page].extract_text()


def test_the_fax_is_emailed_to_the_gateway_as_one_pdf(world: World) -> None:
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    assert [to for to, _ in world.mailer.sent] == ["15125550100@fax.test"]
    assert world.mail()["To"] == "15125550100@fax.test"
    assert len(PdfReader(io.BytesIO(fax(world))).pages) == 4
    assert (row.status, row.carrier_id) == (DeliveryStatus.SENT, "ses-0001")


def test_only_the_document_names_the_patient(world: World) -> None:
    world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    mail = world.mail()
    body = mail.get_body(("plain",))
    assert body is not None
    words = f"{mail['Subject']} {mail['From']} {body.get_content()} {text(fax(world), 0)}"
    assert not [word for word in ("Ada", "Byron", "1950", "Plan", "PT-77", "POC-1001") if word in words]
    assert "Ada Byron" in text(fax(world), 1)


def test_the_cover_shows_the_return_number_and_a_code(world: World) -> None:
    world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    cover = text(fax(world), 0)
    for words in ("Hill Country Therapy", "(512) 555-0188", "(512) 555-0100", "Luis Rivera, MD"):
        assert words in cover
    assert "portal.test/fax" in cover
    (code,) = re.findall(r"\b(?:\w{4}-){2}\w{4}\b", cover)
    row = world.store.secret(secret_key(SecretKind.FAX_CODE, code.replace("-", "")))
    assert row is not None
    assert row.document_id == world.document.id


def test_with_electronic_signature_off_the_cover_has_no_web_address(world: World) -> None:
    world.switches.on.clear()
    world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    assert "portal.test" not in text(fax(world), 0)


def test_a_fax_that_ses_does_not_accept_is_retried(world: World) -> None:
    world.mailer.failing = True
    assert world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER)).status is DeliveryStatus.QUEUED


def test_a_recalled_document_is_not_faxed(world: World) -> None:
    row_id = world.message(Channel.FAX, MessageType.FAX, NUMBER)
    world.change_document(access=2)
    assert world.deliver(row_id).status is DeliveryStatus.CANCELLED


def test_without_a_return_number_the_fax_fails_and_explains_why(world: World) -> None:
    world.change_practice(fax=None)
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    assert row.status is DeliveryStatus.FAILED
    assert "PUT /v1/practice" in row.attempts[-1].detail
    assert world.notices() == ["delivery_failed"]


def test_a_fax_too_large_for_the_gateway_fails_and_explains_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faxes, "MEGABYTE", 100)
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    assert (row.status, row.attempts[-1].detail) == (
        DeliveryStatus.FAILED,
        "The PDF is too large to fax. The limit is 7 MB. Send it by email.",
    )


def cover_of(world: World, row_id: str) -> FaxCover:
    sender = world.senders[Channel.FAX]()
    assert isinstance(sender, faxes.Faxes)
    facts = look_up(world.row(row_id), world.store, world.clock.at)
    return sender.cover(facts, *facts.require_document())


def fax_message(world: World, number: str = NUMBER) -> str:
    return world.message(Channel.FAX, MessageType.FAX, number)


def test_every_page_links_to_the_document_and_its_version(world: World) -> None:
    assert short_code("doc_mfrggzdfmztwq2lk") == "MFRG-GZDF"
    cover = cover_of(world, fax_message(world))
    assert read_page_link(f"{cover.link_stem}2") == FaxPage(world.document.id, world.document.original.sha256[:6], 2)
    assert cover.link_stem.startswith("HTTPS://PORTAL.TEST/F/")
    assert (cover.sent_at, cover.due_on) == (START, world.document.due_on)


@pytest.mark.parametrize("on", [True, False])
def test_the_cover_says_whether_the_document_can_be_signed_with_the_code(world: World, *, on: bool) -> None:
    world.switches.set_sign_without_account(world.document.practice_id, on=on)
    online = cover_of(world, fax_message(world)).online
    assert online is not None
    assert online.signs_there is on


# Reminders


def sent_line(world: World, row_id: str, status: DeliveryStatus, number: str = NUMBER) -> None:
    """Show a fax with this status in the document's list of deliveries."""
    line = DeliveryLine(id=row_id, channel="fax", type="fax", recipient=number, status=status, at=START)
    world.change_document(deliveries=(line,))


@pytest.mark.parametrize("status", DeliveryStatus)
def test_a_fax_after_an_earlier_fax_is_a_reminder(world: World, status: DeliveryStatus) -> None:
    sent_line(world, "dlv_earlier", status)
    has_ended = status in (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED)
    assert cover_of(world, fax_message(world)).is_reminder is has_ended


def test_a_retry_of_the_same_fax_is_no_reminder(world: World) -> None:
    row_id = fax_message(world)
    sent_line(world, row_id, DeliveryStatus.SENT)
    assert not cover_of(world, row_id).is_reminder


def test_a_fax_that_staff_retry_is_a_reminder(world: World) -> None:
    row_id = fax_message(world)
    again = queue_again(replace(world.row(row_id), status=DeliveryStatus.FAILED), START, why="Retried.")
    world.store.commit(Change(at=START, deliveries=(again,)))
    assert cover_of(world, row_id).is_reminder


@pytest.mark.parametrize(("channel", "number"), [("fax", "+15125550101"), ("email", NUMBER)])
def test_a_message_elsewhere_makes_no_reminder(world: World, channel: str, number: str) -> None:
    line = DeliveryLine(id="dlv_x", channel=channel, type="fax", recipient=number, status="sent", at=START)
    world.change_document(deliveries=(line,))
    assert not cover_of(world, fax_message(world)).is_reminder


def test_a_reminder_has_the_same_code(world: World) -> None:
    first = cover_of(world, fax_message(world)).online
    second = cover_of(world, fax_message(world)).online
    assert first is not None
    assert first == second


@pytest.mark.parametrize(
    ("phone", "credential", "shown"),
    [("+15125550177", "MD", ("(512) 555-0177", "Luis Rivera, MD")), (None, None, (None, "Luis Rivera"))],
)
def test_the_cover_names_what_is_known(
    world: World, phone: str | None, credential: str | None, shown: tuple[str | None, str]
) -> None:
    world.change_practice(phone=phone)
    world.change_document(addressee=replace(world.document.addressee, credential=credential))
    sender = world.senders[Channel.FAX]()
    assert isinstance(sender, faxes.Faxes)
    facts = look_up(world.row(world.message(Channel.FAX, MessageType.FAX, NUMBER)), world.store, world.clock.at)
    cover = sender.cover(facts, world.document, world.practice)
    assert (cover.practice_phone, cover.provider_name) == shown


@pytest.mark.parametrize("number", ["", "+", "x@evil.test", "+1 512\r\n555 0100", "+19005550123", "+442079460958"])
def test_an_invalid_fax_number_is_refused(number: str) -> None:
    with pytest.raises(Unprocessable):
        gateway_address(number, "fax.test")


def test_a_number_stored_before_the_rule_is_not_dialed(world: World) -> None:
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, "+881612345678"))
    assert (row.status, world.mailer.sent) == (DeliveryStatus.FAILED, [])


def test_only_the_digits_of_a_number_reach_the_address() -> None:
    assert gateway_address("+1 (512) 555-0100", "fax.test") == "15125550100@fax.test"


def test_a_document_without_its_file_is_retried(world: World) -> None:
    world.files.objects.clear()
    row_id = world.message(Channel.FAX, MessageType.FAX, NUMBER)
    assert world.deliver(row_id).status is DeliveryStatus.QUEUED
    world.files.put(world.document.original.key, original(), "application/pdf")
    assert world.when_due(row_id).status is DeliveryStatus.SENT


def test_a_document_that_breaks_the_fax_is_retried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fax_composition, "compose_fax", lambda *_: os._exit(9))
    row = world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    assert (row.status, world.mailer.sent) == (DeliveryStatus.QUEUED, [])
    assert row.attempts[-1].detail == "The document could not be made into a fax."


def test_a_file_with_other_bytes_than_the_original_is_not_faxed(world: World) -> None:
    world.files.put(world.document.original.key, b"%PDF-1.4 other bytes", "application/pdf")
    with pytest.raises(StoredFileCorrupt):
        world.deliver(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    assert world.mailer.sent == []


def test_no_fax_goes_by_the_gateway_to_a_number_that_was_reported_as_wrong(world: World) -> None:
    row_id = world.message(Channel.FAX, MessageType.FAX, NUMBER)
    world.store.commit(Change(at=START, claims=(closing_claim(world.practice.id, NUMBER),)))
    row = world.deliver(row_id)
    assert (row.status, world.mailer.sent) == (DeliveryStatus.FAILED, [])
    assert row.attempts[-1].detail.startswith("The recipient of an earlier fax reported that this fax number is wrong.")


def test_faxes_by_the_gateway_go_one_by_one(world: World) -> None:
    rows = [world.message(Channel.FAX, MessageType.FAX, NUMBER) for _ in range(2)]
    world.deliver(rows[0])
    assert len(world.mailer.sent) == 1
    assert world.row(rows[1]).status is DeliveryStatus.QUEUED


def test_the_faxes_of_a_call_are_one_pdf_with_a_code_for_each_document(world: World) -> None:
    second = replace(world.document, id="doc_second", version=1)
    world.store.commit(Change(at=START, documents=(second,)))
    row = world.row(world.message(Channel.FAX, MessageType.FAX, NUMBER))
    faxes = [look_up(delivery, world.store, START) for delivery in (row, replace(row, document_id=second.id))]
    key = world.faxes._store_pdf(faxes[0], 50, faxes[1:])
    assert key == f"work/faxes/{row.id}.0.pdf"
    pdf = world.files.get(key)
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 7
    codes = re.findall(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}", text(pdf, 0))
    assert len(set(codes)) == 2
    assert "1. Plan of care, 3 pages, due" in text(pdf, 0)
