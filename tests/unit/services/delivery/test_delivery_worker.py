"""Test the worker that sends messages, by the example of webhooks: its requests, its retries, and crashes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.domain.deliveries import (
    WEBHOOK_RETRY_AFTER,
    AttemptStatus,
    Channel,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
)
from chalicelib.domain.delivery_attempts import queue_again
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.practices import Endpoint, WebhookSecret
from chalicelib.services.delivery import delivery_worker
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.ports import HttpResult
from chalicelib.services.transaction import Change, Job
from chalicelib.workers import run_delivery_job
from tests.support.fakes import START, FakeWebhookSender
from tests.support.worlds.delivery_world import ENDPOINT, OLD_SECRET, SECRET, World, after

OK, ERROR, GONE = HttpResult(200), HttpResult(500), HttpResult(410)
HALF_JITTER = 1.05


class Killed(BaseException):
    """The simulated death of a worker's process. It is no `Exception`, so no error handler of the worker catches it."""


@pytest.fixture
def world() -> World:
    return World()


def verify(secret: str, posted: tuple[str, Mapping[str, str], bytes]) -> Any:
    """Verify the signature of a posted webhook as a receiver does, with the official library, and return the event.

    `posted` is (URL, headers, body)."""
    _, headers, body = posted
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signed = Webhook(secret).sign(headers["webhook-id"], at, body.decode())
    if signed not in headers["webhook-signature"].split(" "):
        raise WebhookVerificationError(signed)
    return json.loads(body)


def test_every_channel_has_a_sender(world: World) -> None:
    assert set(world.senders) == set(Channel)


# What is sent


def test_a_webhook_goes_out_signed_with_its_frozen_bytes(world: World) -> None:
    row_id = world.webhook()
    frozen = world.row(row_id)
    done = world.deliver(row_id)
    url, headers, body = world.webhook_sender.posted[0]
    assert url == ENDPOINT.url
    assert body == (frozen.body or "").encode()
    assert verify(SECRET, world.webhook_sender.posted[0])["type"] == "document.viewed"
    assert {name: headers[name] for name in headers if name != "webhook-signature"} == {
        "content-type": "application/json",
        "user-agent": "Provider-Portal-Webhooks/1",
        "webhook-id": frozen.message_id,
        "webhook-timestamp": str(int(START.timestamp())),
    }
    assert (done.status, done.next_attempt_at, done.lease_until) == (DeliveryStatus.DELIVERED, None, None)


def test_the_official_library_verifies_the_webhook() -> None:
    world = World()
    world.clock.at = datetime.now(UTC)
    world.deliver(world.webhook())
    _, headers, body = world.webhook_sender.posted[0]
    assert Webhook(SECRET).verify(body, dict(headers))["data"]["id"] == world.document.id


def test_both_secrets_sign_during_a_rotation(world: World) -> None:
    old = WebhookSecret(value=OLD_SECRET, created_at=START - timedelta(days=1), expires_at=START + timedelta(1))
    world.change_practice(webhook_secrets=(old, WebhookSecret(value=SECRET, created_at=START)))
    world.deliver(world.webhook())
    posted = world.webhook_sender.posted[0]
    assert verify(SECRET, posted) == verify(OLD_SECRET, posted)
    assert len(posted[1]["webhook-signature"].split(" ")) == 2


def test_an_expired_secret_does_not_sign(world: World) -> None:
    old = WebhookSecret(value=OLD_SECRET, created_at=START - timedelta(days=1), expires_at=START)
    world.change_practice(webhook_secrets=(old, WebhookSecret(value=SECRET, created_at=START)))
    world.deliver(world.webhook())
    with pytest.raises(WebhookVerificationError):
        verify(OLD_SECRET, world.webhook_sender.posted[0])


def test_a_retry_goes_to_the_current_endpoint(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    world.change_practice(endpoint=Endpoint(url="https://new.example.com/hooks"))
    world.when_due(row_id)
    assert [url for url, _, _ in world.webhook_sender.posted] == [ENDPOINT.url, "https://new.example.com/hooks"]


# Jobs that come twice, late or out of order


def test_the_same_job_twice_sends_once(world: World) -> None:
    row_id = world.webhook()
    world.deliver(row_id)
    world.deliver(row_id)
    assert len(world.webhook_sender.posted) == 1


def test_two_workers_at_once_send_once(world: World) -> None:
    row_id = world.webhook()
    job = delivery_job(world.row(row_id))
    world.store.before_commit = lambda: run_delivery_job(job, world)
    run_delivery_job(job, world)
    assert len(world.webhook_sender.posted) == 1
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


def test_a_job_that_comes_early_does_nothing(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    world.deliver_later(row_id, seconds=4)
    assert len(world.webhook_sender.posted) == 1


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "held", "cancelled"])
def test_a_finished_delivery_is_not_sent(world: World, status: str) -> None:
    row_id = world.webhook()
    row = world.row(row_id)
    ended = replace(row, version=2, status=DeliveryStatus(status), next_attempt_at=None)
    world.store.commit(Change(at=START, deliveries=(ended,)))
    world.deliver(row_id)
    assert world.webhook_sender.posted == []


def test_a_result_that_another_worker_settled_first_does_not_count(world: World) -> None:
    """While this worker waits for a response, another worker cancels the attempt."""
    row_id = world.webhook()
    cancelled: list[Delivery] = []

    class Slow(FakeWebhookSender):
        def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
            row = world.row(row_id)
            cancelled.append(replace(row, version=row.version + 1, status=DeliveryStatus.CANCELLED))
            world.store.commit(Change(at=START, deliveries=(cancelled[0],)))
            return super().post(url, headers=headers, body=body)

    world.webhook_sender = Slow([OK])
    assert world.deliver(row_id) == cancelled[0]


def test_a_job_without_a_row_is_an_error(world: World) -> None:
    with pytest.raises(LookupError):
        run_delivery_job(Job(queue=QueueName.DELIVERIES, name=JobName.DELIVER, event_id="e", delivery_id="none"), world)


def test_a_worker_that_dies_after_sending_sends_the_same_bytes_and_id_again(world: World) -> None:
    row_id = world.webhook()

    def die_at_the_record() -> None:
        world.store.before_commit = die

    def die() -> None:
        raise Killed

    world.store.before_commit = die_at_the_record
    with pytest.raises(Killed):
        world.deliver(row_id)
    assert world.row(row_id).status is DeliveryStatus.SENDING
    world.deliver_later(row_id, seconds=59)
    assert len(world.webhook_sender.posted) == 1
    done = world.deliver_later(row_id, seconds=1)
    first, second = world.webhook_sender.posted
    assert (first[2], first[1]["webhook-id"]) == (second[2], second[1]["webhook-id"])
    assert [attempt.status for attempt in done.attempts] == [AttemptStatus.INTERRUPTED, AttemptStatus.SUCCEEDED]
    assert done.status is DeliveryStatus.DELIVERED


def test_the_sweep_finds_what_a_dead_worker_left(world: World) -> None:
    row_id = world.webhook()
    kill_after_sending(world, row_id)
    world.relay()
    world.clock.pass_time(minutes=2)
    world.scheduled_sweep.run()
    assert [job.delivery_id for job, _ in world.queues.sent] == [row_id]
    assert world.deliver(row_id).status is DeliveryStatus.DELIVERED


def test_a_worker_that_always_dies_fails_the_delivery_after_the_whole_schedule(world: World) -> None:
    row_id = world.webhook()
    for _ in range(len(WEBHOOK_RETRY_AFTER) + 1):
        kill_after_sending(world, row_id)
    assert world.when_due(row_id).status is DeliveryStatus.FAILED
    assert len(world.webhook_sender.posted) == len(WEBHOOK_RETRY_AFTER) + 1
    assert after(world.clock.at) > timedelta(days=5)
    assert world.notices() == ["webhook_failed"]


def kill_after_sending(world: World, row_id: str) -> None:
    def at_claim() -> None:
        world.store.before_commit = die

    def die() -> None:
        raise Killed

    due = world.row(row_id).next_attempt_at
    assert due is not None
    world.clock.at = max(world.clock.at, due)
    world.store.before_commit = at_claim
    with pytest.raises(Killed):
        world.deliver(row_id)


# Retries


def test_the_waits_are_those_of_the_contract_with_jitter(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    moments = [world.clock.at]
    row = world.deliver(row_id)
    while row.status is DeliveryStatus.QUEUED:
        moments.append(row.next_attempt_at or START)
        row = world.when_due(row_id)
    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert waits == [wait * HALF_JITTER for wait in WEBHOOK_RETRY_AFTER]
    assert row.status is DeliveryStatus.FAILED
    assert len(world.webhook_sender.posted) == 12
    assert len({posted[2] for posted in world.webhook_sender.posted}) == 1


def test_a_short_wait_ends_by_the_queue(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    world.when_due(row_id)
    assert [(job.delivery_id, delay) for job, delay in world.queues.sent] == [(row_id, 6), (row_id, 315)]


def test_a_long_wait_is_left_to_the_sweep(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    world.when_due(row_id)
    world.queues.sent.clear()
    row = world.when_due(row_id)
    assert world.queues.sent == []
    assert after(row.next_attempt_at, world.clock.at) == timedelta(minutes=30) * HALF_JITTER


def test_retry_after_makes_the_wait_longer(world: World) -> None:
    world.answers(HttpResult(429, retry_after=3600))
    row = world.deliver(world.webhook())
    assert after(row.next_attempt_at) == timedelta(hours=1)


def test_retry_after_never_makes_the_wait_shorter(world: World) -> None:
    world.answers(HttpResult(503, retry_after=0))
    row = world.deliver(world.webhook())
    assert after(row.next_attempt_at) == timedelta(seconds=5) * HALF_JITTER


def test_retry_after_is_bounded(world: World) -> None:
    world.answers(HttpResult(429, retry_after=10**9))
    row = world.deliver(world.webhook())
    assert after(row.next_attempt_at) == timedelta(hours=24)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpResult(301), "The receiver answered 301. The portal follows no redirects. Set the final URL."),
        (HttpResult(404), "The receiver answered 404."),
        (HttpResult(500), "The receiver answered 500."),
        (HttpResult(None, error="The connection was refused."), "The connection was refused."),
    ],
)
def test_every_failure_is_described(world: World, answer: HttpResult, words: str) -> None:
    world.answers(answer)
    row = world.deliver(world.webhook())
    assert [(attempt.status, attempt.detail) for attempt in row.attempts] == [(AttemptStatus.FAILED, words)]
    assert row.status is DeliveryStatus.QUEUED


def test_the_last_failure_notifies_staff(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    while world.when_due(row_id).status is DeliveryStatus.QUEUED:
        pass
    world.work_off()
    kinds = [notice["kind"] for notice in world.notifier.published]
    assert kinds == ["webhook_failed"]
    assert {notice["practice"] for notice in world.notifier.published} == {world.practice.id}


def test_a_retried_delivery_has_the_whole_schedule_again(world: World) -> None:
    row_id = world.webhook()
    failed = replace(world.row(row_id), version=2, status=DeliveryStatus.FAILED, next_attempt_at=None)
    many = tuple(DeliveryAttempt(at=START, status=AttemptStatus.FAILED, detail="") for _ in range(12))
    again = queue_again(replace(failed, attempts=many), START, why="Asked for again.")
    world.store.commit(Change(at=START, deliveries=(replace(again, version=2),)))
    world.answers(ERROR, OK)
    assert world.deliver(row_id).status is DeliveryStatus.QUEUED
    assert world.when_due(row_id).status is DeliveryStatus.DELIVERED


# Failures of the portal


def test_a_busy_database_at_the_claim_leaves_the_row_due(world: World) -> None:
    row_id = world.webhook()
    world.store.failing = True
    with pytest.raises(Unavailable):
        world.deliver(row_id)
    world.store.failing = False
    assert world.deliver(row_id).status is DeliveryStatus.DELIVERED


def test_a_webhook_without_a_secret_is_retried(world: World) -> None:
    world.change_practice(webhook_secrets=())
    row = world.deliver(world.webhook())
    assert row.status is DeliveryStatus.QUEUED
    assert world.webhook_sender.posted == []


def test_a_notice_is_published_once_without_patient_data(world: World) -> None:
    world.answers(GONE)
    world.deliver(world.webhook())
    (row,) = [d for d in world.store.every(Delivery, "deliveries") if d.channel is Channel.NOTICE]
    world.deliver(row.id)
    world.deliver(row.id)
    (published,) = world.notifier.published
    assert published["subject"].isascii()
    assert "Byron" not in str(published)


def test_the_sweep_and_the_queue_together_send_once(world: World) -> None:
    world.answers(ERROR, OK)
    row_id = world.webhook()
    world.deliver(row_id)
    world.clock.pass_time(minutes=3)
    world.scheduled_sweep.run()
    world.deliver(row_id)
    world.deliver(row_id)
    assert len(world.webhook_sender.posted) == 2


@pytest.mark.parametrize(("answer", "level", "verdict"), [(OK, "info", "delivered"), (ERROR, "warning", "retry")])
def test_every_attempt_is_logged_without_its_recipient(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: HttpResult, level: str, verdict: str
) -> None:
    logger = Mock()
    monkeypatch.setattr(delivery_worker, "logger", logger)
    world.answers(answer)
    row = world.deliver(world.webhook())
    ((name, _, logged),) = logger.method_calls
    assert name == level
    assert logged["extra"] == {
        "delivery": row.id,
        "channel": "webhook",
        "type": row.type,
        "attempt": 1,
        "verdict": verdict,
        "status": row.status,
    }
