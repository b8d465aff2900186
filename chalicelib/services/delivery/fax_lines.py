"""Reservations of fax numbers, so that only one call at a time goes to a number, across all practices.

A second call to the same fax machine finds the line busy, and calls that start together block one another."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.carriers.fax_results import read_fax_mark
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change

RESERVATION = timedelta(minutes=30)
"""The lifetime of a reservation. It is longer than the wait between two checks of a fax, which renew it."""


def reserve_line(store: Store, number: str, mark: str, now: datetime) -> bool:
    """Reserve the fax number for the call with this mark, and return True. Return False if another call has the number.

    A call that already has the number gets a new reservation of the full time. A new attempt of a delivery takes the
    number from the delivery's earlier attempt, which has ended."""
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
    """Return True if the holder of a number is this call, or an earlier attempt of the delivery that makes the call."""
    (delivery_id, attempt), (holding_id, earlier) = read_fax_mark(mark), read_fax_mark(holder)
    return mark == holder or (attempt > earlier > 0 and delivery_id == holding_id)


def _reservation(row: Secret | None, number: str, mark: str, now: datetime) -> Secret:
    first = new_secret(SecretKind.FAX_LINE, number, now, RESERVATION, link=mark)
    return replace(first, version=row.version + 1 if row else 1)
