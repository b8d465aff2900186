"""Test that no announcement is lost if the email of several documents fails, and that its receipts hold for all."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb_rows import delivery_row
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import AttemptStatus, Delivery, DeliveryStatus, NoticeKind
from chalicelib.domain.delivery_attempts import LEASE, queue_again, requeue, start
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable, Unprocessable
from chalicelib.services.delivery.message_sender import look_up
from chalicelib.services.delivery.settlement import Settlement
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.worlds.announcements import WAIT, make_world, pass_time, send, statuses, subjects
from tests.support.worlds.delivery_world import World


class Crash(BaseException):
    """The end of a worker's process."""


@pytest.fixture
def world() -> World:
    return make_world()


def trail(world: World, delivery_id: str) -> list[str]:
    document_id = world.row(delivery_id).document_id
    return [event.type for event in world.store.events(document_id or "")]


def test_a_failed_email_is_repeated_for_all(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    world.mailer.failing = True
    pass_time(world, 120)
    world.mailer.failing = False
    assert world.mailer.sent == []
    assert [len(world.row(row_id).attempts) for row_id in ids] == [1, 0, 0]
    assert statuses(world) == [DeliveryStatus.QUEUED] * 3
    pass_time(world, 12)
    assert subjects(world) == ["3 plans of care need your signature: Hill Country Therapy"]
    assert statuses(world) == [DeliveryStatus.SENT] * 3


def test_an_outage_uses_up_no_retry_schedule_early(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    world.mailer.failing = True
    pass_time(world, timedelta(hours=8).total_seconds())
    assert statuses(world) == [DeliveryStatus.QUEUED] * 3
    world.mailer.failing = False
    pass_time(world, timedelta(hours=2).total_seconds())
    assert subjects(world) == ["3 plans of care need your signature: Hill Country Therapy"]
    assert [world.row(row_id).status for row_id in ids] == [DeliveryStatus.SENT] * 3


def test_a_released_delivery_keeps_the_time_of_its_next_attempt(world: World) -> None:
    leader, second, third = (send(world) for _ in range(3))
    row = world.row(third)
    later = replace(row, version=row.version + 1, next_attempt_at=START + timedelta(hours=1))
    world.store.commit(Change(at=START, deliveries=(later,)))
    world.mailer.failing = True
    world.when_due(leader)
    assert [world.row(row_id).next_attempt_at for row_id in (second, third)] == [
        START + timedelta(minutes=3),
        START + timedelta(hours=1),
    ]


def test_a_released_delivery_that_was_due_waits_for_the_leaders_retry(world: World) -> None:
    leader, second = send(world), send(world)
    due = requeue(world.row(second), START)
    world.store.commit(Change(at=START, deliveries=(due,)))
    world.mailer.failing = True
    world.when_due(leader)
    assert world.row(second).next_attempt_at == START + WAIT + timedelta(seconds=30)


def test_a_refused_email_does_not_hold_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [send(world) for _ in range(3)]

    def refuse(**_: Any) -> str:
        raise Unprocessable("This address is refused.")

    with monkeypatch.context() as patch:
        patch.setattr(world.mailer, "send", refuse)
        pass_time(world, 120)
    assert statuses(world) == [DeliveryStatus.FAILED, DeliveryStatus.QUEUED, DeliveryStatus.QUEUED]
    pass_time(world, 300)
    assert subjects(world) == ["2 plans of care need your signature: Hill Country Therapy"]
    assert world.row(ids[0]).status is DeliveryStatus.FAILED
    assert world.row(ids[1]).joint == (ids[1], ids[2])


@pytest.mark.parametrize("is_sent", [True, False])
def test_nothing_is_lost_if_a_worker_dies(world: World, monkeypatch: pytest.MonkeyPatch, *, is_sent: bool) -> None:
    ids = [send(world) for _ in range(3)]
    pass_time(world, 119)
    original = type(world.mailer).send

    def die(mailer: Any, **message: Any) -> str:
        if is_sent:
            original(mailer, **message)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(type(world.mailer), "send", die)
        with pytest.raises(Crash):
            pass_time(world, 1)
    assert statuses(world) == [DeliveryStatus.SENDING] * 3
    pass_time(world, LEASE.total_seconds() - 1)
    assert len(world.mailer.sent) == is_sent
    pass_time(world, 300)
    assert statuses(world) == [DeliveryStatus.SENT] * 3
    assert {world.row(row_id).attempts[0].status for row_id in ids} <= {
        AttemptStatus.INTERRUPTED,
        AttemptStatus.SUCCEEDED,
    }


def test_nothing_is_lost_if_the_leader_dies_before_it_sends(world: World) -> None:
    leader, second, third = (send(world) for _ in range(3))
    row = world.row(leader)
    lost = replace(row, version=row.version + 1, next_attempt_at=None)
    world.store.commit(Change(at=START, deliveries=(lost,)))
    pass_time(world, 179)
    assert world.mailer.sent == []
    pass_time(world, 1)
    assert world.row(second).joint[0] == second
    assert set(world.row(second).joint) == {leader, second, third}
    assert statuses(world) == [DeliveryStatus.SENT] * 3


def test_another_workers_delivery_is_left_out(world: World) -> None:
    _, second = send(world), send(world)
    running = replace(start(world.row(second), START), next_attempt_at=START + timedelta(minutes=5))
    world.store.commit(Change(at=START, deliveries=(running,)))
    pass_time(world, 120)
    assert subjects(world) == ["Hill Country Therapy: a document is waiting for your signature"]


def test_an_email_goes_alone_if_a_delivery_changes_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = send(world), send(world)
    commit = world.store.commit

    def fail_once(change: Change) -> None:
        if len(change.deliveries) == 2 and not change.documents:
            raise ConcurrentUpdate(("delivery",))
        commit(change)

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "commit", fail_once)
        pass_time(world, 120)
    assert subjects(world) == ["Hill Country Therapy: a document is waiting for your signature"]
    assert [world.row(row_id).status for row_id in (first, second)] == [DeliveryStatus.SENT, DeliveryStatus.QUEUED]
    pass_time(world, 120)
    assert statuses(world) == [DeliveryStatus.SENT] * 2


def test_a_result_that_cannot_be_stored_does_not_hide_the_leaders(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, second = send(world), send(world)
    settle = Settlement.settle

    def fail(self: Settlement, after: Delivery, now: Any) -> None:
        if after.id == second and after.status is DeliveryStatus.SENT:
            raise Unavailable("The database does not respond.")
        settle(self, after, now)

    with monkeypatch.context() as patch:
        patch.setattr(Settlement, "settle", fail)
        pass_time(world, 120)
    assert [world.row(row_id).status for row_id in (leader, second)] == [DeliveryStatus.SENT, DeliveryStatus.SENDING]
    pass_time(world, 300)
    assert world.row(second).status is DeliveryStatus.SENT


def test_an_unexpected_error_about_one_document_repeats_no_email_of_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [send(world) for _ in range(3)]
    settle = Settlement.settle

    def fail(self: Settlement, after: Delivery, now: Any) -> None:
        if after.id == ids[1] and after.status is DeliveryStatus.SENT:
            raise LookupError("a practice that does not exist")
        settle(self, after, now)

    monkeypatch.setattr(Settlement, "settle", fail)
    pass_time(world, 120)
    assert statuses(world) == [DeliveryStatus.SENT, DeliveryStatus.SENDING, DeliveryStatus.SENT]


def test_a_result_is_stored_only_for_the_running_attempt_of_the_same_email(world: World) -> None:
    leader, second = send(world), send(world)
    joint = (leader, second)
    changed = replace(start(world.row(second), START), joint=(second,))
    ended = replace(world.row(second), joint=joint, status=DeliveryStatus.SENT, attempts=())
    for number, row in enumerate((changed, ended), 9):
        stored = replace(row, version=number)
        world.store.tables["deliveries"][second] = delivery_row(stored)
        world.joint_emails.release([look_up(stored, world.store, START)], leader)
        assert world.row(second) == stored


@pytest.mark.parametrize("reported", [0, 1, 2])
def test_a_receipt_holds_for_all(world: World, monkeypatch: pytest.MonkeyPatch, reported: int) -> None:
    ids = [send(world) for _ in range(3)]
    pass_time(world, 120)
    monkeypatch.setattr(world.store, "delivery_by_carrier", lambda _: world.row(ids[reported]))
    receipt(world, "Delivery", {})
    assert statuses(world) == [DeliveryStatus.DELIVERED] * 3
    assert [trail(world, row_id).count(DocumentEventType.DELIVERED) for row_id in ids] == [1, 1, 1]
    assert world.webhooks().count("document.delivered") == 3
    receipt(world, "Delivery", {})
    assert world.webhooks().count("document.delivered") == 3


def test_a_bounce_holds_for_all(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    pass_time(world, 120)
    receipt(world, "Bounce", {"bounceType": "Permanent", "bounceSubType": "General"})
    assert statuses(world) == [DeliveryStatus.FAILED] * 3
    assert [trail(world, row_id).count(DocumentEventType.DELIVERY_FAILED) for row_id in ids] == [1, 1, 1]
    assert world.notices() == [NoticeKind.DELIVERY_FAILED] * 3


def test_a_receipt_waits_for_the_results_of_all(world: World) -> None:
    ids = [send(world) for _ in range(2)]
    pass_time(world, 120)
    sent = world.row(ids[1])
    running = replace(start(sent, world.clock.at), joint=sent.joint, carrier_id=None)
    world.store.commit(Change(at=world.clock.at, deliveries=(running,)))
    receipt(world, "Delivery", {})
    assert [world.row(row_id).status for row_id in ids] == [DeliveryStatus.DELIVERED, DeliveryStatus.SENDING]
    assert [job.receipt.lookups for job, _ in world.queues.sent if job.receipt is not None] == [1]


def test_a_receipt_ignores_a_delivery_that_is_sent_again(world: World) -> None:
    ids = [send(world) for _ in range(2)]
    pass_time(world, 120)
    receipt(world, "Bounce", {"bounceType": "Permanent", "bounceSubType": "General"})
    again = queue_again(world.row(ids[1]), world.clock.at, why="")
    assert again.joint == ()
    world.store.commit(Change(at=world.clock.at, deliveries=(again,)))
    receipt(world, "Bounce", {"bounceType": "Permanent", "bounceSubType": "General"})
    assert world.row(ids[1]).status is DeliveryStatus.QUEUED
    assert not [job for job, _ in world.queues.sent if job.receipt is not None]


def test_the_sweep_repeats_a_joint_email_once(world: World) -> None:
    ids = [send(world) for _ in range(3)]
    world.clock.pass_time(minutes=5)
    for row_id in ids:
        queued = requeue(world.row(row_id), world.clock.at)
        world.store.commit(Change(at=world.clock.at, deliveries=(queued,)))
    for row_id in ids:
        world.deliver(row_id)
    assert len(world.mailer.sent) == 1
    assert statuses(world) == [DeliveryStatus.SENT] * 3


def receipt(world: World, kind: str, detail: dict[str, str]) -> None:
    at = "2026-11-22T19:00:05.000Z"
    report = {"notificationType": kind, "mail": {"messageId": "ses-0001"}, kind.lower(): {"timestamp": at, **detail}}
    world.ses_feedback.record(report)
