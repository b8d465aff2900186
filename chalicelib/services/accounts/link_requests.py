"""A fresh link by mail, for whoever asks: the page answers the same whoever that is, the work comes after."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.claim_keys import addressee_claim, email_claim
from chalicelib.domain.deliveries import Channel
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_readable
from chalicelib.services.accounts.setup_links import PORTAL_PRACTICE, first_pending_document_at
from chalicelib.services.delivery_rows import new_delivery, outbox_row
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Store, Switches
from chalicelib.services.throttling import Backoff, Quota, require_no_wait
from chalicelib.services.transaction import Change, Job, OutboxRow

FORGOTTEN_JOB = "forgotten"
LINK_EMAILS = Quota(
    kind=SecretKind.FORGOTTEN, limit=5, period=timedelta(hours=1), min_interval=timedelta(minutes=1)
)

PER_SOURCE = Backoff(
    name="forgotten", free_attempts=20, max_wait=timedelta(minutes=15), lifetime=timedelta(hours=1)
)

_RACES = frozenset({"secret"})


class Parts(Protocol):
    """What the worker has of `bootstrap.Services`."""

    @property
    def store(self) -> Store: ...
    @property
    def switches(self) -> Switches: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True)
class _Mail:
    """Which mail to whom, and the document it belongs to."""

    type: str
    recipient: str
    provider: Provider
    document: Document | None


class LinkRequests:
    def __init__(self, store: Store, ids: Ids, switches: Switches) -> None:
        self._store = store
        self._ids = ids
        self._switches = switches

    def ask(self, email: str, source: str, now: datetime) -> None:
        """Notes that a link was asked for at this address (lower case), and nothing else.

        It reads and writes the same whether or not the address is known, so its time tells nothing;
        raises `TooManyRequests` when one client asks again and again.
        """
        retry_on_conflict(lambda: self._ask(email, source, now), retry_on=_RACES)

    def ask_for_document(self, document_id: str, now: datetime) -> None:
        """Has a link mailed to the address on file of a document. Tells nobody whether there was one."""
        retry_on_conflict(lambda: self._ask_for_document(document_id, now), retry_on=_RACES)

    def _ask(self, email: str, source: str, now: datetime) -> None:
        key, source_key = _asked_key(email), PER_SOURCE.key(source)
        found = self._store.secrets([key, source_key])
        require_no_wait(PER_SOURCE.wait_left(found.get(source_key), now))
        counted = PER_SOURCE.add_attempt(found.get(source_key), source, now)
        asked = LINK_EMAILS.count_use(found.get(key), key, now)
        if asked is None:
            self._store.commit(Change(at=now, secrets=(counted,)))
            return
        job = Job(queue="deliveries", name=FORGOTTEN_JOB, event_id=key)
        row = OutboxRow(id=self._ids.new("evt"), created_at=now, jobs=(job,))
        asked = replace(asked, email=email, link=self._ids.new("evt"))
        self._store.commit(Change(at=now, secrets=(counted, asked), outbox=(row,)))

    def _ask_for_document(self, document_id: str, now: datetime) -> None:
        document = self._store.document(document_id)
        key = _asked_key(document_id)
        found = self._store.visit(key, document.provider_id if document else None, None)
        asked = LINK_EMAILS.count_use(found.session, key, now)
        if document is None or found.provider is None or asked is None:
            return
        mail = _mail_waiting(document, found.provider, self._store, self._switches)
        if mail is None:
            return
        change = _change(mail, self._ids.new("evt"), now)
        self._store.commit(replace(change, secrets=(asked,)))


# In the deliveries function


def send_requested_link(key: str, parts: Parts) -> None:
    """Mails a link to the address that was asked for, if it is known: to its account, or else, as long as
    a document addressed there can still be read, to set one up. Doing it twice mails once.
    """
    asked = parts.store.secret(key)
    if asked is None or asked.email is None or asked.link is None:
        return
    mail = _mail_to(asked.email, parts)
    if mail is None:
        return
    try:
        parts.store.commit(_change(mail, asked.link, parts.clock.now()))
    except ConcurrentUpdate as lost:
        if lost.parts != ("delivery",):
            raise


def _mail_to(email: str, parts: Parts) -> _Mail | None:
    account, addressed = email_claim(email), addressee_claim(email)
    owners = parts.store.claims([account, addressed])
    if account in owners:
        provider = parts.store.provider(owners[account])
        return _Mail("reset", email, provider, None) if provider and provider.email == email else None
    document = parts.store.document(owners[addressed]) if addressed in owners else None
    provider = parts.store.provider(document.provider_id) if document else None
    if document is None or provider is None or document.addressee.email != email:
        return None
    return _mail_waiting(document, provider, parts.store, parts.switches)


def _mail_waiting(document: Document, provider: Provider, store: Store, switches: Switches) -> _Mail | None:
    """For a recalled document, the mail of another that waits for them at the address it was sent to."""
    email = document.addressee.email
    if document.recalled_at is None or email is None or provider.has_account:
        return _mail_for(document, provider, switches)
    other = first_pending_document_at(store, provider, email)
    return _mail_for(other, provider, switches) if other else None


# Rules


def _mail_for(document: Document, provider: Provider, switches: Switches) -> _Mail | None:
    """An account's link goes to its own address only, whatever address a clinic typed."""
    if provider.has_account:
        return _Mail("reset", provider.email, provider, document) if provider.email else None
    email, readable = document.addressee.email, is_readable(document.status)
    if not email or not readable or not switches.electronic_signature(document.practice_id):
        return None
    return _Mail("setup", email, provider, document)


def _change(mail: _Mail, event_id: str, now: datetime) -> Change:
    document = mail.document
    delivery = new_delivery(
        Channel.EMAIL,
        mail.type,
        mail.recipient,
        event_id=event_id,
        practice_id=document.practice_id if document else PORTAL_PRACTICE,
        now=now,
        document_id=document.id if document else None,
        provider_id=mail.provider.id,
        access=document.access if document else 1,
    )
    return Change(at=now, deliveries=(delivery,), outbox=(outbox_row(delivery),))


def _asked_key(whose: str) -> str:
    return secret_key(SecretKind.FORGOTTEN, whose)
