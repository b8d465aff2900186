"""Test the intake of a document from an EMR: what is stored and sent, what is repeated, and what is refused."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import find_break
from chalicelib.domain.certification.facts import Certification, Payer, PayerKind
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.documents import DeliveryChoice, FieldBox, StoredPdf
from chalicelib.domain.errors import Conflict, FieldError, Unavailable, Unprocessable
from chalicelib.domain.follow_up.progress import FollowUpPlan, FollowUpProgress
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Status
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.documents.incoming_pdf import PdfSource, sha256, upload_key
from chalicelib.services.documents.intake import check_box
from chalicelib.services.documents.lifecycle_events import RecallCommand
from chalicelib.services.transaction import Change, RequestRecord
from tests.support.emr_fixtures import OTHER_PRACTICE, PDF, PRACTICE, RIVERA, Emr, sent, with_account
from tests.support.fakes import START
from tests.support.provider_fixtures import only_doing
from tests.support.worlds.plans import MEDICARE, ORDER, plan


def nothing_was_kept(emr: Emr) -> bool:
    tables = ("documents", "events", "deliveries", "providers", "claims", "requests", "outbox")
    return emr.files.keys() == [] and not any(emr.store.tables.get(name) for name in tables)


# What is stored


def test_a_document_is_stored_with_its_event_messages_and_jobs_in_one_transaction() -> None:
    emr = Emr()
    before = emr.store.commits
    answer = emr.intake.receive(emr.inbound(), sent())
    document = emr.stored(answer)

    assert answer == {"document_id": document.id, "status": "pending"}
    assert emr.store.commits == before + 1
    assert document.version == 1
    assert document.original.key == f"evidence/originals/prc_1/{document.id}.pdf"
    assert document.original.sha256 == sha256(PDF)
    assert document.original.pages == 3
    assert emr.files.objects == {document.original.key: (PDF, "application/pdf")}
    assert {(job.queue, job.name) for job in emr.store.jobs()} == {("documents", "prepare"), ("deliveries", "deliver")}


def test_the_first_audit_event_contains_nothing_about_the_patient() -> None:
    emr = Emr()
    emr.inspector.answer = {**emr.inspector.answer, "active_content": ["javascript"]}
    document = emr.send()
    events = emr.store.events(document.id)

    assert [event.type for event in events] == ["document.sent"]
    assert find_break(events) is None
    assert json.loads(events[0].body)["data"] == {
        "sha256": sha256(PDF),
        "pages": 3,
        "delivery": "email",
        "active_content": ["javascript"],
    }
    assert events[0].private == {"address": "192.0.2.10", "payer": "other"}
    assert not {"Ada", "Byron", "PT-77", "1950"} & set(events[0].body.replace('"', " ").split())


def test_the_due_date_counts_from_the_day_at_the_clinic() -> None:
    emr = Emr()
    emr.clock.at = emr.clock.at.replace(hour=3)  # still the 21st in Chicago
    assert emr.send().due_on == date(2026, 12, 21)


def test_the_first_treatment_sets_the_due_date() -> None:
    certification = Certification(initial_visit_on=date(2026, 11, 10), starts_on=date(2026, 11, 12))
    medicare = Payer(kind=PayerKind.MEDICARE)
    assert Emr().send(sent(certification=certification, payer=medicare)).due_on == date(2026, 12, 10)
    assert Emr().send(sent(certification=certification)).due_on == date(2026, 12, 22)


# Messages


def test_the_first_email_comes_with_a_setup_email() -> None:
    emr = Emr()
    first = emr.send()
    second = emr.send(sent(external_id="POC-1002"))

    assert emr.messages(first) == [
        ("email", "ready", "dr.rivera@example.com"),
        ("email", "setup", "dr.rivera@example.com"),
    ]
    assert emr.messages(second) == [("email", "ready", "dr.rivera@example.com")]
    assert first.provider_id == second.provider_id
    assert [line.type for line in first.deliveries] == ["ready"]


def test_no_setup_email_while_electronic_signature_is_off() -> None:
    emr = Emr()
    emr.switches.set_electronic_signature(PRACTICE.id, on=False)
    assert emr.messages(emr.send()) == [("email", "ready", "dr.rivera@example.com")]

    emr.switches.set_electronic_signature(PRACTICE.id, on=True)
    later = emr.send(sent(external_id="POC-1002"))
    assert ("email", "setup", "dr.rivera@example.com") in emr.messages(later)


def test_no_setup_email_for_a_provider_with_an_account() -> None:
    emr = Emr()
    emr.switches.set_electronic_signature(PRACTICE.id, on=False)
    with_account(emr, emr.send(), "dr.rivera@example.com")
    emr.switches.set_electronic_signature(PRACTICE.id, on=True)
    assert emr.messages(emr.send(sent(external_id="POC-1002"))) == [("email", "ready", "dr.rivera@example.com")]


def test_delivery_by_fax_sends_a_fax_and_no_email() -> None:
    emr = Emr()
    assert emr.messages(emr.send(sent(delivery=DeliveryChoice.FAX))) == [("fax", "fax", "+15125550100")]


@pytest.mark.parametrize(
    ("delivery", "order", "channels"),
    [
        (DeliveryChoice.BOTH, {"order_signed_on": date(2026, 11, 10)}, ["email", "email", "fax"]),
        (DeliveryChoice.BOTH, {}, ["email", "email"]),
        (DeliveryChoice.EMAIL, {"order_signed_on": date(2026, 11, 10)}, ["email", "email"]),
        (DeliveryChoice.FAX, {}, ["fax"]),
    ],
)
def test_delivery_by_both_faxes_at_once_if_the_emr_states_an_order(
    delivery: DeliveryChoice, order: Mapping[str, Any], channels: list[str]
) -> None:
    emr = Emr()
    document = emr.send(sent(delivery=delivery, certification=Certification(**order)))
    assert [channel for channel, _, _ in emr.messages(document)] == channels


def test_delivery_by_both_without_facts_about_an_order_waits_with_the_fax() -> None:
    emr = Emr()
    document = emr.send(sent(delivery=DeliveryChoice.BOTH, certification=None))
    assert [channel for channel, _, _ in emr.messages(document)] == ["email", "email"]


def test_a_new_document_is_followed_up_on_the_days_of_its_practice() -> None:
    emr = Emr()
    document = emr.send()
    assert document.follow_up == FollowUpProgress(since=START)
    assert document.follow_up_at == datetime(2026, 11, 25, 19, tzinfo=UTC)
    emr.switches.plans[PRACTICE.id] = FollowUpPlan(days=(1, 5, 10, 14, 21, 27))
    earlier = emr.send(sent(external_id="POC-2"))
    assert earlier.follow_up_at == datetime(2026, 11, 23, 19, tzinfo=UTC)


# The same again


def test_a_repeated_webhook_id_gets_the_same_response_and_changes_nothing() -> None:
    emr = Emr()
    first = emr.intake.receive(emr.inbound("msg_1"), sent())
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=DocumentRef(document_id=first["document_id"])))
    commits = emr.store.commits

    again = emr.intake.receive(emr.inbound("msg_1"), sent())
    assert again == first == {"document_id": first["document_id"], "status": "pending"}
    assert emr.store.commits == commits
    assert len(emr.documents()) == 1


def test_the_same_webhook_id_with_another_body_is_a_conflict() -> None:
    emr = Emr()
    emr.intake.receive(emr.inbound("msg_1"), sent())
    with pytest.raises(Conflict) as refused:
        emr.intake.receive(emr.inbound("msg_1", body=b'{"other": 1}'), sent(external_id="POC-2"))
    assert refused.value.code == "webhook-id-used"


def test_two_practices_may_use_the_same_webhook_id_and_external_id() -> None:
    emr = Emr()
    one = emr.intake.receive(emr.inbound("msg_1"), sent())
    other = emr.intake.receive(emr.inbound("msg_1", practice=OTHER_PRACTICE), sent())
    assert one["document_id"] != other["document_id"]


def test_a_webhook_id_is_remembered_for_more_than_a_week() -> None:
    emr = Emr()
    emr.intake.receive(emr.inbound("msg_1"), sent())
    record = emr.store.every(RequestRecord, "requests")[0]
    assert record.expires_at - emr.now >= timedelta(days=7)
    assert (record.status_code, record.created_at) == (202, emr.now)


def test_a_repeated_external_id_with_the_same_data_returns_the_same_document() -> None:
    emr = Emr()
    first = emr.intake.receive(emr.inbound(), sent())
    again = emr.intake.receive(emr.inbound("msg_2"), sent())

    assert again == first
    assert len(emr.documents()) == 1
    assert len(emr.messages(emr.stored(first))) == 2
    assert emr.store.request(PRACTICE.id, "msg_2") is not None


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"title": "Another"}, ["data.title"]),
        ({"content": PdfSource(data=b"%PDF-1.7 another")}, ["data.content"]),
        ({"addressee": replace(RIVERA, fax=None)}, ["data.provider.fax"]),
        ({"signature_field": FieldBox(page=1, x=1, y=1, width=2, height=2)}, ["data.signature_field.height"]),
        ({"certification": Certification(starts_on=date(2026, 11, 1))}, ["data.certification.from"]),
        ({"message": "Hello"}, ["data.message"]),
    ],
)
def test_a_repeated_external_id_with_other_data_is_refused_with_the_field(
    changes: Mapping[str, Any], fields: list[str]
) -> None:
    emr = Emr()
    emr.send()
    with pytest.raises(Conflict) as refused:
        emr.send(sent(**changes))
    assert refused.value.code == "external-id-used"
    assert [error.field for error in refused.value.errors][: len(fields)] == fields
    assert "supersedes" in refused.value.detail
    assert len(emr.documents()) == 1


def test_after_a_recall_the_external_id_may_be_sent_again() -> None:
    emr = Emr()
    first = emr.send()
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=DocumentRef(external_id="POC-1001")))
    second = emr.send(sent(title="Plan of Care, corrected"))

    assert second.id != first.id
    assert second.status is Status.PENDING
    assert emr.send(sent(title="Plan of Care, corrected")).id == second.id


def test_two_concurrent_events_get_the_same_response() -> None:
    emr = Emr()
    winner: list[Mapping[str, Any]] = []
    emr.store.before_commit = lambda: winner.append(emr.intake.receive(emr.inbound("msg_1"), sent()))
    loser = emr.intake.receive(emr.inbound("msg_1"), sent())

    assert [loser] == winner
    assert len(emr.documents()) == 1
    assert emr.files.keys("uploads/") == []


def test_two_concurrent_documents_for_one_new_provider_create_one_provider() -> None:
    emr = Emr()
    emr.store.before_commit = only_doing(lambda: emr.send(sent(external_id="POC-2")))
    emr.send()
    assert {document.provider_id for document in emr.documents()} == {emr.store.every(Provider, "providers")[0].id}
    assert len(emr.store.every(Provider, "providers")) == 1
    assert [delivery.type for delivery in emr.deliveries()].count("setup") == 1


def test_a_failing_database_leaves_files_that_the_sweep_finds() -> None:
    emr = Emr()
    emr.store.failing = True
    with pytest.raises(Unavailable):
        emr.intake.receive(emr.inbound("msg_1"), sent())
    assert len(emr.files.keys("evidence/originals/")) == len(emr.files.keys("intake/")) == 1

    emr.store.failing = False
    assert emr.stored(emr.intake.receive(emr.inbound("msg_1"), sent())).status is Status.PENDING


# Refusals


def test_a_pdf_that_cannot_be_signed_is_refused_with_a_code_and_leaves_nothing() -> None:
    emr = Emr()
    emr.inspector.refuse("not_a_pdf", "The file is not a PDF.")
    with pytest.raises(Unprocessable) as refused:
        emr.send()
    assert refused.value.code == "not-a-pdf"
    assert [error.field for error in refused.value.errors] == ["data.content.base64"]
    assert nothing_was_kept(emr)


@pytest.mark.parametrize(
    ("box", "field"),
    [
        (FieldBox(page=4, x=72, y=72, width=100, height=40), "page"),
        (FieldBox(page=3, x=600, y=72, width=100, height=40), "x"),
        (FieldBox(page=1, x=72, y=770, width=100, height=40), "y"),
        (FieldBox(page=1, x=513.5, y=72, width=100, height=40), "x"),
        (FieldBox(page=1, x=72, y=753.5, width=100, height=40), "y"),
    ],
)
def test_a_signature_field_off_the_page_is_refused_and_leaves_nothing(box: FieldBox, field: str) -> None:
    emr = Emr()
    with pytest.raises(Unprocessable) as refused:
        emr.send(sent(signature_field=box))
    assert refused.value.code == "signature-field-off-page"
    assert [error.field for error in refused.value.errors] == [f"data.signature_field.{field}"]
    assert nothing_was_kept(emr)


def test_a_signature_field_may_exceed_the_page_by_one_point() -> None:
    box = FieldBox(page=3, x=513, y=753, width=100, height=40)
    assert Emr().send(sent(signature_field=box)).signature_field == box


@pytest.mark.parametrize(("page", "fits"), [(1, False), (2, True), (3, True)])
def test_a_signature_field_is_compared_with_its_own_page_if_the_size_is_known(page: int, *, fits: bool) -> None:
    pdf = StoredPdf(key="k", sha256="0", pages=3, page_sizes=((200.0, 200.0), (612.0, 792.0)))
    with nullcontext() if fits else pytest.raises(Unprocessable):
        check_box(FieldBox(page=page, x=300, y=300, width=100, height=40), pdf)


def test_a_refused_event_may_be_corrected_and_sent_with_the_same_webhook_id() -> None:
    emr = Emr()
    fine = emr.inspector.answer
    emr.inspector.refuse("encrypted")
    with pytest.raises(Unprocessable):
        emr.intake.receive(emr.inbound("msg_1"), sent())
    emr.inspector.answer = fine
    emr.intake.receive(emr.inbound("msg_1", body=b'{"mended": 1}'), sent())
    assert len(emr.documents()) == 1


# Uploads


def uploaded(emr: Emr, practice_id: str = PRACTICE.id) -> PdfSource:
    emr.files.put(upload_key(practice_id, "upl_big"), PDF, "application/pdf")
    return PdfSource(upload_id="upl_big")


def test_an_upload_becomes_the_original() -> None:
    emr = Emr()
    document = emr.send(sent(content=uploaded(emr)))
    assert emr.files.get(document.original.key) == PDF


def test_the_inspected_file_is_a_copy_that_the_sender_cannot_replace() -> None:
    emr = Emr()
    emr.send(sent(content=uploaded(emr)))
    ((key, kind),) = emr.inspector.asked
    assert kind == "pdf"
    assert key.startswith("intake/")
    assert key not in emr.files.objects


def test_another_practices_upload_is_not_found() -> None:
    emr = Emr()
    with pytest.raises(Unprocessable) as refused:
        emr.send(sent(content=uploaded(emr, OTHER_PRACTICE.id)))
    assert refused.value.code == "upload-not-found"


def test_a_refused_upload_is_deleted() -> None:
    emr = Emr()
    emr.inspector.refuse("xfa")
    with pytest.raises(Unprocessable):
        emr.send(sent(content=uploaded(emr)))
    assert emr.files.keys() == []


def test_an_upload_with_another_hash_is_refused_and_deleted() -> None:
    emr = Emr()
    content = replace(uploaded(emr), sha256="0" * 64)
    with pytest.raises(Unprocessable) as refused:
        emr.send(sent(content=content))
    assert refused.value.code == "hash-mismatch"
    assert emr.files.keys() == []
    assert emr.send(sent(content=replace(uploaded(emr), sha256=sha256(PDF)))).status is Status.PENDING


def test_an_inline_pdf_with_another_hash_is_refused() -> None:
    emr = Emr()
    with pytest.raises(Unprocessable) as refused:
        emr.send(sent(content=PdfSource(data=PDF, sha256="0" * 64)))
    assert refused.value.code == "hash-mismatch"
    assert [error.field for error in refused.value.errors] == ["data.content.sha256"]
    assert nothing_was_kept(emr)
    assert emr.send(sent(content=PdfSource(data=PDF, sha256=sha256(PDF)))).status is Status.PENDING


# What the practice and the EMR state


def test_the_practices_default_payer_applies_to_a_document_without_one() -> None:
    emr = Emr()
    practice = replace(emr.inbound().practice, default_payer=PayerKind.MEDICARE)
    inbound = replace(emr.inbound(), practice=practice)
    document = emr.stored(emr.intake.receive(inbound, sent(certification=ORDER)))
    assert document.payer == Payer(kind=PayerKind.MEDICARE, stated=False)
    assert document.due_on == date(2026, 12, 20)
    # The default changes, and the EMR sends the same document again.
    again = emr.intake.receive(emr.inbound(), sent(certification=ORDER))
    assert again["document_id"] == document.id
    with pytest.raises(Conflict) as refused:
        emr.intake.receive(emr.inbound(), sent(certification=ORDER, payer=MEDICARE))
    assert [error.field for error in refused.value.errors] == ["data.payer.kind"]


def test_a_document_of_an_earlier_release_is_the_same_with_facts_that_were_ignored_then() -> None:
    emr = Emr()
    old = emr.send(sent(certification=Certification(order_signed_on=ORDER.order_signed_on)))
    emr.store.commit(Change(at=emr.now, documents=(replace(old, version=old.version + 1, payer=None),)))
    facts = Certification(order_signed_on=ORDER.order_signed_on, order_discipline="PT", order_npi=RIVERA.npi)
    again = sent(payer=MEDICARE, certification=facts, addressee=replace(RIVERA, phone="+15125550190"))
    assert emr.intake.receive(emr.inbound(), again)["document_id"] == old.id
    with pytest.raises(Conflict):
        emr.intake.receive(emr.inbound(), replace(again, title="Another title"))


def test_metadata_comes_back_unread_and_may_not_change() -> None:
    emr = Emr()
    document = emr.send(sent(metadata={"visit": " V-9 "}))
    assert document_resource(document, "https://portal.test", emr.now)["metadata"] == {"visit": " V-9 "}
    assert emr.intake.receive(emr.inbound(), sent(metadata={"visit": " V-9 "}))["document_id"] == document.id
    for other in ({"visit": "V-9"}, {}, {"visit": " V-9 ", "room": "2"}):
        with pytest.raises(Conflict) as refused:
            emr.intake.receive(emr.inbound(), sent(metadata=other))
        assert [error.field for error in refused.value.errors] == [f"data.metadata.{next(reversed(other), 'visit')}"]


def test_a_document_of_a_release_without_metadata_is_the_same_with_metadata() -> None:
    emr = Emr()
    old = emr.send(sent())
    emr.store.commit(Change(at=emr.now, documents=(replace(old, version=old.version + 1, metadata=None),)))
    assert document_resource(emr.stored({"document_id": old.id}), "https://portal.test", emr.now)["metadata"] == {}
    assert emr.intake.receive(emr.inbound(), sent(metadata={"visit": "V-9"}))["document_id"] == old.id
    with pytest.raises(Conflict):
        emr.intake.receive(emr.inbound(), sent(metadata={"visit": "V-9"}, title="Another title"))


def test_a_warning_about_the_order_comes_with_the_response() -> None:
    emr = Emr()
    facts = replace(ORDER, order_discipline=None, order_npi="1000000004")
    answer = emr.intake.receive(emr.inbound(), sent(payer=MEDICARE, certification=facts))
    assert [warning["code"] for warning in answer["warnings"]] == ["order-without-discipline", "order-npi-differs"]


def test_the_trail_commits_to_the_facts_of_the_certification() -> None:
    emr = Emr()
    document = plan(emr)
    (event,) = emr.store.events(document.id)
    assert event.private == {
        "address": "192.0.2.10",
        "payer": "medicare",
        "initial_visit_on": "2026-11-20",
        "order.signed_on": "2026-11-10",
        "order.discipline": "PT",
        "order.npi": RIVERA.npi,
    }
    assert "2026-11-20" not in event.body


def test_numbers_that_were_left_out_are_warnings() -> None:
    emr = Emr()
    fields = ("data.provider.fax", "data.provider.phone", "data.author.phone")
    command = sent(ignored=tuple(FieldError(field, "must be a telephone number") for field in fields))
    codes = ["provider-fax-ignored", "provider-phone-ignored", "author-phone-ignored"]
    assert emr.intake.receive(emr.inbound(), command)["warnings"] == [{"code": code} for code in codes]


# What follows


def test_the_newest_document_of_an_address_is_claimed_for_link_requests() -> None:
    emr = Emr()
    emr.send()
    second = emr.send(sent(external_id="POC-2"))
    key = "addressee#dr.rivera@example.com"
    assert emr.store.claims([key]) == {key: second.id}


def test_webhooks_are_queued_even_while_the_endpoint_is_off() -> None:
    """Only an attempt to send may set a webhook to *held*. If it were stored as held, a new endpoint could miss it."""
    emr = Emr()
    assert PRACTICE.endpoint is not None
    off = replace(PRACTICE, endpoint=replace(PRACTICE.endpoint, disabled_at=emr.now))
    document = emr.send()
    emr.lifecycle.recall(emr.inbound(practice=off), RecallCommand(document=DocumentRef(document_id=document.id)))
    webhook = next(delivery for delivery in emr.deliveries() if delivery.channel == "webhook")
    assert webhook.status is DeliveryStatus.QUEUED
