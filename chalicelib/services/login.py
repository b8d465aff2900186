"""Logging in with email address and password."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import Unauthenticated
from chalicelib.domain.people import Provider
from chalicelib.domain.secrets import HALF_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.services import throttling
from chalicelib.services.changes import Change
from chalicelib.services.devices import Device
from chalicelib.services.passwords import is_password
from chalicelib.services.ports import Ids, Store
from chalicelib.services.recording import until_it_holds
from chalicelib.services.sessions import PASSWORD, Sessions
from chalicelib.services.throttling import Pace
from chalicelib.services.writing import together

PER_PLACE = Pace(name="place", free=5, longest=timedelta(minutes=1), forgotten=timedelta(hours=24))
"""Attempts on one account from one device that knows it, or else from one source, until one succeeds.

Nobody else's attempts count: who is elsewhere cannot take the owner's turn.
"""

PLACE_UNDER_ATTACK = replace(PER_PLACE, free=1, longest=timedelta(minutes=15))
"""For a source without such a device, while many guess at the account."""

PER_ACCOUNT = Pace(name="login", free=20, longest=timedelta(), forgotten=timedelta(hours=1))
"""Failures wherever they come from. They delay nobody by themselves: past `free`, the account is attacked."""

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
    device: Device | None = None
    replaces: Secret | None = None
    """The session that the browser had before: it ends with the new one."""


class HalfIn(Exception):
    """The password was right, and the account has a second factor: `token` is for `SecondFactor.finish`."""

    def __init__(self, token: str) -> None:
        super().__init__("a second factor is needed")
        self.token = token


@dataclass(frozen=True)
class _Counts:
    place: Secret | None
    account: Secret | None
    source: Secret | None


class Login:
    def __init__(self, store: Store, sessions: Sessions, ids: Ids) -> None:
        self._store = store
        self._sessions = sessions
        self._ids = ids

    def log_in(self, attempt: Attempt) -> tuple[Provider, str]:
        """The provider and the value of the session cookie.

        Raises `Unauthenticated`, the same in the same time for an unknown address as for a wrong password;
        `TooMany` before anything is looked at; `HalfIn` where a second factor is still to come.
        """
        provider, counted = self._checked(attempt)
        if provider.has_second_factor:
            raise HalfIn(self._half(provider, counted, attempt.now))
        session, cookie = self._sessions.start(provider, attempt.now)
        ended = (attempt.replaces,) if attempt.replaces else ()
        self._store.commit(Change(at=attempt.now, secrets=(session,), dropped=(counted, *ended)))
        return provider, cookie

    def _half(self, provider: Provider, counted: Secret, now: datetime) -> str:
        token = self._ids.token()
        row = Secret(
            key=secret_key(SecretKind.HALF, token), version=1, kind=SecretKind.HALF, created_at=now,
            expires_at=now + HALF_LIFETIME, provider_id=provider.id, epoch=provider.session_epoch,
        )  # fmt: skip
        self._store.commit(Change(at=now, secrets=(row,), dropped=(counted,)))
        return token

    def confirm(self, session: Secret, attempt: Attempt) -> tuple[Secret, str]:
        """The session of who has just entered their password again, under another token, and its cookie.

        Counts and raises as `log_in` does; a password of another account is a wrong one.
        """
        provider, counted = self._checked(attempt)
        if provider.id != session.provider_id:
            raise Unauthenticated(_WRONG)
        renewed, cookie = self._sessions.renew(session, attempt.now, PASSWORD)
        self._store.commit(Change(at=attempt.now, secrets=(renewed,), dropped=(counted, session)))
        return renewed, cookie

    def check(self, provider: Provider, password: str, address: str | None, now: datetime) -> None:
        """Whether it is this provider's password; counts and raises as `log_in` does."""
        attempt = Attempt(
            email=provider.email or "", password=password, source=address or "unknown", now=now
        )  # fmt: skip
        owner, counted = self._checked(attempt)
        if owner.id != provider.id:
            raise Unauthenticated(_WRONG)
        self._store.commit(Change(at=now, dropped=(counted,)))

    def _checked(self, attempt: Attempt) -> tuple[Provider, Secret]:
        """Whose password it is, and the count that their success clears."""
        provider, counted = until_it_holds(lambda: self._counted(attempt), retry_on=frozenset({"secret"}))
        kept = provider.password_hash if provider else None
        if not is_password(attempt.password, kept) or provider is None:
            until_it_holds(lambda: self._count_failure(attempt), retry_on=frozenset({"secret"}))
            raise Unauthenticated(_WRONG)
        return provider, counted

    def _counted(self, attempt: Attempt) -> tuple[Provider | None, Secret]:
        """Counts the attempt before the password is looked at, so that many at once get no further."""
        owner, found = together(lambda: self._owner(attempt), lambda: self._counts(attempt))
        known = attempt.device if attempt.device and attempt.device.provider_id == owner else None
        place = _place(attempt, known)
        counts = _Counts(*(found.get(each.key(whose)) for each, whose in _counters(attempt, place)))
        _check(counts, known, attempt.now)
        counted = PER_PLACE.counted(counts.place, place, attempt.now)
        provider, _ = together(
            lambda: self._store.provider(owner or _NOBODY),
            lambda: self._store.commit(Change(at=attempt.now, secrets=(counted,))),
        )
        return provider, counted

    def _owner(self, attempt: Attempt) -> str | None:
        key = email_claim(attempt.email)
        return self._store.claims([key]).get(key)

    def _counts(self, attempt: Attempt) -> Mapping[str, Secret]:
        """Also of the device, whether or not it turns out to be this account's."""
        places = {_place(attempt, None), _place(attempt, attempt.device)}
        wanted = {pace.key(whose) for place in places for pace, whose in _counters(attempt, place)}
        return self._store.secrets(sorted(wanted))

    def _count_failure(self, attempt: Attempt) -> None:
        counters = [(PER_ACCOUNT, attempt.email), (PER_SOURCE, attempt.source)]
        found = self._store.secrets([pace.key(whose) for pace, whose in counters])
        counted = (pace.counted(found.get(pace.key(whose)), whose, attempt.now) for pace, whose in counters)
        self._store.commit(Change(at=attempt.now, secrets=tuple(counted)))


def _place(attempt: Attempt, known: Device | None) -> str:
    return f"device {known.id}" if known else f"{attempt.email} from {attempt.source}"


def _counters(attempt: Attempt, place: str) -> tuple[tuple[Pace, str], ...]:
    return (PER_PLACE, place), (PER_ACCOUNT, attempt.email), (PER_SOURCE, attempt.source)


def _check(counts: _Counts, known: Device | None, now: datetime) -> None:
    """A device that knows the account answers for itself alone, whatever happens around it."""
    if known:
        throttling.check(PER_PLACE.wait(counts.place, now))
        return
    account = counts.account
    attacked = account is not None and account.live(now) and account.tries >= PER_ACCOUNT.free
    pace = PLACE_UNDER_ATTACK if attacked else PER_PLACE
    throttling.check(pace.wait(counts.place, now), PER_SOURCE.wait(counts.source, now))


def email_claim(email: str) -> str:
    """The claim of an account on its username."""
    return f"email#{email}"
