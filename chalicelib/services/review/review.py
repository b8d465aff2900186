"""The actions of a provider on documents: list, open, approve and decline (DESIGN 5.3, 5.4)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.documents import Decision, Document, Signer, SigningMethod
from chalicelib.domain.errors import NotFound
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.signatures import Signature, to_text
from chalicelib.domain.status import is_decidable
from chalicelib.domain.visibility import opens_to
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import DocumentWriter, needs_view
from chalicelib.services.documents.identity import identify_account
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Listing, Page, Switches
from chalicelib.services.review.decisions import (
    ApprovalForm,
    DeclineForm,
    check_approval,
    check_decline,
    make_approval,
    make_decline,
    record_decision,
    switched_off,
)
from chalicelib.services.review.past_search import PastSearch, find_past
from chalicelib.services.review.signature_input import read_signature
from chalicelib.services.review.visible_documents import count_pending, read_visible
from chalicelib.services.transaction import Change

PAGE_LENGTH = 25
MAX_COUNT = 100
"""Pending documents are counted up to this number. The title of the list then says `99+`."""


@dataclass(frozen=True, kw_only=True)
class PendingDocuments:
    """One page of a provider's documents that wait for a decision. `count` counts all pages, up to `MAX_COUNT`."""

    documents: tuple[Document, ...]
    next_after: str | None
    count: int


@dataclass(frozen=True, kw_only=True)
class OpenedDocument:
    """A document as a provider sees it. `can_sign` is true if the practice allows signatures in the portal."""

    document: Document
    can_sign: bool


@dataclass(frozen=True, kw_only=True)
class ProviderAction:
    """An action of a provider: the provider, the time, and a phrase that says how the provider was authenticated.

    `reauthenticated` is true if the provider had to authenticate again in order to sign. `practice` is the
    document's practice if the caller has already read it."""

    provider: Provider
    actor: Actor
    now: datetime
    authentication: str
    reauthenticated: bool = False
    practice: Practice | None = None


class Review:
    def __init__(self, writer: DocumentWriter, switches: Switches) -> None:
        self._writer = writer
        self._store = writer.store
        self._switches = switches

    # Lists

    def pending(self, provider: Provider, after: str | None) -> PendingDocuments:
        """Return one page of the provider's documents that wait for a decision, earliest due date first."""
        page = self._page(Listing.PROVIDER_PENDING, provider, after)
        count = len(page.items)
        if after is not None or page.next_after is not None:
            count = count_pending(self._store, provider, most=MAX_COUNT)
        return PendingDocuments(documents=page.items, next_after=page.next_after, count=count)

    def past(self, provider: Provider, after: str | None, search: PastSearch | None = None) -> Page[Document]:
        """Return one page of the provider's decided documents, or of a search's results, newest first."""
        if search is not None:
            return find_past(self._store, provider, search, after)
        return self._page(Listing.PROVIDER_PAST, provider, after)

    def next_pending(self, provider: Provider, *, besides: str) -> Document | None:
        """Return the provider's undecided document that is due first, except the document with the id `besides`."""
        page = read_visible(self._store, Listing.PROVIDER_PENDING, provider, limit=2)
        return next((document for document in page.items if document.id != besides), None)

    # One document

    def find_document(self, document_id: str) -> Document | None:
        """Return a document, or None, without a check of access. Use it only for pages without patient data."""
        return self._store.document(document_id)

    def reload(self, document: Document, provider: Provider) -> Document:
        """Read the document again and return it. Raises `NotFound` if the provider may not open it any more."""
        latest = self._store.document(document.id) or document
        _check_owner(latest, provider)
        return latest

    def can_sign(self, document: Document | None) -> bool:
        """Return True if a document can be signed in the portal, by the practice's setting Electronic Signature.

        Also return True if there is no document, so that pages do not reveal which ids exist."""
        return document is None or self._switches.electronic_signature(document.practice_id)

    def prefetch_practice(self, document: Document) -> Practice | None:
        """Return the document's practice, and read its setting Electronic Signature into the cache.

        A view or a decision of the document needs both. The web layer calls this method while it waits for other reads.
        Return None, without a read, if the document can no longer be decided."""
        return self._practice_and_switch(document)[0] if is_decidable(document.status) else None

    def open(self, document: Document, action: ProviderAction) -> OpenedDocument:
        """Return the document for the provider, and record the first view if the document's page images are ready."""
        _check_owner(document, action.provider)
        if not document.pages_ready or not needs_view(document):
            return OpenedDocument(document=document, can_sign=self.can_sign(document))
        practice, can_sign = self._practice_and_switch(document, action.practice)
        return OpenedDocument(document=self._record_view(document, practice, action), can_sign=can_sign)

    def record_download(self, document: Document, action: ProviderAction) -> Document:
        """Record the download of the original PDF as the first view, if there was none, and return the document."""
        _check_owner(document, action.provider)
        if not needs_view(document):
            return document
        practice = action.practice or self._writer.practice_of(document)
        return self._record_view(document, practice, action)

    def approve(self, document: Document, form: ApprovalForm, action: ProviderAction) -> Document:
        """Sign the document and return it. The same signature a second time changes nothing.

        Raises `Invalid` with the wrong fields of the form, and `Conflict` after another decision or if the practice
        does not allow signatures in the portal."""
        practice, can_sign = self._practice_and_switch(document, action.practice)
        signature, errors = read_signature(
            form.signature, form.typed_name, form.drawing, action.provider, saved=action.provider.saved_signature
        )

        def check(current: Document) -> None:
            if not can_sign:
                raise switched_off(current)
            check_approval(form, current, errors, agreed_to=action.provider.consent_version)

        decision = make_approval(form, document, _signer(action, document), signature, action.now)
        return self._decide(document, practice, decision, action, check, signature if form.remember else None)

    def decline(self, document: Document, form: DeclineForm, action: ProviderAction) -> Document:
        """Decline the document with a reason, and return the document. A second identical submit changes nothing.

        Raises `Invalid` with the wrong fields of the form, and `Conflict` after another decision."""
        practice = action.practice or self._writer.practice_of(document)
        decision = make_decline(form, _signer(action, document), action.now)
        return self._decide(document, practice, decision, action, lambda _: check_decline(form))

    def _decide(
        self,
        document: Document,
        practice: Practice,
        decision: Decision,
        action: ProviderAction,
        check: Callable[[Document], None],
        signature_to_save: Signature | None = None,
    ) -> Document:
        def step(current: Document) -> Document:
            _check_owner(current, action.provider)
            if is_decidable(current.status):
                check(current)
            decided = current.decide(decision)
            if decided is None:
                return current
            recorder = self._writer.recorder(decided, practice, action.actor, action.now)
            record_decision(recorder, decision, reauthenticated=action.reauthenticated)
            recorder.certification(current)
            return self._writer.commit(recorder, providers=self._changed_provider(decision, action, signature_to_save))

        return self._writer.apply_to_latest(document, step)

    def _changed_provider(
        self, decision: Decision, action: ProviderAction, signature: Signature | None
    ) -> tuple[Provider, ...]:
        """Return the provider's row to store with a decision, or an empty tuple if the row does not change.

        The row changes if the provider saves the signature for later (`signature`), or agrees for the first time to the
        present version of the consent to electronic signatures."""
        if signature is None and decision.consent_version in (None, action.provider.consent_version):
            return ()
        latest = self._store.provider(action.provider.id) or action.provider
        changed = latest if signature is None else replace(latest, saved_signature=to_text(signature))
        if decision.consent_version not in (None, latest.consent_version):
            changed = replace(changed, consent_version=decision.consent_version, consented_at=action.now)
        return () if changed == latest else (replace(changed, version=latest.version + 1),)

    def forget_signature(self, provider: Provider, now: datetime) -> Provider:
        """Remove the provider's saved signature, and return the provider. Signed documents do not change."""

        def step() -> Provider:
            latest = self._store.provider(provider.id) or provider
            if latest.saved_signature is None:
                return latest
            changed = replace(latest, version=latest.version + 1, saved_signature=None)
            self._store.commit(Change(at=now, providers=(changed,)))
            return changed

        return retry_on_conflict(step, retry_on=frozenset({"provider"}))

    def _record_view(self, document: Document, practice: Practice, action: ProviderAction) -> Document:
        return self._writer.record_first_view(
            document,
            practice,
            action.actor,
            action.now,
            lambda latest: _check_owner(latest, action.provider),
            via=TransmissionChannel.ACCOUNT,
        )

    def _practice_and_switch(self, document: Document, practice: Practice | None = None) -> tuple[Practice, bool]:
        if practice is not None:
            return practice, self.can_sign(document)
        return run_concurrently(lambda: self._writer.practice_of(document), lambda: self.can_sign(document))

    def _page(self, listing: Listing, provider: Provider, after: str | None) -> Page[Document]:
        return read_visible(self._store, listing, provider, limit=PAGE_LENGTH, after=after)


def _check_owner(document: Document, provider: Provider) -> None:
    """Raise `NotFound` unless the document is in this provider's lists and the account may open the document."""
    if not opens_to(provider, document):
        raise NotFound("There is no such document.")


def _signer(action: ProviderAction, document: Document) -> Signer:
    provider = action.provider
    return Signer(
        name=provider.name,
        credential=provider.credential,
        npi=provider.npi,
        method=SigningMethod.ELECTRONIC,
        authentication=action.authentication,
        provider_id=provider.id,
        identity=identify_account(provider, document),
    )
