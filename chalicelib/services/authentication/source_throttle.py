"""Wrong passwords, codes, links and passkeys by where they come from, whichever account they are for."""

from datetime import datetime

from chalicelib.services import throttling
from chalicelib.services.authentication.password_login import PER_SOURCE
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change


class Sources:
    """Counts failures in the rows in which a login counts its own. `source` is a client's address, or a
    browser that somebody has logged in with before: it answers for itself, whatever its neighbours do.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, source: str, now: datetime) -> None:
        """Raises `TooManyRequests` while the source has to wait."""
        throttling.check(PER_SOURCE.wait(self._store.secret(PER_SOURCE.key(source)), now))

    def failed(self, source: str, now: datetime) -> None:
        """Counts one more."""

        def step() -> None:
            count = self._store.secret(PER_SOURCE.key(source))
            self._store.commit(Change(at=now, secrets=(PER_SOURCE.counted(count, source, now),)))

        retry_on_conflict(step, retry_on=frozenset({"secret"}))
