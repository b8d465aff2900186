"""Reservations of fax numbers, so that only one fax at a time goes to a number, across all practices.

A second call to the same fax machine finds the line busy, and calls that start together block one another."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change

RESERVATION = timedelta(minutes=30)
"""The lifetime of a reservation. It is longer than the wait between two checks of a fax, which renew it."""


def reserve_line(store: Store, number: str, delivery_id: str, now: datetime) -> bool:
    """Reserve the fax number for this delivery, and return True. Return False if another delivery has the number.

    A delivery that already has the number gets a new reservation of the full time."""
    row = store.secret(secret_key(SecretKind.FAX_LINE, number))
    if row is not None and row.is_live(now) and row.link != delivery_id:
        return False
    try:
        store.commit(Change(at=now, secrets=(_reservation(row, number, delivery_id, now),)))
    except ConcurrentUpdate:
        return False
    return True


def release_line(store: Store, number: str, delivery_id: str, now: datetime) -> None:
    """End this delivery's reservation of the fax number. A reservation of another delivery does not change."""
    row = store.secret(secret_key(SecretKind.FAX_LINE, number))
    if row is not None and row.link == delivery_id:
        # A conflict means that another delivery has reserved the line in the meantime.
        with suppress(ConcurrentUpdate):
            store.commit(Change(at=now, secrets=(replace(row, version=row.version + 1, expires_at=now),)))


def _reservation(row: Secret | None, number: str, delivery_id: str, now: datetime) -> Secret:
    first = new_secret(SecretKind.FAX_LINE, number, now, RESERVATION, link=delivery_id)
    return replace(first, version=row.version + 1 if row else 1)
