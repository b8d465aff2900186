"""Requests for a setup link or a reset link by email, from *Forgot password* and from a document's page.

A setup link creates an account, and a reset link replaces its password. The page gives everybody the same response
after the same time, so it does not reveal whether the address is known. A background job then sends the email."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.claim_keys import addressee_claim, email_claim
from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_readable
from chalicelib.domain.visibility import opens_to
from chalicelib.services.accounts.setup_links import SetupLinks
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, new_delivery, outbox_row
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store, Switches
from chalicelib.services.throttling import Backoff, Quota, require_no_wait
from chalicelib.services.transaction import Change, Job, OutboxRow

LINK_EMAILS = Quota(kind=SecretKind.FORGOTTEN, limit=5, period=timedelta(hours=1), min_interval=timedelta(minutes=1))
"""The limit on emails with a link: to one typed address, or from the page of one document."""

PER_SOURCE = Backoff(name="forgotten", free_attempts=20, max_wait=timedelta(minutes=15), lifetime=timedelta(hours=1))
"""The limit on requests for a link by one client IP address."""

_RETRY_ON = frozenset({"secret"})


@dataclass(frozen=True)
class _LinkEmail:
    """An email with a setup or reset link, before it is queued: its type (`SETUP` or `RESET`), recipient and provider.

    `document` is the document that the provider sees first after choosing a password, or None for the list of
    documents."""

    type: MessageType
    recipient: str
    provider: Provider
    document: Document | None


class LinkRequests:
    """The handling of requests for a setup or reset link, up to the queued email."""

    def __init__(self, store: Store, ids: Ids, switches: Switches, setup_links: SetupLinks) -> None:
        self._store = store
        self._ids = ids
        self._switches = switches
        self._setup_links = setup_links

    def ask(self, email: str, source: str, now: datetime, document_id: str | None = None) -> None:
        """Store a request for a link to this email address (in lower case), and queue a job that looks up the address.

        `source` is the client's IP address. `document_id` names the document on whose page the request was made, or
        is None. Reads and writes are the same for a known and an unknown address, so their time reveals nothing.
        Raise `TooManyRequests` if one IP address asks too often. Too many requests for one address do nothing."""
        retry_on_conflict(lambda: self._ask(email, source, now, document_id), retry_on=_RETRY_ON)

    def ask_for_document(self, document_id: str, now: datetime) -> None:
        """Queue an email with a link (setup or reset) to the provider of the document on whose page it was requested.

        The email goes to the account's username, or else to the address that the clinic gave. Do nothing for an unknown
        document, a document without an address, or too many requests. Nothing is returned, so a stranger with a
        document's URL does not learn whether an email was sent."""
        retry_on_conflict(lambda: self._ask_for_document(document_id, now), retry_on=_RETRY_ON)

    def _ask(self, email: str, source: str, now: datetime, document_id: str | None) -> None:
        key, source_key = _request_key(email), PER_SOURCE.key(source)
        rows = self._store.secrets([key, source_key])
        require_no_wait(PER_SOURCE.wait_left(rows.get(source_key), now))
        counter = PER_SOURCE.add_attempt(rows.get(source_key), source, now)
        request = LINK_EMAILS.count_use(rows.get(key), key, now)
        if request is None:
            self._store.commit(Change(at=now, secrets=(counter,)))
            return
        job = Job(queue=QueueName.DELIVERIES, name=JobName.FORGOTTEN, event_id=key)
        outbox = OutboxRow(id=self._ids.new("evt"), created_at=now, jobs=(job,))
        request = replace(request, email=email, link=self._ids.new("evt"), document_id=document_id)
        self._store.commit(Change(at=now, secrets=(counter, request), outbox=(outbox,)))

    def _ask_for_document(self, document_id: str, now: datetime) -> None:
        document = self._store.document(document_id)
        key = _request_key(document_id)
        visit = self._store.visit(key, document.provider_id if document else None, None)
        request = LINK_EMAILS.count_use(visit.session, key, now)
        if document is None or visit.provider is None or request is None:
            return
        email = self._email_for_page(document, visit.provider)
        if email is not None:
            change = _change(email, self._ids.new("evt"), now)
            self._store.commit(replace(change, secrets=(request,)))

    def send_requested_link(self, key: str, now: datetime) -> None:
        """Queue the email for the request that `ask` stored under this key, if the portal knows the typed address.

        The owner of an account gets a reset link at the username, even if the request names another address of the
        account. A person without an account gets a setup link, if a document that was sent to the address can still be
        read. A job may run twice: a second call for the same request queues nothing."""
        request = self._store.secret(key)
        if request is None or request.email is None or request.link is None:
            return
        email = self._email_to(request.email, request.document_id)
        if email is None:
            return
        try:
            self._store.commit(_change(email, request.link, now))
        except ConcurrentUpdate as conflict:
            if conflict.parts != ("delivery",):
                raise

    def _email_to(self, address: str, document_id: str | None) -> _LinkEmail | None:
        account, addressed = email_claim(address), addressee_claim(address)
        owners = self._store.claims([account, addressed])
        if account in owners:
            provider = self._store.provider(owners[account])
            if provider is None or address not in provider.proven_emails:
                return None
            asked_on = self._store.document(document_id) if document_id else None
            own = asked_on if asked_on is not None and opens_to(provider, asked_on) else None
            return _LinkEmail(MessageType.RESET, provider.email or "", provider, own)
        document = self._store.document(owners[addressed]) if addressed in owners else None
        provider = self._store.provider(document.provider_id) if document else None
        if document is None or provider is None or document.addressee.email != address or provider.has_account:
            return None
        return self._email_for_pending(document, provider)

    def _email_for_page(self, document: Document, provider: Provider) -> _LinkEmail | None:
        """Return the email for a link that was requested on a document's page, or None if no email may be sent.

        The owner of an account gets a reset link at the username, although a clinic may have typed another address.
        There is no setup link to an address of another person's account, because the link could not be used."""
        if provider.has_account:
            is_own = opens_to(provider, document) and provider.email is not None
            return _LinkEmail(MessageType.RESET, provider.email or "", provider, document) if is_own else None
        key = email_claim(document.addressee.email or "")
        return None if key in self._store.claims([key]) else self._email_for_pending(document, provider)

    def _email_for_pending(self, document: Document, provider: Provider) -> _LinkEmail | None:
        """Return the email with a setup link, which opens this document after the setup, or None if none may be sent.

        If the practice has recalled the document, the link opens another document that still waits for a signature and
        was emailed to the same address. Return None without such a document, or if support has closed the provider's
        account."""
        if provider.closed_at is not None:
            return None
        address = document.addressee.email
        if document.recalled_at is None or address is None:
            return self._email_for(document, provider)
        other = self._setup_links.find_first_pending_at(provider, address)
        return self._email_for(other, provider) if other else None

    def _email_for(self, document: Document, provider: Provider) -> _LinkEmail | None:
        address, readable = document.addressee.email, is_readable(document.status)
        if not address or not readable or not self._switches.electronic_signature(document.practice_id):
            return None
        return _LinkEmail(MessageType.SETUP, address, provider, document)


def _change(email: _LinkEmail, event_id: str, now: datetime) -> Change:
    asked_on, is_setup = email.document, email.type is MessageType.SETUP
    document = asked_on if is_setup else None
    delivery = new_delivery(
        Channel.EMAIL,
        email.type,
        email.recipient,
        event_id=event_id,
        practice_id=PORTAL_PRACTICE,
        now=now,
        document_id=document.id if document else None,
        provider_id=email.provider.id,
        access=document.access if document else 1,
    )
    delivery = replace(delivery, leads_to=None if is_setup or asked_on is None else asked_on.id)
    return Change(at=now, deliveries=(delivery,), outbox=(outbox_row(delivery),))


def _request_key(subject: str) -> str:
    return secret_key(SecretKind.FORGOTTEN, subject)
