"""The row which says that the reader of a mailbox stopped reminders by email. It holds for all clinics.

The link in a reminder and the account page write the same row."""

from collections.abc import Collection
from datetime import datetime

from chalicelib.domain.claim_keys import stopped_reminders_claim
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change, Claim


def is_stopped(store: Store, email: str) -> bool:
    """Return True if the reader of this mailbox has stopped reminders by email."""
    return bool(find_stopped(store, (email,)))


def find_stopped(store: Store, emails: Collection[str]) -> frozenset[str]:
    """Return those of the email addresses whose reader has stopped reminders by email."""
    keys = {stopped_reminders_claim(email): email for email in emails}
    return frozenset(keys[key] for key in store.claims(tuple(keys)))


def stop_change(email: str, now: datetime, *, stops: bool) -> Change:
    """Return the transaction, for the caller to commit, that stops or starts reminders by email to this mailbox.

    The caller adds the job that tells the clinics."""
    stop = (Claim(key=stopped_reminders_claim(email), owner=email),)
    return Change(at=now, claims=stop) if stops else Change(at=now, released=stop)
