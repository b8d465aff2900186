"""What an attempt makes of its delivery: the rules, with the time passed in.

A row that waits has `next_attempt_at`; the sweep of each minute looks for those. Claiming a row for an
attempt sets a lease and, as if it had already failed, the time of the next attempt: so a worker that dies
between the effect and the record is a failure like any other, and the message goes out again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.deliveries import (
    CHANNELS,
    AttemptStatus,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    next_wait,
)

LEASE = timedelta(seconds=60)
"""Longer than any attempt takes: the function that makes it is ended sooner."""

REQUEUE_LEASE = timedelta(minutes=15)
"""How long a row that a sweep has put on the queue is left to the queue."""

LONGEST_RETRY_AFTER = timedelta(hours=24)


class Verdict(StrEnum):
    """What came of an attempt. `retry` may end as failed; `refused` is final at once."""

    SENT = "sent"
    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"
    HELD = "held"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class AttemptResult:
    """`detail` is for people, without patient data or secrets; `retry_after` is what the receiver asks.

    `tried` is false when nothing was sent at all.
    """

    verdict: Verdict
    detail: str
    carrier_id: str | None = None
    retry_after: timedelta | None = None
    tried: bool = True


_FAILURES = {AttemptStatus.SENDING, AttemptStatus.FAILED, AttemptStatus.INTERRUPTED}
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
}


def is_due(delivery: Delivery, now: datetime) -> bool:
    """Whether an attempt may start: its time has come, or a sweep has called for it.

    The next attempt of a row under way never comes before its lease is over.
    """
    called = delivery.status is DeliveryStatus.QUEUED and delivery.lease_until is not None
    return called or (is_waiting(delivery) and _reached(delivery.next_attempt_at, now))


def is_waiting(delivery: Delivery) -> bool:
    """Whether an attempt is still to be made, now or later, or under way."""
    return delivery.status in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)


def waits_to_retry(delivery: Delivery) -> bool:
    """Whether it has failed and waits for a later attempt."""
    return delivery.status is DeliveryStatus.QUEUED and count_failures(delivery) > 0


def is_used_up(delivery: Delivery) -> bool:
    """Whether every attempt of the schedule was made, those that were interrupted included."""
    return count_failures(delivery) > len(retry_schedule(delivery))


def start(delivery: Delivery, now: datetime) -> Delivery:
    """The row claimed for one attempt."""
    attempts = (
        *_interrupted(delivery.attempts),
        DeliveryAttempt(at=now, status=AttemptStatus.SENDING, detail=""),
    )
    claimed = replace(
        delivery,
        version=delivery.version + 1,
        status=DeliveryStatus.SENDING,
        attempts=attempts,
        lease_until=now + LEASE,
    )
    wait = next_wait(count_failures(claimed), jitter=0, schedule=retry_schedule(claimed)) or LEASE
    return replace(claimed, next_attempt_at=now + max(wait, LEASE))


def finish(delivery: Delivery, outcome: AttemptResult, now: datetime, *, jitter: float) -> Delivery:
    """The row with what came of the attempt that was under way, or of a receipt (`delivery.status` sent)."""
    marked = replace(
        delivery,
        version=delivery.version + 1,
        lease_until=None,
        next_attempt_at=None,
        attempts=_finished(delivery.attempts, outcome, now),
        carrier_id=outcome.carrier_id or delivery.carrier_id,
    )
    if outcome.verdict is not Verdict.RETRY:
        return replace(marked, status=_WAITS_NO_MORE[outcome.verdict])
    wait = next_wait(count_failures(marked), jitter=jitter, schedule=retry_schedule(marked))
    if wait is None:
        return replace(marked, status=DeliveryStatus.FAILED)
    asked = min(outcome.retry_after or timedelta(), LONGEST_RETRY_AFTER)
    return replace(marked, status=DeliveryStatus.QUEUED, next_attempt_at=now + max(wait, asked))


def requeue(delivery: Delivery, now: datetime) -> Delivery:
    """The row as a sweep leaves it when it has put its job on the queue: the next sweeps pass it by."""
    until = now + REQUEUE_LEASE
    return replace(
        delivery,
        version=delivery.version + 1,
        status=DeliveryStatus.QUEUED,
        lease_until=until,
        next_attempt_at=until,
        attempts=_interrupted(delivery.attempts),
    )


def queue_again(delivery: Delivery, now: datetime, *, why: str) -> Delivery:
    """A failed, held or waiting row, due at once, with a fresh schedule. Its bytes and `message_id` stay.

    It forgets its carrier's id: a late receipt of what failed says nothing of what goes out now. It notes
    once that it was asked for again, however often it was before anything was tried: rows must not grow.
    """
    asked_before = bool(delivery.attempts) and delivery.attempts[-1].status == AttemptStatus.ASKED_AGAIN
    tried = delivery.attempts[:-1] if asked_before else delivery.attempts
    return replace(
        delivery,
        version=delivery.version + 1,
        status=DeliveryStatus.QUEUED,
        lease_until=None,
        next_attempt_at=now,
        carrier_id=None,
        attempts=(*tried, DeliveryAttempt(at=now, status=AttemptStatus.ASKED_AGAIN, detail=why)),
    )


def append_receipt(delivery: Delivery, receipt: DeliveryAttempt) -> Delivery:
    """The row with what a receipt told; an attempt under way stays the last entry."""
    under_way = [each for each in delivery.attempts[-1:] if each.status == AttemptStatus.SENDING]
    before = delivery.attempts[: len(delivery.attempts) - len(under_way)]
    return replace(delivery, version=delivery.version + 1, attempts=(*before, receipt, *under_way))


def count_failures(delivery: Delivery) -> int:
    """Failed attempts since the schedule began; one under way counts until it is known to have succeeded."""
    count = 0
    for attempt in reversed(delivery.attempts):
        if attempt.status == AttemptStatus.ASKED_AGAIN:
            break
        count += attempt.status in _FAILURES
    return count


def retry_schedule(delivery: Delivery) -> Sequence[timedelta]:
    return CHANNELS[delivery.channel].retry_after


def _reached(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _interrupted(attempts: Sequence[DeliveryAttempt]) -> tuple[DeliveryAttempt, ...]:
    if not attempts or attempts[-1].status != AttemptStatus.SENDING:
        return tuple(attempts)
    gone = "The worker ended before it recorded what came of it."
    return (*attempts[:-1], replace(attempts[-1], status=AttemptStatus.INTERRUPTED, detail=gone))


def _finished(
    attempts: Sequence[DeliveryAttempt], outcome: AttemptResult, now: datetime
) -> tuple[DeliveryAttempt, ...]:
    """Replaces the entry of the attempt under way; none is left where nothing was tried."""
    under_way = bool(attempts) and attempts[-1].status == AttemptStatus.SENDING
    before = tuple(attempts[:-1]) if under_way else tuple(attempts)
    if not outcome.tried:
        return before
    at = attempts[-1].at if under_way else now
    mark = _MARKS.get(outcome.verdict, AttemptStatus.FAILED)
    return (*before, DeliveryAttempt(at=at, status=mark, detail=outcome.detail))
