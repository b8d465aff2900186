"""The events of an EMR about a document that the EMR has already sent: resend, recall and return."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import COPY_REASONS, AttentionReason
from chalicelib.domain.certification.rules import certify, drop_transmission, reopen_fax, resolve_wrong_number
from chalicelib.domain.claim_keys import matching_claims
from chalicelib.domain.colleagues.hand_overs import as_addressed
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document, ReturnedMethod
from chalicelib.domain.errors import FieldError
from chalicelib.domain.follow_up.schedule import add_choices, begin
from chalicelib.domain.providers import Provider
from chalicelib.domain.registry.rules import RegistryWarning
from chalicelib.domain.status import is_decidable, status_conflict
from chalicelib.domain.visibility import may_hold
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.closed_numbers import confirmation, number_keys, open_number, reopening_rows
from chalicelib.services.documents.document_refs import DocumentRef, find_document
from chalicelib.services.documents.document_writer import DocumentWriter, record_transmission
from chalicelib.services.documents.idempotent_events import EventResponse, HandledEvent, InboundEvent, handle_once
from chalicelib.services.documents.intake import move_rows, needs_setup_email, queue_messages, warnings_of
from chalicelib.services.documents.provider_matching import (
    ProviderMatch,
    ProviderMatcher,
    check_reachable,
    mailbox_claim,
    resolve_choice,
    unlink,
)
from chalicelib.services.documents.recorder import Recorder
from chalicelib.services.ignored_numbers import check_not_needed, ignored_warnings
from chalicelib.services.ports import Switches
from chalicelib.services.registry.npi_registry import NpiRegistry
from chalicelib.services.transaction import Change, Claim


@dataclass(frozen=True, kw_only=True)
class ResendCommand:
    """The data of `document.resend`, by which an EMR sends a document again, with corrections.

    A field that is None leaves the document's value unchanged. `fax_confirmed` is true if the practice has checked a
    fax number that was reported as wrong. `ignored` are the errors of numbers that were left out."""

    document: DocumentRef
    email: str | None = None
    fax: str | None = None
    fax_confirmed: bool = False
    delivery: DeliveryChoice | None = None
    ignored: tuple[FieldError, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecallCommand:
    """The data of `document.recalled`, by which an EMR withdraws a document. The reason is free text."""

    document: DocumentRef
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReturnCommand:
    """The data of `document.returned`, by which an EMR reports that staff have the document back.

    `method` says how the document came back to the clinic: portal, fax or paper."""

    document: DocumentRef
    method: ReturnedMethod


@dataclass(frozen=True, kw_only=True)
class _Correction:
    """A document before and after the corrections of an EMR, with the stored rows that the corrections concern.

    `after` is not yet matched with a provider. `provider` is the row of the provider before the correction, and
    `unlinked` is the same row without the corrected address. `owners` maps the keys of claims to the ids of their
    owners. A claim is a row that leads from an address, NPI or name to its owner. `opened` is the row that opens a
    closed fax number again, if the practice confirms the number."""

    before: Document
    after: Document
    provider: Provider | None
    unlinked: Provider | None
    owners: Mapping[str, str]
    opened: tuple[Claim, ...]

    @property
    def ends_link(self) -> bool:
        """Whether the correction separates the provider from an address, so that other documents move too."""
        return self.unlinked != self.provider


class LifecycleEvents:
    """The handler of an EMR's events about its documents. Each method returns the response for the EMR.

    A repeated event gets the stored response. Raises `NotFound` if the practice has no such document."""

    def __init__(self, writer: DocumentWriter, switches: Switches, npi_registry: NpiRegistry) -> None:
        self._registry = npi_registry
        self._writer = writer
        self._store = writer.store
        self._switches = switches

    def resend(self, inbound: InboundEvent, command: ResendCommand) -> EventResponse:
        """Correct the document if the EMR sent corrections, and send its messages to the provider another time.

        Raises `Conflict` unless the document is pending, and `Invalid` if an address is missing."""
        return handle_once(self._store, inbound, lambda: self._resend(inbound, command))

    def recall(self, inbound: InboundEvent, command: RecallCommand) -> EventResponse:
        """Recall a pending or declined document, so that nobody can open it. Raises `Conflict` for other documents.

        A document that is already recalled does not change."""
        return handle_once(self._store, inbound, lambda: self._recall(inbound, command))

    def mark_returned(self, inbound: InboundEvent, command: ReturnCommand) -> EventResponse:
        """Mark the document as returned to the clinic. Raises `Conflict` for a recalled document.

        A document that is already returned does not change."""
        return handle_once(self._store, inbound, lambda: self._mark_returned(inbound, command))

    def _recall(self, inbound: InboundEvent, command: RecallCommand) -> HandledEvent:
        document = find_document(self._store, inbound.practice.id, command.document)
        recalled = document.recall(command.reason, inbound.now)
        if recalled is None:
            return HandledEvent(document=document, change=Change(at=inbound.now))
        # The reason may have to be erased one day, so it stays outside the hashed bytes.
        private = {"reason": command.reason} if command.reason else {}
        recorder = self._recorder(recalled, inbound)
        change = recorder.event(DocumentEventType.RECALLED, private=private, webhook=True).change()
        return HandledEvent(document=recalled, change=change)

    def _mark_returned(self, inbound: InboundEvent, command: ReturnCommand) -> HandledEvent:
        document = find_document(self._store, inbound.practice.id, command.document)
        returned = document.mark_returned(command.method, inbound.now)
        if returned is None:
            return HandledEvent(document=document, change=Change(at=inbound.now))
        recorder = self._recorder(returned, inbound).event(DocumentEventType.RETURNED, {"method": command.method})
        if is_decidable(document.status):
            self._writer.report_to_owner(recorder, returned)
        return HandledEvent(document=returned, change=recorder.certification(document).change())

    def _resend(self, inbound: InboundEvent, command: ResendCommand) -> HandledEvent:
        correction = self._read_correction(inbound, command)
        match, registry = run_concurrently(lambda: self._match(correction), lambda: self._check_fax(correction))
        document = self._update(correction, match.provider, command, inbound)
        if _invalidates_setup_link(correction.before, correction.after, match.provider):
            match = match.without_setup_email()
        recorder = self._recorder(document, inbound)
        match = self._record(recorder, correction, match, inbound.now)
        change = self._with_rows(recorder.change(), correction, match, inbound)
        warnings = (*ignored_warnings(command.ignored), *warnings_of(match), *registry)
        return HandledEvent(document=document, change=change, warnings=warnings, details=registry)

    def _check_fax(self, correction: _Correction) -> Mapping[str, str]:
        """Return the warning that a corrected fax number belongs to others, with its sentence, or nothing.

        The other warnings of the NPI registry are about facts that a correction cannot change."""
        before, after = correction.before.addressee, correction.after.addressee
        findings = self._registry.check(after) if after.fax != before.fax else None
        warnings = findings.warnings if findings else {}
        return {code: text for code, text in warnings.items() if code == RegistryWarning.FAX_OF_OTHERS}

    def _read_correction(self, inbound: InboundEvent, command: ResendCommand) -> _Correction:
        """Return the command's corrections of a document, with the stored rows that they concern.

        Raises `Conflict` unless the document is pending, `Invalid` for a needed fax number that cannot be used, and
        `Unprocessable` for a closed fax number."""
        before = find_document(self._store, inbound.practice.id, command.document)
        if not is_decidable(before.status):
            raise status_conflict(before.status, "Only a pending document can be sent again")
        after = correct(before, command)
        check_not_needed(command.ignored, after.delivery)
        before = before if after.handed_over else as_addressed(before)
        provider = self._store.provider(before.provider_id)
        practice_id, addressee = before.practice_id, after.addressee
        # Only the practice's own addressee has a fax number, also while a colleague has the document.
        faxed = replace(after, addressee=after.named_by_clinic)
        keys = (*matching_claims(practice_id, addressee), *number_keys(practice_id, faxed.addressee))
        owners = self._store.claims(keys)
        confirmed_at = inbound.now if command.fax_confirmed else None
        return _Correction(
            before=before,
            after=after,
            provider=provider,
            unlinked=_without_old_address(provider, before, after),
            owners=owners,
            opened=open_number(owners, practice_id, faxed, confirmed_at=confirmed_at),
        )

    def _match(self, correction: _Correction) -> ProviderMatch:
        """Return the provider after a correction. If the addressee is the same person, the provider does not change."""
        before, after, provider = correction.before, correction.after, correction.provider
        if provider is not None and _stays(before, after, provider):
            return ProviderMatch(provider=provider, stored=provider)
        matcher = ProviderMatcher(
            self._store,
            self._writer.ids,
            before.practice_id,
            after.addressee,
            correction.owners,
            unlinked=correction.unlinked,
        )
        return matcher.match_colleague() if after.handed_over else matcher.match()

    def _update(
        self, correction: _Correction, provider: Provider, command: ResendCommand, inbound: InboundEvent
    ) -> Document:
        """Return the corrected document for its provider, to be stored.

        A transmission to a wrong address is removed, and one to a fax number that the practice confirms counts again.
        The follow-up (reminders and calls) begins again if the correction requires it."""
        before = correction.before
        document = drop_transmission(before, replace(correction.after, provider_id=provider.id))
        if correction.opened:
            document = reopen_fax(document)
        if _restarts(before, document, command, inbound.now):
            plan = add_choices(self._switches.follow_up(inbound.practice.id), provider, document)
            return _keep_own_faxes(before, begin(document, inbound.now, plan))
        return document

    def _record(
        self, recorder: Recorder, correction: _Correction, match: ProviderMatch, now: datetime
    ) -> ProviderMatch:
        """Record the events of a document that is sent again, and queue its messages. `recorder` has the new document.

        Return `match`, in which the provider's row records a setup email if one is queued."""
        before, document, opened = correction.before, recorder.document, correction.opened
        recorder.event(DocumentEventType.RESENT, {**_corrections(before, correction.after), **confirmation(opened)})
        setup = needs_setup_email(match, document, self._switches)
        match = queue_messages(recorder, document, match, setup=setup, fax=True, now=now)
        if opened:
            record_transmission(recorder, before, document)
        if _is_dropped(before, document, now):
            recorder.attention(AttentionReason.ADDRESS_CORRECTED)
        return match

    def _with_rows(
        self, change: Change, correction: _Correction, match: ProviderMatch, inbound: InboundEvent
    ) -> Change:
        """Return the transaction with the rows of the providers and claims, and with the jobs that follow.

        `match` has the provider of the document after the correction."""
        before, after, opened = correction.before, correction.after, correction.opened
        emptied = dict.fromkeys((*match.displaced, *([before.provider_id] if correction.ends_link else [])))
        moves = move_rows(self._writer.ids, emptied, inbound)
        reopening = reopening_rows(self._writer.ids, opened, after, inbound.now)
        claims = (*mailbox_claim(after, correction.owners), *match.claims, *opened)
        outbox = (*change.outbox, *moves, *reopening)
        return replace(change, providers=_changed_rows(match, correction), claims=claims, outbox=outbox)

    def _recorder(self, document: Document, inbound: InboundEvent) -> Recorder:
        return self._writer.recorder(document, inbound.practice, inbound.actor, inbound.now)


def _resolve_correction(
    document: Document, addressee: Addressee, command: ResendCommand, stated: DeliveryChoice
) -> DeliveryChoice:
    """Return the way of delivery after a correction. `auto` chooses again only if an address has changed.

    `auto` left out a closed fax number. It uses a fax again only for another number, or one that is confirmed now."""
    was_auto, is_new_fax = document.is_auto, addressee.fax != document.addressee.fax or command.fax_confirmed
    if was_auto and stated is DeliveryChoice.AUTO and addressee == document.addressee and not is_new_fax:
        return document.delivery
    left_fax_out = was_auto and document.delivery is DeliveryChoice.EMAIL
    return resolve_choice(stated, addressee, may_fax=is_new_fax or not left_fax_out)


def correct(document: Document, command: ResendCommand) -> Document:
    """Return the document with the command's corrections, to be stored. Raises `Invalid` if an address is missing.

    The corrections are those of the document as the clinic addressed it. So a correction ends a hand-over to a
    colleague, and without a correction the colleague keeps the document. A correction raises the counter `access` by
    one, which invalidates all links to the document and all entered codes. A wrong fax number is no reason to act any
    more, because the practice acts now. A new address also removes `granted`: the right of one account to open the
    document, which came from a fax's code. A new address resolves `attention` too, unless a copy that came back is the
    reason."""
    document = resolve_wrong_number(document)
    addressed = as_addressed(document)
    addressee = replace(
        addressed.addressee,
        email=command.email or addressed.addressee.email,
        fax=command.fax or addressed.addressee.fax,
    )
    stated = command.delivery or (DeliveryChoice.AUTO if addressed.is_auto else addressed.delivery)
    check_reachable(addressee, stated)
    delivery = _resolve_correction(addressed, addressee, command, stated)
    is_auto = stated is DeliveryChoice.AUTO
    document, addressed = replace(document, is_auto=is_auto), replace(addressed, is_auto=is_auto)
    if (addressee, delivery) == (addressed.addressee, addressed.delivery):
        return document
    corrected = replace(addressed, addressee=addressee, delivery=delivery, access=document.access + 1)
    if addressee == addressed.addressee:
        return corrected
    attention = document.attention if document.attention in COPY_REASONS else None
    return replace(corrected, granted=None, attention=attention)


def _restarts(before: Document, document: Document, command: ResendCommand, now: datetime) -> bool:
    """Return True if the follow-up (reminders and calls until the signature) begins again when `document` is resent.

    It begins again after a correction. If it has ended, it also begins again if the document is not certified any more:
    by this correction, or because a fax number that the practice now confirms was reported as wrong."""
    is_open_again = command.fax_confirmed or _is_dropped(before, document, now)
    return document.access != before.access or (document.follow_up_at is None and is_open_again)


def _keep_own_faxes(before: Document, begun: Document) -> Document:
    """Return the document whose new follow-up still names the provider's own numbers to which its code was faxed.

    After a correction, the earlier codes open nothing, so the numbers no longer matter."""
    if before.follow_up is None or begun.follow_up is None or begun.access != before.access:
        return begun
    return replace(begun, follow_up=replace(begun.follow_up, own_faxes=before.follow_up.own_faxes))


def _is_dropped(before: Document, after: Document, now: datetime) -> bool:
    return certify(before, now) is not None and certify(after, now) is None


def _invalidates_setup_link(before: Document, after: Document, provider: Provider) -> bool:
    """Return True if a correction invalidates the setup link that was already emailed to a provider without an account.

    A new address always invalidates the link. A new delivery method invalidates the link only if the link was emailed
    for this document."""
    was_for_document = after.access != before.access and provider.setup_document == before.id
    return not provider.has_account and (after.addressee != before.addressee or was_for_document)


def _stays(before: Document, after: Document, provider: Provider) -> bool:
    """Return True if the document stays in the lists of the same provider after a correction.

    The document of a closed account never stays: it goes to the person who reads the address now."""
    if provider.closed_at is not None:
        return False
    is_same_mailbox = after.addressee.email == before.addressee.email and after.granted == before.granted
    return is_same_mailbox and (not provider.has_account or may_hold(provider, after))


def _without_old_address(provider: Provider | None, before: Document, after: Document) -> Provider | None:
    """Return the provider's row without the practice's old email address, if the correction changed this address."""
    email = before.addressee.email
    if provider is None or email is None or email == after.addressee.email:
        return provider
    return unlink(provider, before.practice_id, email)


def _changed_rows(match: ProviderMatch, correction: _Correction) -> tuple[Provider, ...]:
    """Return the providers' rows to store after a correction gave a document to another provider.

    They are the rows of the new provider (in `match`) and of the old one, each in its next version, if changed."""
    rows, old = match.changed_rows(), correction.unlinked
    if old is None or not correction.ends_link or old.id in {row.id for row in rows}:
        return rows
    return (*rows, replace(old, version=old.version + 1))


def _corrections(before: Document, after: Document) -> dict[str, object]:
    """Return the data of the audit event about a correction: the sorted names of the corrected fields."""
    names = {
        "email": before.addressee.email != after.addressee.email,
        "fax": before.addressee.fax != after.addressee.fax,
        "delivery": before.delivery != after.delivery,
    }
    return {"corrected": sorted(name for name, changed in names.items() if changed)}
