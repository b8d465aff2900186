"""Logging in with email address and password."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.errors import Unauthenticated
from chalicelib.domain.people import Provider
from chalicelib.domain.secrets import Secret
from chalicelib.services import throttling
from chalicelib.services.changes import Change
from chalicelib.services.passwords import is_password
from chalicelib.services.ports import Store
from chalicelib.services.recording import until_it_holds
from chalicelib.services.sessions import Sessions
from chalicelib.services.throttling import Pace
from chalicelib.services.writing import together

PER_ACCOUNT = Pace(name="login", free=5, longest=timedelta(minutes=1), forgotten=timedelta(hours=24))
"""Every attempt counts, until one succeeds. Never more than a minute: a stranger must not lock one out."""

PER_SOURCE = Pace(name="source", free=30, longest=timedelta(minutes=15), forgotten=timedelta(hours=1))
"""Failures only: a whole clinic may stand behind one address."""

_WRONG = "The email address or the password is not right."
_NOBODY = "prv_nobody"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Somebody says who they are. `email` is lower case; `source` the client's address."""

    email: str
    password: str
    source: str
    now: datetime
    replaces: Secret | None = None
    """The session that the browser had before: it ends with the new one."""


@dataclass(frozen=True)
class _Counts:
    account: Secret | None
    source: Secret | None


class Login:
    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions

    def log_in(self, attempt: Attempt) -> tuple[Provider, str]:
        """The provider and the value of the session cookie.

        Raises `Unauthenticated`, the same in the same time for an unknown address as for a wrong password;
        `TooMany` before anything is looked at.
        """
        provider, counted = self._checked(attempt)
        session, cookie = self._sessions.start(provider, attempt.now)
        ended = (attempt.replaces,) if attempt.replaces else ()
        self._store.commit(Change(at=attempt.now, secrets=(session,), dropped=(counted, *ended)))
        return provider, cookie

    def confirm(self, session: Secret, attempt: Attempt) -> tuple[Secret, str]:
        """The session of who has just entered their password again, under another token, and its cookie.

        Counts and raises as `log_in` does; a password of another account is a wrong one.
        """
        provider, counted = self._checked(attempt)
        if provider.id != session.provider_id:
            raise Unauthenticated(_WRONG)
        renewed, cookie = self._sessions.renew(session, attempt.now)
        self._store.commit(Change(at=attempt.now, secrets=(renewed,), dropped=(counted, session)))
        return renewed, cookie

    def _checked(self, attempt: Attempt) -> tuple[Provider, Secret]:
        """Whose password it is, and the count that their success clears."""
        provider, counted = until_it_holds(lambda: self._counted(attempt), retry_on=frozenset({"secret"}))
        kept = provider.password_hash if provider else None
        if not is_password(attempt.password, kept) or provider is None:
            until_it_holds(lambda: self._count_source(attempt), retry_on=frozenset({"secret"}))
            raise Unauthenticated(_WRONG)
        return provider, counted

    def _counted(self, attempt: Attempt) -> tuple[Provider | None, Secret]:
        """Counts the attempt before the password is looked at, so that many at once get no further."""
        owner, counts = together(lambda: self._owner(attempt), lambda: self._counts(attempt))
        throttling.check(
            PER_ACCOUNT.wait(counts.account, attempt.now), PER_SOURCE.wait(counts.source, attempt.now)
        )
        counted = PER_ACCOUNT.counted(counts.account, attempt.email, attempt.now)
        provider, _ = together(
            lambda: self._store.provider(owner or _NOBODY),
            lambda: self._store.commit(Change(at=attempt.now, secrets=(counted,))),
        )
        return provider, counted

    def _owner(self, attempt: Attempt) -> str | None:
        key = email_claim(attempt.email)
        return self._store.claims([key]).get(key)

    def _counts(self, attempt: Attempt) -> _Counts:
        account, source = PER_ACCOUNT.key(attempt.email), PER_SOURCE.key(attempt.source)
        found = self._store.secrets([account, source])
        return _Counts(found.get(account), found.get(source))

    def _count_source(self, attempt: Attempt) -> None:
        count = self._store.secret(PER_SOURCE.key(attempt.source))
        counted = PER_SOURCE.counted(count, attempt.source, attempt.now)
        self._store.commit(Change(at=attempt.now, secrets=(counted,)))


def email_claim(email: str) -> str:
    """The claim of an account on its username."""
    return f"email#{email}"
