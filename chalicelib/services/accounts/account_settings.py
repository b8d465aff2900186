"""What the owner of an account changes about it. Each change ends the other sessions and is told by mail."""

import base64
import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Self

from chalicelib.domain.account_events import UNKNOWN, AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate, FieldError, Invalid, NotFound, Unauthenticated
from chalicelib.domain.expiring_records import ENROL_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator, recovery_key
from chalicelib.services.accounts.setup_links import account_notice
from chalicelib.services.authentication.passkeys import MAX_PASSKEYS, Passkeys
from chalicelib.services.authentication.passwords import (
    LEAST_LENGTH,
    hash_password,
    is_short,
    least_length,
    password_problem,
)
from chalicelib.services.authentication.second_factor import matching_step, second_factor_counters
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.delivery_rows import outbox_row
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change

RECOVERY_CODES = 10
MAX_NAME = 40
_PRACTICES = 3

_SHORT = (
    f"Your password is shorter than {LEAST_LENGTH} characters, which is enough only with a second factor. "
    "Change the password first."
)


class AccountSettings:
    """Every method wants a session whose owner was authenticated just now: the page sees to it."""

    def __init__(
        self, store: Store, ids: Ids, sessions: Sessions, passkeys: Passkeys, origin: Origin = UNKNOWN
    ) -> None:
        self._store = store
        self._ids = ids
        self._sessions = sessions
        self._passkeys = passkeys
        self._origin = origin

    def seen_from(self, origin: Origin) -> Self:
        """The same, for a request that came from there: its changes say so in the account's trail."""
        return type(self)(self._store, self._ids, self._sessions, self._passkeys, origin)

    def add_passkey(
        self, session: Secret, provider: Provider, answer: str, name: str, now: datetime
    ) -> tuple[str, tuple[str, ...]]:
        """The new session cookie, and recovery codes if it is the first second factor."""
        if len(provider.passkeys) >= MAX_PASSKEYS:
            raise _wrong("name", "There are ten passkeys already. Remove one first.")
        called = " ".join(name.split())[:MAX_NAME] or "Passkey"
        try:
            made, challenge = self._passkeys.verify_registration(provider, answer, called, now)
        except Unauthenticated as error:
            raise _wrong("form", "The passkey could not be added. Please try again.") from error
        changed = replace(provider, passkeys=(*provider.passkeys, made))
        codes, changed = self._with_first_codes(provider, changed)
        return self._change(session, changed, "passkey_added", now, secrets=(challenge,)), codes

    def remove_passkey(self, session: Secret, provider: Provider, passkey_id: str, now: datetime) -> str:
        left = tuple(each for each in provider.passkeys if each.id != passkey_id)
        if len(left) == len(provider.passkeys):
            raise NotFound("There is no such passkey.")
        return self._change(session, _left(replace(provider, passkeys=left)), "passkey_removed", now)

    def authenticator_secret(self, session: Secret, provider: Provider, now: datetime) -> str:
        """The secret to be put into an app: the same until it is confirmed, or 15 minutes have passed."""
        row = self._store.secret(_enrolment(session))
        if row is not None and row.live(now) and row.link:
            return row.link
        secret = base64.b32encode(hashlib.sha256(self._ids.token().encode()).digest()[:20]).decode()
        fresh = Secret(
            key=_enrolment(session),
            version=row.version + 1 if row else 1,
            kind=SecretKind.AUTHENTICATOR,
            created_at=now,
            expires_at=now + ENROL_LIFETIME,
            provider_id=provider.id,
            link=secret,
        )
        self._store.commit(Change(at=now, secrets=(fresh,)))
        return secret

    def add_authenticator(
        self, session: Secret, provider: Provider, code: str, now: datetime
    ) -> tuple[str, tuple[str, ...]]:
        """The new session cookie, and recovery codes if it is the first second factor."""
        row = self._store.secret(_enrolment(session))
        if row is None or not row.live(now) or row.link is None:
            raise _wrong("code", "That took too long. Scan the new code and try again.")
        app = Authenticator(secret=row.link, since=now)
        step = matching_step(app, code, now)
        if step is None:
            raise _wrong("code", "That is not the code that the app shows. Try the next one.")
        changed = replace(provider, authenticator=replace(app, last_step=step))
        codes, changed = self._with_first_codes(provider, changed)
        return self._change(session, changed, "authenticator_added", now, dropped=(row,)), codes

    def remove_authenticator(self, session: Secret, provider: Provider, now: datetime) -> str:
        if provider.authenticator is None:
            raise NotFound("There is no authenticator app.")
        return self._change(
            session, _left(replace(provider, authenticator=None)), "authenticator_removed", now
        )

    def new_recovery_codes(
        self, session: Secret, provider: Provider, now: datetime
    ) -> tuple[str, tuple[str, ...]]:
        """The new session cookie and the codes, which are not kept; those of before are dead."""
        if not provider.has_second_factor:
            raise NotFound("There is no second factor that codes could stand in for.")
        codes = self._codes()
        changed = replace(provider, recovery=tuple(map(recovery_key, codes)))
        return self._change(session, changed, "recovery_codes_made", now), codes

    def change_password(self, session: Secret, provider: Provider, password: str, now: datetime) -> str:
        """The new session cookie. Raises `Invalid` with what is wrong with the new password."""
        least = least_length(second_factor=provider.has_second_factor)
        problem = password_problem(password, self._personal(provider), least=least)
        if problem:
            raise _wrong("new_password", problem)
        changed = replace(
            provider,
            password_hash=hash_password(password),
            short_password=is_short(password),
        )
        failures = second_factor_counters(provider.id, now)
        return self._change(session, changed, "password_changed", now, dropped=failures)

    def _personal(self, provider: Provider) -> list[str]:
        """Words about them that make a poor password; a few of the practices are enough."""
        found = [self._store.practice(each) for each in provider.practices[:_PRACTICES]]
        names = [each.name for each in found if each is not None]
        return [provider.name, provider.email or "", provider.npi or "", *names]

    def decline_second_factor(self, provider: Provider, now: datetime) -> None:
        """Notes that its offer is not to be made again."""

        def step() -> None:
            latest = self._store.provider(provider.id) or provider
            declined = replace(latest, version=latest.version + 1, factor_declined_at=now)
            self._store.commit(Change(at=now, providers=(declined,)))

        retry_on_conflict(step, retry_on=frozenset({"provider"}))

    def log_out_everywhere(self, session: Secret, provider: Provider, now: datetime) -> None:
        """Ends every session of the account, this one too."""
        ended = replace(
            provider, version=provider.version + 1, session_generation=provider.session_generation + 1
        )
        told = account_event(
            provider.id, AccountEventType.LOGGED_OUT_EVERYWHERE, now, self._origin, unique=session.key
        )
        self._store.commit(Change(at=now, providers=(ended,), dropped=(session,), account_events=(told,)))

    def _change(
        self,
        session: Secret,
        changed: Provider,
        told: str,
        now: datetime,
        *,
        secrets: tuple[Secret, ...] = (),
        dropped: tuple[Secret, ...] = (),
    ) -> str:
        generation = changed.session_generation + 1
        provider = replace(changed, version=changed.version + 1, session_generation=generation)
        renewed, cookie = self._sessions.renew(session, now, session_generation=generation)
        notice = account_notice(self._ids, provider, told, now)
        entry = account_event(provider.id, AccountEventType(told), now, self._origin, unique=notice.event_id)
        change = Change(
            at=now,
            providers=(provider,),
            secrets=(renewed, *secrets),
            dropped=(session, *dropped),
            deliveries=(notice,),
            account_events=(entry,),
            outbox=(outbox_row(notice),),
        )
        try:
            self._store.commit(change)
        except ConcurrentUpdate as lost:
            raise _wrong("form", "Your account was changed elsewhere meanwhile. Please try again.") from lost
        return cookie

    def _with_first_codes(self, before: Provider, after: Provider) -> tuple[tuple[str, ...], Provider]:
        if before.has_second_factor:
            return (), after
        codes = self._codes()
        return codes, replace(after, recovery=tuple(map(recovery_key, codes)))

    def _codes(self) -> tuple[str, ...]:
        """Of 120 random bits each, in groups of four that can be typed."""
        made = []
        for _ in range(RECOVERY_CODES):
            text = base64.b32encode(hashlib.sha256(self._ids.token().encode()).digest()[:15]).decode()
            made.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
        return tuple(made)


def without_second_factor(ids: Ids, provider: Provider, now: datetime) -> Change:
    """Takes every factor but the password away, ends all sessions and tells the owner.

    A password that was enough only beside a second factor is no longer one: *Forgot password* makes another.
    """
    bare = replace(
        provider,
        version=provider.version + 1,
        session_generation=provider.session_generation + 1,
        passkeys=(),
        authenticator=None,
        recovery=(),
    )
    if bare.short_password:
        bare = replace(bare, password_hash=hash_password(ids.token()), short_password=False)
    notice = account_notice(ids, bare, "second_factor_reset", now)
    told = account_event(
        provider.id, AccountEventType.SECOND_FACTOR_RESET, now, UNKNOWN, unique=notice.event_id
    )
    return Change(
        at=now, providers=(bare,), deliveries=(notice,), outbox=(outbox_row(notice),), account_events=(told,)
    )


def without_sessions(ids: Ids, provider: Provider, now: datetime) -> Change:
    """Ends all sessions of an account, as support may for its owner."""
    ended = replace(
        provider, version=provider.version + 1, session_generation=provider.session_generation + 1
    )
    told = account_event(provider.id, AccountEventType.SESSIONS_ENDED, now, UNKNOWN, unique=ids.token())
    return Change(at=now, providers=(ended,), account_events=(told,))


def _left(provider: Provider) -> Provider:
    """Without recovery codes once there is nothing to recover; refused while the password is too short."""
    if provider.has_second_factor:
        return provider
    if provider.short_password:
        raise _wrong("form", _SHORT)
    return replace(provider, recovery=())


def _enrolment(session: Secret) -> str:
    return secret_key(SecretKind.AUTHENTICATOR, session.key)


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(message, errors=[FieldError(name, message)])


def enrolment_code(secret: str, email: str) -> tuple[str, int, str]:
    """What an app scans: the `otpauth:` text, and its QR code: modules a side, SVG path."""
    import pyotp
    import segno

    text = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Provider Portal")
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    squares = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return text, len(rows), "".join(squares)
