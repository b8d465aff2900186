"""The password or passkey that a person chooses with an emailed link: the rules, and the transaction that stores it.

A setup link creates an account, and its owner is logged in at once. A reset link replaces a password, and a move link
gives an account to the reader of another address. Neither of these logs anybody in."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain import npi as npis
from chalicelib.domain.account_events import UNKNOWN, AccountEventType, Origin, account_event
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.errors import ConcurrentUpdate, FieldError, Invalid, InvalidCode, Unauthenticated
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.providers import Provider, without_sessions
from chalicelib.domain.second_factors import Passkey
from chalicelib.domain.user_agents import describe_device
from chalicelib.services.accounts.account_moves import complete_move
from chalicelib.services.accounts.setup_links import SetupLinks, ValidLink
from chalicelib.services.authentication.passkeys import METHOD as PASSKEY
from chalicelib.services.authentication.passkeys import Passkeys
from chalicelib.services.authentication.password_login import login_counters
from chalicelib.services.authentication.passwords import find_password_problem, hash_password, is_short
from chalicelib.services.authentication.second_factor import second_factor_counters
from chalicelib.services.authentication.sessions import PASSWORD, Sessions, login_event
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.normalization import normalize_credential
from chalicelib.services.optimistic_retry import retry_on_latest
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, Claim, merge

_TAKEN_ADDRESS = (
    "This email address already belongs to another person's account. An account is for one person. "
    "Ask the clinic to send the document to your own address."
)


@dataclass(frozen=True, kw_only=True)
class NewLoginForm:
    """The fields of the form on which a person chooses a password or a passkey, after opening an emailed link.

    Only a setup link, which creates an account, has `credential` (such as MD), `npi` and `passkey`. `passkey` is the
    browser's WebAuthn response (JSON), or empty if the person chose a password. `confirmed` means that the person has
    confirmed to be the named provider, which a setup and a move of an account require."""

    password: str = ""
    passkey: str = ""
    credential: str = ""
    npi: str = ""
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The request with which a person submits the form: its time, the client, and the browser's session so far.

    `previous_session` is the row of that session, which may belong to another account, or None."""

    now: datetime
    origin: Origin = UNKNOWN
    previous_session: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class NewLogin:
    """The result of the form: the link with the changed provider, and the cookie of the new session.

    `session` is None unless the link created an account."""

    link: ValidLink
    session: str | None = None

    @property
    def provider(self) -> Provider:
        return self.link.provider


@dataclass(frozen=True, kw_only=True)
class LoginProof:
    """The chosen password or passkey after its check: the hash to store, and the passkey, if any.

    `used` is the row that prevents a second use of the passkey's challenge. An account with a passkey also gets a
    password that nobody knows, because an account without a password does not exist."""

    password_hash: str
    is_short: bool = False
    passkey: Passkey | None = None
    used: Secret | None = None

    @property
    def method(self) -> str:
        return PASSKEY if self.passkey else PASSWORD


class NewLogins:
    """Service behind the form of an emailed link, on which a person chooses a password or a passkey."""

    def __init__(self, store: Store, ids: Ids, setup_links: SetupLinks, sessions: Sessions, passkeys: Passkeys) -> None:
        self._store = store
        self._ids = ids
        self._setup_links = setup_links
        self._sessions = sessions
        self._passkeys = passkeys

    def choose(self, token: str, form: NewLoginForm, submission: Submission) -> NewLogin:
        """Store the password or passkey, use up the link, end all sessions of the account, and email its owner.

        A setup link creates the account and starts a session. A move link gives the account its new address. Raise
        `LinkExpired` if the link does not work, or `Invalid` with the wrong fields of the form. After `Invalid`, the
        link still works."""
        link = self._setup_links.open(token, submission.now)
        _validate(link, form)
        proof = self._prove(link, form, submission)

        def step(current: ValidLink) -> NewLogin:
            change = self._change(current, form, proof, submission)
            session, started = self._start_session(current, change.providers[0], proof, submission)
            self._store.commit(merge(change, started))
            return NewLogin(link=replace(current, provider=change.providers[0]), session=session)

        try:
            return retry_on_latest(
                step,
                initial=link,
                read=lambda: self._setup_links.open(token, submission.now),
                retry_on=frozenset({"secret", "provider"}),
            )
        except ConcurrentUpdate as conflict:
            errors = [FieldError("form", _TAKEN_ADDRESS)]
            raise Invalid(_TAKEN_ADDRESS, code=InvalidCode.ADDRESS_TAKEN, errors=errors) from conflict

    def _prove(self, link: ValidLink, form: NewLoginForm, submission: Submission) -> LoginProof:
        if not _has_passkey(link, form):
            return LoginProof(password_hash=hash_password(form.password), is_short=is_short(form.password))
        name = describe_device(submission.origin.device)
        try:
            passkey, used = self._passkeys.verify_registration(link.provider, form.passkey, name, submission.now)
        except Unauthenticated as error:
            problem = "The passkey could not be added. Try again, or choose a password."
            raise Invalid(problem, errors=[FieldError("passkey", problem)]) from error
        return LoginProof(password_hash=hash_password(self._ids.token()), passkey=passkey, used=used)

    def _change(self, link: ValidLink, form: NewLoginForm, proof: LoginProof, submission: Submission) -> Change:
        now, origin = submission.now, submission.origin
        if link.is_move:
            email = link.secret.email or ""
            moved = complete_move(self._store, self._ids, link.provider, email, proof.password_hash, now, origin)
            return replace(moved, spent=(link.secret,), dropped=login_counters(email, link.provider.id, now))
        provider = with_login(link, form, proof, now)
        notice = account_notice(self._ids.new("evt"), provider, AccountEventType.PASSWORD_CHANGED.value, now)
        counters = (*login_counters(notice.recipient, provider.id, now), *second_factor_counters(provider.id, now))
        event = account_event(provider.id, _event_type(link, proof), now, origin, unique=notice.event_id)
        return Change(
            at=now,
            spent=(link.secret,),
            secrets=(proof.used,) if proof.used else (),
            dropped=counters,
            account_events=(event,),
            providers=(provider,),
            claims=_claims(link, provider),
            deliveries=(notice,),
            outbox=(outbox_row(notice),),
        )

    def _start_session(
        self, link: ValidLink, provider: Provider, proof: LoginProof, submission: Submission
    ) -> tuple[str | None, Change]:
        """Return the cookie and the rows of the session that a setup starts. Another link starts no session.

        The browser's session so far ends, so that it never has two."""
        if not link.is_setup:
            return None, Change(at=submission.now)
        session, cookie = self._sessions.start(provider, submission.now, proof.method)
        ended = (submission.previous_session,) if submission.previous_session else ()
        event = login_event(provider, session, submission.origin)
        return cookie, Change(at=submission.now, secrets=(session,), dropped=ended, account_events=(event,))


def with_login(link: ValidLink, form: NewLoginForm, proof: LoginProof, now: datetime) -> Provider:
    """Return the next version of the provider's row: with the password or passkey, and without sessions and links.

    For a setup link, the row also gets the username, the credential and the NPI of the new account."""
    provider = link.provider
    changed = replace(
        without_sessions(provider),
        password_hash=proof.password_hash,
        link=None,
        earlier_links=(),
        short_password=proof.is_short,
    )
    if not link.is_setup:
        return changed
    return replace(
        changed,
        email=link.secret.email,
        emails=(link.secret.email,) if link.secret.email else (),
        account_since=now,
        npi=provider.npi or form.npi or None,
        npi_self_stated=provider.npi is None and bool(form.npi),
        credential=normalize_credential(form.credential),
        passkeys=(proof.passkey,) if proof.passkey else (),
    )


def _event_type(link: ValidLink, proof: LoginProof) -> AccountEventType:
    if not link.is_setup:
        return AccountEventType.PASSWORD_RESET
    return AccountEventType.PASSKEY_SET if proof.passkey else AccountEventType.PASSWORD_SET


def _claims(link: ValidLink, provider: Provider) -> tuple[Claim, ...]:
    """Return the reservation (claim) of a new account's username, or nothing if the link only resets a password."""
    if not link.is_setup or provider.email is None:
        return ()
    return (Claim(key=email_claim(provider.email), owner=provider.id),)


def _has_passkey(link: ValidLink, form: NewLoginForm) -> bool:
    return link.is_setup and bool(form.passkey)


def _validate(link: ValidLink, form: NewLoginForm) -> None:
    errors = [*(_person_errors(link, form) if link.is_setup else ())]
    if (link.is_setup or link.is_move) and not form.confirmed:
        errors.append(FieldError("confirmed", f"Confirm that you are {link.provider.name}."))
    personal = (*link.personal, form.npi)
    is_by_password = not _has_passkey(link, form)
    problem = find_password_problem(form.password, personal, least=link.least) if is_by_password else None
    if problem:
        errors.append(FieldError("password", problem))
    if errors:
        raise Invalid("Please check the highlighted fields.", errors=errors)


def _person_errors(link: ValidLink, form: NewLoginForm) -> list[FieldError]:
    errors = []
    if not _is_credential(form.credential):
        errors.append(FieldError("credential", "Enter your credential, such as MD, DO, NP or PA-C."))
    if link.provider.npi is None and form.npi and not npis.is_valid(form.npi):
        errors.append(FieldError("npi", "This is not a valid 10-digit NPI. Check it, or leave it empty."))
    return errors


def _is_credential(text: str) -> bool:
    try:
        normalize_credential(text)
    except ValueError:
        return False
    return True
