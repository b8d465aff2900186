"""Test faults between any two steps of the portal's background work, such as the death of a worker.

The portal must still send every webhook with its one id, and list every webhook."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.services.delivery import outbox_relay as relay
from chalicelib.services.transaction import Job
from tests.integration.test_faults_of_receivers import expect_all_arrived, some_events
from tests.support.integration.aws_faults import Fault, after, before, in_conflict, the, throttled
from tests.support.integration.emr_client import Emr
from tests.support.integration.local_workers import Killed, Works
from tests.support.integration.webhook_receivers import Receiver, answers

WAITING = {"queued", "sending"}


def statuses(clinic: Emr) -> set[str]:
    return {webhook["status"] for webhook in clinic.webhooks().values()}


# The relay


def test_a_relay_killed_after_some_sends_loses_nothing(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)
    real, sent = works.services.queues.send, []

    def send_some(jobs: list[Job], *, delay_seconds: int = 0) -> None:
        real(jobs[: len(jobs) // 2], delay_seconds=delay_seconds)
        sent.extend(jobs)
        raise Killed

    rows = works.outbox()
    with works.replaced("queues", send=send_some), pytest.raises(Killed):
        works.relay()
    assert len(sent) > 3
    assert works.outbox() == rows
    works.work_off()
    expect_all_arrived(clinic, receiver, events)


def test_a_relay_killed_between_the_queue_and_the_outbox_loses_nothing(
    works: Works, clinic: Emr, receiver: Receiver
) -> None:
    events = some_events(clinic)
    real, dropped = works.services.store.drop_outbox, list[str]()

    def drop_some(row_id: str) -> None:
        if len(dropped) == 2:
            raise Killed
        real(row_id)
        dropped.append(row_id)

    rows = works.outbox()
    with works.replaced("store", drop_outbox=drop_some), pytest.raises(Killed):
        works.relay()
    left = {row.id for row in works.outbox()}
    assert left == {row.id for row in rows} - set(dropped)
    assert left
    works.work_off()
    expect_all_arrived(clinic, receiver, events)
    assert len(receiver.received) == len(events)


def test_the_sweep_finds_rows_that_the_stream_missed(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)
    works.catch_up()
    works.clock.pass_time(minutes=3)
    works.services.scheduled_sweep.run()
    assert works.outbox() == ()
    works.work_off()
    expect_all_arrived(clinic, receiver, events)


@pytest.mark.parametrize("refused", ["in the answer", "by an error"])
def test_a_refusing_queue_leaves_the_outbox_unchanged(
    works: Works, clinic: Emr, receiver: Receiver, refused: str
) -> None:
    events = some_events(clinic)
    rows, client = works.outbox(), works.services.clients.sqs

    def fault(_operation: str, _parameters: Mapping[str, Any]) -> Any:
        if refused == "by an error":
            return throttled("", {})
        answer, failed = throttled("", {})[0], {"Id": "1", "Code": "InternalError", "SenderFault": False}
        answer.status_code = 200
        return answer, {"Failed": [failed], "Successful": []}

    works.catch_up()
    works.clock.pass_time(minutes=3)
    with before(client.meta.events, "sqs", the("SendMessageBatch", times=100, fault=fault)) as hook:
        with pytest.raises(Unavailable):
            relay.sweep(works.clock.now(), store=works.services.store, queues=works.services.queues)
        assert len(hook.spoilt) >= len(rows), "one row that cannot be relayed must hold up no other"
    assert works.outbox() == rows
    works.work_off()
    expect_all_arrived(clinic, receiver, events)


# The worker


def test_a_worker_killed_after_each_post_sends_the_same_again(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)

    def die(_posts: int) -> None:
        raise Killed

    works.relay_now()
    works.sender.after = die
    for _ in range(len(events)):
        works.work_until_killed()
    assert len(receiver.received) == len(events)
    assert statuses(clinic) <= WAITING

    works.sender.after = lambda _: None
    works.until_over()
    expect_all_arrived(clinic, receiver, events)
    assert len(receiver.received) == 2 * len(events)
    for webhook in clinic.webhooks().values():
        assert [attempt["status"] for attempt in webhook["attempts"]] == ["interrupted", "succeeded"]


def test_a_worker_killed_after_ses_accepted_the_email_sends_it_again_and_every_link_works(
    works: Works, clinic: Emr
) -> None:
    document_id = clinic.sends()
    address = clinic.document(document_id)["deliveries"][0]["recipient"]
    real, taken = works.services.mailer.send, []

    def send_and_die(*, to: str, message: bytes) -> str:
        taken.append(real(to=to, message=message))
        raise Killed

    works.relay_now()
    with works.replaced("mailer", send=send_and_die):
        works.work_until_killed()
        works.work_until_killed()
    assert len(taken) == 2
    lines = clinic.document(document_id)["deliveries"]
    assert {line["status"] for line in lines} == {"queued"}

    works.until_over()
    mails = works.stack.wait_for_mail(address, 4)
    assert sorted(str(mail["subject"]) for mail in mails[:2]) == sorted(str(mail["subject"]) for mail in mails[2:])
    links = [link for mail in mails for link in works.links(mail, "/setup/")]
    assert len(set(links)) == 4
    for link in links:
        with works.stack.browser() as browser:
            assert browser.get(link).status_code == 303
            assert "Set up" in browser.get("/setup").text
    assert {line["status"] for line in clinic.document(document_id)["deliveries"]} <= {"sent", "delivered"}


# The database


CONFLICTS: dict[str, Fault] = {"throttled": throttled, "in conflict": in_conflict}


@pytest.mark.parametrize("kind", CONFLICTS)
@pytest.mark.parametrize("which", range(4))
def test_a_write_that_the_database_refuses_is_repeated_later(
    works: Works, clinic: Emr, receiver: Receiver, kind: str, which: int
) -> None:
    """The database may refuse any of the four writes that sending a webhook needs.

    They store the reservation of the delivery, the endpoint's health, the result, and the jobs that follow (outbox)."""
    event = clinic.tests_endpoint()
    receiver.script = [answers(500)]
    skipped = [which]

    def fault(operation: str, parameters: Mapping[str, Any]) -> Any:
        if operation not in {"TransactWriteItems", "DeleteItem"}:
            return None
        skipped[0] -= 1
        return CONFLICTS[kind](operation, parameters) if skipped[0] == -1 else None

    with before(works.dynamodb, "dynamodb", fault) as hook:
        works.persevere()
    assert len(hook.spoilt) == 1
    works.until_over()
    expect_all_arrived(clinic, receiver, {event})


def test_a_transaction_in_conflict_is_retried_immediately(works: Works, clinic: Emr, receiver: Receiver) -> None:
    event = clinic.tests_endpoint()
    works.relay_now()
    with before(works.dynamodb, "dynamodb", the("TransactWriteItems", times=5, fault=in_conflict)) as hook:
        assert works.work() == 1
    assert len(hook.spoilt) == 5
    expect_all_arrived(clinic, receiver, {event})
    assert len(receiver.received) == 1


def test_intake_handles_an_event_once_despite_conflicts_and_lost_responses(works: Works, clinic: Emr) -> None:
    fails: list[Callable[[], Any]] = [
        lambda: before(works.dynamodb, "dynamodb", the("TransactWriteItems", times=3, fault=in_conflict)),
        lambda: before(works.dynamodb, "dynamodb", the("TransactWriteItems", times=1, fault=throttled)),
        lambda: before(works.dynamodb, "dynamodb", the("GetItem", times=1, fault=throttled)),
        lambda: after(works.dynamodb, "dynamodb", lambda operation: operation == "TransactWriteItems"),
    ]
    expected = [202, 503, 503, 503]
    for fail, status in zip(fails, expected, strict=True):
        post = clinic.prepared()
        with fail() as hook:
            first = post()
        assert hook.spoilt
        assert first.status_code == status, first.body
        answers = [post(), post()]
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json_body["document_id"] for answer in answers}) == 1
        document_id = answers[0].json_body["document_id"]
        trail = clinic.trail(document_id)
        assert trail["intact"]
        assert [event["type"] for event in trail["events"]] == ["document.sent"]
        # The setup email belongs to no document, so the clinic sees only the email that announces the document.
        assert [line["type"] for line in clinic.document(document_id)["deliveries"]] == ["ready"]
    assert len(works.outbox()) == len(expected)


# The queue


def test_sqs_delivers_twice_and_out_of_order(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)
    works.relay_now()
    messages = works.take()
    assert len(messages) > 3
    for batch in (messages[::-1], messages, [messages[0]], [messages[0]]):
        assert works.run(batch) == set()
    for message in messages:
        works.done(message)
    expect_all_arrived(clinic, receiver, events)
    assert len(receiver.received) == len(events)


def test_two_concurrent_workers_post_the_same_messages_once(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)
    works.relay_now()
    messages = works.take()
    with ThreadPoolExecutor(max_workers=4) as pool:
        assert set().union(*pool.map(works.run, [messages] * 4)) == set()
    for message in messages:
        works.done(message)
    expect_all_arrived(clinic, receiver, events)
    assert len(receiver.received) == len(events)


def test_a_job_that_is_days_late_does_nothing(works: Works, clinic: Emr, receiver: Receiver) -> None:
    events = some_events(clinic)
    works.relay_now()
    late = works.take()
    works.clock.pass_time(minutes=2)
    works.until_over()
    expect_all_arrived(clinic, receiver, events)
    works.clock.pass_time(days=4)
    assert works.run(late) == set()
    for item in late:
        works.done(item)
    assert len(receiver.received) == len(events)
