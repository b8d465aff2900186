"""Logging in with email address and password."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.account_events import AccountEventType, Origin, account_event, is_logged
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.errors import ConcurrentUpdate, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import HALF_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.services import throttling
from chalicelib.services.authentication.known_devices import Device
from chalicelib.services.authentication.passwords import hash_password, is_outdated, is_password
from chalicelib.services.authentication.sessions import PASSWORD, Sessions, logged_in
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store
from chalicelib.services.throttling import Pace
from chalicelib.services.transaction import Change

PER_PLACE = Pace(name="place", free=5, longest=timedelta(minutes=1), forgotten=timedelta(hours=24))
"""Attempts on one account from one device that knows it, or else from one source, until one succeeds.

Nobody else's attempts count: who is elsewhere cannot take the owner's turn.
"""

PLACE_UNDER_ATTACK = replace(PER_PLACE, free=1, longest=timedelta(minutes=15))
"""For a source without such a device, while many guess at the account."""

PER_ACCOUNT = Pace(
    name="login", free=0, longest=timedelta(), forgotten=timedelta(days=365), each=timedelta(days=90)
)
"""Attempts without such a device, wherever they come from, until one succeeds: at `MOST_OF_STRANGERS` only
its known devices, a passkey or a new password get in.
"""

ATTACK = Pace(name="attack", free=20, longest=timedelta(), forgotten=timedelta(days=1))
"""The same attempts until a day passes without any: past `free`, the account is attacked."""

PER_KNOWN = Pace(name="known", free=0, longest=timedelta(), forgotten=timedelta(days=365))
"""Attempts from all devices that know the account together: at `MOST_OF_KNOWN` they are strangers."""

MOST_OF_STRANGERS = 75
MOST_OF_KNOWN = 20
"""NIST SP 800-63B-4, 3.2.2: at most 100 failures in a row at one account, and these two are all there are.
Who waits three months after each, until it is forgotten, has four more in a year. Strangers cannot use up
what the devices have.
"""

PER_SOURCE = Pace(name="source", free=30, longest=timedelta(minutes=15), forgotten=timedelta(hours=1))
"""Failures only: a whole clinic may stand behind one address."""

_WRONG = "The email address or the password is not right."
_CLOSED = (
    "There were too many wrong passwords for this address. Log in with a passkey or in a browser that you "
    "have used before, or choose a new password: see Forgot password."
)
CLOSED_SECONDS = 3600
_NOBODY = "prv_nobody"

_Counted = tuple[Secret, ...]
"""The counts of one attempt: first of its place, last of all known devices or else of all strangers."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Somebody says who they are. `email` is lower case; `source` is the client's address, `agent` its
    User-Agent.
    """

    email: str
    password: str
    source: str
    now: datetime
    agent: str | None = None
    device: Device | None = None
    replaces: Secret | None = None
    """The session that the browser had before: it ends with the new one."""

    @property
    def origin(self) -> Origin:
        return Origin(self.source, self.agent)


class HalfIn(Exception):
    """The password was right, and the account has a second factor: `token` is for `SecondFactor.finish`."""

    def __init__(self, token: str) -> None:
        super().__init__("a second factor is needed")
        self.token = token


@dataclass(frozen=True)
class _Counts:
    place: Secret | None
    attack: Secret | None
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
        `TooManyRequests` before anything is looked at; `HalfIn` where a second factor is still to come.
        """
        provider, counted = self._checked(attempt)
        if provider.has_second_factor:
            raise HalfIn(self._half(provider, counted, attempt))
        session, cookie = self._sessions.start(provider, attempt.now)
        ended = (attempt.replaces,) if attempt.replaces else ()
        told = logged_in(provider, session, attempt.origin)
        change = Change(
            at=attempt.now, secrets=(session,), dropped=(*counted, *ended), account_events=(told,)
        )
        self._let_in(change, provider, attempt)
        return provider, cookie

    def _half(self, provider: Provider, counted: _Counted, attempt: Attempt) -> str:
        now = attempt.now
        token = self._ids.token()
        row = Secret(
            key=secret_key(SecretKind.HALF, token),
            version=1,
            kind=SecretKind.HALF,
            created_at=now,
            expires_at=now + HALF_LIFETIME,
            provider_id=provider.id,
            session_generation=provider.session_generation,
        )
        self._let_in(Change(at=now, secrets=(row,), dropped=counted), provider, attempt)
        return token

    def _let_in(self, change: Change, provider: Provider, attempt: Attempt) -> None:
        """Commits; a hash of other parameters is made anew along with it, unless the account just changed."""
        if provider.password_hash is None or not is_outdated(provider.password_hash):
            self._store.commit(change)
            return
        anew = replace(provider, version=provider.version + 1, password_hash=hash_password(attempt.password))
        try:
            self._store.commit(replace(change, providers=(anew,)))
        except ConcurrentUpdate as lost:
            if lost.parts != ("provider",):
                raise
            self._store.commit(change)

    def confirm(self, session: Secret, attempt: Attempt) -> tuple[Secret, str]:
        """The session of who has just entered their password again, under another token, and its cookie.

        Counts and raises as `log_in` does; a password of another account is a wrong one.
        """
        provider, counted = self._checked(attempt)
        if provider.id != session.provider_id:
            raise Unauthenticated(_WRONG)
        renewed, cookie = self._sessions.renew(session, attempt.now, PASSWORD)
        self._store.commit(Change(at=attempt.now, secrets=(renewed,), dropped=(*counted, session)))
        return renewed, cookie

    def check(self, provider: Provider, attempt: Attempt) -> None:
        """Whether it is this provider's password; counts and raises as `log_in` does."""
        owner, counted = self._checked(attempt)
        if owner.id != provider.id:
            raise Unauthenticated(_WRONG)
        self._store.commit(Change(at=attempt.now, dropped=counted))

    def _checked(self, attempt: Attempt) -> tuple[Provider, _Counted]:
        """Whose password it is, and the counts that their success clears."""
        provider, counted = retry_on_conflict(lambda: self._counted(attempt), retry_on=frozenset({"secret"}))
        kept = provider.password_hash if provider else None
        if not is_password(attempt.password, kept) or provider is None:
            tries = counted[-1].tries
            retry_on_conflict(lambda: self._failed(attempt, provider, tries), retry_on=frozenset({"secret"}))
            raise Unauthenticated(_WRONG)
        return provider, (counted[0], *counts_of(attempt.email, provider.id, attempt.now))

    def _counted(self, attempt: Attempt) -> tuple[Provider | None, _Counted]:
        """Counts the attempt before the password is looked at, so that many at once get no further.

        A device that knows the account counts for itself alone; anyone else for place and account.
        """
        (owner, holder), found = run_concurrently(
            lambda: run_concurrently(lambda: self._owner(attempt), lambda: self._holder(attempt)),
            lambda: self._counts(attempt),
        )
        known = _known(attempt, owner, holder, found)
        place = _place(attempt, known)
        counts = _Counts(*(found.get(each.key(whose)) for each, whose in _counters(attempt, place)))
        _check(counts, known, attempt.now)
        totals = ((PER_KNOWN, known.provider_id),) if known else _of_strangers(attempt)
        counted = tuple(
            pace.counted(found.get(pace.key(whose)), whose, attempt.now)
            for pace, whose in ((PER_PLACE, place), *totals)
        )
        provider, _ = run_concurrently(
            lambda: self._store.provider(owner or _NOBODY),
            lambda: self._store.commit(Change(at=attempt.now, secrets=counted)),
        )
        return provider, counted

    def _owner(self, attempt: Attempt) -> str | None:
        key = email_claim(attempt.email)
        return self._store.claims([key]).get(key)

    def _holder(self, attempt: Attempt) -> Provider | None:
        """Whose the device is, whether or not it turns out to be this account's."""
        return self._store.provider(attempt.device.provider_id) if attempt.device else None

    def _counts(self, attempt: Attempt) -> Mapping[str, Secret]:
        places = {_place(attempt, None), _place(attempt, attempt.device)}
        wanted = {pace.key(whose) for place in places for pace, whose in _counters(attempt, place)}
        if attempt.device:
            wanted.add(PER_KNOWN.key(attempt.device.provider_id))
        return self._store.secrets(sorted(wanted))

    def _failed(self, attempt: Attempt, provider: Provider | None, tries: int) -> None:
        source = self._store.secret(PER_SOURCE.key(attempt.source))
        counted = PER_SOURCE.counted(source, attempt.source, attempt.now)
        self._store.commit(self._failure(attempt, provider, counted, tries))

    def _failure(self, attempt: Attempt, provider: Provider | None, counted: Secret, tries: int) -> Change:
        """The count, and an entry in the account's trail; for nobody, a row just as large, over already.

        One transaction of as many rows for an unknown address as for a known one: its time says nothing.
        """
        nonce = self._ids.token()
        if not is_logged(tries):
            return Change(at=attempt.now, secrets=(counted,))
        if provider is None:
            return Change(at=attempt.now, secrets=(counted, _for_nobody(attempt, nonce)))
        told = account_event(
            provider.id,
            AccountEventType.WRONG_PASSWORD,
            attempt.now,
            attempt.origin,
            unique=nonce,
            tries=tries,
        )
        return Change(at=attempt.now, secrets=(counted,), account_events=(told,))


def _known(
    attempt: Attempt, owner: str | None, holder: Provider | None, found: Mapping[str, Secret]
) -> Device | None:
    """The device, if this account knows it, and those that it knows have not guessed too often."""
    device = attempt.device
    if device is None or device.provider_id != owner or not device.is_known_to(holder):
        return None
    count = found.get(PER_KNOWN.key(device.provider_id))
    return None if used_up(count, MOST_OF_KNOWN, attempt.now) else device


def used_up(count: Secret | None, most: int, now: datetime) -> bool:
    """Whether there were as many failures in a row as there may be."""
    return count is not None and count.live(now) and count.tries >= most


def counts_of(email: str, provider_id: str, now: datetime) -> tuple[Secret, ...]:
    """What is counted for the whole account, to be dropped by who got in or chose a new password."""
    counters = ((PER_ACCOUNT, email), (ATTACK, email), (PER_KNOWN, provider_id))
    return tuple(pace.counted(None, whose, now) for pace, whose in counters)


def _place(attempt: Attempt, known: Device | None) -> str:
    return f"device {known.id}" if known else f"{attempt.email} from {attempt.source}"


def _counters(attempt: Attempt, place: str) -> tuple[tuple[Pace, str], ...]:
    return (PER_PLACE, place), *_of_strangers(attempt), (PER_SOURCE, attempt.source)


def _of_strangers(attempt: Attempt) -> tuple[tuple[Pace, str], ...]:
    return (ATTACK, attempt.email), (PER_ACCOUNT, attempt.email)


def _check(counts: _Counts, known: Device | None, now: datetime) -> None:
    """A device that knows the account answers for itself alone, whatever happens around it."""
    if known:
        throttling.check(PER_PLACE.wait(counts.place, now))
        return
    if used_up(counts.account, MOST_OF_STRANGERS, now):
        raise TooManyRequests(_CLOSED, retry_after=CLOSED_SECONDS)
    pace = PLACE_UNDER_ATTACK if used_up(counts.attack, ATTACK.free, now) else PER_PLACE
    throttling.check(pace.wait(counts.place, now), PER_SOURCE.wait(counts.source, now))


def _for_nobody(attempt: Attempt, nonce: str) -> Secret:
    return Secret(
        key=secret_key(SecretKind.THROTTLE, f"nobody:{nonce}"),
        version=1,
        kind=SecretKind.THROTTLE,
        created_at=attempt.now,
        expires_at=attempt.now,
        method=attempt.agent,
    )
