from datetime import timedelta

import pytest

from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.outbox_stream import outbox_rows
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.delivery.outbox_relay import SWEEP_AFTER, relay_rows, sweep
from chalicelib.services.transaction import Change, Job, OutboxRow
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeQueues

SEAL = Job(queue=QueueName.DOCUMENTS, name=JobName.SEAL, event_id="evt_1", document_id="doc_1")
DELIVER = Job(queue=QueueName.DELIVERIES, name=JobName.DELIVER, event_id="evt_1", delivery_id="dlv_1")


def a_row(name: str, **age: float) -> OutboxRow:
    return OutboxRow(id=name, created_at=START - timedelta(**age), jobs=(SEAL, DELIVER))


def a_store(*rows: OutboxRow) -> FakeStore:
    store = FakeStore()
    if rows:
        store.commit(Change(at=START, outbox=rows))
    return store


class DiesAfterSending(FakeQueues):
    """A queue that accepts jobs, but whose response is lost, so that the relay does not know that the jobs are
    queued."""

    def send(self, jobs: object, *, delay_seconds: int = 0) -> None:
        super().send(jobs, delay_seconds=delay_seconds)  # type: ignore[arg-type]  # - passed on as it came
        raise Unavailable("no answer")


def test_jobs_are_enqueued_and_the_row_is_deleted() -> None:
    store, queues = a_store(a_row("evt_1")), FakeQueues()
    relay_rows([a_row("evt_1")], store=store, queues=queues)
    assert queues.sent == [(SEAL, 0), (DELIVER, 0)]
    assert store.jobs() == ()


def test_a_refused_job_raises_and_leaves_every_row() -> None:
    store = a_store(a_row("evt_1"), a_row("evt_2"))
    with pytest.raises(Unavailable):
        relay_rows([a_row("evt_1"), a_row("evt_2")], store=store, queues=FakeQueues(failing=True))
    assert len(store.jobs()) == 4


def test_dying_between_queue_and_outbox_enqueues_twice_and_loses_nothing() -> None:
    store, queues = a_store(a_row("evt_1")), DiesAfterSending()
    with pytest.raises(Unavailable):
        relay_rows([a_row("evt_1")], store=store, queues=queues)
    again = FakeQueues()
    relay_rows([a_row("evt_1")], store=store, queues=again)
    assert [job for job, _ in queues.sent] == [job for job, _ in again.sent] == [SEAL, DELIVER]
    assert store.jobs() == ()


def test_the_stream_may_bring_a_row_that_the_sweep_has_relayed() -> None:
    store, queues = a_store(), FakeQueues()
    relay_rows([a_row("evt_1")], store=store, queues=queues)
    assert len(queues.sent) == 2


def test_the_sweep_takes_only_rows_older_than_two_minutes() -> None:
    store, queues = a_store(a_row("old", minutes=2, seconds=1), a_row("young", minutes=2)), FakeQueues()
    assert sweep(START, store=store, queues=queues) == 1
    assert timedelta(minutes=2) == SWEEP_AFTER
    assert [row.id for row in store.every(OutboxRow, "outbox")] == ["young"]


def test_a_row_that_the_queue_refuses_delays_no_other_row() -> None:
    class RefusesSeals(FakeQueues):
        def send(self, jobs: object, *, delay_seconds: int = 0) -> None:
            if SEAL in list(jobs):  # type: ignore[call-overload]  # - a test's stand-in
                raise Unavailable("refused")
            super().send(jobs, delay_seconds=delay_seconds)  # type: ignore[arg-type]  # - passed on as it came

    good = OutboxRow(id="z_good", created_at=START - timedelta(hours=1), jobs=(DELIVER,))
    store, queues = a_store(a_row("a_bad", hours=1), good), RefusesSeals()
    with pytest.raises(Unavailable, match="1 of 2 outbox rows"):
        sweep(START, store=store, queues=queues)
    assert queues.sent == [(DELIVER, 0)]
    assert [row.id for row in store.every(OutboxRow, "outbox")] == ["a_bad"]


def test_only_inserted_rows_of_the_stream_are_taken() -> None:
    image = {"record": {"S": codec.dump(a_row("evt_1"))}}
    event = {
        "Records": [
            {"eventName": "INSERT", "dynamodb": {"NewImage": image}},
            {"eventName": "REMOVE", "dynamodb": {"OldImage": image}},
        ]
    }
    assert outbox_rows(event) == (a_row("evt_1"),)
