"""Telephone calls of the fax carrier: which faxes go in a call, and the reservation of the fax number.

All faxes of a practice that wait for one number go in one call, with one cover page. The carrier bills and reports the
call as one fax, so its result holds for every fax in the call (docs/decisions/053).

Only one call at a time goes to a number, across all practices. A second call to the same fax machine finds the line
busy, and calls that start together block one another."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.carriers.fax_results import fax_mark, is_file_fault, read_fax_mark
from chalicelib.domain.deliveries import AttemptStatus, Channel, Delivery, DeliveryStatus, FaxCall
from chalicelib.domain.delivery_attempts import commit_to_send, has_running_attempt, is_due, is_used_up, latest_attempts
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.services.delivery.message_sender import MessageFacts, cancellation_reason, look_up
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change

COVER_PAGES = 1
MAX_FAXES = 10
MAX_PAGES = 350
"""The carrier's limit on the pages of a call. A single document has at most 200 pages."""

JOIN_AHEAD = timedelta(minutes=2)
"""A fax that is due within this time goes with a call that is made now. Faxes that failed together are due together.

A longer time would use up the retries of a fax whose line is busy, whenever another document is sent."""

RESERVATION = timedelta(minutes=30)
"""The lifetime of a reservation. It is longer than the wait between two checks of a fax, which renew it."""

_LISTED = 25


def mark_of(delivery: Delivery) -> str:
    """Return the text that names the telephone call of the delivery's last attempt, such as `dlv_….2`.

    The portal gives the text to the fax carrier with the fax, and the carrier repeats it in its reports on the call. If
    the fax goes in the call of another delivery, the text names that delivery and its attempt."""
    return delivery.call.mark if delivery.call else fax_mark(delivery.id, len(delivery.attempts))


def count_pages(faxes: Sequence[MessageFacts]) -> int:
    """Return the number of pages that the carrier sends in one call with these faxes, including the one cover page."""
    return COVER_PAGES + sum(fax.require_document()[0].original.pages for fax in faxes)


def find_companions(store: Store, facts: MessageFacts) -> tuple[MessageFacts, ...]:
    """Return the other faxes of the practice that can go in the same call, the oldest first.

    They wait for the same number, and fit into the call's limits. If a worker died in an earlier attempt, the fax goes
    alone, because the joint PDF may have been too much work. A fax also goes alone after a fault of a joint file."""
    delivery, chosen = facts.delivery, [facts]
    was_interrupted = any(attempt.status is AttemptStatus.INTERRUPTED for attempt in latest_attempts(delivery))
    if was_interrupted or _goes_alone(delivery):
        return ()
    for other in store.waiting_messages(Channel.FAX, delivery.practice_id, delivery.recipient, limit=_LISTED):
        if len(chosen) == MAX_FAXES:
            break
        if other.id == delivery.id or not may_join(other, facts.now):
            continue
        companion = look_up(other, store, facts.now)
        is_wanted = companion.document is not None and cancellation_reason(companion) is None
        if is_wanted and count_pages([*chosen, companion]) <= MAX_PAGES:
            chosen.append(companion)
    return tuple(chosen[1:])


def may_join(delivery: Delivery, now: datetime) -> bool:
    """Return True if the fax can go in another fax's call: it waits, is due soon, and may be sent again.

    A fax that may have been sent already never goes in another call, nor does a fax after a fault of a joint file."""
    is_waiting = delivery.status is DeliveryStatus.QUEUED and is_due(delivery, now + JOIN_AHEAD)
    return is_waiting and not has_running_attempt(delivery) and not is_used_up(delivery) and not _goes_alone(delivery)


def _goes_alone(delivery: Delivery) -> bool:
    """Return True if an earlier call failed by a fault of its file, in which the faxes of other deliveries were too."""
    return any(is_file_fault(attempt.reason or "") for attempt in latest_attempts(delivery))


def commit_call(store: Store, faxes: Sequence[MessageFacts], now: datetime) -> None:
    """Store in one transaction that these faxes go in one call now. The caller then makes the call.

    The first fax is the one whose worker makes the call. Raises `ConcurrentUpdate`, and stores nothing, if another
    worker has changed one of the deliveries."""
    deliveries = [fax.delivery for fax in faxes]
    call = FaxCall(
        mark=mark_of(deliveries[0]), deliveries=tuple(delivery.id for delivery in deliveries), pages=count_pages(faxes)
    )
    rows = tuple(commit_to_send(delivery, call, now) for delivery in deliveries)
    store.commit(Change(at=now, deliveries=rows))


def reserve_line(store: Store, number: str, mark: str, now: datetime) -> bool:
    """Reserve the fax number for the call with this mark, and return True. Return False if another call has the number.

    The mark names the call. A call that already has the number gets a new reservation of the full time. A new attempt
    of a delivery takes the number from the delivery's earlier attempt, which has ended."""
    row = store.secret(secret_key(SecretKind.FAX_LINE, number))
    if row is not None and row.is_live(now) and not _may_take(mark, row.link or ""):
        return False
    try:
        store.commit(Change(at=now, secrets=(_reservation(row, number, mark, now),)))
    except ConcurrentUpdate:
        return False
    return True


def release_line(store: Store, number: str, mark: str, now: datetime) -> None:
    """End the reservation of the fax number by the call with this mark. Another call's reservation does not change."""
    row = store.secret(secret_key(SecretKind.FAX_LINE, number))
    if row is not None and row.link == mark:
        # A conflict means that another call has reserved the line in the meantime.
        with suppress(ConcurrentUpdate):
            store.commit(Change(at=now, secrets=(replace(row, version=row.version + 1, expires_at=now),)))


def _may_take(mark: str, holder: str) -> bool:
    """Return True if a call may take a reserved fax number from its holder. Both are given by their marks.

    The holder must be the same call, or an earlier attempt of the delivery that makes the call."""
    (delivery_id, attempt), (holding_id, earlier) = read_fax_mark(mark), read_fax_mark(holder)
    return mark == holder or (attempt > earlier > 0 and delivery_id == holding_id)


def _reservation(row: Secret | None, number: str, mark: str, now: datetime) -> Secret:
    first = new_secret(SecretKind.FAX_LINE, number, now, RESERVATION, link=mark)
    return replace(first, version=row.version + 1 if row else 1)
