"""The delay after too many wrong passwords or codes from one source, on any accounts, links or documents.

A source is a client's IP address, or an account's known browser at that address."""

from datetime import datetime

from chalicelib.services import throttling
from chalicelib.services.authentication.password_login import PER_SOURCE
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change


class SourceThrottle:
    """The limit on guessing by one client at many accounts, links or documents: count failures, and demand a wait.

    A failure is a wrong password or code. It counts for its source: a client's IP address, or an account's known
    browser (used to log in before) at that address."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, source: str, now: datetime) -> None:
        """Raise `TooManyRequests`, with the seconds to wait, if this client must wait after too many wrong passwords or
        codes.

        `source` names the client: its IP address, with an account's id if the browser is known to the account."""
        throttling.require_no_wait(PER_SOURCE.wait_left(self._store.secret(PER_SOURCE.key(source)), now))

    def count_failure(self, source: str, now: datetime) -> None:

        def step() -> None:
            count = self._store.secret(PER_SOURCE.key(source))
            self._store.commit(Change(at=now, secrets=(PER_SOURCE.add_attempt(count, source, now),)))

        retry_on_conflict(step, retry_on=frozenset({"secret"}))
