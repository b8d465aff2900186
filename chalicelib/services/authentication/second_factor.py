"""The second half of a login: a passkey, a code of an authenticator app, or a recovery code."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.account_events import AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate, Gone, GoneCode, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator, recovery_key
from chalicelib.domain.timestamps import epoch
from chalicelib.services import throttling
from chalicelib.services.authentication.known_devices import Device
from chalicelib.services.authentication.passkeys import Passkeys
from chalicelib.services.authentication.password_login import (
    CLOSED_SECONDS,
    MOST_OF_KNOWN,
    MOST_OF_STRANGERS,
    used_up,
)
from chalicelib.services.authentication.sessions import PASSWORD, Sessions, logged_in
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.throttling import Pace
from chalicelib.services.transaction import Change

STEP_SECONDS = 30
TRIES = Pace(name="second", free=5, longest=timedelta(minutes=1), forgotten=timedelta(days=365))
"""Codes: for an account as a whole, and apart for each browser that it knows, up to `MOST_OF_KNOWN` in a row
from all of those together; then they are strangers, and at `MOST_OF_STRANGERS` a new password is needed.

Whoever gets this far has the password. A passkey cannot be guessed: it neither waits nor counts.
"""

_WRONG = "That code is not right, or it was used before. Wait for the next one."
_CLOSED = (
    "There were too many wrong codes. Use your passkey, log in with a browser that you have used before, or "
    "choose a new password: see Forgot password on the login page."
)
_OVER = "This login took too long. Please start again."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was given: a `code` as typed (of the app, or a recovery code), or a browser's `passkey` answer.

    `device` is the browser, if it has logged in here before.
    """

    code: str = ""
    passkey: str = ""
    device: Device | None = None


@dataclass(frozen=True)
class _Passed:
    """The provider after an answer that was right, what to write with it, and what to call it."""

    provider: Provider
    secrets: tuple[Secret, ...]
    method: str


class SecondFactor:
    def __init__(self, store: Store, sessions: Sessions, passkeys: Passkeys) -> None:
        self._store = store
        self._sessions = sessions
        self._passkeys = passkeys

    def waiting(self, token: str, now: datetime) -> Provider:
        """Whose login waits for its second half. Raises `Gone` when it took too long."""
        return self._half(token, now)[1]

    def finish(self, token: str, answer: Answer, now: datetime, origin: Origin) -> tuple[Provider, str]:
        """The provider and the session cookie's value.

        Raises `Unauthenticated` for a wrong answer, `TooManyRequests`, and `Gone` if the first step expired.
        """
        half, provider = self._half(token, now)
        counted = self._counted(provider, answer, now)
        try:
            passed = self._passed(provider, answer, now)
        except Unauthenticated:
            if counted is not None:
                self._tell_failure(counted, provider, now, origin)
            raise
        session, cookie = self._sessions.start(passed.provider, now, passed.method)
        change = Change(
            at=now,
            providers=(passed.provider,),
            secrets=(session, *passed.secrets),
            spent=(half,),
            dropped=_cleared(provider, answer, now),
            account_events=(logged_in(passed.provider, session, origin),),
        )
        try:
            self._store.commit(change)
        except ConcurrentUpdate as lost:
            raise Unauthenticated(_WRONG) from lost
        return passed.provider, cookie

    def _tell_failure(self, counted: Secret, provider: Provider, now: datetime, origin: Origin) -> None:
        """Who gets this far has the password: the owner should hear of it."""
        unique = f"{counted.key}.{counted.version}"
        told = account_event(
            provider.id, AccountEventType.WRONG_SECOND_FACTOR, now, origin, unique=unique, tries=counted.tries
        )
        self._store.commit(Change(at=now, account_events=(told,)))

    def _half(self, token: str, now: datetime) -> tuple[Secret, Provider]:
        half = self._store.secret(secret_key(SecretKind.HALF, token)) if token else None
        provider = self._store.provider(half.provider_id or "") if half and half.live(now) else None
        if half is None or provider is None or provider.session_generation != half.session_generation:
            raise Gone(_OVER, code=GoneCode.LOGIN_OVER)
        return half, provider

    def _counted(self, provider: Provider, answer: Answer, now: datetime) -> Secret | None:
        """Counts a code before it is looked at; None for a passkey."""
        if answer.passkey:
            return None
        return retry_on_conflict(lambda: self._count(provider, answer, now), retry_on=frozenset({"secret"}))

    def _count(self, provider: Provider, answer: Answer, now: datetime) -> Secret:
        """The total of all known browsers together, or else of all strangers."""
        known, device = _of_known(provider.id), _device(provider, answer)
        places = (device, known, provider.id) if device else (provider.id,)
        found = self._store.secrets([TRIES.key(each) for each in places])
        counts = {each: found.get(TRIES.key(each)) for each in places}
        if device and not used_up(counts[known], MOST_OF_KNOWN, now):
            place, total = device, known
        else:
            place = total = provider.id
        if used_up(counts[total], MOST_OF_STRANGERS, now):
            raise TooManyRequests(_CLOSED, retry_after=CLOSED_SECONDS)
        throttling.check(TRIES.wait(counts[place], now))
        counted = {each: TRIES.counted(counts[each], each, now) for each in (place, total)}
        self._store.commit(Change(at=now, secrets=tuple(counted.values())))
        return counted[total]

    def _passed(self, provider: Provider, answer: Answer, now: datetime) -> _Passed:
        if answer.passkey:
            used, challenge = self._passkeys.answered(provider, answer.passkey, now)
            return _Passed(used, (challenge,), f"{PASSWORD} and passkey")
        by_app = with_code(provider, answer.code, now)
        if by_app is not None:
            return _Passed(by_app, (), f"{PASSWORD} and authenticator code")
        by_paper = _with_recovery_code(provider, answer.code)
        if by_paper is not None:
            return _Passed(by_paper, (), f"{PASSWORD} and recovery code")
        raise Unauthenticated(_WRONG)


def tries_of(provider_id: str, now: datetime) -> tuple[Secret, ...]:
    """What is counted for the whole account, to be dropped by who got in or chose a new password."""
    return tuple(TRIES.counted(None, each, now) for each in (provider_id, _of_known(provider_id)))


def _cleared(provider: Provider, answer: Answer, now: datetime) -> tuple[Secret, ...]:
    device = _device(provider, answer)
    own = (TRIES.counted(None, device, now),) if device else ()
    return (*tries_of(provider.id, now), *own)


def _device(provider: Provider, answer: Answer) -> str | None:
    device = answer.device
    return f"device {device.id}" if device and device.is_known_to(provider) else None


def _of_known(provider_id: str) -> str:
    return f"known {provider_id}"


def matching_step(app: Authenticator, code: str, now: datetime) -> int | None:
    """The step of this code, one either side of now allowed; None when it is wrong or was used."""
    import pyotp

    digits = "".join(code.split())
    step = epoch(now) // STEP_SECONDS
    codes = {each: pyotp.TOTP(app.secret).generate_otp(each) for each in (step - 1, step, step + 1)}
    found = [each for each, shown in codes.items() if hmac.compare_digest(shown.encode(), digits.encode())]
    return next((each for each in found if each > app.last_step), None)


def with_code(provider: Provider, code: str, now: datetime) -> Provider | None:
    """The provider with the app's code used up; None when it is not right."""
    app = provider.authenticator
    step = matching_step(app, code, now) if app else None
    if app is None or step is None:
        return None
    return replace(provider, version=provider.version + 1, authenticator=replace(app, last_step=step))


def _with_recovery_code(provider: Provider, code: str) -> Provider | None:
    key = recovery_key(code)
    if key not in provider.recovery:
        return None
    left = tuple(each for each in provider.recovery if each != key)
    return replace(provider, version=provider.version + 1, recovery=left)
