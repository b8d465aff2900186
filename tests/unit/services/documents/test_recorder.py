import json
from dataclasses import replace

import pytest

from chalicelib.domain.audit import DocumentEventType, Event, find_break, make_event
from chalicelib.domain.deliveries import ACCOUNT_MESSAGES, Channel, DeliveryStatus, MessageType, NoticeKind
from chalicelib.domain.documents import Document
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.services.delivery_rows import PORTAL_PRACTICE
from chalicelib.services.documents.audit_trail import EVENT_LABELS, describe_event
from chalicelib.services.documents.recorder import PORTAL, Actor, Recorder
from tests.support.fakes import START, FakeIds
from tests.support.provider_fixtures import PRACTICE, a_document

EMAIL = "dr.rivera@example.com"
DOCUMENT = replace(a_document(), access=3)


def recorder(document: Document = DOCUMENT, practice: Practice = PRACTICE, actor: Actor = PORTAL) -> Recorder:
    return Recorder(
        document, practice=practice, now=START, ids=FakeIds(), portal_url="https://portal.test", actor=actor
    )


def test_two_events_continue_the_trail_in_one_version() -> None:
    actor = Actor("provider:prv_1", "203.0.113.7", None)
    made = (
        recorder(actor=actor)
        .event(DocumentEventType.VIEWED)
        .event(DocumentEventType.DECLINED, {"reason": "other"}, private={"note": "No."})
    )
    change = made.change()
    (document,), (first, second) = change.documents, change.events
    assert (document.version, document.sequence, document.head) == (DOCUMENT.version + 1, 2, second.hash)
    assert document.moved_on == START.date()
    assert find_break([first, second]) is None
    assert (first.actor, first.private) == ("provider:prv_1", {"address": "203.0.113.7"})
    assert second.private == {"address": "203.0.113.7", "note": "No."}
    assert change.at == START
    assert (change.outbox, change.deliveries) == ((), ())


@pytest.mark.parametrize("type", [MessageType.READY, MessageType.SETUP, MessageType.RESET, MessageType.CODE])
@pytest.mark.parametrize("shown", [True, False])
def test_only_a_message_about_the_document_is_shown_on_it(type: MessageType, *, shown: bool) -> None:
    change = recorder().event(DocumentEventType.SENT).message(Channel.EMAIL, type, EMAIL, shown=shown).change()
    (delivery,), (document,) = change.deliveries, change.documents
    is_private = type in ACCOUNT_MESSAGES
    assert delivery.practice_id == (PORTAL_PRACTICE if is_private else PRACTICE.id)
    assert (delivery.provider_id, delivery.access, delivery.recipient) == (DOCUMENT.provider_id, 3, EMAIL)
    assert (delivery.document_id, delivery.event_id) == (DOCUMENT.id, change.events[0].id)
    assert [line.id for line in document.deliveries] == ([delivery.id] if shown and not is_private else [])
    ((job,),) = (row.jobs for row in change.outbox)
    assert (job.queue, job.name, job.delivery_id) == (QueueName.DELIVERIES, "deliver", delivery.id)


def test_a_webhook_has_the_state_after_all_changes_and_waits_for_the_endpoint() -> None:
    made = recorder().event(DocumentEventType.DECLINED, webhook=True).event(DocumentEventType.SEALED)
    (webhook,) = made.change().deliveries
    assert (webhook.channel, webhook.type, webhook.status) == (Channel.WEBHOOK, "document.declined", "queued")
    assert PRACTICE.endpoint is not None
    assert webhook.recipient == PRACTICE.endpoint.url
    body = json.loads(webhook.body or "")
    assert (body["type"], body["timestamp"]) == ("document.declined", "2026-11-22T19:00:00.000Z")
    assert body["data"]["trail"]["sequence"] == 2


def test_the_webhook_of_an_event_keeps_its_id_after_the_endpoint_has_moved() -> None:
    moved = replace(PRACTICE, endpoint=Endpoint(url="https://new.example.com/hooks"))
    (before,), (after,) = (
        recorder(practice=practice).event(DocumentEventType.DECLINED, webhook=True).change().deliveries
        for practice in (PRACTICE, moved)
    )
    assert (before.event_id, before.message_id) == (after.event_id, before.event_id)
    assert before.recipient != after.recipient
    assert before.id == after.id


def test_a_webhook_has_the_letters_of_other_languages_as_they_are() -> None:
    document = replace(DOCUMENT, external_id="P\u00d6C-1")
    (webhook,) = recorder(document).event(DocumentEventType.DECLINED, webhook=True).change().deliveries
    assert '"P\u00d6C-1"' in (webhook.body or "")


def test_a_practice_without_an_endpoint_gets_no_webhook() -> None:
    silent = replace(PRACTICE, endpoint=None)
    assert recorder(practice=silent).event(DocumentEventType.DECLINED, webhook=True).change().deliveries == ()


def test_jobs_notices_and_reports_have_the_last_event_as_their_cause() -> None:
    made = recorder().event(DocumentEventType.VIEWED).event(DocumentEventType.DECLINED)
    change = made.job(JobName.SEAL).notice(NoticeKind.DECLINED).report_to_owner(EMAIL).change()
    last = change.events[-1].id
    (row,) = change.outbox
    assert (row.id, row.created_at) == (last, START)
    assert [(job.queue, job.event_id) for job in row.jobs[:1]] == [(QueueName.DOCUMENTS, last)]
    assert row.jobs[0].document_id == DOCUMENT.id
    notice, report = change.deliveries
    assert (notice.channel, notice.type, notice.recipient) == (Channel.NOTICE, NoticeKind.DECLINED, PRACTICE.id)
    assert (report.type, report.practice_id, report.access) == ("decided_elsewhere", PORTAL_PRACTICE, 3)
    assert {delivery.event_id for delivery in change.deliveries} == {last}
    assert {delivery.status for delivery in change.deliveries} == {DeliveryStatus.QUEUED}
    assert change.documents[0].deliveries == ()


def event(type: str, data: dict[str, str]) -> Event:
    return make_event(
        event_id="evt_1",
        document_id="doc_1",
        previous_sequence=0,
        previous_hash="",
        type=type,
        at=START,
        actor="portal",
        data=data,
        private={},
        salt="",
    )


@pytest.mark.parametrize(
    ("type", "data", "sentence"),
    [
        ("document.viewed", {}, "Opened"),
        ("document.delivered", {"channel": "fax"}, "Delivered (by fax)"),
        (
            "code.accepted",
            {"channel": "email", "sent_to": "dr.r…@example.com"},
            "Opened with a code (by email), sent to dr.r…@example.com, given by the clinic",
        ),
        ("code.requested", {"sent_to": "…0100"}, "Code requested by email, sent to …0100, given by the clinic"),
        ("document.future", {}, "document.future"),
    ],
)
def test_an_event_reads_as_a_sentence(type: str, data: dict[str, str], sentence: str) -> None:
    assert describe_event(event(type, data)) == sentence
    assert set(EVENT_LABELS) <= set(DocumentEventType)
