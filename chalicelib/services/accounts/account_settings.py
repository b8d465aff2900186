"""Changes that owners make to their login: passkeys, authenticator app, recovery codes, password, sessions.

A change of a credential ends the account's other sessions and is reported to the owner by email."""

import base64
import hashlib
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.account_events import UNKNOWN, AccountEvent, AccountEventType, account_event
from chalicelib.domain.errors import ConcurrentUpdate, NotFound, Unauthenticated
from chalicelib.domain.expiring_records import ENROL_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider, with_name, without_sessions
from chalicelib.domain.second_factors import Authenticator, hash_recovery_code
from chalicelib.services.accounts.account_changes import (
    AccountChange,
    AccountOwner,
    AccountWriter,
    changed_elsewhere,
    wrong_entry,
)
from chalicelib.services.authentication.passkeys import MAX_PASSKEYS, Passkeys
from chalicelib.services.authentication.passwords import (
    MIN_LENGTH,
    find_password_problem,
    hash_password,
    is_short,
    min_length,
)
from chalicelib.services.authentication.second_factor import find_matching_step, second_factor_counters
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.normalization import normalize_line
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Page, Store
from chalicelib.services.transaction import Change

RECOVERY_CODES = 10
MAX_PASSKEY_NAME_CHARS = 40
MAX_NAME_CHARS = 100
_PRACTICES_READ = 3

_SHORT = (
    f"Your password is shorter than {MIN_LENGTH} characters. That is enough only with two-step login. "
    "Change the password first."
)


class AccountSettings:
    """The actions behind the forms of the account page.

    Callers check first that the owner has entered the password or a passkey recently."""

    def __init__(self, store: Store, ids: Ids, writer: AccountWriter, passkeys: Passkeys) -> None:
        self._store = store
        self._ids = ids
        self._writer = writer
        self._passkeys = passkeys

    def add_passkey(self, owner: AccountOwner, response: str, name: str) -> AccountChange:
        """Verify the browser's WebAuthn `response` (JSON), and store the new passkey in the account under this name.

        Raise `Invalid` if the verification fails or the account already has `MAX_PASSKEYS` passkeys."""
        provider = owner.provider
        if len(provider.passkeys) >= MAX_PASSKEYS:
            raise wrong_entry("name", f"You already have {MAX_PASSKEYS} passkeys. Remove one first.")
        label = " ".join(name.split())[:MAX_PASSKEY_NAME_CHARS] or "Passkey"
        try:
            passkey, challenge = self._passkeys.verify_registration(provider, response, label, owner.now)
        except Unauthenticated as error:
            raise wrong_entry("form", "The passkey could not be added. Please try again.") from error
        changed = replace(provider, passkeys=(*provider.passkeys, passkey))
        return self._commit(owner, changed, AccountEventType.PASSKEY_ADDED, secrets=(challenge,))

    def remove_passkey(self, owner: AccountOwner, passkey_id: str) -> AccountChange:
        """Remove a passkey from the account. Raise `NotFound` if the account does not have the passkey.

        Raise `Invalid` for the last second factor of an account whose password is too short without one."""
        passkeys = owner.provider.passkeys
        remaining = tuple(passkey for passkey in passkeys if passkey.id != passkey_id)
        if len(remaining) == len(passkeys):
            raise NotFound("There is no such passkey.")
        changed = _after_removal(replace(owner.provider, passkeys=remaining))
        return self._commit(owner, changed, AccountEventType.PASSKEY_REMOVED)

    def authenticator_secret(self, session: Secret, now: datetime) -> str:
        """Return the secret (base32) to show as a QR code, from which an authenticator app computes its codes.

        The secret is stored for this session. Repeated calls return the same secret until `add_authenticator`
        confirms the app or `ENROL_LIFETIME` has passed."""
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
            provider_id=session.provider_id,
            link=secret,
        )
        self._store.commit(Change(at=now, secrets=(fresh,)))
        return secret

    def add_authenticator(self, owner: AccountOwner, code: str) -> AccountChange:
        """Add the owner's authenticator app to the account, if `code` fits the secret of `authenticator_secret`.

        Raise `Invalid` for a wrong code or an expired secret."""
        row = self._store.secret(_enrolment_key(owner.session))
        if row is None or not row.is_live(owner.now) or row.link is None:
            raise wrong_entry("code", "That took too long. Scan the new code and try again.")
        app = Authenticator(secret=row.link, since=owner.now)
        step = find_matching_step(app, code, owner.now)
        if step is None:
            raise wrong_entry("code", "That isn't the code that the app shows. Try the next one.")
        changed = replace(owner.provider, authenticator=replace(app, last_step=step))
        return self._commit(owner, changed, AccountEventType.AUTHENTICATOR_ADDED, dropped=(row,))

    def remove_authenticator(self, owner: AccountOwner) -> AccountChange:
        """Remove the authenticator app from the account. Raise `NotFound` if the account has none.

        Raise `Invalid` for the last second factor of an account whose password is too short without one."""
        if owner.provider.authenticator is None:
            raise NotFound("There is no authenticator app.")
        changed = _after_removal(replace(owner.provider, authenticator=None))
        return self._commit(owner, changed, AccountEventType.AUTHENTICATOR_REMOVED)

    def create_recovery_codes(self, owner: AccountOwner) -> AccountChange:
        """Replace the account's recovery codes, and return the new codes to show once. Only hashes are stored.

        Raise `NotFound` if the account has no passkey and no authenticator app."""
        if not owner.provider.has_second_factor:
            raise NotFound("Recovery codes need a passkey or an authenticator app.")
        return self._commit(owner, owner.provider, AccountEventType.RECOVERY_CODES_MADE, new_codes=True)

    def correct_name(self, owner: AccountOwner, first_name: str, last_name: str) -> AccountChange:
        """Correct the owner's name. The account's event has the name before too. Raise `Invalid` for a wrong name.

        New signatures have the name. Documents are still matched by the names that clinics or support gave, because the
        typed name may be anybody's. A name of one word is a last name."""
        names = _read_names(first_name, last_name)
        provider = owner.provider
        if names == (provider.first_name, provider.last_name):
            raise wrong_entry("last_name", "This is already the name in your account.")
        changed = with_name(provider, *names, self_stated=True)
        return self._commit(owner, changed, AccountEventType.NAME_CHANGED, names=(provider.name, changed.name))

    def change_password(self, owner: AccountOwner, password: str) -> AccountChange:
        """Store the hash of a new password. Raise `Invalid` with the reason if the password is too weak.

        Callers check the current password first."""
        provider = owner.provider
        least = min_length(second_factor=provider.has_second_factor)
        problem = find_password_problem(password, self._personal_words(provider), least=least)
        if problem:
            raise wrong_entry("new_password", problem)
        changed = replace(provider, password_hash=hash_password(password), short_password=is_short(password))
        counters = second_factor_counters(provider.id, owner.now)
        return self._commit(owner, changed, AccountEventType.PASSWORD_CHANGED, dropped=counters)

    def _personal_words(self, provider: Provider) -> list[str]:
        """Return words that a password must not consist of: the provider's name, email, NPI and practices' names."""
        practices = [self._store.practice(practice_id) for practice_id in provider.practices[:_PRACTICES_READ]]
        names = [practice.name for practice in practices if practice is not None]
        return [provider.name, provider.email or "", provider.npi or "", *names]

    def practice_names(self, provider: Provider) -> list[str]:
        """Return the names of all practices that ever sent the provider a document, sorted, for the activity page."""
        practices = self._store.practices(provider.practices) if provider.practices else ()
        return sorted((practice.name for practice in practices), key=str.casefold)

    def events(self, provider_id: str, *, limit: int, before: int | None) -> Page[AccountEvent]:
        """Return one page of the account's events, such as logins and changes, newest first, for the activity page.

        `before` is the `sort_key` of the last event on the page before, or None for the first page."""
        return self._store.account_events(provider_id, limit=limit, before=before)

    def decline_second_factor(self, provider: Provider, now: datetime) -> None:
        """Store that the owner declined the offer of a second factor, so that the list of documents stops the offer.

        This change ends no session and sends no email."""

        def step() -> None:
            latest = self._store.provider(provider.id) or provider
            declined = replace(latest, version=latest.version + 1, factor_declined_at=now)
            self._store.commit(Change(at=now, providers=(declined,)))

        retry_on_conflict(step, retry_on=frozenset({"provider"}))

    def log_out_everywhere(self, owner: AccountOwner) -> None:
        """End every session of the account, including the session in use, and record the event. No email is sent."""
        event_type, session = AccountEventType.LOGGED_OUT_EVERYWHERE, owner.session
        event = account_event(owner.provider.id, event_type, owner.now, owner.origin, unique=session.key)
        ended = without_sessions(owner.provider)
        change = Change(at=owner.now, providers=(ended,), dropped=(session,), account_events=(event,))
        self._store.commit(change)

    def _commit(
        self,
        owner: AccountOwner,
        changed: Provider,
        event_type: AccountEventType,
        *,
        new_codes: bool = False,
        secrets: tuple[Secret, ...] = (),
        dropped: tuple[Secret, ...] = (),
        names: tuple[str, str] | None = None,
    ) -> AccountChange:
        """Commit the changed provider, email the owner, end the other sessions, and renew the owner's session.

        New recovery codes are created if this change adds the first second factor, or if `new_codes` is true. The
        transaction also writes the rows `secrets` and deletes the rows `dropped`. `names` are the owner's names before
        and after a correction. Raise `Invalid` if another request has changed the account in the meantime."""
        is_first_factor = changed.has_second_factor and not owner.provider.has_second_factor
        codes = self._codes() if new_codes or is_first_factor else ()
        if codes:
            changed = replace(changed, recovery=tuple(map(hash_recovery_code, codes)))
        more = Change(at=owner.now, secrets=secrets, dropped=dropped)
        try:
            cookie = self._writer.commit(owner, changed, event_type, more=more, names=names)
        except ConcurrentUpdate as conflict:
            raise changed_elsewhere() from conflict
        return AccountChange(cookie, changed, codes)

    def _codes(self) -> tuple[str, ...]:
        """Return `RECOVERY_CODES` new recovery codes, in groups of four characters. Each code has 120 random bits."""
        codes = []
        for _ in range(RECOVERY_CODES):
            text = base64.b32encode(hashlib.sha256(self._ids.token().encode()).digest()[:15]).decode()
            codes.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
        return tuple(codes)


def reset_second_factor(ids: Ids, provider: Provider, now: datetime) -> Change:
    """Return the transaction, for the caller to commit, with which support removes all second factors of an account.

    The transaction also ends all sessions and emails the owner. It invalidates a password under `MIN_LENGTH`
    characters, which was allowed only with a second factor. The owner then sets a new one with *Forgot password*."""
    reset = replace(without_sessions(provider), passkeys=(), authenticator=None, recovery=())
    if reset.short_password:
        reset = replace(reset, password_hash=hash_password(ids.token()), short_password=False)
    event_type = AccountEventType.SECOND_FACTOR_RESET
    notice = account_notice(ids.new("evt"), reset, event_type.value, now)
    event = account_event(provider.id, event_type, now, UNKNOWN, unique=notice.event_id)
    return Change(
        at=now, providers=(reset,), deliveries=(notice,), outbox=(outbox_row(notice),), account_events=(event,)
    )


def end_sessions(ids: Ids, provider: Provider, now: datetime) -> Change:
    """Return the transaction, for the caller to commit, with which support ends all sessions of an account."""
    event = account_event(provider.id, AccountEventType.SESSIONS_ENDED, now, UNKNOWN, unique=ids.token())
    return Change(at=now, providers=(without_sessions(provider),), account_events=(event,))


def authenticator_uri(secret: str, email: str) -> str:
    """Return the `otpauth:` URI, for a QR code, by which an authenticator app receives the secret (base32)."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Provider Portal")


def _after_removal(provider: Provider) -> Provider:
    """Return the row to store after a second factor (passkey or authenticator app) was removed from `provider`.

    Without any second factor, recovery codes are useless, so they are removed too. Raise `Invalid` in this case if the
    password is too short for an account without a second factor."""
    if provider.has_second_factor:
        return provider
    if provider.short_password:
        raise wrong_entry("form", _SHORT)
    return replace(provider, recovery=())


def _enrolment_key(session: Secret) -> str:
    return secret_key(SecretKind.AUTHENTICATOR, session.key)


def _read_names(first_name: str, last_name: str) -> tuple[str, str]:
    """Return the first and the last name of a form. A name of one word is a last name, whatever field it is in.

    Raise `Invalid` with the field if there is no name, or if a name is too long or has hidden characters."""
    names = (_read_name("first_name", first_name), _read_name("last_name", last_name))
    if names == ("", ""):
        raise wrong_entry("last_name", "Enter your name.")
    return names if names[1] else ("", names[0])


def _read_name(field: str, text: str) -> str:
    if not text.strip():
        return ""
    try:
        name = normalize_line(text)
    except ValueError as error:
        raise wrong_entry(field, "Type the name again: it has hidden characters.") from error
    if len(name) > MAX_NAME_CHARS:
        raise wrong_entry(field, f"A name has at most {MAX_NAME_CHARS} characters.")
    return name
