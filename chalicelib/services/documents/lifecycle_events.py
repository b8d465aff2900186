"""The events that an EMR sends about a document it has already sent: resend, recall and return.

`LifecycleEvents` handles `document.resend`, `document.recalled` and `document.returned`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.claim_keys import external_claim, matching_claims
from chalicelib.domain.documents import DeliveryChoice, Document, ReturnedMethod
from chalicelib.domain.errors import Conflict, ConflictCode, NotFound
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.idempotent_events import EventResponse, InboundEvent, handle_once
from chalicelib.services.documents.intake import needs_setup_email, queue_messages
from chalicelib.services.documents.provider_matching import (
    ProviderMatch,
    check_reachable,
    mailbox_claim,
    match_provider,
)
from chalicelib.services.documents.recorder import Recorder
from chalicelib.services.lookups import require_document
from chalicelib.services.ports import Switches
from chalicelib.services.transaction import Change


@dataclass(frozen=True, kw_only=True)
class DocumentRef:
    """The names by which an EMR refers to a document: at least one of the two is set."""

    external_id: str | None = None
    document_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ResendCommand:
    """The data of `document.resend`. A field that is None keeps the document's present value."""

    document: DocumentRef
    email: str | None = None
    fax: str | None = None
    delivery: DeliveryChoice | None = None


@dataclass(frozen=True, kw_only=True)
class RecallCommand:
    """The data of `document.recalled`. The reason is free text."""

    document: DocumentRef
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReturnCommand:
    """The data of `document.returned`. `method` is the way back to the clinic: `portal`, `fax` or `paper`."""

    document: DocumentRef
    method: ReturnedMethod


class LifecycleEvents:
    """The handler of an EMR's events about its documents.

    Each method returns the event's response. It returns the same response for a repeated `webhook-id`, and
    raises `NotFound` if the practice has no such document.
    """

    def __init__(self, writer: DocumentWriter, switches: Switches) -> None:
        self._writer = writer
        self._store = writer.store
        self._switches = switches

    def resend(self, inbound: InboundEvent, command: ResendCommand) -> EventResponse:
        """Send the document's messages again, after any correction of the address or the delivery.

        A correction invalidates old links and the old address's access. Raises `Conflict` unless the
        document is pending.
        """
        return handle_once(self._store, inbound, lambda: self._resend(inbound, command))

    def recall(self, inbound: InboundEvent, command: RecallCommand) -> EventResponse:
        """Recall a pending or declined document. A document that is already recalled does not change."""
        return handle_once(self._store, inbound, lambda: self._recall(inbound, command))

    def mark_returned(self, inbound: InboundEvent, command: ReturnCommand) -> EventResponse:
        """Mark the document as returned. A document that is already returned does not change."""
        return handle_once(self._store, inbound, lambda: self._mark_returned(inbound, command))

    def _recall(self, inbound: InboundEvent, command: RecallCommand) -> tuple[Document, Change]:
        document = self._find(inbound, command.document)
        recalled = document.recall(command.reason, inbound.now)
        if recalled is None:
            return document, Change(at=inbound.now)
        # The reason may have to be erased one day, so it stays outside the hashed bytes.
        private = {"reason": command.reason} if command.reason else {}
        recorder = self._recorder(recalled, inbound)
        return recalled, recorder.event(DocumentEventType.RECALLED, private=private, webhook=True).change()

    def _mark_returned(self, inbound: InboundEvent, command: ReturnCommand) -> tuple[Document, Change]:
        document = self._find(inbound, command.document)
        returned = document.mark_returned(command.method, inbound.now)
        if returned is None:
            return document, Change(at=inbound.now)
        recorder = self._recorder(returned, inbound).event(DocumentEventType.RETURNED, {"method": command.method})
        if is_decidable(document.status):
            self._writer.report_to_owner(recorder, returned)
        return returned, recorder.change()

    def _resend(self, inbound: InboundEvent, command: ResendCommand) -> tuple[Document, Change]:
        before = self._find(inbound, command.document)
        if not is_decidable(before.status):
            raise Conflict(
                f"Only a pending document can be sent again. This document is {before.status}.",
                code=ConflictCode(f"document-{before.status}"),
            )
        after = correct(before, command)
        owners = self._store.claims(matching_claims(after.addressee))
        match = self._match(before, after, owners).with_practice(inbound.practice.id)
        document = replace(after, provider_id=match.provider.id)
        if _invalidates_setup_link(before, after, match.provider):
            match = match.without_setup_email()
        recorder = self._recorder(document, inbound).event(DocumentEventType.RESENT, _corrections(before, after))
        setup = needs_setup_email(match.provider, document, self._switches)
        match = queue_messages(recorder, document, match, setup=setup, now=inbound.now)
        claims = (*mailbox_claim(document, owners), *match.claims)
        return document, replace(recorder.change(), providers=match.changed_rows(), claims=claims)

    def _find(self, inbound: InboundEvent, ref: DocumentRef) -> Document:
        """Return the practice's document. Raises `NotFound`, also if the two names disagree."""
        document_id = ref.document_id
        if ref.external_id is not None:
            key = external_claim(inbound.practice.id, ref.external_id)
            document_id = self._store.claims([key]).get(key)
        if ref.document_id not in (None, document_id):
            raise NotFound("There is no such document.")
        return require_document(self._store, document_id, practice_id=inbound.practice.id)

    def _recorder(self, document: Document, inbound: InboundEvent) -> Recorder:
        return self._writer.recorder(document, inbound.practice, inbound.actor, inbound.now)

    def _match(self, before: Document, after: Document, owners: Mapping[str, str]) -> ProviderMatch:
        """Return the provider after the correction: the same provider if the addressee is the same."""
        provider = self._store.provider(before.provider_id)
        if provider is not None and after.addressee == before.addressee:
            return ProviderMatch(provider=provider, stored=provider, claims=())
        excluded = before.provider_id if _has_account_at_old_email(provider, before, after) else None
        match = match_provider(self._store, self._writer.ids, after.addressee, owners, excluded=excluded)
        # The setup link that went to the old address must stop working, even if no new link goes out.
        if match.stored is not None and not match.provider.has_account:
            return replace(match, provider=replace(match.provider, link=None))
        return match


def correct(document: Document, command: ResendCommand) -> Document:
    """Return the document with the command's corrections. Raises `Invalid` if an address is missing.

    A correction raises `access` by one, which invalidates all links and visits of the old address.
    """
    addressee = replace(
        document.addressee, email=command.email or document.addressee.email, fax=command.fax or document.addressee.fax
    )
    delivery = command.delivery or document.delivery
    check_reachable(addressee, delivery)
    if (addressee, delivery) == (document.addressee, document.delivery):
        return document
    return replace(document, addressee=addressee, delivery=delivery, access=document.access + 1)


def _invalidates_setup_link(before: Document, after: Document, provider: Provider) -> bool:
    """Return True if this correction invalidates the setup link already emailed.

    A new address always invalidates the link. A new delivery method does only if the link was emailed for
    this document.
    """
    was_for_document = after.access != before.access and provider.setup_document == before.id
    return not provider.has_account and (after.addressee != before.addressee or was_for_document)


def _has_account_at_old_email(provider: Provider | None, before: Document, after: Document) -> bool:
    """Return True if the provider's account was created at the email address that was corrected."""
    moved = after.addressee.email != before.addressee.email
    return moved and provider is not None and provider.email == before.addressee.email and provider.has_account


def _corrections(before: Document, after: Document) -> dict[str, object]:
    """Return the data of the audit event: the sorted names of the corrected fields."""
    names = {
        "email": before.addressee.email != after.addressee.email,
        "fax": before.addressee.fax != after.addressee.fax,
        "delivery": before.delivery != after.delivery,
    }
    return {"corrected": sorted(name for name, changed in names.items() if changed)}
