"""Test a practice's webhook endpoint that is switched off, set again or moved, and the webhooks held meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.deliveries import WEBHOOK_RETRY_AFTER, AttemptStatus, Channel, DeliveryStatus, MessageType
from chalicelib.domain.practices import Endpoint
from chalicelib.services.delivery.webhook_release import BATCH
from chalicelib.services.ports import HttpResult
from chalicelib.services.transaction import Change
from tests.support.fakes import START, FakeWebhookSender
from tests.support.worlds.delivery_world import ENDPOINT, World, after

OK, ERROR, GONE = HttpResult(200), HttpResult(500), HttpResult(410)
HALF_JITTER = 1.05


@pytest.fixture
def world() -> World:
    return World()


def test_410_switches_the_endpoint_off_and_holds_the_webhook(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.answers(ERROR, GONE)
    world.deliver(world.webhook())
    assert "endpoint switched off" not in caplog.messages
    row = world.deliver(world.webhook())
    assert caplog.messages.count("endpoint switched off") == 1
    assert row.status is DeliveryStatus.HELD
    assert [(attempt.status, attempt.detail) for attempt in row.attempts] == [("failed", "The receiver answered 410.")]
    assert (world.endpoint.disabled_at, world.endpoint.disabled_reason) == (START, "The receiver answered 410.")
    world.work_off()
    assert [notice["kind"] for notice in world.notifier.published] == ["endpoint_off"]


def test_while_the_endpoint_is_off_webhooks_are_held(world: World) -> None:
    queued = world.webhook()
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    made_while_off = world.webhook()
    assert world.row(made_while_off).status is DeliveryStatus.QUEUED
    for row_id in (queued, made_while_off):
        world.deliver(row_id)
    assert world.webhook_sender.posted == []
    assert [world.row(row_id).status for row_id in (queued, made_while_off)] == [DeliveryStatus.HELD] * 2
    assert world.row(queued).attempts == ()


def test_setting_the_endpoint_again_sends_all_that_was_held(world: World) -> None:
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    held = [world.webhook() for _ in range(BATCH + 5)]
    world.work_off()
    assert {world.row(row_id).status for row_id in held} == {DeliveryStatus.HELD}
    world.change_practice(endpoint=Endpoint(url="https://new.example.com/hooks"))
    world.clock.pass_time(hours=1)
    assert world.webhook_release.release_held(world.practice.id) == 50
    world.work_off()
    assert {world.row(row_id).status for row_id in held} == {DeliveryStatus.DELIVERED}
    assert len(world.webhook_sender.posted) == len(held)
    assert {url for url, _, _ in world.webhook_sender.posted} == {"https://new.example.com/hooks"}


def test_a_function_that_dies_after_the_endpoint_was_set_leaves_nothing_held(world: World) -> None:
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    held = [world.webhook() for _ in range(3)]
    world.work_off()
    assert {world.row(row_id).status for row_id in held} == {DeliveryStatus.HELD}
    world.practices.set_endpoint(world.practice, "https://new.example.com/hooks", world.clock.at)
    assert {world.row(row_id).status for row_id in held} == {DeliveryStatus.HELD}, "only its one write was made"
    world.work_off()
    assert {world.row(row_id).status for row_id in held} == {DeliveryStatus.DELIVERED}


def test_a_webhook_recorded_while_the_endpoint_is_set_again_is_sent(world: World) -> None:
    """The code that stores the webhook has read the practice while its endpoint was off.

    Meanwhile, the practice sets its endpoint again."""
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    row_id = world.webhook()
    world.change_practice(endpoint=ENDPOINT)
    world.webhook_release.release_held(world.practice.id)
    world.work_off()
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


def test_a_webhook_held_while_the_endpoint_is_set_again_is_sent(world: World) -> None:
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


def test_setting_the_endpoint_again_makes_waiting_webhooks_due(world: World) -> None:
    waiting = [world.webhook() for _ in range(BATCH + 5)]
    world.answers(ERROR)
    for row_id in waiting:
        world.deliver(row_id)
        world.when_due(row_id)
    frozen = [(world.row(row_id).body, world.row(row_id).message_id) for row_id in waiting]
    waits = [after(world.row(row_id).next_attempt_at, world.clock.at) for row_id in waiting]
    assert min(waits) > timedelta(seconds=30)
    world.relay()

    world.answers(OK)
    put_again(world)
    world.work_off()
    assert {world.row(row_id).status for row_id in waiting} == {DeliveryStatus.DELIVERED}
    assert [(world.row(row_id).body, world.row(row_id).message_id) for row_id in waiting] == frozen


def test_a_hastened_webhook_that_fails_again_waits_as_usual(world: World) -> None:
    """A webhook is hastened (sent before its time) after the endpoint was set again. If it then did not wait after
    another failure, the portal would call a broken receiver without end."""
    rows = [world.webhook() for _ in range(3)]
    world.answers(ERROR)
    for row_id in rows:
        world.deliver(row_id)
        world.when_due(row_id)
    world.relay()
    sent = len(world.webhook_sender.posted)

    put_again(world)
    world.work_off()
    assert len(world.webhook_sender.posted) == sent + len(rows)
    for row_id in rows:
        assert after(world.row(row_id).next_attempt_at, world.clock.at) == WEBHOOK_RETRY_AFTER[0] * HALF_JITTER


def test_a_waiting_webhook_is_queued_until_it_is_due_and_then_held(world: World) -> None:
    """The integration guide promises that a webhook which is still to come has the status `queued` or `held`."""
    world.answers(ERROR, GONE)
    waiting, last = world.webhook(), world.webhook()
    world.deliver(waiting)
    world.deliver(last)
    assert [world.row(row_id).status for row_id in (waiting, last)] == [DeliveryStatus.QUEUED, DeliveryStatus.HELD]
    world.when_due(waiting)
    assert world.row(waiting).status is DeliveryStatus.HELD


def test_an_endpoint_that_is_off_again_hastens_nothing(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    before = world.row(row_id)
    put_again(world)
    world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
    world.work_off()
    assert world.row(row_id) == before


def test_setting_the_same_endpoint_often_does_not_restart_the_retry_schedule(world: World) -> None:
    world.answers(ERROR)
    row_id = world.webhook()
    world.deliver(row_id)
    for _ in WEBHOOK_RETRY_AFTER:
        world.practices.set_endpoint(world.practice, ENDPOINT.url, world.clock.at)
        world.work_off()
        world.when_due(row_id)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert [attempt.status for attempt in world.row(row_id).attempts] == [AttemptStatus.FAILED] * 12


def test_a_webhook_held_and_released_often_records_one_entry(world: World) -> None:
    """If each release of the held webhook added an entry to its list of attempts, its row would grow without end."""
    row_id = world.webhook()
    for _ in range(3):
        world.change_practice(endpoint=replace(ENDPOINT, disabled_at=START))
        world.deliver(row_id)
        assert world.row(row_id).status is DeliveryStatus.HELD
        world.practices.set_endpoint(world.practice, ENDPOINT.url, world.clock.at)
        world.clock.pass_time(hours=1)
        world.webhook_release.release_held(world.practice.id)
    again = world.row(row_id).attempts
    assert [(attempt.status, attempt.at) for attempt in again] == [(AttemptStatus.ASKED_AGAIN, world.clock.at)]


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


def test_an_email_is_not_hastened(world: World) -> None:
    mail = world.message(Channel.EMAIL, MessageType.READY)
    world.mailer.failing = True
    world.deliver(mail)
    before = world.row(mail)
    assert before.status is DeliveryStatus.QUEUED
    world.relay()
    put_again(world)
    world.work_off()
    assert world.row(mail) == before


def put_again(world: World) -> None:
    world.practices.set_endpoint(world.practice, "https://new.example.com/hooks", world.clock.at)


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
    """A fake receiver of webhooks that first lets another change happen and returns 410 (gone), and later returns
    200."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__([GONE, OK])
        self._happens = [happens]

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        if self._happens:
            self._happens.pop()()
        return super().post(url, headers=headers, body=body)
