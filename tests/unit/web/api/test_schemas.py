"""Test which events of an EMR are accepted, and which errors name which field."""

import base64
import copy
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chalicelib.domain.certification.facts import CallResult, Certification, CopySeen, Payer, PayerKind
from chalicelib.domain.documents import Addressee, DeliveryChoice, FieldBox, Kind, ReturnedMethod
from chalicelib.domain.errors import Invalid
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand, ReturnCommand
from chalicelib.services.documents.send_command import SendCommand
from chalicelib.services.documents.staff_reports import CallCommand, CopyCommand
from chalicelib.web.api.event_schemas import MAX_INLINE_BYTES, read_event

TODAY = date(2026, 11, 22)
EXAMPLE: dict[str, Any] = {
    "type": "document.sent",
    "timestamp": "2026-11-22T19:00:00Z",
    "data": {
        "external_id": "POC-1001",
        "kind": "plan_of_care",
        "title": "Plan of Care, initial evaluation",
        "patient": {"external_id": "PT-77", "first_name": "Ada", "last_name": "Byron", "date_of_birth": "1950-12-10"},
        "provider": {
            "first_name": "Luis",
            "last_name": "Rivera",
            "credential": "MD",
            "npi": "1234567893",
            "email": "dr.rivera@example.com",
            "fax": "+15125550100",
            "phone": "(512) 555-0190",
        },
        "author": {"name": "Sam Lee", "credential": "PT, DPT", "phone": "+15125550177"},
        "delivery": "email",
        "payer": {"kind": "medicare"},
        "certification": {
            "initial_visit_on": "2026-11-20",
            "from": "2026-11-20",
            "to": "2027-02-17",
            "due_on": "2026-12-20",
            "order": {"signed_on": "2026-11-10", "discipline": "PT", "npi": "1234567893", "name": "Luis Rivera, MD"},
        },
        "signature_field": {"page": 3, "x": 72, "y": 96, "width": 220, "height": 48},
        "supersedes": "POC-0990",
        "message": "Frequency lowered to twice a week,\r\nas you asked.",
        "metadata": {"visit": "V-9"},
        "content": {"base64": base64.b64encode(b"%PDF-").decode()},
    },
}
OMITTED = object()

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def event(path: str = "", value: Any = None) -> bytes:
    """Return the sample `document.sent` event as JSON, with one field changed.

    `path` names the field by dots. Without a `value`, the field is left out."""
    changed = copy.deepcopy(EXAMPLE)
    *parents, name = path.split(".")
    place = changed
    for parent in parents:
        place = place[parent]
    if value is OMITTED:
        del place[name]
    elif name:
        place[name] = value
    return json.dumps(changed).encode()


def read_sent(body: bytes) -> SendCommand:
    command = read_event(body, TODAY)
    assert isinstance(command, SendCommand)
    return command


def wrong_fields(body: bytes) -> list[str]:
    with pytest.raises(Invalid) as refused:
        read_event(body, TODAY)
    for error in refused.value.errors:
        assert error.field in refused.value.detail
        assert error.message
    return [error.field for error in refused.value.errors]


# Valid events


def test_the_example_event_is_read() -> None:
    sent = read_sent(event())
    assert (sent.external_id, sent.kind, sent.delivery) == ("POC-1001", Kind.PLAN_OF_CARE, DeliveryChoice.EMAIL)
    assert sent.patient.date_of_birth == date(1950, 12, 10)
    assert sent.addressee == Addressee(
        first_name="Luis",
        last_name="Rivera",
        credential="MD",
        npi="1234567893",
        email="dr.rivera@example.com",
        fax="+15125550100",
        phone="+15125550190",
    )
    assert sent.payer == Payer(kind=PayerKind.MEDICARE)
    assert sent.certification == Certification(
        initial_visit_on=date(2026, 11, 20),
        starts_on=date(2026, 11, 20),
        ends_on=date(2027, 2, 17),
        order_signed_on=date(2026, 11, 10),
        order_discipline="PT",
        order_npi="1234567893",
        order_name="Luis Rivera, MD",
        due_on=date(2026, 12, 20),
    )
    assert sent.signature_field == FieldBox(page=3, x=72, y=96, width=220, height=48)
    assert sent.message == "Frequency lowered to twice a week,\nas you asked."
    assert sent.content.data == b"%PDF-"


@pytest.mark.parametrize(
    "path",
    [
        "data.author",
        "data.payer",
        "data.certification",
        "data.certification.due_on",
        "data.certification.order",
        "data.certification.order.signed_on",
        "data.certification.order.discipline",
        "data.certification.order.npi",
        "data.certification.order.name",
        "data.provider.phone",
        "data.signature_field",
        "data.provider.npi",
        "data.provider.fax",
        "data.provider.credential",
        "data.supersedes",
        "data.message",
        "data.metadata",
        "data.author.phone",
    ],
)
@pytest.mark.parametrize("value", [OMITTED, None])
def test_an_optional_field_may_be_omitted_or_null(path: str, value: Any) -> None:
    assert read_sent(event(path, value)).external_id == "POC-1001"


def test_an_empty_text_in_an_optional_field_is_null() -> None:
    assert read_sent(event("data.provider.npi", "")).addressee.npi is None


def test_unknown_fields_are_ignored() -> None:
    for path in ("data.colour", "data.patient.middle_name", "sender"):
        assert read_sent(event(path, "x")) == read_sent(event())


def test_addresses_and_numbers_are_normalized() -> None:
    assert read_sent(event("data.provider.email", " Dr.Rivera@Example.COM ")).addressee == read_sent(event()).addressee
    assert read_sent(event("data.provider.fax", "(512) 555-0100")).addressee.fax == "+15125550100"


def test_an_upload_may_replace_the_bytes() -> None:
    content = read_sent(event("data.content", {"upload_id": "upl_abc"})).content
    assert (content.data, content.upload_id) == (None, "upl_abc")


def test_the_other_events_are_read() -> None:
    def other(kind: str, data: Mapping[str, Any]) -> bytes:
        return json.dumps({"type": kind, "timestamp": "2026-11-22T19:00:00+01:00", "data": data}).encode()

    named = DocumentRef(external_id="POC-1")
    assert read_event(
        other("document.resend", {"external_id": "POC-1", "provider": {"email": "New@x.example"}}), TODAY
    ) == ResendCommand(document=named, email="new@x.example")
    confirmed = {"external_id": "POC-1", "provider": {"fax": "+15125550100", "fax_confirmed": True}}
    assert read_event(other("document.resend", confirmed), TODAY) == ResendCommand(
        document=named, fax="+15125550100", fax_confirmed=True
    )
    assert read_event(other("document.resend", {"external_id": "POC-1", "delivery": "fax"}), TODAY) == ResendCommand(
        document=named, delivery=DeliveryChoice.FAX
    )
    assert read_event(other("document.recalled", {"external_id": "POC-1", "reason": "Moved"}), TODAY) == RecallCommand(
        document=named, reason="Moved"
    )
    assert read_event(other("document.returned", {"document_id": "doc_1", "method": "fax"}), TODAY) == ReturnCommand(
        document=DocumentRef(document_id="doc_1"), method=ReturnedMethod.FAX
    )
    for kind, data, field in (
        ("document.recalled", {}, "data"),
        ("document.returned", {"external_id": "POC-1"}, "data.method"),
        ("document.returned", {"external_id": "POC-1", "method": "pigeon"}, "data.method"),
        ("document.resend", {"document_id": "No Such Id"}, "data.document_id"),
        ("document.resend", {"external_id": "P", "provider": {"fax_confirmed": True}}, "data.provider.fax_confirmed"),
        (
            "document.resend",
            {"external_id": "P", "provider": {"fax": "", "fax_confirmed": True}},
            "data.provider.fax_confirmed",
        ),
    ):
        assert wrong_fields(other(kind, data)) == [field]


def reported(kind: str, **data: Any) -> bytes:
    """Return an event of this kind about the document `POC-1001` as JSON. Fields with the value `OMITTED` are left
    out."""
    given = {name: value for name, value in data.items() if value is not OMITTED}
    body = {"type": kind, "timestamp": "2026-11-22T19:00:00Z", "data": {"external_id": "POC-1", **given}}
    return json.dumps(body).encode()


CALL = {"at": "2026-11-22T18:00:00+01:00", "by": "Sam Lee", "result": "certified_verbally", "note": "Agreed."}


def test_a_call_is_read() -> None:
    assert read_event(reported("document.called", **CALL), TODAY) == CallCommand(
        document=DocumentRef(external_id="POC-1"),
        at=datetime(2026, 11, 22, 17, tzinfo=UTC),
        by="Sam Lee",
        result=CallResult.CERTIFIED_VERBALLY,
        note="Agreed.",
    )
    without_note = {**CALL, "result": "left_a_message", "note": OMITTED}
    assert isinstance(read_event(reported("document.called", **without_note), TODAY), CallCommand)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", OMITTED),
        ("at", "2026-11-22"),
        ("at", "2026-11-22T18:00:00"),
        ("by", OMITTED),
        ("by", " "),
        ("by", "x" * 101),
        ("result", OMITTED),
        ("result", "sang a song"),
        ("note", OMITTED),
        ("note", " "),
        ("note", "x" * 2001),
        ("document_id", "No Such Id"),
    ],
)
def test_a_wrong_field_of_a_call_is_named(name: str, value: Any) -> None:
    assert wrong_fields(reported("document.called", **{**CALL, name: value})) == [f"data.{name}"]


def test_a_returned_copy_is_read() -> None:
    named = DocumentRef(external_id="POC-1")
    for given, command in (
        (
            {"seen": "signed_and_dated", "signed_on": "2026-11-21"},
            CopyCommand(document=named, seen=CopySeen.SIGNED_AND_DATED, signed_on=date(2026, 11, 21)),
        ),
        (
            {"seen": "not_readable", "fax_id": "fax_17", "by": " Sam Lee "},
            CopyCommand(document=named, seen=CopySeen.NOT_READABLE, fax_id="fax_17", by="Sam Lee"),
        ),
        ({"seen": "signed_undated"}, CopyCommand(document=named, seen=CopySeen.SIGNED_UNDATED)),
        ({"seen": "declined", "note": "No"}, CopyCommand(document=named, seen=CopySeen.DECLINED, note="No")),
        ({"seen": "not_readable", "note": ""}, CopyCommand(document=named, seen=CopySeen.NOT_READABLE)),
    ):
        assert read_event(reported("document.copy_confirmed", **given), TODAY) == command


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "data.seen"),
        ({"seen": "a horse", "signed_on": "2026-11-21"}, "data.seen"),
        ({"seen": "signed_and_dated"}, "data.signed_on"),
        ({"seen": "signed_and_dated", "signed_on": "yesterday"}, "data.signed_on"),
        ({"seen": "signed_undated", "signed_on": "2026-11-21"}, "data.signed_on"),
        ({"seen": "not_readable", "signed_on": "2026-11-21"}, "data.signed_on"),
        ({"seen": "declined", "note": "No", "signed_on": "2026-11-21"}, "data.signed_on"),
        ({"seen": "declined"}, "data.note"),
        ({"seen": "declined", "note": " "}, "data.note"),
        ({"seen": "not_readable", "fax_id": "the first one"}, "data.fax_id"),
        ({"seen": "not_readable", "by": "S" * 101}, "data.by"),
    ],
)
def test_a_returned_copy_that_contradicts_itself_is_refused(given: Mapping[str, Any], field: str) -> None:
    assert wrong_fields(reported("document.copy_confirmed", **given)) == [field]


# Wrong events


@pytest.mark.parametrize(
    "path",
    [
        "type",
        "timestamp",
        "data",
        "data.external_id",
        "data.kind",
        "data.title",
        "data.patient",
        "data.patient.external_id",
        "data.patient.first_name",
        "data.patient.last_name",
        "data.patient.date_of_birth",
        "data.provider",
        "data.provider.first_name",
        "data.provider.last_name",
        "data.provider.email",
        "data.delivery",
        "data.content",
        "data.author.name",
    ],
)
def test_a_missing_field_is_named(path: str) -> None:
    assert wrong_fields(event(path, OMITTED)) == [path]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", "document.burned"),
        ("timestamp", "yesterday"),
        ("timestamp", "2026-11-21T08:15:00"),
        ("timestamp", 1763838000),
        ("data.kind", "novel"),
        ("data.title", ""),
        ("data.title", "   "),
        ("data.title", "x" * 201),
        ("data.title", "a\nb"),
        ("data.title", "a\x00b"),
        ("data.title", "a\u202eb"),
        ("data.external_id", "x" * 129),
        ("data.external_id", 1001),
        ("data.patient.first_name", "Ada\r\nBcc: x@example.com"),
        ("data.patient.date_of_birth", "12/10/1950"),
        ("data.patient.date_of_birth", "1950-02-30"),
        ("data.patient.date_of_birth", "1850-01-01"),
        ("data.patient.date_of_birth", "2026-11-24"),
        ("data.patient.date_of_birth", 19501210),
        ("data.provider.npi", "1234567890"),
        ("data.provider.npi", "123456789"),
        ("data.provider.npi", 1234567893),
        ("data.provider.email", "nobody"),
        ("data.provider.email", "a@b.example, c@d.example"),
        ("data.provider.email", "a@b.example\r\nBcc: c@d.example"),
        ("data.provider.email", "Luis <a@b.example>"),
        ("data.provider.email", "a b@c.example"),
        ("data.provider.email", "a@b"),
        ("data.provider.email", "é@b.example"),
        ("data.provider.email", "x" * 64 + "@" + "y" * 60 + "." + "z" * 60 + "." + "w" * 60 + "." + "v" * 60),
        ("data.provider.fax", 15125550100),
        ("data.author.phone", 15125550100),
        ("data.delivery", "pigeon"),
        ("data.delivery", ["email"]),
        ("data.certification.from", "1999-12-31"),
        ("data.certification.to", "2026-11-19"),
        ("data.certification.initial_visit_on", "2026-11-24"),
        ("data.certification.due_on", "2026-11-19"),
        ("data.certification.due_on", "in a month"),
        ("data.certification.order", "yes"),
        ("data.certification.order.signed_on", "soon"),
        ("data.certification.order.signed_on", "2026-11-24"),
        ("data.certification.order.discipline", "x" * 41),
        ("data.certification.order.npi", "1234567890"),
        ("data.certification.order.npi", 1234567893),
        ("data.certification.order.name", "Luis\nRivera"),
        ("data.payer", "medicare"),
        ("data.payer.kind", "medicare_part_b"),
        ("data.payer.kind", None),
        ("data.payer.kind", ""),
        ("data.signature_field.page", 0),
        ("data.signature_field.page", 201),
        ("data.signature_field.page", "3"),
        ("data.signature_field.page", 1.5),
        ("data.signature_field.x", -1),
        ("data.signature_field.x", "72"),
        ("data.signature_field.y", float("nan")),
        ("data.signature_field.width", 35),
        ("data.signature_field.height", 11.9),
        ("data.signature_field.height", float("inf")),
        ("data.supersedes", "POC-1001"),
        ("data.message", "x" * 2001),
        ("data.message", "a\x07b"),
        ("data.metadata", "V-9"),
        ("data.metadata", {f"{number}": "" for number in range(21)}),
        ("data.metadata", {"": "V-9"}),
        ("data.metadata", {"n" * 41: "V-9"}),
        ("data.metadata", {"visit": "v" * 201}),
        ("data.metadata.visit", 9),
        ("data.metadata.visit", None),
        ("data.content", {}),
        ("data.content", {"base64": "JVBERi0=", "upload_id": "upl_1"}),
        ("data.content.base64", "JVBE\nRi0="),
        ("data.content.base64", "data:application/pdf;base64,JVBERi0="),
        ("data.content.base64", "%%%"),
        ("data.content.base64", 5),
        ("data.content", "JVBERi0="),
        ("data.patient", []),
        ("data", "text"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not_quoted(path: str, value: Any) -> None:
    body = event(path, value)
    assert wrong_fields(body) == [path]
    with pytest.raises(Invalid) as refused:
        read_event(body, TODAY)
    if isinstance(value, str) and len(value) > 8 and path != "data.supersedes":
        assert value not in refused.value.detail


def test_metadata_may_have_twenty_texts_of_200_characters() -> None:
    largest = {f"{number:040}": "v" * 200 for number in range(20)}
    assert read_sent(event("data.metadata", largest)).metadata == largest
    assert read_sent(event("data.metadata", {"n": ""})).metadata == {"n": ""}
    assert read_sent(event("data.metadata", None)).metadata == {}


def test_an_upload_id_has_the_form_of_the_portals_ids() -> None:
    assert wrong_fields(event("data.content", {"upload_id": "../../originals/x"})) == ["data.content.upload_id"]


@pytest.mark.parametrize("spelled", [SHA256, SHA256.upper(), SHA256.capitalize()])
def test_a_hash_is_accepted_in_either_case_and_stored_in_lower_case(spelled: str) -> None:
    for given in ({"base64": "JVBERi0="}, {"upload_id": "upl_1"}):
        assert read_sent(event("data.content", {**given, "sha256": spelled})).content.sha256 == SHA256


@pytest.mark.parametrize("wrong", ["g" * 64, SHA256[1:], f"{SHA256}0", ""])
def test_a_wrong_hash_is_refused(wrong: str) -> None:
    body = event("data.content", {"upload_id": "upl_1", "sha256": wrong})
    assert wrong_fields(body) == ["data.content.sha256"]


def test_delivery_by_fax_needs_a_number() -> None:
    body = json.loads(event("data.delivery", "both"))
    del body["data"]["provider"]["fax"], body["data"]["provider"]["email"]
    assert wrong_fields(json.dumps(body).encode()) == ["data.provider.email", "data.provider.fax"]


def test_all_wrong_fields_are_named_together() -> None:
    body = json.loads(event("data.kind", "novel"))
    body["data"]["provider"]["npi"] = "1"
    assert wrong_fields(json.dumps(body).encode()) == ["data.kind", "data.provider.npi"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"not json", b"\xff\xfe\x00", b"[" * 100_000, b'{"type": "\\ud800"}', b'{"type": "a",}']
)
def test_a_body_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_event(body, TODAY)
    assert refused.value.code == "invalid-json"


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"text"', b"true"])
def test_json_that_is_not_an_object_is_refused(body: bytes) -> None:
    assert wrong_fields(body) == ["body"]


def test_an_event_holds_at_most_4_mb_of_pdf() -> None:
    largest = base64.b64encode(bytes(MAX_INLINE_BYTES)).decode()
    assert len(read_sent(event("data.content.base64", largest)).content.data or b"") == MAX_INLINE_BYTES
    larger = base64.b64encode(bytes(MAX_INLINE_BYTES + 1)).decode()
    with pytest.raises(Invalid) as refused:
        read_event(event("data.content.base64", larger), TODAY)
    assert "upload_id" in refused.value.detail
