"""Emailed links with which a person chooses a password: setup links, reset links, and links that move an account.

A setup link creates an account for a provider who has none. A reset link replaces a forgotten password. A move link
gives an existing account to the reader of another email address, after support has started the move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.deliveries import Delivery, MessageType
from chalicelib.domain.documents import DeliveryChoice, Document
from chalicelib.domain.errors import Gone, GoneCode, MessageOutdated
from chalicelib.domain.expiring_records import LINK_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider, live_links, with_link
from chalicelib.domain.status import is_decidable
from chalicelib.domain.visibility import opens_to
from chalicelib.services.authentication.passwords import min_length
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.labels import duration
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Listing, Store
from chalicelib.services.transaction import Change

_MAX_PENDING_READ = 50
"""The most pending documents of a provider that are read to find a document for a setup link.

A setup link whose own document was recalled stays valid if there is another pending document for the same person."""

_LINK_KINDS = (SecretKind.SETUP, SecretKind.RESET, SecretKind.NEW_ADDRESS)
_EXPIRED = f"A link works once and for {duration(LINK_LIFETIME)}."
_OUTDATED = "This link is no longer needed: the address was corrected, or the account belongs to someone else."
_TAKEN_ADDRESS = (
    "This email address already belongs to another person's account. An account is for one person. "
    "Ask the clinic to send the document to your own address."
)


class LinkExpired(Gone):
    """Error for a link that no longer works, because it or another link was used, or because it has expired.

    `document_id` names the document of the link's email, for the page that offers a new link. It is None if the link
    had no document, or if the link's row no longer exists."""

    def __init__(self, document_id: str | None = None) -> None:
        super().__init__(_EXPIRED, code=GoneCode.LINK_DEAD)
        self.document_id = document_id


@dataclass(frozen=True, kw_only=True)
class ValidLink:
    """A setup, reset or move link that works: its row, its provider, and the document that the next login opens.

    `document` is None if the login opens the list of documents."""

    secret: Secret
    provider: Provider
    document: Document | None

    @property
    def is_setup(self) -> bool:
        """Whether the link creates an account with a first password. Other links change an existing account."""
        return self.secret.kind is SecretKind.SETUP

    @property
    def is_move(self) -> bool:
        """Whether the link gives an existing account to the reader of the email address to which the link was sent."""
        return self.secret.kind is SecretKind.NEW_ADDRESS

    @property
    def waits(self) -> bool:
        """Whether the link's document still waits for a signature, so that it is what the reader came for."""
        return self.document is not None and is_decidable(self.document.status)

    @property
    def least(self) -> int:
        """The minimum length of the new password, in characters: shorter for an account that has a second factor.

        A move removes the second factor, so a move needs the full length."""
        return min_length(second_factor=self.provider.has_second_factor and not self.is_move)

    @property
    def personal(self) -> tuple[str, ...]:
        """Texts about the owner (name, email address, NPI, practice) of which a password must not mainly consist."""
        practice = self.document.practice.name if self.document else ""
        words = (self.provider.name, self.secret.email, self.provider.npi, practice)
        return tuple(word for word in words if word)


class SetupLinks:
    """The emailed links by which a provider sets an account's password: their creation, and the page behind a link.

    A setup link creates an account for a provider who has none. A reset link sets a new password. A move link, which
    support starts, gives an account a new address."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids

    # For the worker that sends the email

    def create_token(self, delivery: Delivery, now: datetime) -> str:
        """Store a link for the email that is about to be sent, and return the token for the link's URL.

        The email that announces a document to a person without an account has a setup link too. Only the token's hash
        is stored. The link expires after `LINK_LIFETIME`. The links of the provider's earlier
        emails keep working until one of them is used. If the same email is sent again, it gets another token, and both
        tokens work.
        Raise `MessageOutdated` if the email must not be sent: a clinic has corrected the address, the account has
        another username, or the provider has an account already."""
        token = self._ids.token()

        def step() -> None:
            provider = self._store.provider(delivery.provider_id or "")
            if provider is None or not self._may_send(delivery, provider):
                raise MessageOutdated(_OUTDATED)
            secret = _link_row(token, delivery, provider, now)
            is_noted = delivery.id in (*live_links(provider), provider.move_link)
            providers = () if is_noted else (with_link(provider, delivery.id),)
            self._store.commit(Change(at=now, secrets=(secret,), providers=providers))

        retry_on_conflict(step, retry_on=frozenset({"provider"}))
        return token

    def _may_send(self, delivery: Delivery, provider: Provider) -> bool:
        if delivery.type == MessageType.NEW_ADDRESS:
            return provider.has_account and provider.move_link == delivery.id
        if provider.has_account:
            return delivery.type == MessageType.RESET and delivery.recipient == provider.email
        return find_document_of_setup_email(self._store, delivery, provider) is not None

    def find_first_pending_at(self, provider: Provider, email: str) -> Document | None:
        """Return the provider's pending document that is due first among those emailed to this address, or None."""
        return _first_emailed_to(email, provider, _read_pending(self._store, provider.id))

    # For the page behind the link

    def open(self, token: str, now: datetime) -> ValidLink:
        """Return the link that belongs to a token, without using it up. Raise `LinkExpired` if it does not work."""
        keys = [secret_key(kind, token) for kind in _LINK_KINDS]
        secret = next(iter(self._store.secrets(keys).values()), None) if token else None
        if secret is None or not secret.is_live(now):
            raise LinkExpired(secret.document_id if secret else None)
        visit, pending = run_concurrently(
            lambda: self._store.visit(secret.key, secret.provider_id, secret.document_id),
            lambda: self._pending_if_setup(secret),
        )
        provider, document = visit.provider, visit.document
        if provider is None or not _fits_account(secret, provider):
            raise LinkExpired(secret.document_id)
        if secret.kind is SecretKind.SETUP:
            document = _document_of_link(provider, document, lambda: pending, access=secret.access, email=secret.email)
            if document is None:
                raise LinkExpired(secret.document_id)
            provider = _as_addressed(provider, document)
        elif document is not None and not opens_to(provider, document):
            document = None
        return ValidLink(secret=secret, provider=provider, document=document)

    def _pending_if_setup(self, secret: Secret) -> Sequence[Document]:
        # These documents are read before it is known whether the link needs them, to save a round trip.
        is_setup = secret.kind is SecretKind.SETUP
        return _read_pending(self._store, secret.provider_id or "") if is_setup else ()


# Which links work


def find_document_of_setup_email(store: Store, delivery: Delivery, provider: Provider) -> Document | None:
    """Return the document that a queued setup email (`delivery`) is to name, or None if the email must not be sent.

    Usually, this is the document for which the email was queued. After a recall of that document, it is another pending
    document at the same address, unless a newer setup email for another document exists. The result is also None if
    support has closed the account, or if the practice has corrected the address."""
    if provider.closed_at is not None:
        return None
    document = store.document(delivery.document_id) if delivery.document_id else None
    if document is None or document.access == delivery.access:
        return document
    if _has_newer_setup_email(delivery, provider):
        return None
    return _document_of_link(
        provider, document, lambda: _read_pending(store, provider.id), access=delivery.access, email=delivery.recipient
    )


def _read_pending(store: Store, provider_id: str) -> Sequence[Document]:
    page = store.documents(Listing.PROVIDER_PENDING, provider_id, limit=_MAX_PENDING_READ, after=None)
    return page.items


def _link_row(token: str, delivery: Delivery, provider: Provider, now: datetime) -> Secret:
    kind = SecretKind.SETUP if delivery.type == MessageType.READY else SecretKind(delivery.type)
    return Secret(
        key=secret_key(kind, token),
        version=1,
        kind=kind,
        created_at=now,
        expires_at=now + LINK_LIFETIME,
        provider_id=provider.id,
        document_id=delivery.document_id or delivery.leads_to,
        email=delivery.recipient,
        link=delivery.id,
        access=delivery.access,
    )


def _fits_account(secret: Secret, provider: Provider) -> bool:
    """Return True if a link still works: no link was used since, and the link fits the state of the account.

    `secret` is the link's stored row. A setup link works only without an account, and a reset link only if it was sent
    to the account's present username. A move link works only while the move that support started is not cancelled."""
    if secret.kind is SecretKind.NEW_ADDRESS:
        return provider.has_account and provider.move_link == secret.link
    is_live = secret.link in live_links(provider)
    if secret.kind is SecretKind.RESET:
        return is_live and provider.has_account and secret.email == provider.email
    return is_live and not provider.has_account


def _has_newer_setup_email(delivery: Delivery, provider: Provider) -> bool:
    """Return True if a setup email about another document of the provider was queued after this email (`delivery`).

    If this email's document is recalled, this email is then not sent, because the newer email has a link already."""
    mailed_at = provider.setup_mailed_at
    is_newer = mailed_at is not None and mailed_at >= delivery.created_at
    return is_newer and provider.setup_document != delivery.document_id


def _document_of_link(
    provider: Provider,
    document: Document | None,
    read_pending: Callable[[], Sequence[Document]],
    *,
    access: int,
    email: str | None,
) -> Document | None:
    """Return the document that a setup link opens, or None if the link opens none and no longer works.

    `document` is the document of the link's email. `access` is its counter when the email was queued: the counter rises
    when the practice recalls the document or corrects the address. After a recall, the link opens another pending
    document that was emailed to the same person and `email`. After a correction, the result is None, because the old
    address may be a stranger's. `read_pending` returns the provider's pending documents, and is called only after a
    recall."""
    if document is None or document.access == access:
        return document
    is_only_recalled = document.recalled_at is not None and document.access == access + 1
    if not is_only_recalled or email is None:
        return None
    return _first_emailed_to(email, provider, read_pending())


def _as_addressed(provider: Provider, document: Document) -> Provider:
    """Return the provider as the practice of the link's document names the person, for the form of the new account.

    The stored row may have another name or NPI, from another practice that sent to the same address first. The NPI is
    removed if this practice has not stated it. The statement of a colleague who handed the document over does not
    count."""
    addressee = document.addressee
    named = replace(provider, first_name=addressee.first_name, last_name=addressee.last_name)
    is_stated = addressee.npi is not None and not document.handed_over
    if is_stated or document.practice_id in provider.npi_stated_by:
        return named
    return replace(named, npi=None, npi_stated_by=())


def _first_emailed_to(email: str, provider: Provider, pending: Sequence[Document]) -> Document | None:
    return next((document for document in pending if _was_emailed_to(document, provider, email)), None)


def _was_emailed_to(document: Document, provider: Provider, email: str) -> bool:
    was_emailed = document.delivery is not DeliveryChoice.FAX and document.addressee.email == email
    return was_emailed and document.provider_id == provider.id and is_decidable(document.status)
