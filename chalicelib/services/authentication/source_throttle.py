"""Throttling of guesses by source: too many failures on any accounts make a client address wait."""

from datetime import datetime

from chalicelib.services import throttling
from chalicelib.services.authentication.password_login import PER_SOURCE
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change


class SourceThrottle:
    """Counters of failures by source: one client address, or one known browser at that address."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, source: str, now: datetime) -> None:
        """Raise `TooManyRequests` if the source must still wait after its failures."""
        throttling.require_no_wait(PER_SOURCE.wait_left(self._store.secret(PER_SOURCE.key(source)), now))

    def count_failure(self, source: str, now: datetime) -> None:

        def step() -> None:
            count = self._store.secret(PER_SOURCE.key(source))
            self._store.commit(Change(at=now, secrets=(PER_SOURCE.add_attempt(count, source, now),)))

        retry_on_conflict(step, retry_on=frozenset({"secret"}))
