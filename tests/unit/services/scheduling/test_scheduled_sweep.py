import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest.mock import Mock

import pytest

from chalicelib.domain.audit import DocumentEventType, find_break
from chalicelib.domain.certification.facts import AttentionReason, Certification, Payer, PayerKind
from chalicelib.domain.certification.rules import certify_verbally
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.documents import Decision, Sealing, Signer, SigningMethod
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.domain.timestamps import to_text
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.services.pdf_jobs import seal_certificates
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY
from chalicelib.services.ports import HttpResult
from chalicelib.services.scheduling import scheduled_sweep
from chalicelib.services.scheduling.scheduled_sweep import run_tasks
from chalicelib.services.transaction import Job
from chalicelib.workers import run_delivery_job
from tests.support.fakes import START
from tests.support.pdf.sealing_key import certificate
from tests.support.worlds.delivery_world import World


@pytest.fixture
def world() -> World:
    return World()


def jobs(world: World, name: str) -> list[str | None]:
    found = [job for job, _ in world.queues.sent if job.name == name]
    return [job.delivery_id or job.document_id for job in found]


def decided(world: World) -> None:
    signer = Signer(name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.ELECTRONIC, authentication="p")
    decision = Decision(action=Action.APPROVE, signer=signer, decided_at=START)
    world.change_document(
        status=Status.APPROVED, outcome=Outcome.APPROVED, decision=decision, sealing=Sealing.IN_PROGRESS
    )


def minutes(world: World, number: int) -> None:
    """Run the sweep (the tasks of every minute) this number of times, one minute apart, with the jobs that it
    stores."""
    for _ in range(number):
        world.clock.pass_time(minutes=1)
        world.scheduled_sweep.run()
        world.queues.sent.extend((job, 0) for job in world.relay())


# Verbal certifications

MEDICARE = Payer(kind=PayerKind.MEDICARE)
FACTS = Certification(initial_visit_on=START.date(), order_signed_on=START.date())


def noted(world: World) -> None:
    """Note that the provider certified the plan by telephone now. The certification ends after 14 days.

    The end is midnight of December 7 in Chicago."""
    world.change_document(payer=MEDICARE, certification=FACTS)
    called = certify_verbally(world.document, world.clock.now(), world.clock.now())
    assert called is not None
    world.change_document(verbal=called.verbal, follow_up_at=called.follow_up_at)


def test_a_verbal_certification_lapses_after_14_days_and_staff_hear_of_it(world: World) -> None:
    noted(world)
    lapse = datetime(2026, 12, 7, 6, tzinfo=UTC)
    world.clock.at = lapse - timedelta(seconds=1)
    assert world.scheduled_sweep.run()["follow_ups"] == 0
    assert world.webhooks() == []
    world.clock.at = lapse
    assert [world.scheduled_sweep.run()["follow_ups"] for _ in range(2)] == [1, 0]
    assert (world.webhooks(), world.notices()) == (["document.needs_attention"], ["needs_attention"])
    assert world.document.attention is AttentionReason.VERBAL_LAPSED
    (webhook,) = (row for row in world.store.every(Delivery, "deliveries") if row.channel is Channel.WEBHOOK)
    body = json.loads(webhook.body or "")["data"]
    assert (body["certified_by"], body["attention"]["reason"]) == (None, "verbal_certification_lapsed")
    assert find_break(world.store.events(world.document.id)) is None


@pytest.mark.parametrize("state", ["signed", "declined", "recalled", "transmitted"])
def test_a_verbal_certification_that_nobody_needs_ends_in_silence(world: World, state: str) -> None:
    noted(world)
    if state == "signed":
        decided(world)
    elif state == "transmitted":
        order = replace(FACTS, order_discipline="PT", order_npi=world.document.addressee.npi)
        world.change_document(certification=order, transmitted_at=world.clock.now())
    else:
        outcome = Outcome.DECLINED if state == "declined" else None
        world.change_document(status=Status(state), outcome=outcome)
    world.clock.pass_time(days=15)
    assert world.scheduled_sweep.run()["follow_ups"] == 1
    assert "document.needs_attention" not in world.webhooks()
    assert (world.document.attention, world.document.follow_up_at) == (None, None)


def test_an_unconfirmed_scan_does_not_stop_the_lapse(world: World) -> None:
    noted(world)
    world.change_document(status=Status.APPROVED, outcome=Outcome.BY_HAND)
    world.clock.pass_time(days=15)
    world.scheduled_sweep.run()
    assert world.webhooks() == ["document.needs_attention"]


def test_a_lapse_that_another_writer_overtook_is_left_to_the_next_sweep(world: World) -> None:
    noted(world)
    world.clock.pass_time(days=15)
    world.store.before_commit = lambda: world.change_document(message="Another writer was faster.")
    assert [world.scheduled_sweep.run()["follow_ups"] for _ in range(2)] == [0, 1]
    assert world.document.message == "Another writer was faster."
    assert world.webhooks() == ["document.needs_attention"]


def test_a_document_that_an_old_index_lists_too_early_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted(world)
    monkeypatch.setattr(world.store, "follow_up_documents", lambda *_, **__: (world.document,))
    assert world.scheduled_sweep.run()["follow_ups"] == 0
    assert world.document.follow_up_at is not None


# Due attempts


def test_an_attempt_due_for_less_than_a_minute_is_left_to_the_queue(world: World) -> None:
    world.webhook()
    world.relay()
    world.clock.pass_time(seconds=59)
    world.scheduled_sweep.run()
    assert world.queues.sent == []


def test_a_message_with_a_lost_job_is_sent(world: World) -> None:
    row_id = world.webhook()
    world.relay()
    world.clock.pass_time(minutes=1)
    assert world.scheduled_sweep.run()["due"] == 1
    assert world.deliver(row_id).status is DeliveryStatus.DELIVERED


def test_sweeps_enqueue_a_row_once_in_fifteen_minutes(world: World) -> None:
    row_id = world.webhook()
    world.relay()
    minutes(world, 15)
    assert jobs(world, "deliver") == [row_id]
    minutes(world, 2)
    assert jobs(world, "deliver") == [row_id, row_id]


def test_two_concurrent_sweeps_send_a_message_once(world: World) -> None:
    row_id = world.webhook()
    world.relay()
    world.clock.pass_time(minutes=1)

    def another() -> None:
        world.scheduled_sweep.run()

    world.store.before_commit = another
    world.scheduled_sweep.run()
    for job, _ in list(world.queues.sent):
        run_delivery_job(job, world)
    assert world.row(row_id).status is DeliveryStatus.DELIVERED
    assert len(world.webhook_sender.posted) == 1


def test_a_refusing_queue_leaves_the_row_to_the_next_sweep(world: World) -> None:
    row_id = world.webhook()
    world.relay()
    world.clock.pass_time(minutes=1)
    world.queues.failing = True
    with pytest.raises(Unavailable):
        world.scheduled_sweep.run()
    world.queues.failing = False
    minutes(world, 1)
    assert jobs(world, "deliver") == [row_id]


def test_an_outdated_index_queues_nothing(world: World) -> None:
    done, waiting = world.webhook(), world.webhook(DocumentEventType.DECLINED)
    world.deliver(done)
    world.relay()
    world.clock.pass_time(seconds=30)
    everything = (world.row(done), world.row(waiting))
    world.store.due_deliveries = lambda *_, **__: everything  # type: ignore[method-assign]  # - the index as it was
    assert world.scheduled_sweep.run()["due"] == 0
    assert jobs(world, "deliver") == []


def test_a_requeued_row_is_attempted_before_its_lease_ends(world: World) -> None:
    world.webhook_sender.answers = [HttpResult(500), HttpResult(200)]
    row_id = world.webhook()
    world.deliver(row_id)
    world.relay()
    minutes(world, 2)
    assert world.deliver(row_id).status is DeliveryStatus.DELIVERED


def test_a_receiver_down_for_days_gets_every_webhook_with_its_one_id(world: World) -> None:
    """The queue loses every job that waits, so only the sweep (the tasks of every minute) starts the later attempts."""
    world.webhook_sender.answers = [HttpResult(503)]
    row_ids = [world.webhook(event) for event in (DocumentEventType.VIEWED, DocumentEventType.DECLINED)]
    frozen = {world.row(id_).message_id: world.row(id_).body for id_ in row_ids}
    world.relay()
    end = START + timedelta(days=4)
    while world.clock.at < end:
        world.clock.pass_time(minutes=20)
        world.queues.sent.clear()
        world.scheduled_sweep.run()
        for job in [job for job, _ in world.queues.sent if job.name == "deliver"]:
            run_delivery_job(job, world)
    world.webhook_sender.answers = [HttpResult(200)]
    world.webhook_sender.posted.clear()
    while any(world.row(id_).status is not DeliveryStatus.DELIVERED for id_ in row_ids):
        world.clock.pass_time(minutes=20)
        world.queues.sent.clear()
        world.scheduled_sweep.run()
        for job in [job for job, _ in world.queues.sent if job.name == "deliver"]:
            run_delivery_job(job, world)
    assert world.clock.at < end + timedelta(days=2)
    got = {headers["webhook-id"]: body.decode() for _, headers, body in world.webhook_sender.posted}
    assert got == frozen


# Seals


def test_a_seal_in_progress_is_not_retried(world: World) -> None:
    decided(world)
    minutes(world, 15)
    assert world.document.sealing is Sealing.IN_PROGRESS
    assert jobs(world, "seal") == []


def test_a_delayed_seal_is_reported_once_and_retried(world: World) -> None:
    decided(world)
    minutes(world, 16)
    assert world.document.sealing is Sealing.DELAYED
    assert jobs(world, "seal") == [world.document.id]
    minutes(world, 13)
    assert jobs(world, "seal") == [world.document.id]
    minutes(world, 31)
    assert jobs(world, "seal") == [world.document.id] * 4
    assert [event.type for event in world.events()] == ["document.sealing_delayed"]
    assert find_break(world.events()) is None
    assert world.notices() == ["sealing_delayed"]


def test_a_seal_that_keeps_failing_is_retried_less_and_less_often(world: World) -> None:
    decided(world)
    minutes(world, 24 * 60)
    first_day = len(jobs(world, "seal"))
    minutes(world, 3 * 24 * 60)
    assert first_day == 4 + 23
    assert len(jobs(world, "seal")) == first_day + 3


def test_a_late_sweep_runs_the_retries_of_its_scheduled_minute(world: World) -> None:
    decided(world)
    minutes(world, 2 * 24 * 60 - 1)
    before = len(jobs(world, "seal"))
    meant = world.clock.now() + timedelta(minutes=1)
    world.clock.pass_time(minutes=7)
    world.scheduled_sweep.run(to_text(meant))
    assert len(jobs(world, "seal")) == before + 1


def test_a_document_sealed_during_the_sweep_is_not_marked_delayed(world: World) -> None:
    decided(world)
    world.clock.pass_time(minutes=16)
    world.store.before_commit = lambda: world.change_document(sealing=Sealing.SEALED)
    assert world.scheduled_sweep.run()["seals_late"] == 0
    assert world.document.sealing is Sealing.SEALED
    assert world.events() == []


def test_an_undecided_or_sealed_document_is_never_retried(world: World) -> None:
    minutes(world, 3)
    decided(world)
    world.change_document(sealing=Sealing.SEALED)
    minutes(world, 40)
    assert jobs(world, "seal") == []


# The outbox


def test_a_row_that_the_stream_missed_is_relayed(world: World) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    world.clock.pass_time(minutes=2, seconds=1)
    assert world.scheduled_sweep.run()["relayed"] == 1
    assert row_id in jobs(world, "deliver")
    assert world.store.jobs() == ()


def test_a_refusing_queue_raises_for_the_alarm_and_loses_nothing(world: World) -> None:
    world.message(Channel.EMAIL, MessageType.READY)
    world.clock.pass_time(minutes=2, seconds=1)
    world.queues.failing = True
    with pytest.raises(Unavailable):
        world.scheduled_sweep.run()
    world.queues.failing = False
    assert world.scheduled_sweep.run()["relayed"] == 1


# Each whatever became of the others


DUTIES = ("due", "follow_ups", "seals_late", "seals_again", "untimed", "certificate", "anchors", "relayed", "orphans")


def test_a_queue_that_refuses_overdue_jobs_stops_no_other_task(world: World) -> None:
    world.webhook()
    world.clock.pass_time(minutes=2, seconds=1)
    decided(world)
    refused, real = list[Job](), world.queues.send

    def send(jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        if jobs and not refused:
            refused.extend(jobs)
            raise Unavailable("The queue refused.")
        real(jobs, delay_seconds=delay_seconds)

    world.queues.send = send  # type: ignore[method-assign]  # - it refuses once
    world.clock.pass_time(minutes=16)
    with pytest.raises(Unavailable):
        world.scheduled_sweep.run()
    assert {job.name for job in refused} == {"deliver"}
    assert jobs(world, "deliver") != [], "the outbox was swept"
    assert world.document.sealing is Sealing.DELAYED, "the late seal was reported"


@pytest.mark.parametrize("failing", DUTIES)
def test_every_task_runs_and_the_failure_is_raised_at_the_end(
    failing: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    def duty(name: str) -> int:
        done.append(name)
        if name == failing:
            raise RuntimeError("Ada Byron")
        return 1

    with pytest.raises(RuntimeError):
        run_tasks({name: partial(duty, name) for name in DUTIES})
    assert done == list(DUTIES)
    assert "Ada" not in capsys.readouterr().out
    assert caplog.messages == ["duty failed"]


def test_these_are_the_tasks(world: World) -> None:
    assert tuple(world.scheduled_sweep.run()) == DUTIES


def test_the_days_left_of_the_certificate_are_logged_once_an_hour(world: World) -> None:
    pem = chain.write_pem([certificate()])
    world.files.put(CURRENT_KEY, pem, "application/x-pem-file")
    logged = 0
    for _ in range(60):
        world.clock.pass_time(minutes=1)
        logged += world.scheduled_sweep.run()["certificate"]
    assert logged == 1


def test_the_anchor_job_is_queued_once_an_hour(world: World) -> None:
    counted = 0
    for _ in range(60):
        world.clock.pass_time(minutes=1)
        counted += world.scheduled_sweep.run()["anchors"]
    ((job, delay),) = world.queues.sent
    assert (job.queue, job.name, delay, counted) == (QueueName.DOCUMENTS, JobName.ANCHOR, 0, 1)


def test_jobs_of_the_sweep_contain_only_ids(world: World) -> None:
    decided(world)
    world.webhook()
    world.relay()
    minutes(world, 31)
    for job, _ in world.queues.sent:
        assert isinstance(job, Job)
        assert "Byron" not in str(job)


def test_the_line_for_the_alarm_names_the_days_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = Mock()
    monkeypatch.setattr(scheduled_sweep, "logger", logger)
    monkeypatch.setattr(seal_certificates, "days_left", lambda *_: 30)
    world.scheduled_sweep.run("2026-11-22T19:00:00Z")
    world.scheduled_sweep.run("2026-11-22T19:01:00Z")
    logger.info.assert_called_once_with("seal certificate", extra={"days": 30})
