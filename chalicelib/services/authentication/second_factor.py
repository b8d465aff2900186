"""The second step of a login, after the password: a passkey, a code of an authenticator app, or a recovery code."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.account_events import AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate, Gone, GoneCode, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator, hash_recovery_code
from chalicelib.domain.timestamps import epoch_seconds
from chalicelib.services import throttling
from chalicelib.services.authentication.known_devices import KnownDevice
from chalicelib.services.authentication.passkeys import Passkeys
from chalicelib.services.authentication.password_login import (
    LOCKOUT_RETRY_SECONDS,
    MAX_KNOWN_FAILURES,
    MAX_UNKNOWN_FAILURES,
    is_used_up,
)
from chalicelib.services.authentication.sessions import PASSWORD, Sessions, login_event
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.throttling import Backoff
from chalicelib.services.transaction import Change

STEP_SECONDS = 30
CODE_ATTEMPTS = Backoff(name="second", free_attempts=5, max_wait=timedelta(minutes=1), lifetime=timedelta(days=365))
"""The delay after wrong codes of the authenticator app and wrong recovery codes.

A browser is known to an account if somebody has logged in to the account with it before. All unknown browsers share
one counter, and every known browser has its own. After `MAX_KNOWN_FAILURES` in a row by all known browsers together,
these browsers share the counter of the unknown ones. After `MAX_UNKNOWN_FAILURES`, the owner must choose a new
password. Nobody can guess a passkey, so a passkey causes no delay and is not counted."""

_WRONG = "That code is incorrect or was already used. Wait for the next one."
_LOCKED = (
    "There were too many wrong codes. Use your passkey, log in with a browser that you've used before, or "
    "choose a new password with Forgot password on the login page."
)
_EXPIRED = "This login took too long. Please start again."


@dataclass(frozen=True, kw_only=True)
class SecondFactorResponse:
    """What the provider sends at the second step of a login: a `code`, or the browser's `passkey` response (JSON).

    `code` is a code of the authenticator app or a recovery code. `device` is the browser that the cookie of an earlier
    login names, or None."""

    code: str = ""
    passkey: str = ""
    device: KnownDevice | None = None


@dataclass(frozen=True)
class _VerifiedResponse:
    """The rows to commit with the new session after a correct second factor, and the name of the factor.

    `provider` is the changed row, for example without the used recovery code. `secrets` are further rows, such as a
    used passkey challenge. `method` says how the provider logged in, for the account's activity and the certificate
    page."""

    provider: Provider
    secrets: tuple[Secret, ...]
    method: str


class SecondFactor:
    def __init__(self, store: Store, sessions: Sessions, passkeys: Passkeys) -> None:
        self._store = store
        self._sessions = sessions
        self._passkeys = passkeys

    def find_pending_login(self, token: str, now: datetime) -> Provider:
        """Return the provider who entered the right password and must now use a second factor.

        `token` is the cookie from the first step. Raise `Gone` if the login has expired or was finished."""
        return self._pending_login(token, now)[1]

    def finish(self, token: str, response: SecondFactorResponse, now: datetime, origin: Origin) -> tuple[Provider, str]:
        """Check the second factor, store a new session and the login event, and return the provider and session cookie.

        `token` is the cookie from the first step. Raise `Unauthenticated` for a wrong code or passkey,
        `TooManyRequests` if the browser must wait after wrong codes, and `Gone` if the login has expired."""
        pending, provider = self._pending_login(token, now)
        total = self._count_code(provider, response, now)
        try:
            verified = self._verify(provider, response, now)
        except Unauthenticated:
            if total is not None:
                self._record_failure(total, provider, now, origin)
            raise
        session, cookie = self._sessions.start(verified.provider, now, verified.method)
        change = Change(
            at=now,
            providers=(verified.provider,),
            secrets=(session, *verified.secrets),
            spent=(pending,),
            dropped=_counters_to_clear(provider, response, now),
            account_events=(login_event(verified.provider, session, origin),),
        )
        try:
            self._store.commit(change)
        except ConcurrentUpdate as conflict:
            raise Unauthenticated(_WRONG) from conflict
        return verified.provider, cookie

    def _record_failure(self, total: Secret, provider: Provider, now: datetime, origin: Origin) -> None:
        # Every failure is recorded: somebody who gets this far has the password.
        event = account_event(
            provider.id,
            AccountEventType.WRONG_SECOND_FACTOR,
            now,
            origin,
            unique=f"{total.key}.{total.version}",
            tries=total.tries,
        )
        self._store.commit(Change(at=now, account_events=(event,)))

    def _pending_login(self, token: str, now: datetime) -> tuple[Secret, Provider]:
        row = self._store.secret(secret_key(SecretKind.PENDING_LOGIN, token)) if token else None
        provider = self._store.provider(row.provider_id or "") if row and row.is_live(now) else None
        if row is None or provider is None or provider.session_generation != row.session_generation:
            raise Gone(_EXPIRED, code=GoneCode.LOGIN_OVER)
        return row, provider

    def _count_code(self, provider: Provider, response: SecondFactorResponse, now: datetime) -> Secret | None:
        """Count one try of a code at login, before the code is checked, so that parallel tries gain nothing.

        The try is counted for the account: in one counter for all browsers that have logged in to the account before,
        or in another for all other browsers. Return this counter's row, as stored, for the audit event of a wrong code.
        Return None for a passkey, which is not counted. Raises `TooManyRequests` if another try is not allowed yet."""
        if response.passkey:
            return None
        return retry_on_conflict(lambda: self._add_attempt(provider, response, now), retry_on=frozenset({"secret"}))

    def _add_attempt(self, provider: Provider, response: SecondFactorResponse, now: datetime) -> Secret:
        """Count one try of a code, and return the stored row of the account's counter for this kind of browser.

        An account has one counter for all browsers that have logged in before (known browsers), and one for all other
        browsers. A known browser also has a counter of its own. If the counter of the known browsers is used up, a
        known browser counts as another browser. Raise `TooManyRequests` if another try is not allowed yet."""
        known, device = _known_browsers(provider.id), _known_browser(provider, response)
        subjects = (device, known, provider.id) if device else (provider.id,)
        stored = self._store.secrets([CODE_ATTEMPTS.key(subject) for subject in subjects])
        counts = {subject: stored.get(CODE_ATTEMPTS.key(subject)) for subject in subjects}
        if device and not is_used_up(counts[known], MAX_KNOWN_FAILURES, now):
            client, total = device, known
        else:
            client = total = provider.id
        if is_used_up(counts[total], MAX_UNKNOWN_FAILURES, now):
            raise TooManyRequests(_LOCKED, retry_after=LOCKOUT_RETRY_SECONDS)
        throttling.require_no_wait(CODE_ATTEMPTS.wait_left(counts[client], now))
        counted = {subject: CODE_ATTEMPTS.add_attempt(counts[subject], subject, now) for subject in (client, total)}
        self._store.commit(Change(at=now, secrets=tuple(counted.values())))
        return counted[total]

    def _verify(self, provider: Provider, response: SecondFactorResponse, now: datetime) -> _VerifiedResponse:
        if response.passkey:
            used, challenge = self._passkeys.verify_authentication(provider, response.passkey, now)
            return _VerifiedResponse(used, (challenge,), f"{PASSWORD} and passkey")
        by_app = _use_app_code(provider, response.code, now)
        if by_app is not None:
            return _VerifiedResponse(by_app, (), f"{PASSWORD} and authenticator code")
        by_recovery_code = _use_recovery_code(provider, response.code)
        if by_recovery_code is not None:
            return _VerifiedResponse(by_recovery_code, (), f"{PASSWORD} and recovery code")
        raise Unauthenticated(_WRONG)


def second_factor_counters(provider_id: str, now: datetime) -> tuple[Secret, ...]:
    """Return the rows that count an account's wrong second-factor codes, so that the caller deletes them.

    The counts start again from zero after a finished login or a new password. Rows are deleted by their keys, so the
    counts in the returned rows do not matter."""
    subjects = (provider_id, _known_browsers(provider_id))
    return tuple(CODE_ATTEMPTS.add_attempt(None, subject, now) for subject in subjects)


def _counters_to_clear(provider: Provider, response: SecondFactorResponse, now: datetime) -> tuple[Secret, ...]:
    device = _known_browser(provider, response)
    own = (CODE_ATTEMPTS.add_attempt(None, device, now),) if device else ()
    return (*second_factor_counters(provider.id, now), *own)


def _known_browser(provider: Provider, response: SecondFactorResponse) -> str | None:
    device = response.device
    return f"device {device.id}" if device and device.is_known_to(provider) else None


def _known_browsers(provider_id: str) -> str:
    return f"known {provider_id}"


def find_matching_step(app: Authenticator, code: str, now: datetime) -> int | None:
    """Return the number of the 30-second step for which an authenticator app shows this code, or None.

    The code may be one step early or late. None means that the code is wrong, or that its step or a later step was
    already used. The caller stores the result as `last_step`, so that nobody can use the code twice."""
    import pyotp

    digits = "".join(code.split())
    current = epoch_seconds(now) // STEP_SECONDS
    codes = {step: pyotp.TOTP(app.secret).generate_otp(step) for step in (current - 1, current, current + 1)}
    steps = [step for step, shown in codes.items() if hmac.compare_digest(shown.encode(), digits.encode())]
    return next((step for step in steps if step > app.last_step), None)


def _use_app_code(provider: Provider, code: str, now: datetime) -> Provider | None:
    """Return the provider's next version, in which this code of the app is used, or None if the code is wrong."""
    app = provider.authenticator
    step = find_matching_step(app, code, now) if app else None
    if app is None or step is None:
        return None
    return replace(provider, version=provider.version + 1, authenticator=replace(app, last_step=step))


def _use_recovery_code(provider: Provider, code: str) -> Provider | None:
    """Return the provider's next version without this recovery code, or None if the code is wrong."""
    key = hash_recovery_code(code)
    if key not in provider.recovery:
        return None
    remaining = tuple(item for item in provider.recovery if item != key)
    return replace(provider, version=provider.version + 1, recovery=remaining)
