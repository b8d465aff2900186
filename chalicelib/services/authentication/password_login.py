"""The login with email address and password, and its limits on guessing.

Failures by browsers that are known to the account (with a cookie of an earlier login) and failures by unknown
browsers are counted separately. So a stranger who guesses cannot lock the owner out of the own browser."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.account_events import AccountEventType, Origin, account_event, is_logged
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.errors import ConcurrentUpdate, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import PENDING_LOGIN_LIFETIME, Secret, SecretKind, new_secret
from chalicelib.domain.providers import Provider
from chalicelib.services import throttling
from chalicelib.services.authentication.known_devices import KnownDevice
from chalicelib.services.authentication.passwords import hash_password, is_outdated, is_password
from chalicelib.services.authentication.sessions import (
    PASSWORD,
    RenewedSession,
    Sessions,
    login_event,
    switched_practices,
)
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store
from chalicelib.services.throttling import Backoff
from chalicelib.services.transaction import Change

PER_CLIENT = Backoff(name="place", free_attempts=5, max_wait=timedelta(minutes=1), lifetime=timedelta(hours=24))
"""The delay after failed logins to one account by one client: a known browser, or an unknown one's IP address.

A login resets the counter. Attempts by other clients do not count, so nobody can make the owner wait."""

PER_CLIENT_UNDER_ATTACK = replace(PER_CLIENT, free_attempts=1, max_wait=timedelta(minutes=15))
"""The stricter delay for an unknown browser while many logins to the account fail (see `UNDER_ATTACK`)."""

PER_ACCOUNT = Backoff(
    name="login",
    free_attempts=0,
    max_wait=timedelta(),
    lifetime=timedelta(days=365),
    lifetime_per_attempt=timedelta(days=90),
)
"""The counter of failed logins to one account by all unknown browsers together. It causes no delay.

After `MAX_UNKNOWN_FAILURES`, unknown browsers cannot log in with the password any more."""

UNDER_ATTACK = Backoff(name="attack", free_attempts=20, max_wait=timedelta(), lifetime=timedelta(days=1))
"""The counter of the same failures, which expires after a day without a failure.

After `free_attempts` failures, the account counts as attacked, and `PER_CLIENT_UNDER_ATTACK` applies."""

KNOWN_BROWSERS = Backoff(name="known", free_attempts=0, max_wait=timedelta(), lifetime=timedelta(days=365))
"""The counter of failed logins by all known browsers of one account together.

After `MAX_KNOWN_FAILURES`, these browsers are treated like unknown browsers."""

MAX_UNKNOWN_FAILURES = 75
MAX_KNOWN_FAILURES = 20
"""The most failed logins in a row by unknown and by known browsers of one account.

NIST SP 800-63B-4, 3.2.2 allows 100 failures in a row on one account, and the sum of both limits is smaller. A failure
of an unknown browser expires after 90 days, so a patient attacker gets four extra tries a year."""

PER_SOURCE = Backoff(name="source", free_attempts=30, max_wait=timedelta(minutes=15), lifetime=timedelta(hours=1))
"""The delay after failed logins by one client IP address to any accounts. A whole clinic may share one address."""

LOCKOUT_RETRY_SECONDS = 3600

_WRONG = "Incorrect email or password."
_LOCKED = (
    "There were too many wrong passwords for this email address. Log in with a passkey or in a browser that "
    "you've used before, or choose a new password with Forgot password."
)
_NO_PROVIDER = "prv_nobody"


@dataclass(frozen=True, kw_only=True)
class LoginAttempt:
    """One try to log in with a password. `email` is in lower case, and `source` is the client's IP address.

    `agent` is the header User-Agent. `device` is the browser that the cookie of an earlier login names, or None.
    `previous_session` is the browser's session, which the login ends, or None."""

    email: str
    password: str
    source: str
    now: datetime
    agent: str | None = None
    device: KnownDevice | None = None
    previous_session: Secret | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.source, self.agent)


class SecondFactorRequired(Exception):
    """Signal that the password was right, and that the account also needs a passkey or a code.

    `token` identifies the half-finished login. The browser gets it as a cookie for `SecondFactor.finish`."""

    def __init__(self, token: str) -> None:
        super().__init__("a second factor is needed")
        self.token = token


@dataclass(frozen=True)
class _CountedAttempt:
    """The counters of an account's failed logins after one more attempt, by which the login limits guessing.

    They are committed before the password is checked. A browser is known if somebody has logged in to the account with
    it before. `client` counts the failures of this browser or IP address. `total` counts those of all known browsers of
    the account, or of all unknown ones. `attack` counts recent failures of unknown browsers, after which they must wait
    longer; it is None for a known browser."""

    client: Secret
    total: Secret
    attack: Secret | None = None

    @property
    def rows(self) -> tuple[Secret, ...]:
        return tuple(row for row in (self.client, self.attack, self.total) if row)


class Login:
    def __init__(self, store: Store, sessions: Sessions, ids: Ids) -> None:
        self._store = store
        self._sessions = sessions
        self._ids = ids

    def log_in(self, attempt: LoginAttempt) -> tuple[Provider, str]:
        """Check the password, store a new session and the login event, and return the provider and the session cookie.

        Raise `Unauthenticated` with the same text, after the same time, for an unknown address and a wrong password.
        Raise `TooManyRequests`, before the password is checked, if the client must wait. Raise `SecondFactorRequired`
        if the password is right and the account has a second factor: no session exists then."""
        provider, cleared = self._verify(attempt)
        if provider.has_second_factor:
            raise SecondFactorRequired(self._start_pending_login(provider, cleared, attempt))
        session, cookie = self._sessions.start(provider, attempt.now)
        ended = (attempt.previous_session,) if attempt.previous_session else ()
        event = login_event(provider, session, attempt.origin)
        change = Change(at=attempt.now, secrets=(session,), dropped=(*cleared, *ended), account_events=(event,))
        self._commit_and_rehash(change, provider, attempt)
        return provider, cookie

    def _start_pending_login(self, provider: Provider, cleared: tuple[Secret, ...], attempt: LoginAttempt) -> str:
        """Store a login whose password was right and whose second factor is missing, and return its token.

        The second step finds the stored row by the token. `cleared` are counters of failed logins, which are
        deleted."""
        now = attempt.now
        token = self._ids.token()
        owner = {"provider_id": provider.id, "session_generation": provider.session_generation}
        row = new_secret(SecretKind.PENDING_LOGIN, token, now, PENDING_LOGIN_LIFETIME, **owner)
        self._commit_and_rehash(Change(at=now, secrets=(row,), dropped=cleared), provider, attempt)
        return token

    def _commit_and_rehash(self, change: Change, provider: Provider, attempt: LoginAttempt) -> None:
        """Commit the change of a login, and replace the password's hash if its parameters are outdated.

        If another request changes the account at the same time, the old hash stays until the next login."""
        if provider.password_hash is None or not is_outdated(provider.password_hash):
            self._store.commit(change)
            return
        rehashed = replace(provider, version=provider.version + 1, password_hash=hash_password(attempt.password))
        try:
            self._store.commit(replace(change, providers=(rehashed,)))
        except ConcurrentUpdate as conflict:
            if conflict.parts != ("provider",):
                raise
            self._store.commit(change)

    def reauthenticate(self, session: Secret, attempt: LoginAttempt) -> RenewedSession:
        """Check the password of a logged-in provider again, before a signature or a change of the account.

        Store and return the renewed session, which counts as recently authenticated. Raises `Unauthenticated` for a
        wrong password, and `TooManyRequests` if the client must wait."""
        provider, cleared = self._verify(attempt)
        if provider.id != session.provider_id:
            raise Unauthenticated(_WRONG)
        renewed, cookie = self._sessions.renew(session, attempt.now, PASSWORD, practices=switched_practices(provider))
        self._store.commit(Change(at=attempt.now, secrets=(renewed,), dropped=(*cleared, session)))
        return RenewedSession(renewed, cookie, provider)

    def verify_password(self, provider: Provider, attempt: LoginAttempt) -> None:
        """Check that the password is this provider's password, without a new session.

        A failure counts like a failed login. Raises `Unauthenticated` for a wrong password, and `TooManyRequests` if
        the client must wait."""
        owner, cleared = self._verify(attempt)
        if owner.id != provider.id:
            raise Unauthenticated(_WRONG)
        self._store.commit(Change(at=attempt.now, dropped=cleared))

    def _verify(self, attempt: LoginAttempt) -> tuple[Provider, tuple[Secret, ...]]:
        """Count the attempt and check its email address and password. Return the provider, and counters of failures.

        The caller deletes these counters after the login. Raise `Unauthenticated` for a wrong password or address, and
        `TooManyRequests` if the client must wait."""
        provider, counted = retry_on_conflict(lambda: self._count(attempt), retry_on=frozenset({"secret"}))
        stored_hash = provider.password_hash if provider else None
        if not is_password(attempt.password, stored_hash) or provider is None:
            tries = counted.total.tries
            retry_on_conflict(lambda: self._record_failure(attempt, provider, tries), retry_on=frozenset({"secret"}))
            raise Unauthenticated(_WRONG)
        return provider, (counted.client, *login_counters(attempt.email, provider.id, attempt.now))

    def _count(self, attempt: LoginAttempt) -> tuple[Provider | None, _CountedAttempt]:
        """Count a login attempt as a failure before its password is checked, so that parallel attempts gain nothing.

        Return two values: the provider (None if the email address is no account's username), and the counters after
        this attempt. Raise `TooManyRequests` if the client must wait, or if the account has too many failures."""
        (owner_id, device_owner), counters = run_concurrently(
            lambda: self._read_owners(attempt), lambda: self._read_counters(attempt)
        )
        known = _known_device(attempt, owner_id, device_owner, counters)
        _require_allowed(attempt, known, counters)
        counted = _add_attempt(attempt, known, counters)
        provider, _ = run_concurrently(
            lambda: self._store.provider(owner_id or _NO_PROVIDER),
            lambda: self._store.commit(Change(at=attempt.now, secrets=counted.rows)),
        )
        is_username = provider is not None and provider.email == attempt.email
        return provider if is_username else None, counted

    def _read_owners(self, attempt: LoginAttempt) -> tuple[str | None, Provider | None]:
        """Return the id of the account with the attempt's email address, and the provider in the browser's cookie.

        The first value is None for an unknown address. The second value is None if the browser has no cookie of an
        earlier login. Both values are read at the same time, and decide whether the browser is known."""
        key, device = email_claim(attempt.email), attempt.device
        return run_concurrently(
            lambda: self._store.claims([key]).get(key),
            lambda: self._store.provider(device.provider_id) if device else None,
        )

    def _read_counters(self, attempt: LoginAttempt) -> Mapping[str, Secret]:
        """Return the stored counters of failures by their keys, in one read. A counter without a row is missing.

        Whether the browser is known (has logged in to the account before) is decided after the read. So the counters
        for both cases are read."""
        keys = {
            PER_CLIENT.key(_client(attempt, None)),
            PER_CLIENT.key(_client(attempt, attempt.device)),
            PER_ACCOUNT.key(attempt.email),
            UNDER_ATTACK.key(attempt.email),
            PER_SOURCE.key(attempt.source),
        }
        if attempt.device:
            keys.add(KNOWN_BROWSERS.key(attempt.device.provider_id))
        return self._store.secrets(sorted(keys))

    def _record_failure(self, attempt: LoginAttempt, provider: Provider | None, tries: int) -> None:
        """Store a wrong password: count it for the client's IP address, and show it on the account's activity page.

        `tries` is the number of failures in a row, of which only some become an event for that page. For an unknown
        email address (`provider` is None), a useless row is stored in place of the event. So the transaction takes the
        same time, and does not reveal whether the address is known."""
        now, nonce = attempt.now, self._ids.token()
        stored = self._store.secret(PER_SOURCE.key(attempt.source))
        change = Change(at=now, secrets=(PER_SOURCE.add_attempt(stored, attempt.source, now),))
        if is_logged(tries) and provider is None:
            decoy = new_secret(SecretKind.THROTTLE, f"nobody:{nonce}", now, timedelta(), method=attempt.agent)
            change = replace(change, secrets=(*change.secrets, decoy))
        elif is_logged(tries) and provider is not None:
            event_type = AccountEventType.WRONG_PASSWORD
            event = account_event(provider.id, event_type, now, attempt.origin, unique=nonce, tries=tries)
            change = replace(change, account_events=(event,))
        self._store.commit(change)


def is_used_up(count: Secret | None, limit: int, now: datetime) -> bool:
    return count is not None and count.is_live(now) and count.tries >= limit


def login_counters(email: str, provider_id: str, now: datetime) -> tuple[Secret, ...]:
    """Return the rows that count an account's failed logins, so that the caller deletes them.

    The counts start again from zero after a successful login or a new password. Rows are deleted by their keys, so the
    counts in the returned rows do not matter."""
    counters = ((PER_ACCOUNT, email), (UNDER_ATTACK, email), (KNOWN_BROWSERS, provider_id))
    return tuple(backoff.add_attempt(None, subject, now) for backoff, subject in counters)


def _known_device(
    attempt: LoginAttempt, owner_id: str | None, device_owner: Provider | None, counters: Mapping[str, Secret]
) -> KnownDevice | None:
    """Return the attempt's browser if somebody has logged in to this account with it before, or None.

    Also return None, so that the limits of unknown browsers apply, if the account's known browsers together have
    reached `MAX_KNOWN_FAILURES`."""
    device = attempt.device
    if device is None or device.provider_id != owner_id or not device.is_known_to(device_owner):
        return None
    total = counters.get(KNOWN_BROWSERS.key(device.provider_id))
    return None if is_used_up(total, MAX_KNOWN_FAILURES, attempt.now) else device


def _client(attempt: LoginAttempt, known: KnownDevice | None) -> str:
    return f"device {known.id}" if known else f"{attempt.email} from {attempt.source}"


def _require_allowed(attempt: LoginAttempt, known: KnownDevice | None, counters: Mapping[str, Secret]) -> None:
    """Check the limits on guessing before an attempt: raise `TooManyRequests` if the client must wait.

    `known` is the attempt's browser if somebody has logged in to the account with it before, or None. A known browser
    waits only after its own failures. Any other browser also waits after failures of its IP address, and is refused if
    all unknown browsers together have too many failures on this account."""
    now, client = attempt.now, counters.get(PER_CLIENT.key(_client(attempt, known)))
    if known:
        throttling.require_no_wait(PER_CLIENT.wait_left(client, now))
        return
    if is_used_up(counters.get(PER_ACCOUNT.key(attempt.email)), MAX_UNKNOWN_FAILURES, now):
        raise TooManyRequests(_LOCKED, retry_after=LOCKOUT_RETRY_SECONDS)
    attack = counters.get(UNDER_ATTACK.key(attempt.email))
    is_attacked = is_used_up(attack, UNDER_ATTACK.free_attempts, now)
    backoff = PER_CLIENT_UNDER_ATTACK if is_attacked else PER_CLIENT
    source = counters.get(PER_SOURCE.key(attempt.source))
    throttling.require_no_wait(backoff.wait_left(client, now), PER_SOURCE.wait_left(source, now))


def _add_attempt(attempt: LoginAttempt, known: KnownDevice | None, counters: Mapping[str, Secret]) -> _CountedAttempt:
    def add(backoff: Backoff, subject: str) -> Secret:
        return backoff.add_attempt(counters.get(backoff.key(subject)), subject, attempt.now)

    client = add(PER_CLIENT, _client(attempt, known))
    if known:
        return _CountedAttempt(client, total=add(KNOWN_BROWSERS, known.provider_id))
    total, attack = add(PER_ACCOUNT, attempt.email), add(UNDER_ATTACK, attempt.email)
    return _CountedAttempt(client, total=total, attack=attack)
