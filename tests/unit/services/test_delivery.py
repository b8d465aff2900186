"""The attempt machine, by webhooks: what it sends, how often, and what it survives."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.domain.attempts import Mark, queue_again
from chalicelib.domain.deliveries import RETRY_AFTER, Attempt, Channel, Delivery, DeliveryStatus
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.practices import Endpoint, WebhookSecret
from chalicelib.services import delivery, follow_up, practices
from chalicelib.services.changes import Change, Job
from chalicelib.services.ports import HttpAnswer
from chalicelib.services.recording import delivery_job
from tests.delivering import ENDPOINT, OLD_SECRET, SECRET, World, after
from tests.fakes import START, FakeWebhookSender

OK, ERROR, GONE = HttpAnswer(200), HttpAnswer(500), HttpAnswer(410)
HALF_JITTER = 1.05


class Killed(BaseException):
    """The worker is gone: nothing after it runs."""


@pytest.fixture
def world() -> World:
    return World()


def verify(secret: str, posted: tuple[str, Mapping[str, str], bytes]) -> Any:
    """As a receiver does with the official library, at the time of sending."""
    _, headers, body = posted
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signed = Webhook(secret).sign(headers["webhook-id"], at, body.decode())
    if signed not in headers["webhook-signature"].split(" "):
        raise WebhookVerificationError(signed)
    return json.loads(body)


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


def test_the_official_library_verifies_what_is_sent_now() -> None:
    world = World()
    world.clock.at = datetime.now(UTC)
    world.deliver(world.webhook())
    _, headers, body = world.webhook_sender.posted[0]
    assert Webhook(SECRET).verify(body, dict(headers))["data"]["id"] == world.document.id


def test_both_secrets_of_a_rotation_sign(world: World) -> None:
    old = WebhookSecret(
        value=OLD_SECRET, created_at=START - timedelta(days=1), expires_at=START + timedelta(1)
    )
    world.change_practice(webhook_secrets=(old, WebhookSecret(value=SECRET, created_at=START)))
    world.deliver(world.webhook())
    posted = world.webhook_sender.posted[0]
    assert verify(SECRET, posted) == verify(OLD_SECRET, posted)
    assert len(posted[1]["webhook-signature"].split(" ")) == 2


def test_a_secret_that_has_expired_signs_no_more(world: World) -> None:
    old = WebhookSecret(value=OLD_SECRET, created_at=START - timedelta(days=1), expires_at=START)
    world.change_practice(webhook_secrets=(old, WebhookSecret(value=SECRET, created_at=START)))
    world.deliver(world.webhook())
    with pytest.raises(WebhookVerificationError):
        verify(OLD_SECRET, world.webhook_sender.posted[0])


def test_a_retry_goes_to_where_the_endpoint_is_by_then(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    world.change_practice(endpoint=Endpoint(url="https://new.example.com/hooks"))
    world.when_due(row_id)
    assert [url for url, _, _ in world.webhook_sender.posted] == [
        ENDPOINT.url,
        "https://new.example.com/hooks",
    ]


# Twice, late, out of order


def test_the_same_job_twice_sends_once(world: World) -> None:
    row_id = world.webhook()
    world.deliver(row_id)
    world.deliver(row_id)
    assert len(world.webhook_sender.posted) == 1


def test_two_workers_at_once_send_once(world: World) -> None:
    row_id = world.webhook()
    job = delivery_job(world.row(row_id))
    world.store.before_commit = lambda: delivery.deliver(job, world)
    delivery.deliver(job, world)
    assert len(world.webhook_sender.posted) == 1
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


def test_a_job_that_comes_before_its_time_does_nothing(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    world.deliver_later(row_id, seconds=4)
    assert len(world.webhook_sender.posted) == 1


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "held", "cancelled"])
def test_what_has_ended_is_left_alone(world: World, status: str) -> None:
    row_id = world.webhook()
    row = world.row(row_id)
    ended = replace(row, version=2, status=DeliveryStatus(status), next_attempt_at=None)
    world.store.commit(Change(at=START, deliveries=(ended,)))
    world.deliver(row_id)
    assert world.webhook_sender.posted == []


def test_a_job_without_a_row_is_an_error(world: World) -> None:
    with pytest.raises(LookupError):
        delivery.deliver(Job(queue="deliveries", name="deliver", event_id="e", delivery_id="none"), world)


def test_dying_after_the_effect_sends_the_same_bytes_and_id_again(world: World) -> None:
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
    assert [each.status for each in done.attempts] == [Mark.INTERRUPTED, Mark.SUCCEEDED]
    assert done.status is DeliveryStatus.DELIVERED


def test_the_sweep_finds_what_a_dead_worker_left(world: World) -> None:
    row_id = world.webhook()
    kill_after_sending(world, row_id)
    world.relay()
    world.clock.pass_time(minutes=2)
    follow_up.run(world)
    assert [job.delivery_id for job, _ in world.queues.sent] == [row_id]
    assert world.deliver(row_id).status is DeliveryStatus.DELIVERED


def test_a_worker_that_always_dies_ends_in_failure_after_the_whole_schedule(world: World) -> None:
    row_id = world.webhook()
    for _ in range(len(RETRY_AFTER) + 1):
        kill_after_sending(world, row_id)
    assert world.when_due(row_id).status is DeliveryStatus.FAILED
    assert len(world.webhook_sender.posted) == len(RETRY_AFTER) + 1
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
    assert waits == [wait * HALF_JITTER for wait in RETRY_AFTER]
    assert row.status is DeliveryStatus.FAILED
    assert len(world.webhook_sender.posted) == 12
    assert len({posted[2] for posted in world.webhook_sender.posted}) == 1


def test_a_short_wait_wakes_by_the_queue(world: World) -> None:
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
    world.answers(HttpAnswer(429, retry_after=3600))
    row = world.deliver(world.webhook())
    assert after(row.next_attempt_at) == timedelta(hours=1)


def test_retry_after_never_makes_the_wait_shorter(world: World) -> None:
    world.answers(HttpAnswer(503, retry_after=0))
    row = world.deliver(world.webhook())
    assert after(row.next_attempt_at) == timedelta(seconds=5) * HALF_JITTER


def test_retry_after_is_bounded(world: World) -> None:
    world.answers(HttpAnswer(429, retry_after=10**9))
    row = world.deliver(world.webhook())
    assert after(row.next_attempt_at) == timedelta(hours=24)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpAnswer(301), "The receiver answered 301. Redirects are not followed: set the final address."),
        (HttpAnswer(404), "The receiver answered 404."),
        (HttpAnswer(500), "The receiver answered 500."),
        (HttpAnswer(None, error="The connection was refused."), "The connection was refused."),
    ],
)
def test_each_failure_says_what_it_was(world: World, answer: HttpAnswer, words: str) -> None:
    world.answers(answer)
    row = world.deliver(world.webhook())
    assert [(each.status, each.detail) for each in row.attempts] == [(Mark.FAILED, words)]
    assert row.status is DeliveryStatus.QUEUED


def test_the_last_failure_is_told_to_staff(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    while world.when_due(row_id).status is DeliveryStatus.QUEUED:
        pass
    world.work_off()
    kinds = [each["kind"] for each in world.notifier.published]
    assert kinds == ["webhook_failed"]
    assert {each["practice"] for each in world.notifier.published} == {world.practice.id}


def test_a_replayed_delivery_has_the_whole_schedule_again(world: World) -> None:
    row_id = world.webhook()
    failed = replace(world.row(row_id), version=2, status=DeliveryStatus.FAILED, next_attempt_at=None)
    many = tuple(Attempt(at=START, status="failed", detail="") for _ in range(12))
    again = queue_again(replace(failed, attempts=many), START, why="Asked for again.")
    world.store.commit(Change(at=START, deliveries=(replace(again, version=2),)))
    world.answers(ERROR, OK)
    assert world.deliver(row_id).status is DeliveryStatus.QUEUED
    assert world.when_due(row_id).status is DeliveryStatus.DELIVERED


# The endpoint


def test_410_switches_the_endpoint_off_and_keeps_the_webhook(world: World) -> None:
    world.answers(GONE)
    row = world.deliver(world.webhook())
    assert row.status is DeliveryStatus.HELD
    assert [(each.status, each.detail) for each in row.attempts] == [("failed", "The receiver answered 410.")]
    assert world.endpoint == replace(
        ENDPOINT, disabled_at=START, disabled_reason="The receiver answered 410."
    )
    world.work_off()
    assert [each["kind"] for each in world.notifier.published] == ["endpoint_off"]


def test_while_it_is_off_nothing_is_sent_and_nothing_dropped(world: World) -> None:
    queued = world.webhook()
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    made_while_off = world.webhook()
    assert world.row(made_while_off).status is DeliveryStatus.QUEUED
    for each in (queued, made_while_off):
        world.deliver(each)
    assert world.webhook_sender.posted == []
    assert [world.row(each).status for each in (queued, made_while_off)] == [DeliveryStatus.HELD] * 2
    assert world.row(queued).attempts == ()


def test_setting_the_endpoint_again_sends_all_that_was_held(world: World) -> None:
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    held = [world.webhook() for _ in range(delivery.RELEASED_AT_ONCE + 5)]
    world.work_off()
    assert {world.row(each).status for each in held} == {DeliveryStatus.HELD}
    world.change_practice(endpoint=Endpoint(url="https://new.example.com/hooks"))
    assert delivery.release_held(world.store, world.practice.id, world.clock.pass_time(hours=1)) == 50
    world.work_off()
    assert {world.row(each).status for each in held} == {DeliveryStatus.DELIVERED}
    assert len(world.webhook_sender.posted) == len(held)
    assert {url for url, _, _ in world.webhook_sender.posted} == {"https://new.example.com/hooks"}


def test_a_function_that_dies_after_the_endpoint_was_set_leaves_nothing_held(world: World) -> None:
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    held = [world.webhook() for _ in range(3)]
    world.work_off()
    assert {world.row(each).status for each in held} == {DeliveryStatus.HELD}
    practices.set_endpoint(world.store, world.practice, world.clock.at, "https://new.example.com/hooks")
    assert {world.row(each).status for each in held} == {DeliveryStatus.HELD}, "only its one write was made"
    world.work_off()
    assert {world.row(each).status for each in held} == {DeliveryStatus.DELIVERED}


def test_one_recorded_while_the_endpoint_was_just_put_again_is_not_stranded(world: World) -> None:
    """The recorder had read the practice while its endpoint was off."""
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    row_id = world.webhook()
    world.change_practice(endpoint=ENDPOINT)
    delivery.release_held(world.store, world.practice.id, world.clock.at)
    world.work_off()
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


def test_setting_the_endpoint_again_while_one_is_being_held_strands_nothing(world: World) -> None:
    row_id = world.webhook()
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))

    def at_claim() -> None:
        world.store.before_commit = set_again

    def set_again() -> None:
        world.change_practice(endpoint=ENDPOINT)
        assert world.store.held_deliveries(world.practice.id, limit=1) == ()

    world.store.before_commit = at_claim
    world.deliver(row_id)
    world.work_off()
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


def test_setting_the_endpoint_again_makes_due_what_waits_for_a_later_attempt(world: World) -> None:
    waiting = [world.webhook() for _ in range(delivery.RELEASED_AT_ONCE + 5)]
    world.answers(ERROR)
    for each in waiting:
        world.deliver(each)
        world.when_due(each)
    frozen = [(world.row(each).body, world.row(each).message_id) for each in waiting]
    waits = [after(world.row(each).next_attempt_at, world.clock.at) for each in waiting]
    assert min(waits) > timedelta(seconds=30)
    world.relay()

    world.answers(OK)
    put_again(world)
    world.work_off()
    assert {world.row(each).status for each in waiting} == {DeliveryStatus.DELIVERED}
    assert [(world.row(each).body, world.row(each).message_id) for each in waiting] == frozen


def test_what_fails_again_after_it_waits_as_always(world: World) -> None:
    """Else a receiver that is still broken would be called in a circle."""
    rows = [world.webhook() for _ in range(3)]
    world.answers(ERROR)
    for each in rows:
        world.deliver(each)
        world.when_due(each)
    world.relay()
    sent = len(world.webhook_sender.posted)

    put_again(world)
    world.work_off()
    assert len(world.webhook_sender.posted) == sent + len(rows)
    for each in rows:
        assert after(world.row(each).next_attempt_at, world.clock.at) == RETRY_AFTER[0] * HALF_JITTER


def test_what_waits_is_queued_until_its_time_and_then_held(world: World) -> None:
    """As docs/emr-integration.md says; together they are what is still to come."""
    world.answers(ERROR, GONE)
    waiting, last = world.webhook(), world.webhook()
    world.deliver(waiting)
    world.deliver(last)
    assert [world.row(each).status for each in (waiting, last)] == [
        DeliveryStatus.QUEUED,
        DeliveryStatus.HELD,
    ]
    world.when_due(waiting)
    assert world.row(waiting).status is DeliveryStatus.HELD


def test_an_endpoint_that_went_off_again_hastens_nothing(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    before = world.row(row_id)
    put_again(world)
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    world.work_off()
    assert world.row(row_id) == before


def test_an_emr_that_puts_its_endpoint_at_every_start_keeps_no_refused_event_alive(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    for _ in RETRY_AFTER:
        practices.set_endpoint(world.store, world.practice, world.clock.at, ENDPOINT.url)
        world.work_off()
        world.when_due(row_id)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert [each.status for each in world.row(row_id).attempts] == [Mark.FAILED] * 12


def test_held_and_released_again_and_again_it_notes_so_once(world: World) -> None:
    """Nothing was tried between: each release would be an entry more in the row, without end."""
    row_id = world.webhook()
    for _ in range(3):
        world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
        world.deliver(row_id)
        assert world.row(row_id).status is DeliveryStatus.HELD
        practices.set_endpoint(world.store, world.practice, world.clock.at, ENDPOINT.url)
        delivery.release_held(world.store, world.practice.id, world.clock.pass_time(hours=1))
    again = world.row(row_id).attempts
    assert [(each.status, each.at) for each in again] == [(Mark.ASKED_AGAIN, world.clock.at)]


def test_only_webhooks_of_that_practice_are_hastened(world: World) -> None:
    world.answers(ERROR)
    own = world.webhook()
    world.deliver(own)
    others = replace(world.row(own), id="dlv_other", version=1, practice_id="prc_other")
    world.store.commit(Change(at=START, deliveries=(others,)))
    world.relay()
    put_again(world)
    world.work_off()
    assert len(world.row(own).attempts) == 3
    assert world.row(others.id) == others


def test_what_is_no_webhook_is_not_hastened(world: World) -> None:
    mail = world.message(Channel.EMAIL, "ready")
    world.mailer.failing = True
    world.deliver(mail)
    before = world.row(mail)
    assert before.status is DeliveryStatus.QUEUED
    world.relay()
    put_again(world)
    world.work_off()
    assert world.row(mail) == before


def put_again(world: World) -> None:
    practices.set_endpoint(world.store, world.practice, world.clock.at, "https://new.example.com/hooks")


def test_the_first_failure_is_remembered_and_forgotten_with_a_success(world: World) -> None:
    world.answers(ERROR, ERROR, OK)
    row_id = world.webhook()
    world.deliver(row_id)
    world.when_due(row_id)
    assert world.endpoint.failing_since == START
    world.when_due(row_id)
    assert world.endpoint.failing_since is None


def test_five_days_of_nothing_but_failures_switch_the_endpoint_off(world: World) -> None:
    world.answers(ERROR)
    world.deliver(world.webhook())
    world.clock.pass_time(days=4, hours=23)
    world.deliver(world.webhook())
    assert world.endpoint.disabled_at is None
    world.clock.pass_time(hours=1)
    world.deliver(world.webhook())
    assert world.endpoint.disabled_at == START + timedelta(days=5)
    assert world.notices() == ["endpoint_off"]


def test_one_event_that_is_always_refused_leaves_the_endpoint_on(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    while world.row(row_id).next_attempt_at is not None:
        world.when_due(row_id)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert world.clock.at > START + timedelta(days=5)
    assert world.endpoint.disabled_at is None


def test_an_old_answer_does_not_switch_off_a_new_endpoint(world: World) -> None:
    row_id = world.webhook()
    new = Endpoint(url="https://new.example.com/hooks")
    world.webhook_sender = AnswersAfter(lambda: world.change_practice(endpoint=new))
    world.deliver(row_id)
    assert world.endpoint == new


class AnswersAfter(FakeWebhookSender):
    """Answers 410 after something else has happened, and 200 from then on."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__([GONE, OK])
        self._happens = [happens]

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        if self._happens:
            self._happens.pop()()
        return super().post(url, headers=headers, body=body)


# Trouble on our side


def test_a_database_that_is_busy_at_the_claim_leaves_the_row_due(world: World) -> None:
    row_id = world.webhook()
    world.store.failing = True
    with pytest.raises(Unavailable):
        world.deliver(row_id)
    world.store.failing = False
    assert world.deliver(row_id).status is DeliveryStatus.DELIVERED


def test_a_practice_without_a_secret_is_tried_again(world: World) -> None:
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
    follow_up.run(world)
    world.deliver(row_id)
    world.deliver(row_id)
    assert len(world.webhook_sender.posted) == 2
