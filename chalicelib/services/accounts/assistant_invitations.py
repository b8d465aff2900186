"""The link with which an assistant accepts a provider's invitation: its creation, and the page behind it.

A person without an account chooses a password, and so gets an assistant's account. An assistant who has an account
logs in and accepts. The link works once and for `LINK_LIFETIME`, and only the newest link works."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.account_events import AccountEventType, Origin, account_event
from chalicelib.domain.assistants import AccountKind, Assistant, with_entry
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Delivery, MessageType
from chalicelib.domain.errors import ConcurrentUpdate, FieldError, Invalid, MessageOutdated
from chalicelib.domain.expiring_records import LINK_LIFETIME, Secret, SecretKind, new_secret, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.account_changes import wrong_entry
from chalicelib.services.accounts.setup_links import LinkExpired
from chalicelib.services.authentication.password_login import login_counters
from chalicelib.services.authentication.passwords import find_password_problem, hash_password, min_length
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.optimistic_retry import retry_on_latest
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, Claim, merge

MAX_PROVIDERS = 20
"""The most providers whom one assistant assists. Each of them is read for every page of a list."""

_OUTDATED = "The invitation was withdrawn, sent again or accepted."
_TAKEN = "This email address has just been used for another account. Open the link in your email again."
_NOT_YOURS = "Log in with the email address to which the invitation was sent."


@dataclass(frozen=True, kw_only=True)
class OpenInvitation:
    """An invitation whose link works: the link's row, the provider who invites, and the entry in the provider's list.

    `account` is the account that has the address of the invitation, or None if no account has it."""

    secret: Secret
    provider: Provider
    entry: Assistant
    account: Provider | None

    @property
    def is_taken(self) -> bool:
        """True if the address belongs to a provider's account, which can't be an assistant's account too."""
        return self.account is not None and not self.account.is_assistant

    @property
    def personal(self) -> tuple[str, ...]:
        """The names and the address of the two people. A password must not mainly consist of them."""
        return self.entry.name, self.entry.email, self.provider.name


class Invitations:
    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids

    def create_token(self, delivery: Delivery, now: datetime) -> str:
        """Store a link for the email that is about to be sent, and return the token for the link's URL.

        Only the token's hash is stored. Raise `MessageOutdated` if the provider has removed the assistant or sent a
        newer invitation, or if the assistant has accepted."""
        provider = self._store.provider(delivery.provider_id or "")
        if provider is None or _find_waiting(provider, delivery.id) is None:
            raise MessageOutdated(_OUTDATED)
        token = self._ids.token()
        facts = {"provider_id": provider.id, "email": delivery.recipient, "link": delivery.id}
        secret = new_secret(SecretKind.INVITATION, token, now, LINK_LIFETIME, **facts)
        self._store.commit(Change(at=now, secrets=(secret,)))
        return token

    def open(self, token: str, now: datetime) -> OpenInvitation:
        """Return the invitation of a link, given by its token. Raise `LinkExpired` if the link no longer works."""
        secret = self._store.secret(secret_key(SecretKind.INVITATION, token)) if token else None
        if secret is None or not secret.is_live(now):
            raise LinkExpired
        provider = self._store.provider(secret.provider_id or "")
        entry = _find_waiting(provider, secret.link or "") if provider is not None else None
        if provider is None or entry is None:
            raise LinkExpired
        return OpenInvitation(secret=secret, provider=provider, entry=entry, account=self._account_at(entry.email))

    def _account_at(self, email: str) -> Provider | None:
        key = email_claim(email)
        owner = self._store.claims([key]).get(key)
        return self._store.provider(owner) if owner else None

    def create_account(self, token: str, password: str, now: datetime, origin: Origin, *, confirmed: bool) -> Provider:
        """Create the assistant's account with this password, accept the invitation, and return the account.

        `confirmed` means that the person has confirmed to be the invited assistant. Raise `LinkExpired` if the link
        does not work, and `Invalid` with the wrong fields of the form, or if the address has an account by now. After
        `Invalid`, the link still works."""
        invitation = self.open(token, now)
        _check_form(invitation, password, confirmed=confirmed)
        password_hash, account_id = hash_password(password), self._ids.new("prv")

        def step(current: OpenInvitation) -> Provider:
            if current.account is not None:
                raise wrong_entry("form", _TAKEN)
            account = _new_account(account_id, current, password_hash, now)
            claim = Claim(key=email_claim(current.entry.email), owner=account_id)
            event = account_event(account_id, AccountEventType.PASSWORD_SET, now, origin, unique=self._ids.new("evt"))
            counters = login_counters(current.entry.email, account_id, now)
            more = Change(at=now, claims=(claim,), account_events=(event,), dropped=counters)
            self._store.commit(merge(self._join(current, account, now, origin), more))
            return account

        return self._apply_to_latest(token, now, invitation, step)

    def accept(self, token: str, account: Provider, now: datetime, origin: Origin) -> Provider:
        """Accept the invitation for the logged-in assistant's account, and return the account.

        Raise `LinkExpired` if the link does not work, and `Invalid` if the invitation went to another address, or if
        the assistant already assists `MAX_PROVIDERS` providers."""

        def step(current: OpenInvitation) -> Provider:
            if current.account is None or current.account.id != account.id or current.is_taken:
                raise wrong_entry("form", _NOT_YOURS)
            others = tuple(id for id in current.account.assists if id != current.provider.id)
            if len(others) >= MAX_PROVIDERS:
                raise wrong_entry("form", f"An assistant can assist {MAX_PROVIDERS} providers.")
            changed = replace(
                current.account, version=current.account.version + 1, assists=(*others, current.provider.id)
            )
            self._store.commit(self._join(current, changed, now, origin))
            return changed

        return self._apply_to_latest(token, now, self.open(token, now), step)

    def _apply_to_latest(
        self, token: str, now: datetime, invitation: OpenInvitation, step: Callable[[OpenInvitation], Provider]
    ) -> Provider:
        try:
            return retry_on_latest(
                step, initial=invitation, read=lambda: self.open(token, now), retry_on=frozenset({"secret", "provider"})
            )
        except ConcurrentUpdate as conflict:
            raise wrong_entry("form", _TAKEN) from conflict

    def _join(self, invitation: OpenInvitation, account: Provider, now: datetime, origin: Origin) -> Change:
        """Return the rows of an accepted invitation: both people's rows and events, the used link, and an email.

        The email tells the assistant whom the account assists now, in case somebody else has used the link."""
        provider, entry, event_id = invitation.provider, invitation.entry, self._ids.new("evt")
        entries = with_entry(provider.assistants, replace(entry, account_id=account.id))
        message = account_notice(event_id, provider, MessageType.ASSISTS, now, recipient=entry.email)
        events = (
            account_event(
                provider.id, AccountEventType.ASSISTANT_JOINED, now, origin, unique=event_id, email=entry.email
            ),
            account_event(
                account.id, AccountEventType.PROVIDER_ADDED, now, origin, unique=event_id, email=provider.email
            ),
        )
        return Change(
            at=now,
            spent=(invitation.secret,),
            providers=(account, replace(provider, version=provider.version + 1, assistants=entries)),
            account_events=events,
            deliveries=(message,),
            outbox=(outbox_row(message),),
        )


def _find_waiting(provider: Provider, invitation: str) -> Assistant | None:
    """Return the assistant in the provider's list who may accept the invitation with this id, or None."""
    if not provider.has_account:
        return None
    entries = (entry for entry in provider.assistants if entry.invitation == invitation)
    return next((entry for entry in entries if entry.account_id is None), None)


def _new_account(account_id: str, invitation: OpenInvitation, password_hash: str, now: datetime) -> Provider:
    first_name, _, last_name = invitation.entry.name.rpartition(" ")
    return Provider(
        id=account_id,
        version=1,
        kind=AccountKind.ASSISTANT,
        first_name=first_name,
        last_name=last_name,
        email=invitation.entry.email,
        emails=(invitation.entry.email,),
        password_hash=password_hash,
        account_since=now,
        assists=(invitation.provider.id,),
    )


def _check_form(invitation: OpenInvitation, password: str, *, confirmed: bool) -> None:
    errors = []
    if not confirmed:
        errors.append(FieldError("confirmed", f"Confirm that you are {invitation.entry.name}."))
    problem = find_password_problem(password, invitation.personal, least=min_length(second_factor=False))
    if problem:
        errors.append(FieldError("password", problem))
    if errors:
        raise Invalid("Please check the highlighted fields.", errors=errors)
