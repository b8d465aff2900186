from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.deliveries import (
    CHANNELS,
    AttemptStatus,
    Channel,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    FaxCall,
    ReceiptFacts,
)
from chalicelib.domain.delivery_attempts import (
    LEASE,
    REQUEUE_LEASE,
    AttemptResult,
    Verdict,
    append_receipt,
    commit_to_send,
    finish,
    is_due,
    is_used_up,
    is_waiting,
    may_have_been_sent,
    queue_again,
    requeue,
    start,
    waits_to_retry,
)

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
LATER = NOW + timedelta(seconds=7)
FAILED = AttemptResult(verdict=Verdict.RETRY, detail="451")


def entry(
    status: AttemptStatus, at: datetime = NOW, detail: str = "", ended_at: datetime | None = None
) -> DeliveryAttempt:
    return DeliveryAttempt(at=at, status=status, detail=detail, ended_at=ended_at)


def delivery(*statuses: AttemptStatus, channel: Channel = Channel.EMAIL) -> Delivery:
    return Delivery(
        id="dlv_1",
        version=4,
        practice_id="prc_1",
        document_id="doc_1",
        event_id="evt_1",
        channel=channel,
        type="ready",
        recipient="a@example.com",
        created_at=NOW,
        attempts=tuple(entry(status) for status in statuses),
        next_attempt_at=NOW,
        carrier_id="old",
    )


@pytest.mark.parametrize("channel", Channel)
def test_a_message_is_tried_once_more_than_its_schedule_has_waits(channel: Channel) -> None:
    tried, now, waits = delivery(channel=channel), NOW, []
    while tried.status is DeliveryStatus.QUEUED:
        assert not is_used_up(tried)
        tried = finish(start(tried, now), FAILED, now, jitter=0)
        if tried.next_attempt_at is not None:
            waits.append(tried.next_attempt_at - now)
            now = tried.next_attempt_at
    assert tuple(waits) == CHANNELS[channel].retry_after
    assert len(tried.attempts) == len(waits) + 1
    assert is_used_up(tried)
    assert tried.status is DeliveryStatus.FAILED


@pytest.mark.parametrize(
    ("status", "next_attempt_at", "lease_until", "due"),
    [
        (DeliveryStatus.QUEUED, NOW, None, True),
        (DeliveryStatus.QUEUED, NOW + TICK, None, False),
        (DeliveryStatus.QUEUED, None, None, False),
        (DeliveryStatus.QUEUED, LATER, LATER, True),
        (DeliveryStatus.SENDING, NOW, LATER, True),
        (DeliveryStatus.SENDING, NOW + TICK, LATER, False),
        (DeliveryStatus.SENT, NOW, None, False),
        (DeliveryStatus.FAILED, NOW, LATER, False),
        (DeliveryStatus.HELD, NOW, None, False),
    ],
)
def test_a_delivery_is_due_when_its_time_has_come_or_a_sweep_has_queued_it(
    *, status: DeliveryStatus, next_attempt_at: datetime | None, lease_until: datetime | None, due: bool
) -> None:
    row = replace(delivery(), status=status, next_attempt_at=next_attempt_at, lease_until=lease_until)
    assert is_due(row, NOW) is due


@pytest.mark.parametrize(
    ("status", "waiting", "to_retry"),
    [
        (DeliveryStatus.QUEUED, True, True),
        (DeliveryStatus.SENDING, True, False),
        (DeliveryStatus.SENT, False, False),
        (DeliveryStatus.FAILED, False, False),
    ],
)
def test_a_delivery_waits_to_retry_while_it_is_queued_after_a_failure(
    *, status: DeliveryStatus, waiting: bool, to_retry: bool
) -> None:
    failed = replace(delivery(AttemptStatus.FAILED), status=status)
    assert (is_waiting(failed), waits_to_retry(failed)) == (waiting, to_retry)
    assert not waits_to_retry(replace(failed, attempts=()))


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, LEASE), (1, LEASE), (2, timedelta(minutes=5)), (5, timedelta(hours=6)), (6, LEASE)]
)
def test_a_started_attempt_reserves_the_delivery_and_plans_the_next_one(failures: int, wait: timedelta) -> None:
    started = start(delivery(*[AttemptStatus.FAILED] * failures), LATER)
    assert started.version == 5
    assert started.status is DeliveryStatus.SENDING
    assert started.lease_until == LATER + LEASE
    assert started.next_attempt_at == LATER + wait
    assert started.attempts[failures:] == (entry(AttemptStatus.SENDING, LATER),)


def test_an_interrupted_attempt_counts_as_a_failure() -> None:
    again = start(start(delivery(AttemptStatus.FAILED), NOW), LATER)
    interrupted = entry(AttemptStatus.INTERRUPTED, NOW, "The worker ended before it recorded the result.")
    assert again.attempts == (entry(AttemptStatus.FAILED), interrupted, entry(AttemptStatus.SENDING, LATER))
    assert again.next_attempt_at == LATER + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("verdict", "status", "mark"),
    [
        (Verdict.SENT, DeliveryStatus.SENT, AttemptStatus.SUCCEEDED),
        (Verdict.DELIVERED, DeliveryStatus.DELIVERED, AttemptStatus.SUCCEEDED),
        (Verdict.REFUSED, DeliveryStatus.FAILED, AttemptStatus.FAILED),
        (Verdict.HELD, DeliveryStatus.HELD, AttemptStatus.FAILED),
        (Verdict.CANCELLED, DeliveryStatus.CANCELLED, AttemptStatus.CANCELLED),
    ],
)
def test_a_final_result_ends_the_attempts(verdict: Verdict, status: DeliveryStatus, mark: AttemptStatus) -> None:
    result = AttemptResult(verdict=verdict, detail="why")
    done = finish(start(delivery(AttemptStatus.FAILED), NOW), result, LATER, jitter=1)
    assert (done.status, done.version) == (status, 6)
    assert (done.lease_until, done.next_attempt_at, done.carrier_id) == (None, None, "old")
    assert done.attempts == (entry(AttemptStatus.FAILED), entry(mark, NOW, "why", LATER))


def test_an_attempt_keeps_the_carriers_id_and_report() -> None:
    receipt = ReceiptFacts(sha256="ab" * 32, pages_sent=4, pages_confirmed=4)
    result = AttemptResult(verdict=Verdict.DELIVERED, detail="ok", carrier_id="fax_1", receipt=receipt)
    (attempt,) = finish(start(delivery(), NOW), result, LATER, jitter=0).attempts
    assert (attempt.carrier_id, attempt.receipt) == ("fax_1", receipt)


def test_a_pending_attempt_has_the_carriers_id_and_no_end() -> None:
    result = AttemptResult(verdict=Verdict.PENDING, detail="taken", carrier_id="fax_1")
    (attempt,) = finish(start(delivery(), NOW), result, LATER, jitter=0).attempts
    assert (attempt.status, attempt.carrier_id, attempt.ended_at) == (AttemptStatus.SENDING, "fax_1", None)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (None, timedelta(seconds=11)),
        (timedelta(seconds=3), timedelta(seconds=11)),
        (timedelta(hours=3), timedelta(hours=3)),
        (timedelta(hours=64), timedelta(hours=64)),
    ],
)
def test_a_receiver_may_ask_for_a_longer_wait(asked: timedelta | None, wait: timedelta) -> None:
    result = replace(FAILED, retry_after=asked, carrier_id="new")
    waiting = finish(start(delivery(), NOW), result, LATER, jitter=1)
    assert waiting.next_attempt_at == LATER + wait
    assert (waiting.status, waiting.lease_until, waiting.carrier_id) == (DeliveryStatus.QUEUED, None, "new")


def test_an_attempt_that_sent_nothing_leaves_no_entry() -> None:
    result = AttemptResult(verdict=Verdict.HELD, detail="off", tried=False)
    assert finish(start(delivery(AttemptStatus.FAILED), NOW), result, LATER, jitter=0).attempts == (
        entry(AttemptStatus.FAILED),
    )
    assert finish(delivery(AttemptStatus.FAILED), result, LATER, jitter=0).attempts == (entry(AttemptStatus.FAILED),)


def test_a_result_without_a_running_attempt_is_added_at_its_own_time() -> None:
    done = finish(delivery(AttemptStatus.FAILED), AttemptResult(verdict=Verdict.SENT, detail="ok"), LATER, jitter=0)
    assert done.attempts == (entry(AttemptStatus.FAILED), entry(AttemptStatus.SUCCEEDED, LATER, "ok", LATER))
    first = finish(delivery(), AttemptResult(verdict=Verdict.SENT, detail="ok"), LATER, jitter=0)
    assert first.attempts == (entry(AttemptStatus.SUCCEEDED, LATER, "ok", LATER),)


def test_a_requeued_delivery_is_left_alone_for_fifteen_minutes() -> None:
    queued = requeue(start(delivery(), NOW), LATER)
    assert (queued.version, queued.status) == (6, DeliveryStatus.QUEUED)
    assert timedelta(minutes=15) == REQUEUE_LEASE
    assert queued.lease_until == queued.next_attempt_at == LATER + timedelta(minutes=15)
    assert [attempt.status for attempt in queued.attempts] == [AttemptStatus.INTERRUPTED]
    assert requeue(delivery(), NOW).attempts == ()
    assert requeue(delivery(AttemptStatus.FAILED), NOW).attempts == (entry(AttemptStatus.FAILED),)


def test_a_delivery_that_staff_queue_again_starts_its_schedule_again() -> None:
    used_up = replace(delivery(*[AttemptStatus.FAILED] * 7), status=DeliveryStatus.FAILED, lease_until=LATER)
    again = queue_again(used_up, LATER, why="Asked by staff.")
    assert again.attempts[7:] == (entry(AttemptStatus.ASKED_AGAIN, LATER, "Asked by staff."),)
    assert (again.version, again.status, again.carrier_id) == (5, DeliveryStatus.QUEUED, None)
    assert (again.lease_until, again.next_attempt_at) == (None, LATER)
    assert not is_used_up(again)
    retried = finish(start(again, LATER), FAILED, LATER, jitter=0)
    assert retried.next_attempt_at == LATER + CHANNELS[Channel.EMAIL].retry_after[0]


def test_repeated_requests_to_queue_again_leave_one_entry() -> None:
    once = queue_again(delivery(AttemptStatus.FAILED), NOW, why="one")
    twice = queue_again(once, LATER, why="two")
    assert twice.attempts == (entry(AttemptStatus.FAILED), entry(AttemptStatus.ASKED_AGAIN, LATER, "two"))
    assert queue_again(delivery(), NOW, why="one").attempts == (entry(AttemptStatus.ASKED_AGAIN, NOW, "one"),)


@pytest.mark.parametrize(
    ("statuses", "place"),
    [
        ((), 0),
        ((AttemptStatus.SUCCEEDED,), 1),
        ((AttemptStatus.FAILED, AttemptStatus.SENDING), 1),
        ((AttemptStatus.SENDING, AttemptStatus.ASKED_AGAIN), 2),
    ],
)
def test_a_receipt_is_added_before_a_running_attempt(statuses: tuple[AttemptStatus, ...], place: int) -> None:
    receipt = entry(AttemptStatus.TAKEN, LATER, "accepted")
    received = append_receipt(delivery(*statuses), receipt)
    before = delivery(*statuses).attempts
    assert received.attempts == (*before[:place], receipt, *before[place:])
    assert received.version == 5


@pytest.mark.parametrize(("asked", "wait"), [(None, LEASE), (timedelta(seconds=9), timedelta(seconds=9))])
def test_a_pending_result_is_asked_for_later(asked: timedelta | None, wait: timedelta) -> None:
    pending = AttemptResult(verdict=Verdict.PENDING, detail="queued", carrier_id="fax_1", retry_after=asked)
    waiting = finish(start(delivery(), NOW), pending, LATER, jitter=1)
    assert (waiting.status, waiting.next_attempt_at) == (DeliveryStatus.SENDING, LATER + wait)
    assert (waiting.lease_until, waiting.carrier_id) == (None, "fax_1")


@pytest.mark.parametrize("asked", [None, timedelta(minutes=3)])
def test_a_retry_that_sent_nothing_waits_as_asked_and_counts_no_attempt(asked: timedelta | None) -> None:
    full = AttemptResult(verdict=Verdict.RETRY, detail="full", retry_after=asked, tried=False)
    waiting = finish(start(delivery(AttemptStatus.FAILED), NOW), full, LATER, jitter=1)
    assert (waiting.status, waiting.next_attempt_at) == (DeliveryStatus.QUEUED, LATER + (asked or timedelta()))
    assert waiting.attempts == (entry(AttemptStatus.FAILED),)


def test_an_attempt_that_never_repeats_starts_without_the_id_of_the_one_before() -> None:
    assert start(delivery(), LATER).carrier_id == "old"
    started = start(delivery(), LATER, never_repeats=True)
    assert (started.carrier_id, started.never_repeats, started.unsent) == (None, True, True)
    assert not start(delivery(), LATER).unsent


CALL = FaxCall(mark="dlv_0.3", deliveries=("dlv_0", "dlv_1"), pages=9)


def test_a_fax_counts_as_sent_from_the_moment_before_its_call() -> None:
    started = start(replace(delivery(channel=Channel.FAX), call=CALL), NOW, never_repeats=True)
    assert started.call is None
    assert not may_have_been_sent(started)
    assert start(started, LATER, never_repeats=True).attempts[0].status is AttemptStatus.INTERRUPTED
    sent = commit_to_send(started, CALL, LATER)
    assert may_have_been_sent(sent)
    assert (sent.version, sent.attempts, sent.call) == (started.version + 1, started.attempts, CALL)
    assert (sent.lease_until, sent.next_attempt_at) == (LATER + LEASE, LATER + LEASE)
    assert start(sent, LATER, never_repeats=True).attempts[0].status is AttemptStatus.UNKNOWN
    assert start(sent, LATER, never_repeats=True).call == CALL


def test_a_waiting_fax_starts_an_attempt_when_it_joins_a_call() -> None:
    waiting = delivery(AttemptStatus.FAILED, channel=Channel.FAX)
    joined = commit_to_send(waiting, CALL, LATER)
    assert (joined.version, joined.status, joined.carrier_id) == (5, DeliveryStatus.SENDING, None)
    assert [attempt.status for attempt in joined.attempts] == [AttemptStatus.FAILED, AttemptStatus.SENDING]
    assert joined.attempts[-1].at == LATER
    assert (joined.never_repeats, joined.unsent, joined.call) == (True, False, CALL)


def test_the_running_attempt_of_an_earlier_release_may_have_been_sent() -> None:
    assert may_have_been_sent(replace(delivery(AttemptStatus.SENDING), never_repeats=True))
    assert not may_have_been_sent(replace(delivery(AttemptStatus.FAILED), never_repeats=True))
    assert not may_have_been_sent(delivery(AttemptStatus.SENDING))


def test_a_fax_that_was_never_sent_uses_up_its_attempts() -> None:
    tried = replace(delivery(*[AttemptStatus.INTERRUPTED] * 6, AttemptStatus.SENDING), never_repeats=True, unsent=True)
    assert is_used_up(tried)


@pytest.mark.parametrize(
    ("never_repeats", "last", "used_up"),
    [
        (False, AttemptStatus.SENDING, True),
        (False, AttemptStatus.FAILED, True),
        (True, AttemptStatus.FAILED, True),
        (True, AttemptStatus.SENDING, False),
    ],
)
def test_an_attempt_without_a_result_is_never_the_last_of_a_message_that_does_not_repeat(
    *, never_repeats: bool, last: AttemptStatus, used_up: bool
) -> None:
    tried = replace(delivery(*[AttemptStatus.FAILED] * 6, last), never_repeats=never_repeats)
    assert is_used_up(tried) is used_up
