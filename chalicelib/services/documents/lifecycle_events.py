"""What the EMR says of a document it has sent: send it again, corrected or not; take it back; close it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.claim_keys import matching_claims
from chalicelib.domain.documents import DeliveryChoice, Document
from chalicelib.domain.errors import Conflict, ConflictCode
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_decidable
from chalicelib.services.documents.idempotent_events import Answer, Desk, InboundEvent
from chalicelib.services.documents.intake import add_messages, wants_setup
from chalicelib.services.documents.provider_matching import (
    ProviderMatch,
    check_reachable,
    mailbox_claim,
    resolve,
)
from chalicelib.services.ports import Ids, Store, Switches
from chalicelib.services.transaction import Change


@dataclass(frozen=True, kw_only=True)
class DocumentRef:
    """The document meant, by either name or both."""

    external_id: str | None = None
    document_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ResendCommand:
    """What is corrected; None for what stays as it was."""

    document: DocumentRef
    email: str | None = None
    fax: str | None = None
    delivery: DeliveryChoice | None = None


@dataclass(frozen=True, kw_only=True)
class RecallCommand:
    document: DocumentRef
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReturnCommand:
    """`method` is how it came back: `portal`, `fax` or `paper`."""

    document: DocumentRef
    method: str


class LifecycleEvents(Desk):
    """Each answers `{"document_id", "status"}`, and the same again for the same `webhook-id`."""

    def __init__(self, *, store: Store, switches: Switches, ids: Ids, portal_url: str) -> None:
        super().__init__(store=store, ids=ids, portal_url=portal_url)
        self._switches = switches

    def resend(self, inbound: InboundEvent, event: ResendCommand) -> Answer:
        """Sends the messages again; a correction ends old links and the old address's access."""
        return self.once(inbound, lambda: self._resend(inbound, event))

    def recall(self, inbound: InboundEvent, event: RecallCommand) -> Answer:
        """Takes a pending or declined document back; one taken back already stays so."""
        return self.once(inbound, lambda: self._recall(inbound, event))

    def close(self, inbound: InboundEvent, event: ReturnCommand) -> Answer:
        """Staff close the document; one closed already stays so."""
        return self.once(inbound, lambda: self._close(inbound, event))

    def _recall(self, inbound: InboundEvent, event: RecallCommand) -> tuple[Document, Change]:
        document = self._find(inbound, event.document)
        recalled = document.recall(event.reason, inbound.now)
        if recalled is None:
            return document, Change(at=inbound.now)
        recorder = self.recorder(recalled, inbound)
        # The reason is free text, so it may have to be erased one day.
        private = {"reason": event.reason} if event.reason else {}
        return recalled, recorder.event("document.recalled", private=private, webhook=True).change()

    def _close(self, inbound: InboundEvent, event: ReturnCommand) -> tuple[Document, Change]:
        document = self._find(inbound, event.document)
        closed = document.mark_returned(event.method, inbound.now)
        if closed is None:
            return document, Change(at=inbound.now)
        recorder = self.recorder(closed, inbound)
        return closed, recorder.event("document.returned", {"method": event.method}).change()

    def _resend(self, inbound: InboundEvent, event: ResendCommand) -> tuple[Document, Change]:
        before = self._find(inbound, event.document)
        if not is_decidable(before.status):
            raise Conflict(
                f"Only a pending document can be sent again; this one is {before.status}.",
                code=ConflictCode(f"document-{before.status}"),
            )
        after = corrected(before, event)
        owners = self.store.claims(matching_claims(after.addressee))
        resolved = self._resolved(before, after, owners).with_practice(inbound.practice.id)
        document = replace(after, provider_id=resolved.provider.id)
        if _ends_setup(before, after, resolved.provider):
            resolved = resolved.without_setup_email()
        recorder = self.recorder(document, inbound).event("document.resent", _noted(before, after))
        setup = wants_setup(resolved.provider, document, self._switches)
        resolved = add_messages(recorder, document, resolved, setup=setup, now=inbound.now)
        change = recorder.change()
        claims = (*mailbox_claim(document, owners), *resolved.claims)
        return document, replace(change, providers=resolved.changed_rows(), claims=claims)

    def _find(self, inbound: InboundEvent, ref: DocumentRef) -> Document:
        return self.named(inbound, external_id=ref.external_id, document_id=ref.document_id)

    def _resolved(self, before: Document, after: Document, owners: Mapping[str, str]) -> ProviderMatch:
        """Who it is for now. Nothing is asked again unless the address is another one."""
        known = self.store.provider(before.provider_id)
        if known is not None and after.addressee == before.addressee:
            return ProviderMatch(provider=known, stored=known, claims=())
        stranger = before.provider_id if _lives_at_old_address(known, before, after) else None
        found = resolve(self.store, self.ids, after.addressee, owners, other_than=stranger)
        # A setup link that went to the old address dies, whether or not another is mailed.
        if found.stored is not None and not found.provider.has_account:
            return replace(found, provider=replace(found.provider, link=None))
        return found


def corrected(document: Document, event: ResendCommand) -> Document:
    """The document as it goes out again; `access` rises with a correction, which ends what was let in."""
    addressee = replace(
        document.addressee,
        email=event.email or document.addressee.email,
        fax=event.fax or document.addressee.fax,
    )
    delivery = event.delivery or document.delivery
    check_reachable(addressee, delivery)
    if (addressee, delivery) == (document.addressee, document.delivery):
        return document
    return replace(document, addressee=addressee, delivery=delivery, access=document.access + 1)


def _ends_setup(before: Document, after: Document, provider: Provider) -> bool:
    """Whether this correction kills the setup link that was mailed: every other address does, another way of
    delivery the one that came with this very document.
    """
    came_with_it = after.access != before.access and provider.setup_document == before.id
    return not provider.has_account and (after.addressee != before.addressee or came_with_it)


def _lives_at_old_address(provider: Provider | None, before: Document, after: Document) -> bool:
    """Whether whoever made an account did so at the address that now turns out to be wrong."""
    moved = after.addressee.email != before.addressee.email
    return (
        moved and provider is not None and provider.email == before.addressee.email and provider.has_account
    )


def _noted(before: Document, after: Document) -> dict[str, object]:
    names = {
        "email": before.addressee.email != after.addressee.email,
        "fax": before.addressee.fax != after.addressee.fax,
        "delivery": before.delivery != after.delivery,
    }
    return {"corrected": sorted(name for name, changed in names.items() if changed)}
