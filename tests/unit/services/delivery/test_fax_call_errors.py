"""Test errors before a call of the fax carrier: the fax is sent soon, and never twice."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from chalicelib.domain.deliveries import AttemptStatus, DeliveryStatus
from chalicelib.domain.delivery_attempts import start
from chalicelib.domain.errors import Unavailable, Unprocessable
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from chalicelib.services.delivery.fax_calls import reserve_line
from chalicelib.services.delivery.message_sender import MessageFacts
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.transaction import Change
from tests.support.worlds.fax_world import NUMBER, Crash, FaxWorld, calls, statuses, store_pdf

Fault = Callable[[Sequence[MessageFacts]], None]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[Fault]:
    """Replace the slow drawing of the faxes' pages, and return a list to which a test may add faults.

    A fault is a function. Each drawing takes the first fault from the list and calls it with the faxes."""
    waiting: list[Fault] = []

    def store(faxes: CarrierFaxes, facts: MessageFacts, max_megabytes: int, companions: Sequence[MessageFacts]) -> str:
        if waiting:
            waiting.pop(0)((facts, *companions))
        return store_pdf(faxes, facts, max_megabytes, companions)

    monkeypatch.setattr(CarrierFaxes, "_store_pdf", store)
    return waiting


@pytest.fixture
def world(faults: list[Fault]) -> FaxWorld:
    del faults
    return FaxWorld()


def raising(error: BaseException) -> Fault:
    def fault(_faxes: Sequence[MessageFacts]) -> None:
        raise error

    return fault


def test_a_fax_goes_alone_if_the_joint_pdf_cannot_be_made(
    world: FaxWorld, faults: list[Fault], caplog: pytest.LogCaptureFixture
) -> None:
    for error in (Unavailable("too much"), Unprocessable("too large")):
        faults.append(raising(error))
        first = world.fax()
        world.fax(NUMBER)
        world.deliver(first)
        assert calls(world)[-1] == [first]
        world.pass_and_run(3)
    assert statuses(world) == {DeliveryStatus.DELIVERED}
    assert "faxes not joined" in caplog.text


@pytest.mark.parametrize("error", [OSError("S3"), RuntimeError("DynamoDB")])
def test_an_error_before_the_call_leads_to_a_retry_within_a_minute(
    world: FaxWorld, faults: list[Fault], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    faults.append(raising(error))
    row = world.deliver(world.fax())
    assert (row.status, row.attempts[-1].detail) == (DeliveryStatus.QUEUED, "The fax could not be prepared.")
    assert row.next_attempt_at is not None
    assert row.next_attempt_at - world.clock.now() <= timedelta(seconds=11)
    assert "fax not prepared" in caplog.text
    assert str(error) not in caplog.text
    world.when_due(row.id)
    assert len(calls(world)) == 1


def test_a_damaged_original_goes_to_the_queue_of_failed_jobs(world: FaxWorld, faults: list[Fault]) -> None:
    faults.append(raising(StoredFileCorrupt("other bytes")))
    with pytest.raises(StoredFileCorrupt):
        world.deliver(world.fax())
    assert calls(world) == []


def test_the_deletion_of_the_pdf_may_fail_too(
    world: FaxWorld, faults: list[Fault], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_key: str) -> None:
        raise OSError("S3")

    faults.append(raising(OSError("S3")))
    with monkeypatch.context() as outage:
        outage.setattr(world.files, "delete", fail)
        row = world.deliver(world.fax())
    assert row.status is DeliveryStatus.QUEUED
    world.when_due(row.id)
    assert len(calls(world)) == 1, "the next attempt takes over the number"


def test_a_worker_that_dies_before_the_call_delays_the_fax_by_two_minutes_at_most(
    world: FaxWorld, faults: list[Fault]
) -> None:
    faults.append(raising(Crash()))
    first, second = world.fax(), world.fax()
    with pytest.raises(Crash):
        world.deliver(first)
    world.clock.pass_time(minutes=2)
    row = world.deliver(first)
    assert [attempt.status for attempt in row.attempts] == [AttemptStatus.INTERRUPTED, AttemptStatus.SENDING]
    assert calls(world) == [[first]], "the joint PDF may have been too much work"
    world.pass_and_run(5)
    assert world.row(second).status is DeliveryStatus.DELIVERED
    assert [len(call) for call in calls(world)] == [1, 1]


def test_a_companion_that_changes_before_the_call_stops_the_call(world: FaxWorld, faults: list[Fault]) -> None:
    first, second = world.fax(), world.fax()

    def claim(_faxes: Sequence[MessageFacts]) -> None:
        claimed = start(world.row(second), world.clock.now(), never_repeats=True)
        world.store.commit(Change(at=world.clock.now(), deliveries=(claimed,)))

    faults.append(claim)
    row = world.deliver(first)
    assert calls(world) == []
    assert row.status is DeliveryStatus.QUEUED
    world.pass_and_run(5)
    assert statuses(world) == {DeliveryStatus.DELIVERED}
    assert sorted(call[0] for call in calls(world)) == sorted([first, second])


def test_a_worker_that_was_too_slow_makes_no_call(world: FaxWorld, faults: list[Fault]) -> None:
    first = world.fax()

    def be_slow(_faxes: Sequence[MessageFacts]) -> None:
        world.clock.pass_time(minutes=2)
        world.deliver(first)

    faults.append(be_slow)
    row = world.deliver(first)
    assert calls(world) == [[first]]
    assert [attempt.status for attempt in row.attempts] == [AttemptStatus.INTERRUPTED, AttemptStatus.SENDING]
    assert not reserve_line(world.store, NUMBER, "dlv_other.1", world.clock.now()), "the second worker has the number"
