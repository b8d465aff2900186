"""The changes of a delivery's state: start, finish, retry and requeue.

A delivery that waits has `next_attempt_at`. A sweep, a job that runs every minute, queues such deliveries. To start
an attempt, a worker sets a lease (a reservation of the delivery) and also the time of the next attempt, as if this
attempt had already failed. So if a worker dies after it sent the message and before it stored the result, the message
is sent again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from chalicelib.domain.deliveries import (
    CHANNELS,
    AttemptStatus,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    FaxCall,
    ReceiptFacts,
    next_wait,
)

LEASE = timedelta(seconds=60)
"""Longer than any attempt: the timeout of the deliveries function is shorter."""

REQUEUE_LEASE = timedelta(minutes=15)
"""The time after a sweep queued a delivery in which no sweep queues the same delivery again."""


class Verdict(StrEnum):
    """The kind of result of an attempt. `RETRY` becomes a failure after the last attempt of the schedule.

    `REFUSED` is a final failure. `PENDING`: the carrier accepted the message, or may have accepted it, and its result
    comes later."""

    SENT = "sent"
    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"
    HELD = "held"
    CANCELLED = "cancelled"
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True)
class AttemptResult:
    """The result of one attempt to send a delivery, which `finish` records.

    `detail` is a sentence for people, without patient data or secrets. `retry_after` is the wait that the receiver
    asked for, or the wait until the carrier is asked for a pending result. `tried` is False if nothing was sent.
    `reason` is the fax carrier's code for a failure. `receipt` is the carrier's report, if the result comes from it."""

    verdict: Verdict
    detail: str
    carrier_id: str | None = None
    retry_after: timedelta | None = None
    tried: bool = True
    reason: str | None = None
    receipt: ReceiptFacts | None = None


_RUNNING = {AttemptStatus.SENDING, AttemptStatus.UNKNOWN}
_FAILURES = {*_RUNNING, AttemptStatus.FAILED, AttemptStatus.INTERRUPTED}
_WAITS_NO_MORE = {
    Verdict.SENT: DeliveryStatus.SENT,
    Verdict.DELIVERED: DeliveryStatus.DELIVERED,
    Verdict.REFUSED: DeliveryStatus.FAILED,
    Verdict.HELD: DeliveryStatus.HELD,
    Verdict.CANCELLED: DeliveryStatus.CANCELLED,
}
_MARKS = {
    Verdict.SENT: AttemptStatus.SUCCEEDED,
    Verdict.DELIVERED: AttemptStatus.SUCCEEDED,
    Verdict.CANCELLED: AttemptStatus.CANCELLED,
    Verdict.PENDING: AttemptStatus.SENDING,
}


def is_due(delivery: Delivery, now: datetime) -> bool:
    """Return True if a worker may start an attempt of the delivery: its time has come, or the sweep has queued it.

    The sweep is a job that runs every minute. A delivery with a running attempt is not due, because the time of its
    next attempt is never before the end of the lease (the time for which the worker has reserved the delivery)."""
    requeued = delivery.status is DeliveryStatus.QUEUED and delivery.lease_until is not None
    has_come = delivery.next_attempt_at is not None and delivery.next_attempt_at <= now
    return requeued or (is_waiting(delivery) and has_come)


def is_waiting(delivery: Delivery) -> bool:
    return delivery.status in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)


def waits_to_retry(delivery: Delivery) -> bool:
    """Return True if an attempt has failed and the delivery waits for the next one."""
    return delivery.status is DeliveryStatus.QUEUED and count_failures(delivery) > 0


def has_running_attempt(delivery: Delivery) -> bool:
    """Return True if the last attempt to send the delivery has no result yet, so its message may still arrive."""
    return bool(delivery.attempts) and delivery.attempts[-1].status in _RUNNING


def may_have_been_sent(delivery: Delivery) -> bool:
    """Return True if the carrier may have the message of the running attempt and cannot recognize a repeated one."""
    return delivery.never_repeats and not delivery.unsent and has_running_attempt(delivery)


def is_used_up(delivery: Delivery) -> bool:
    """Return True if the retry schedule of the delivery allows no further attempt to send it.

    Attempts that ended without a result (interrupted) count too. Some carriers cannot recognize a repeated message, so
    after such an attempt the portal only asks the carrier. That sends no message, so the result is then False."""
    if may_have_been_sent(delivery):
        return False
    return count_failures(delivery) > len(CHANNELS[delivery.channel].retry_after)


def start(delivery: Delivery, now: datetime, *, never_repeats: bool = False) -> Delivery:
    """Return the delivery with a new attempt and with a lease: the time for which it is reserved for one worker.

    `never_repeats` is true if the carrier cannot recognize a repeated message. If such a delivery's last attempt has no
    result, that attempt continues (the worker asks the carrier) and no new attempt is added."""
    attempts = _mark_interrupted(delivery)
    if not attempts or attempts[-1].status is not AttemptStatus.UNKNOWN:
        attempts = (*attempts, DeliveryAttempt(at=now, status=AttemptStatus.SENDING, detail=""))
        delivery = replace(
            delivery,
            carrier_id=None if never_repeats else delivery.carrier_id,
            never_repeats=never_repeats,
            unsent=never_repeats,
            call=None,
            joint=(),
        )
    claimed = replace(
        delivery,
        version=delivery.version + 1,
        status=DeliveryStatus.SENDING,
        attempts=attempts,
        lease_until=now + LEASE,
    )
    wait = next_wait(count_failures(claimed), jitter=0, schedule=CHANNELS[claimed.channel].retry_after) or LEASE
    return replace(claimed, next_attempt_at=now + max(wait, LEASE))


def commit_to_send(delivery: Delivery, call: FaxCall, now: datetime) -> Delivery:
    """Return the delivery in the state to be stored just before the carrier gets its fax, with a new lease.

    The lease reserves the delivery for the worker. An attempt starts if none is running. If a worker dies before this
    state is stored, the fax was surely not sent, and a new attempt may send it. After that, the worker only asks the
    carrier for the result."""
    started = delivery if has_running_attempt(delivery) else start(delivery, now, never_repeats=True)
    until = now + LEASE
    return replace(
        started, version=delivery.version + 1, unsent=False, call=call, lease_until=until, next_attempt_at=until
    )


def finish(delivery: Delivery, outcome: AttemptResult, now: datetime, *, jitter: float) -> Delivery:
    """Return the delivery with the result of an attempt, and with the time of the next attempt, if another one is due.

    The result may also come later, from a report of the carrier."""
    marked = replace(
        delivery,
        version=delivery.version + 1,
        lease_until=None,
        next_attempt_at=None,
        attempts=_replace_running(delivery, outcome, now),
        carrier_id=outcome.carrier_id or delivery.carrier_id,
    )
    if outcome.verdict is Verdict.PENDING:
        return replace(marked, status=DeliveryStatus.SENDING, next_attempt_at=now + (outcome.retry_after or LEASE))
    if outcome.verdict is not Verdict.RETRY:
        return replace(marked, status=_WAITS_NO_MORE[outcome.verdict])
    asked = outcome.retry_after or timedelta()
    if not outcome.tried:
        return replace(marked, status=DeliveryStatus.QUEUED, next_attempt_at=now + asked)
    wait = next_wait(count_failures(marked), jitter=jitter, schedule=CHANNELS[marked.channel].retry_after)
    if wait is None:
        return replace(marked, status=DeliveryStatus.FAILED)
    return replace(marked, status=DeliveryStatus.QUEUED, next_attempt_at=now + max(wait, asked))


def requeue(delivery: Delivery, now: datetime) -> Delivery:
    """Return the delivery marked as queued by a sweep, the job that runs every minute.

    Later sweeps skip the delivery for the next 15 minutes."""
    until = now + REQUEUE_LEASE
    return replace(
        delivery,
        version=delivery.version + 1,
        status=DeliveryStatus.QUEUED,
        lease_until=until,
        next_attempt_at=until,
        attempts=_mark_interrupted(delivery),
    )


def queue_again(delivery: Delivery, now: datetime, *, why: str) -> Delivery:
    """Return the failed, held or waiting delivery with changes: it is due now, and its retry schedule starts again.

    `why` is the text of the entry that is added to its list of attempts. A repeated request replaces this entry, so the
    list does not grow. `body` and `message_id` do not change. The carrier's id is removed, because a late receipt for
    the failed attempt says nothing about the next attempt."""
    is_repeated = bool(delivery.attempts) and delivery.attempts[-1].status == AttemptStatus.ASKED_AGAIN
    earlier = delivery.attempts[:-1] if is_repeated else delivery.attempts
    return replace(
        delivery,
        version=delivery.version + 1,
        status=DeliveryStatus.QUEUED,
        lease_until=None,
        next_attempt_at=now,
        carrier_id=None,
        joint=(),
        attempts=(*earlier, DeliveryAttempt(at=now, status=AttemptStatus.ASKED_AGAIN, detail=why)),
    )


def append_receipt(delivery: Delivery, receipt: DeliveryAttempt) -> Delivery:
    """Return the delivery with the carrier's report in its list of attempts. A running attempt stays the last entry."""
    running = [attempt for attempt in delivery.attempts[-1:] if attempt.status == AttemptStatus.SENDING]
    before = delivery.attempts[: len(delivery.attempts) - len(running)]
    return replace(delivery, version=delivery.version + 1, attempts=(*before, receipt, *running))


def count_failures(delivery: Delivery) -> int:
    """Return the number of failed attempts since the retry schedule started. A running attempt counts as failed."""
    return sum(attempt.status in _FAILURES for attempt in latest_attempts(delivery))


def latest_attempts(delivery: Delivery) -> Iterator[DeliveryAttempt]:
    """Yield the attempts since the delivery's retry schedule started, the newest first."""
    return takewhile(lambda attempt: attempt.status != AttemptStatus.ASKED_AGAIN, reversed(delivery.attempts))


def _mark_interrupted(delivery: Delivery) -> tuple[DeliveryAttempt, ...]:
    """Return the attempts, with a new status for the last attempt if it ended without a result.

    The status is `UNKNOWN` if the carrier may have the message and cannot recognize a repeated one, and else
    `INTERRUPTED`."""
    attempts = delivery.attempts
    if not attempts or attempts[-1].status is not AttemptStatus.SENDING:
        return attempts
    if may_have_been_sent(delivery):
        return (*attempts[:-1], replace(attempts[-1], status=AttemptStatus.UNKNOWN))
    detail = "The worker ended before it recorded the result."
    return (*attempts[:-1], replace(attempts[-1], status=AttemptStatus.INTERRUPTED, detail=detail))


def _replace_running(delivery: Delivery, outcome: AttemptResult, now: datetime) -> tuple[DeliveryAttempt, ...]:
    """Return the attempts with the result of the running attempt, or without this attempt if nothing was sent."""
    attempts, under_way = delivery.attempts, has_running_attempt(delivery)
    before = attempts[:-1] if under_way else attempts
    if not outcome.tried:
        return before
    mark = _MARKS.get(outcome.verdict, AttemptStatus.FAILED)
    ended = DeliveryAttempt(
        at=attempts[-1].at if under_way else now,
        status=mark,
        detail=outcome.detail,
        reason=outcome.reason,
        ended_at=None if mark in _RUNNING else now,
        carrier_id=outcome.carrier_id,
        receipt=outcome.receipt,
    )
    return (*before, ended)
