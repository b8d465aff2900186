"""Changes that the owner of an account makes to it: passkeys, authenticator app, recovery codes, password.

Every change ends the account's other sessions and is reported to the owner by email.
"""

import base64
import hashlib
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.account_events import UNKNOWN, AccountEvent, AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate, FieldError, Invalid, NotFound, Unauthenticated
from chalicelib.domain.expiring_records import ENROL_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator, hash_recovery_code
from chalicelib.services.accounts.setup_links import account_notice
from chalicelib.services.authentication.passkeys import MAX_PASSKEYS, Passkeys
from chalicelib.services.authentication.passwords import (
    MIN_LENGTH,
    hash_password,
    is_short,
    min_length,
    password_problem,
)
from chalicelib.services.authentication.second_factor import matching_step, second_factor_counters
from chalicelib.services.authentication.sessions import Sessions
from chalicelib.services.delivery_rows import outbox_row
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Page, Store
from chalicelib.services.transaction import Change

RECOVERY_CODES = 10
MAX_PASSKEY_NAME_CHARS = 40
_PRACTICES_READ = 3

_SHORT = (
    f"Your password is shorter than {MIN_LENGTH} characters. That is enough only with two-step login. "
    "Change the password first."
)

Cookie = str
Codes = tuple[str, ...]


class AccountSettings:
    """Changes an account.

    The caller makes sure that the owner of the session was authenticated recently. `origin` is the source of
    the request, for the account's events. A change returns the value of the new session cookie, and recovery
    codes if it creates any.
    """

    def __init__(self, store: Store, ids: Ids, sessions: Sessions, passkeys: Passkeys) -> None:
        self._store = store
        self._ids = ids
        self._sessions = sessions
        self._passkeys = passkeys

    def add_passkey(
        self,
        session: Secret,
        provider: Provider,
        response: str,
        name: str,
        now: datetime,
        origin: Origin = UNKNOWN,
    ) -> tuple[Cookie, Codes]:
        """Add a passkey from the browser's WebAuthn `response` (JSON).

        The first second factor of an account also creates recovery codes. Raise `Invalid` if the response is
        not valid or the account has `MAX_PASSKEYS` passkeys.
        """
        if len(provider.passkeys) >= MAX_PASSKEYS:
            raise _invalid("name", f"You already have {MAX_PASSKEYS} passkeys. Remove one first.")
        label = " ".join(name.split())[:MAX_PASSKEY_NAME_CHARS] or "Passkey"
        try:
            passkey, challenge = self._passkeys.verify_registration(provider, response, label, now)
        except Unauthenticated as error:
            raise _invalid("form", "The passkey could not be added. Please try again.") from error
        changed = replace(provider, passkeys=(*provider.passkeys, passkey))
        codes, changed = self._with_first_codes(provider, changed)
        event = AccountEventType.PASSKEY_ADDED
        return self._commit(session, changed, event, now, origin, secrets=(challenge,)), codes

    def remove_passkey(
        self, session: Secret, provider: Provider, passkey_id: str, now: datetime, origin: Origin = UNKNOWN
    ) -> Cookie:
        """Remove a passkey. Raise `NotFound` if the account does not have the passkey."""
        remaining = tuple(passkey for passkey in provider.passkeys if passkey.id != passkey_id)
        if len(remaining) == len(provider.passkeys):
            raise NotFound("There is no such passkey.")
        changed = _after_removal(replace(provider, passkeys=remaining))
        return self._commit(session, changed, AccountEventType.PASSKEY_REMOVED, now, origin)

    def authenticator_secret(self, session: Secret, provider: Provider, now: datetime) -> str:
        """Return the secret (base32) to enter in an authenticator app.

        The secret stays the same until the owner confirms it, or until `ENROL_LIFETIME` has passed.
        """
        row = self._store.secret(_enrolment_key(session))
        if row is not None and row.is_live(now) and row.link:
            return row.link
        secret = base64.b32encode(hashlib.sha256(self._ids.token().encode()).digest()[:20]).decode()
        fresh = Secret(
            key=_enrolment_key(session),
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
        self, session: Secret, provider: Provider, code: str, now: datetime, origin: Origin = UNKNOWN
    ) -> tuple[Cookie, Codes]:
        """Add the app that was set up with `authenticator_secret`, if `code` is the code that the app shows.

        The first second factor of an account also creates recovery codes. Raise `Invalid` for a wrong code
        and for an expired secret.
        """
        row = self._store.secret(_enrolment_key(session))
        if row is None or not row.is_live(now) or row.link is None:
            raise _invalid("code", "That took too long. Scan the new code and try again.")
        app = Authenticator(secret=row.link, since=now)
        step = matching_step(app, code, now)
        if step is None:
            raise _invalid("code", "That isn't the code that the app shows. Try the next one.")
        changed = replace(provider, authenticator=replace(app, last_step=step))
        codes, changed = self._with_first_codes(provider, changed)
        event = AccountEventType.AUTHENTICATOR_ADDED
        return self._commit(session, changed, event, now, origin, dropped=(row,)), codes

    def remove_authenticator(
        self, session: Secret, provider: Provider, now: datetime, origin: Origin = UNKNOWN
    ) -> Cookie:
        """Remove the authenticator app. Raise `NotFound` if there is none."""
        if provider.authenticator is None:
            raise NotFound("There is no authenticator app.")
        changed = _after_removal(replace(provider, authenticator=None))
        return self._commit(session, changed, AccountEventType.AUTHENTICATOR_REMOVED, now, origin)

    def new_recovery_codes(
        self, session: Secret, provider: Provider, now: datetime, origin: Origin = UNKNOWN
    ) -> tuple[Cookie, Codes]:
        """Create recovery codes in place of the old ones. Only their hashes are stored.

        Raise `NotFound` if the account has no second factor.
        """
        if not provider.has_second_factor:
            raise NotFound("Recovery codes need a passkey or an authenticator app.")
        codes = self._codes()
        changed = replace(provider, recovery=tuple(map(hash_recovery_code, codes)))
        return self._commit(session, changed, AccountEventType.RECOVERY_CODES_MADE, now, origin), codes

    def change_password(
        self, session: Secret, provider: Provider, password: str, now: datetime, origin: Origin = UNKNOWN
    ) -> Cookie:
        """Set a new password. Raise `Invalid` with the problem if the password is too weak."""
        least = min_length(second_factor=provider.has_second_factor)
        problem = password_problem(password, self._personal_words(provider), least=least)
        if problem:
            raise _invalid("new_password", problem)
        changed = replace(provider, password_hash=hash_password(password), short_password=is_short(password))
        counters = second_factor_counters(provider.id, now)
        event = AccountEventType.PASSWORD_CHANGED
        return self._commit(session, changed, event, now, origin, dropped=counters)

    def _personal_words(self, provider: Provider) -> list[str]:
        """Return words about the provider that make a poor password, with a few practices' names."""
        practices = [
            self._store.practice(practice_id) for practice_id in provider.practices[:_PRACTICES_READ]
        ]
        names = [practice.name for practice in practices if practice is not None]
        return [provider.name, provider.email or "", provider.npi or "", *names]

    def events(self, provider_id: str, *, limit: int, before: int | None) -> Page[AccountEvent]:
        """Return the events of an account, newest first. `before` is the `sort_key` to start after."""
        return self._store.account_events(provider_id, limit=limit, before=before)

    def decline_second_factor(self, provider: Provider, now: datetime) -> None:
        """Store that the owner does not want the offer of a second factor again."""

        def step() -> None:
            latest = self._store.provider(provider.id) or provider
            declined = replace(latest, version=latest.version + 1, factor_declined_at=now)
            self._store.commit(Change(at=now, providers=(declined,)))

        retry_on_conflict(step, retry_on=frozenset({"provider"}))

    def log_out_everywhere(
        self, session: Secret, provider: Provider, now: datetime, origin: Origin = UNKNOWN
    ) -> None:
        """End every session of the account, this session too."""
        event = account_event(
            provider.id, AccountEventType.LOGGED_OUT_EVERYWHERE, now, origin, unique=session.key
        )
        ended = _without_sessions(provider)
        self._store.commit(Change(at=now, providers=(ended,), dropped=(session,), account_events=(event,)))

    def _commit(
        self,
        session: Secret,
        changed: Provider,
        event_type: AccountEventType,
        now: datetime,
        origin: Origin,
        *,
        secrets: tuple[Secret, ...] = (),
        dropped: tuple[Secret, ...] = (),
    ) -> Cookie:
        """Commit the changed provider, end the other sessions, and renew this one.

        The event and the email to the owner have the same type. Raise `Invalid` if the account has changed in
        the meantime.
        """
        provider = _without_sessions(changed)
        renewed, cookie = self._sessions.renew(session, now, session_generation=provider.session_generation)
        notice = account_notice(self._ids.new("evt"), provider, event_type.value, now)
        event = account_event(provider.id, event_type, now, origin, unique=notice.event_id)
        change = Change(
            at=now,
            providers=(provider,),
            secrets=(renewed, *secrets),
            dropped=(session, *dropped),
            deliveries=(notice,),
            account_events=(event,),
            outbox=(outbox_row(notice),),
        )
        try:
            self._store.commit(change)
        except ConcurrentUpdate as conflict:
            message = "Your account was changed in another place at the same time. Please try again."
            raise _invalid("form", message) from conflict
        return cookie

    def _with_first_codes(self, before: Provider, after: Provider) -> tuple[Codes, Provider]:
        if before.has_second_factor:
            return (), after
        codes = self._codes()
        return codes, replace(after, recovery=tuple(map(hash_recovery_code, codes)))

    def _codes(self) -> Codes:
        """Return new recovery codes of 120 random bits, in groups of four characters."""
        codes = []
        for _ in range(RECOVERY_CODES):
            text = base64.b32encode(hashlib.sha256(self._ids.token().encode()).digest()[:15]).decode()
            codes.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
        return tuple(codes)


# For support


def reset_second_factor(ids: Ids, provider: Provider, now: datetime) -> Change:
    """Return the change that removes all second factors, ends all sessions and sends the owner an email.

    A password under `MIN_LENGTH` characters is invalidated, since it was allowed only with a second factor.
    The owner sets a new password with *Forgot password*.
    """
    reset = replace(_without_sessions(provider), passkeys=(), authenticator=None, recovery=())
    if reset.short_password:
        reset = replace(reset, password_hash=hash_password(ids.token()), short_password=False)
    event_type = AccountEventType.SECOND_FACTOR_RESET
    notice = account_notice(ids.new("evt"), reset, event_type.value, now)
    event = account_event(provider.id, event_type, now, UNKNOWN, unique=notice.event_id)
    return Change(
        at=now,
        providers=(reset,),
        deliveries=(notice,),
        outbox=(outbox_row(notice),),
        account_events=(event,),
    )


def end_sessions(ids: Ids, provider: Provider, now: datetime) -> Change:
    """Return the change that ends all sessions of an account."""
    event = account_event(provider.id, AccountEventType.SESSIONS_ENDED, now, UNKNOWN, unique=ids.token())
    return Change(at=now, providers=(_without_sessions(provider),), account_events=(event,))


def authenticator_uri(secret: str, email: str) -> str:
    """Return the `otpauth:` URI that an authenticator app reads from a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Provider Portal")


def _without_sessions(provider: Provider) -> Provider:
    """Return the provider's next version, with all sessions ended."""
    generation = provider.session_generation + 1
    return replace(provider, version=provider.version + 1, session_generation=generation)


def _after_removal(provider: Provider) -> Provider:
    """Return the provider without recovery codes if the last second factor is gone.

    Raise `Invalid` if the password is too short without a second factor.
    """
    if provider.has_second_factor:
        return provider
    if provider.short_password:
        raise _invalid("form", _SHORT)
    return replace(provider, recovery=())


def _enrolment_key(session: Secret) -> str:
    return secret_key(SecretKind.AUTHENTICATOR, session.key)


def _invalid(name: str, message: str) -> Invalid:
    return Invalid(message, errors=[FieldError(name, message)])
