"""Test faults of an EMR's server: in the end the EMR has every webhook, with one id and unchanged bytes.

The receivers are real sockets. Rows and queues are in a local stack, and the test sets the time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from chalicelib.domain.deliveries import WEBHOOK_RETRY_AFTER, DeliveryStatus
from chalicelib.services.delivery.webhook_release import BATCH
from chalicelib.services.delivery.webhooks import LONG_FAILURE
from tests.support.integration.emr_client import Emr
from tests.support.integration.local_workers import Works
from tests.support.integration.webhook_receivers import (
    Behaviour,
    Receiver,
    answers,
    answers_without_end,
    asks_to_wait_until,
    drips_headers,
    hangs_up,
    sends_headers_without_end,
)

SAME_MOMENT = timedelta(seconds=90)
"""The sweep comes each minute, a minute after an attempt was due."""


def some_events(clinic: Emr) -> set[str]:
    """Make the portal send two webhooks about a document and one test webhook. Return their ids."""
    for _ in range(2):
        clinic.recalls(clinic.sends())
    clinic.tests_endpoint()
    return set(clinic.webhooks())


def expect_all_arrived(clinic: Emr, receiver: Receiver, events: set[str]) -> None:
    """Assert that the EMR and the portal have the same webhooks, and that no webhook's bytes ever changed."""
    assert set(receiver.accepted) == events
    for event in events:
        assert len(receiver.bodies(event)) == 1
    assert all(request.is_signed_with(clinic.practice.webhook_secret) for request in receiver.received)
    webhooks = clinic.webhooks()
    assert set(webhooks) == events
    assert {value["status"] for value in webhooks.values()} == {"delivered"}
    assert clinic.webhooks("failed") == {}


def waits(works: Works, webhook_id: str) -> list[timedelta]:
    """Return the times between consecutive attempts to send this webhook."""
    (row,) = (delivery for delivery in works.deliveries() if delivery.message_id == webhook_id)
    moments = [attempt.at for attempt in row.attempts if attempt.status != "asked_again"]
    return [later - earlier for earlier, later in pairwise(moments)]


def expect_schedule(found: list[timedelta], schedule: Sequence[timedelta]) -> None:
    """Assert that the waits between attempts (`found`) are those of the retry schedule that the contract promises.

    Each wait is longer by half of the maximum jitter, and by the delay of the job that starts the attempts."""
    assert len(found) == len(schedule)
    for wait, promised in zip(found, schedule, strict=True):
        assert promised * 1.05 <= wait <= promised * 1.05 + SAME_MOMENT


# Down


def test_a_receiver_down_for_hours_loses_nothing(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)
    receiver.down()
    works.work_off()
    for _ in range(4):
        works.next_due()
    assert {webhook["status"] for webhook in clinic.webhooks().values()} == {"queued"}
    assert works.clock.now() - datetime.now(UTC) > timedelta(hours=2)

    receiver.up()
    works.until_over()
    expect_all_arrived(clinic, receiver, events)


def test_a_receiver_down_for_longer_than_the_schedule_fails_and_can_be_retried(
    works: Works, clinic: Emr, receiver: Receiver
) -> None:
    events = some_events(clinic)
    receiver.down()
    works.work_off()
    began = works.clock.now()
    works.until_over()
    assert works.clock.now() - began > LONG_FAILURE

    # The first webhook to use up its schedule switches the endpoint off, and the other webhooks are held.
    (failed,) = clinic.webhooks("failed")
    webhooks = clinic.webhooks()
    assert {webhooks[item]["status"] for item in events - {failed}} == {"held"}
    for event in events:
        expect_schedule(waits(works, event), WEBHOOK_RETRY_AFTER if event == failed else WEBHOOK_RETRY_AFTER[:-1])
        assert webhooks[event]["attempts"][-1]["detail"] == "The connection was refused."
    assert sorted(works.notices(clinic.practice)) == ["endpoint_off", "webhook_failed"]
    clinic.recalls(clinic.sends())
    (new,) = set(clinic.webhooks()) - events

    receiver.up()
    clinic.listens_at(receiver.url)
    works.work_off()
    assert set(receiver.accepted) == {*events, new} - {failed}
    clinic.asks_again(failed)
    works.work_off()
    expect_all_arrived(clinic, receiver, {*events, new})


# Answers that are none


UNWANTED: dict[str, tuple[Behaviour, str]] = {
    "500": (answers(500), "answered 500"),
    "301": (answers(301, location="/elsewhere"), "answered 301. The portal follows no redirects."),
    "404": (answers(404), "answered 404"),
    "slow headers": (drips_headers, "No response came within"),
    "endless headers": (sends_headers_without_end, "The response was"),
    "hang-up after the request": (hangs_up, "closed the connection without a response"),
}


@pytest.mark.parametrize("kind", UNWANTED)
def test_an_unsuccessful_webhook_is_sent_again(works: Works, clinic: Emr, receiver: Receiver, kind: str) -> None:
    behaviour, words = UNWANTED[kind]
    clinic.tests_endpoint()
    clinic.recalls(clinic.sends())
    events = set(clinic.webhooks())
    receiver.script = [behaviour] * 3
    works.work_off()
    webhooks = clinic.webhooks()
    assert {value["status"] for value in webhooks.values()} == {"queued"}
    assert all(words in value["attempts"][-1]["detail"] for value in webhooks.values()), webhooks

    works.until_over()
    expect_all_arrived(clinic, receiver, events)
    assert {request.path for request in receiver.received} == {"/hooks"}
    assert len(receiver.received) == 5


def test_a_success_with_an_endless_body_is_a_success(works: Works, clinic: Emr, receiver: Receiver) -> None:
    event = clinic.tests_endpoint()
    receiver.script = [answers_without_end]
    works.work_off()
    assert clinic.webhooks()[event]["status"] == "delivered"
    assert [request.id for request in receiver.received] == [event]


# What a receiver asks for


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_requested_wait_is_respected(works: Works, clinic: Emr, receiver: Receiver, form: str) -> None:
    asked = timedelta(hours=3)
    event = clinic.tests_endpoint()
    until = datetime.now(UTC) + asked
    forms = {"seconds": answers(429, retry_after="10800"), "date": asks_to_wait_until(until)}
    receiver.script = [forms[form]]
    works.work_off()
    works.until_over()
    (wait,) = waits(works, event)
    assert asked <= wait + timedelta(seconds=2)
    assert wait <= asked + SAME_MOMENT
    expect_all_arrived(clinic, receiver, {event})


def test_a_410_switches_the_endpoint_off_and_webhooks_are_held(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)
    receiver.script = [answers(410)]
    works.work_off()
    assert len(receiver.received) == 1
    held = clinic.webhooks()
    assert {value["status"] for value in held.values()} == {"held"}
    assert held[receiver.received[0].id]["attempts"][-1]["detail"] == "The receiver answered 410."
    assert works.notices(clinic.practice) == ["endpoint_off"]

    # Days later the endpoint is still off, and new webhooks are held too.
    clinic.recalls(clinic.sends())
    works.clock.pass_time(days=9)
    works.minute()
    events |= set(clinic.webhooks())
    assert len(receiver.received) == 1
    clinic.listens_at(receiver.url)
    works.work_off()
    assert len(events) == 4
    expect_all_arrived(clinic, receiver, events)


def test_more_webhooks_than_one_batch_are_all_released(works: Works, clinic: Emr, receiver: Receiver) -> None:
    receiver.script = [answers(410)]
    first = clinic.tests_endpoint()
    works.work_off()
    assert clinic.webhooks()[first]["status"] == "held"
    (row,) = works.webhooks(clinic.practice)
    assert row.status is DeliveryStatus.HELD
    events = {first, *works.more_like(row, BATCH + 10)}

    clinic.listens_at(receiver.url)
    works.work_off()
    assert set(receiver.accepted) == events
    assert {webhook.status for webhook in works.webhooks(clinic.practice)} == {DeliveryStatus.DELIVERED}


def test_waiting_webhooks_are_sent_when_the_endpoint_gets_another_url(
    works: Works, clinic: Emr, receiver: Receiver
) -> None:
    receiver.down()
    first = clinic.tests_endpoint()
    works.work_off()
    for _ in range(3):
        works.next_due()
    (row,) = works.webhooks(clinic.practice)
    assert row.status is DeliveryStatus.QUEUED
    assert row.next_attempt_at is not None
    assert row.next_attempt_at - works.clock.now() > timedelta(hours=1)
    events = {first, *works.more_like(row, BATCH + 10)}
    assert clinic.webhooks("held") == {}

    receiver.up()
    clinic.listens_at(f"{receiver.url}/repaired")
    works.work_off()
    assert set(receiver.accepted) == events
    assert works.clock.now() < row.next_attempt_at
    assert {webhook.status for webhook in works.webhooks(clinic.practice)} == {DeliveryStatus.DELIVERED}


def test_both_secrets_of_a_rotation_sign_while_a_retry_waits(works: Works, clinic: Emr, receiver: Receiver) -> None:
    event = clinic.tests_endpoint()
    receiver.script = [answers(503)]
    works.work_off()
    answer = works.stack.invoke_admin({"action": "rotate_webhook_secret", "practice_id": clinic.practice.id})
    works.until_over()
    first, second = receiver.received
    assert first.body == second.body
    assert first.id == second.id == event
    old, new = clinic.practice.webhook_secret, answer["webhook_secret"]
    assert [first.is_signed_with(old), first.is_signed_with(new)] == [True, False]
    assert [second.is_signed_with(old), second.is_signed_with(new)] == [True, True]
