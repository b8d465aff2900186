import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.sqs_queues import read_job
from chalicelib.domain.audit import find_break
from chalicelib.domain.carriers.email_receipts import EFFECTS, ReceiptKind
from chalicelib.domain.deliveries import (
    MESSAGE_RETRY_AFTER,
    AttemptStatus,
    Channel,
    Delivery,
    DeliveryStatus,
    MessageType,
    ReceiptFacts,
)
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict, count_failures, finish, queue_again, start
from chalicelib.services.transaction import Change
from chalicelib.workers import run_delivery_job
from tests.support.fakes import START
from tests.support.worlds.delivery_world import World

Status = DeliveryStatus


@pytest.fixture
def world() -> World:
    return World()


def notification(kind: str, carrier_id: str = "ses-0001", **detail: Any) -> Mapping[str, Any]:
    """Return a report of SES on an email, as SES publishes it, for example a bounce.

    Each field that may hold an address has one, because no address may get into the log."""
    at = "2026-11-22T19:00:05.000Z"
    parts: Mapping[str, Mapping[str, Any]] = {
        "Delivery": {"recipients": ["dr.rivera@example.com"], "smtpResponse": "250 ok"},
        "Bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {"emailAddress": "dr.rivera@example.com", "diagnosticCode": "550 dr.rivera@example.com unknown"}
            ],
        },
        "Complaint": {"complainedRecipients": [{"emailAddress": "dr.rivera@example.com"}]},
    }
    mail = {"timestamp": at, "messageId": carrier_id, "destination": ["dr.rivera@example.com"]}
    part = {**parts[kind], "timestamp": at, **detail}
    return {"notificationType": kind, "mail": mail, kind.lower(): part}


DELIVERED, BOUNCED, COMPLAINED = (notification(kind) for kind in ("Delivery", "Bounce", "Complaint"))
RETURNED = notification("Bounce", bounceType="Transient", bounceSubType="MailboxFull")


def sent(world: World, kind: MessageType = MessageType.READY, channel: Channel = Channel.EMAIL) -> str:
    recipient = "+15125550100" if channel is Channel.FAX else "dr.rivera@example.com"
    row_id = world.message(channel, kind, recipient)
    row = world.row(row_id)
    taken = replace(row, version=2, status=Status.SENT, carrier_id="ses-0001", next_attempt_at=None)
    world.store.commit(Change(at=START, deliveries=(taken,)))
    return row_id


def line(world: World, row_id: str) -> str:
    return next(line.status for line in world.document.deliveries if line.id == row_id)


def event_types(world: World) -> list[str]:
    return [event.type for event in world.events()][1:]


# What a receipt does


def test_every_status_has_an_effect_for_every_receipt() -> None:
    assert {(s, r) for s in EFFECTS for r in EFFECTS[s]} == set(product(DeliveryStatus, ReceiptKind))


def test_a_delivery_is_recorded_and_sent_to_the_emr(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(DELIVERED)
    assert (world.row(row_id).status, line(world, row_id)) == (Status.DELIVERED, "delivered")
    assert event_types(world) == ["document.delivered"]
    assert world.webhooks() == ["document.delivered"]
    assert find_break(world.events()) is None
    assert world.notices() == []


def test_a_delivered_email_is_not_a_transmission(world: World) -> None:
    sent(world)
    world.ses_feedback.record(DELIVERED)
    assert world.document.transmitted_at is None


@pytest.mark.parametrize("notification", [DELIVERED, BOUNCED])
def test_a_receipt_leaves_its_hash_and_the_carriers_id(world: World, notification: Mapping[str, Any]) -> None:
    row_id = sent(world)
    world.ses_feedback.record(notification, "ab" * 32)
    attempt = world.row(row_id).attempts[-1]
    assert (attempt.carrier_id, attempt.receipt) == ("ses-0001", ReceiptFacts(sha256="ab" * 32))


@pytest.mark.parametrize(("channel", "notification"), [(Channel.FAX, DELIVERED), (Channel.EMAIL, COMPLAINED)])
def test_a_receipt_that_is_no_result_leaves_its_hash_too(
    world: World, channel: Channel, notification: Mapping[str, Any]
) -> None:
    row_id = sent(world, channel=channel)
    world.ses_feedback.record(notification, "ab" * 32)
    attempt = world.row(row_id).attempts[-1]
    assert (attempt.carrier_id, attempt.receipt) == ("ses-0001", ReceiptFacts(sha256="ab" * 32))


def test_a_fax_accepted_by_the_gateway_is_recorded_and_is_not_a_transmission(world: World) -> None:
    row_id = sent(world, MessageType.FAX, Channel.FAX)
    events = len(world.events())
    for _ in range(2):
        world.ses_feedback.record(DELIVERED)
    assert world.document.transmitted_at is None
    assert world.row(row_id).status is DeliveryStatus.SENT
    assert [attempt.status for attempt in world.row(row_id).attempts].count(AttemptStatus.TAKEN) == 1
    assert len(world.events()) == events


def test_a_fax_that_bounces_fails(world: World) -> None:
    row_id = sent(world, MessageType.FAX, Channel.FAX)
    world.ses_feedback.record(DELIVERED)
    world.ses_feedback.record(BOUNCED)
    assert world.row(row_id).status is DeliveryStatus.FAILED


def test_a_bounce_fails_the_delivery_and_notifies_staff_and_the_emr(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(BOUNCED)
    assert (world.row(row_id).status, line(world, row_id)) == (Status.FAILED, "failed")
    assert event_types(world) == ["document.delivery_failed"]
    assert world.webhooks() == ["document.delivery_failed"]
    assert world.notices() == ["delivery_failed"]


def test_the_webhook_contains_the_updated_line(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(BOUNCED)
    (webhook,) = [d for d in world.store.every(Delivery, "deliveries") if d.channel is Channel.WEBHOOK]
    body = json.loads(webhook.body or "")
    assert [(line["id"], line["status"]) for line in body["data"]["deliveries"]] == [(row_id, "failed")]


def test_a_bounce_after_delivery_fails_the_delivery(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(DELIVERED)
    world.ses_feedback.record(BOUNCED)
    assert world.row(row_id).status is Status.FAILED
    assert event_types(world) == ["document.delivered", "document.delivery_failed"]


def test_a_delivery_after_the_bounce_changes_nothing(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(BOUNCED)
    world.ses_feedback.record(DELIVERED)
    assert world.row(row_id).status is Status.FAILED
    assert event_types(world) == ["document.delivery_failed"]


@pytest.mark.parametrize("receipt", [DELIVERED, BOUNCED, COMPLAINED], ids=["delivery", "bounce", "complaint"])
def test_the_same_receipt_twice_does_nothing_more(world: World, receipt: Mapping[str, Any]) -> None:
    sent(world)
    world.ses_feedback.record(receipt)
    before = (world.store.commits, world.events())
    world.ses_feedback.record(receipt)
    assert (world.store.commits, world.events()) == before


def test_a_transient_bounce_is_retried(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(RETURNED)
    row = world.row(row_id)
    assert (row.status, line(world, row_id)) == (Status.QUEUED, "queued")
    assert row.next_attempt_at is not None
    assert event_types(world) == []
    assert world.when_due(row_id).status is Status.SENT
    assert len(world.mailer.sent) == 1


def test_repeated_transient_bounces_fail_in_the_end(world: World) -> None:
    row_id = sent(world)
    tries = 1
    world.ses_feedback.record(RETURNED)
    while world.row(row_id).status is Status.QUEUED:
        tries += 1
        carrier = world.when_due(row_id).carrier_id or ""
        back = {"bounceType": "Transient", "bounceSubType": "MailboxFull"}
        world.ses_feedback.record(notification("Bounce", carrier, **back))
    assert tries == len(MESSAGE_RETRY_AFTER) + 1
    assert event_types(world) == ["document.delivery_failed"]


UNDETERMINED = notification("Bounce", bounceType="Undetermined", bounceSubType="Undetermined")


@pytest.mark.parametrize("receipt", [UNDETERMINED, notification("Bounce", bounceType="New", bounceSubType="New")])
def test_a_bounce_without_a_clear_reason_is_retried(world: World, receipt: Mapping[str, Any]) -> None:
    row_id = sent(world)
    world.ses_feedback.record(receipt)
    row = world.row(row_id)
    assert (row.status, event_types(world)) == (Status.QUEUED, [])
    assert row.attempts[-1].detail == "It bounced, and the bounce gave no clear reason."
    assert world.when_due(row_id).status is Status.SENT


def test_a_bounce_without_a_clear_reason_changes_nothing_after_delivery(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(DELIVERED)
    before = (world.store.commits, world.row(row_id), world.events())
    world.ses_feedback.record(UNDETERMINED)
    assert (world.store.commits, world.row(row_id), world.events()) == before
    assert world.row(row_id).status is Status.DELIVERED


def test_an_email_taken_out_of_the_junk_folder_is_no_complaint(world: World) -> None:
    sent(world)
    world.ses_feedback.record(DELIVERED)
    before = (world.store.commits, world.notices())
    world.ses_feedback.record(notification("Complaint", complaintFeedbackType="not-spam"))
    assert (world.store.commits, world.notices()) == before


def test_a_complaint_says_of_what(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(notification("Complaint", complaintFeedbackType="virus"))
    assert world.row(row_id).attempts[-1].detail == "The mailbox reported a virus in it."


def test_an_email_that_ses_held_back_after_a_complaint_has_failed(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(
        notification("Complaint", complaintFeedbackType=None, complaintSubType="OnAccountSuppressionList")
    )
    assert (world.row(row_id).status, world.notices()) == (Status.FAILED, ["delivery_failed"])


@pytest.mark.parametrize("reason", ["MessageTooLarge", "ContentRejected", "AttachmentRejected"])
def test_an_email_refused_for_what_it_contains_is_not_sent_again(world: World, reason: str) -> None:
    row_id = sent(world)
    world.ses_feedback.record(notification("Bounce", bounceType="Transient", bounceSubType=reason))
    assert world.row(row_id).status is Status.FAILED


def event(name: str, part: str, **details: Any) -> Mapping[str, Any]:
    """Return a report as SES publishes it for a configuration set."""
    mail = {"timestamp": "2026-11-22T19:00:05.000Z", "messageId": "ses-0001"}
    return {"eventType": name, "mail": mail, part: details}


def test_an_email_that_ses_rejects_has_failed(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(event("Reject", "reject", reason="Bad content"))
    attempt = world.row(row_id).attempts[-1]
    assert (world.row(row_id).status, attempt.detail) == (Status.FAILED, "SES found a virus in it and did not send it.")


def test_a_delay_changes_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    row_id = sent(world)
    delay = {"delayType": "MailboxFull", "timestamp": "2026-11-22T19:00:05.000Z"}
    world.ses_feedback.record(event("DeliveryDelay", "deliveryDelay", **delay))
    assert world.row(row_id).status is Status.SENT
    (record,) = caplog.records
    assert (record.message, record.__dict__["kind"]) == ("mail notification ignored", "DeliveryDelay")


def test_a_published_event_counts_like_a_notification(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(event("Delivery", "delivery", timestamp="2026-11-22T19:00:07.000Z"))
    assert world.row(row_id).status is Status.DELIVERED


def test_a_complaint_is_dated_by_its_own_time_if_it_has_one(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(event("Complaint", "complaint", timestamp="2026-11-22T19:00:07.000Z"))
    assert world.row(row_id).attempts[-1].at == datetime(2026, 11, 22, 19, 0, 7, tzinfo=UTC)


def test_a_complaint_without_a_time_is_dated_by_the_email(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(event("Complaint", "complaint"))
    assert world.row(row_id).attempts[-1].at == datetime(2026, 11, 22, 19, 0, 5, tzinfo=UTC)


def test_an_absence_note_after_delivery_is_not_a_failure(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(DELIVERED)
    world.ses_feedback.record(RETURNED)
    assert world.row(row_id).status is Status.DELIVERED


def test_a_receipt_of_the_earlier_attempt_ends_the_retry(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(RETURNED)
    world.ses_feedback.record(DELIVERED)
    row = world.row(row_id)
    assert (row.status, row.next_attempt_at) == (Status.DELIVERED, None)


def test_a_late_receipt_of_a_failed_message_does_not_affect_its_retry(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(BOUNCED)
    again = queue_again(world.row(row_id), START, why="Asked for by the practice.")
    world.store.commit(Change(at=START, deliveries=(again,)))
    world.ses_feedback.record(BOUNCED)
    assert world.row(row_id).status is Status.QUEUED


def test_a_complaint_notifies_staff_and_is_not_a_failure(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(DELIVERED)
    world.ses_feedback.record(COMPLAINED)
    assert world.row(row_id).status is Status.DELIVERED
    world.work_off()
    assert [notice["kind"] for notice in world.notifier.published] == ["complaint"]


@pytest.mark.parametrize("receipt", [DELIVERED, BOUNCED, COMPLAINED], ids=["delivery", "bounce", "complaint"])
def test_a_setup_email_sends_no_webhook_and_no_notice_and_has_no_line(world: World, receipt: Mapping[str, Any]) -> None:
    sent(world, MessageType.SETUP)
    world.ses_feedback.record(receipt)
    assert world.document.deliveries == ()
    assert (event_types(world), world.webhooks(), world.notices()) == ([], [], [])


@pytest.mark.parametrize("receipt", [DELIVERED, BOUNCED], ids=["delivery", "bounce"])
def test_an_email_with_a_code_updates_its_line_and_sends_no_webhook(world: World, receipt: Mapping[str, Any]) -> None:
    row_id = sent(world, MessageType.CODE)
    world.ses_feedback.record(receipt)
    assert line(world, row_id) == world.row(row_id).status != Status.SENT
    assert (event_types(world), world.webhooks(), world.notices()) == ([], [], [])


@pytest.mark.parametrize("receipt", [DELIVERED, BOUNCED, COMPLAINED], ids=["delivery", "bounce", "complaint"])
def test_an_email_about_an_account_has_no_document_and_no_practice(world: World, receipt: Mapping[str, Any]) -> None:
    row = world.row(world.own_message("reset"))
    taken = replace(row, version=2, status=Status.SENT, carrier_id="ses-0001", next_attempt_at=None)
    world.store.commit(Change(at=START, deliveries=(taken,)))
    world.ses_feedback.record(receipt)
    assert (world.webhooks(), world.notices()) == ([], [])


def test_a_bounce_at_a_corrected_address_is_recorded_and_sends_no_webhook(world: World) -> None:
    row_id = sent(world)
    world.change_document(access=2)
    world.ses_feedback.record(BOUNCED)
    assert (line(world, row_id), event_types(world)) == ("failed", ["document.delivery_failed"])
    assert (world.webhooks(), world.notices()) == ([], [])


def test_no_address_is_stored_in_attempts_or_hashed_events(world: World) -> None:
    row_id = sent(world)
    world.ses_feedback.record(BOUNCED)
    assert "rivera" not in str(world.row(row_id).attempts)
    assert "rivera" not in world.events()[-1].body


# Receipts of unknown messages, and early receipts


def test_a_receipt_before_the_record_is_looked_up_again(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    world.ses_feedback.record(DELIVERED)
    world.deliver(row_id)
    ((job, delay),) = world.queues.sent
    assert delay == 5
    run_delivery_job(read_job(codec.dump(job)), world)
    assert world.row(row_id).status is Status.DELIVERED


def test_a_receipt_of_an_unknown_message_is_dropped_after_two_lookups(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.ses_feedback.record(notification("Delivery", "somebody-elses"))
    delays: list[int] = []
    while len(delays) < len(world.queues.sent):
        job, delay = world.queues.sent[len(delays)]
        delays.append(delay)
        run_delivery_job(job, world)
    assert delays == [5, 90]
    assert "receipt of an unknown message" in caplog.text


def test_a_notification_without_a_receipt_is_ignored(world: World, caplog: pytest.LogCaptureFixture) -> None:
    before = world.store.commits
    world.ses_feedback.record({"notificationType": "AmazonSnsSubscriptionSucceeded"})
    assert (world.store.commits, world.queues.sent) == (before, [])
    assert caplog.messages == ["mail notification ignored"]
    sent(world)
    world.ses_feedback.record(DELIVERED)
    assert caplog.messages == ["mail notification ignored", "receipt"]


def test_a_concurrent_change_of_the_document_is_not_lost(world: World) -> None:
    row_id = sent(world)
    world.store.before_commit = lambda: world.change_document(viewed_at=START)
    world.ses_feedback.record(DELIVERED)
    assert (world.document.viewed_at, line(world, row_id)) == (START, "delivered")
    assert find_break(world.events()) is None


@pytest.mark.parametrize(("channel", "notification"), [(Channel.FAX, DELIVERED), (Channel.EMAIL, COMPLAINED)])
def test_a_receipt_during_an_attempt_leaves_the_attempt_the_last_entry(
    world: World, channel: Channel, notification: Mapping[str, Any]
) -> None:
    row_id = sent(world, channel=channel)
    world.ses_feedback.record(RETURNED)
    claimed = start(world.row(row_id), world.clock.now())
    world.store.commit(Change(at=world.clock.now(), deliveries=(claimed,)))
    world.ses_feedback.record(notification)
    assert len(world.row(row_id).attempts) == len(claimed.attempts) + 1
    came_back = AttemptResult(verdict=Verdict.RETRY, detail="It came back.")
    ended = finish(world.row(row_id), came_back, world.clock.now(), jitter=0)
    assert AttemptStatus.SENDING not in [attempt.status for attempt in ended.attempts]
    assert count_failures(ended) == count_failures(claimed)
