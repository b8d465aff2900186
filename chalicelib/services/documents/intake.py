"""The event `document.sent` (DESIGN section 4): check, inspect and store a document."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import Payer, PayerKind
from chalicelib.domain.certification.rules import due_date, find_warnings
from chalicelib.domain.claim_keys import external_claim, matching_claims
from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import DeliveryChoice, Document, FieldBox, StoredPdf
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Unprocessable, UnprocessableCode
from chalicelib.domain.follow_up.schedule import add_choices, begin, is_faxed_at_once
from chalicelib.domain.jobs import JobName
from chalicelib.domain.providers import Provider
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.closed_numbers import (
    confirmation,
    is_closed_row,
    number_keys,
    open_number,
    reopening_rows,
)
from chalicelib.services.documents.document_moves import move_job
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.idempotent_events import (
    OTHER_PERSON,
    EventResponse,
    HandledEvent,
    InboundEvent,
    handle_once,
)
from chalicelib.services.documents.incoming_pdf import IncomingPdf, InspectedPdf, sha256
from chalicelib.services.documents.provider_matching import (
    BY_EMAIL,
    BY_FAX,
    ProviderMatch,
    ProviderMatcher,
    mailbox_claim,
    resolve_choice,
)
from chalicelib.services.documents.recorder import Recorder
from chalicelib.services.documents.send_command import SendCommand, certification_data, check_same, facts_sha256
from chalicelib.services.documents.silent_providers import find_best_channel
from chalicelib.services.ignored_numbers import ignored_warnings
from chalicelib.services.ports import Files, Ids, Inspector, Switches
from chalicelib.services.registry.npi_registry import NpiRegistry
from chalicelib.services.transaction import Change, Claim, OutboxRow, merge


@dataclass(frozen=True, kw_only=True)
class _Superseded:
    """The older version that a new version of a document replaces, and the type of the older version's audit event."""

    document: Document
    event: DocumentEventType


class Intake:
    """The handler of `document.sent`, which stores new documents. A refused document leaves no rows or files behind."""

    def __init__(
        self,
        writer: DocumentWriter,
        *,
        files: Files,
        inspector: Inspector,
        switches: Switches,
        npi_registry: NpiRegistry,
    ) -> None:
        self._writer = writer
        self._store = writer.store
        self._files = files
        self._inspector = inspector
        self._switches = switches
        self._registry = npi_registry

    def receive(self, inbound: InboundEvent, command: SendCommand) -> EventResponse:
        """Store the document, queue its messages and return the response for the EMR.

        A document that was already sent changes nothing, and the response names the stored document. Raises
        `Unprocessable` for a PDF that cannot be signed and other data that cannot be used, and `Conflict` if the event
        contradicts an earlier one."""
        pdf = IncomingPdf(
            inbound.practice.id,
            self._writer.ids.new("doc"),
            command.content,
            partial(check_box, command.signature_field),
            files=self._files,
            inspector=self._inspector,
        )
        response = handle_once(self._store, inbound, lambda: self._decide(inbound, command, pdf))
        pdf.discard_staging(response["document_id"])
        return response

    def _decide(self, inbound: InboundEvent, command: SendCommand, pdf: IncomingPdf) -> HandledEvent:
        owners = self._store.claims(_claim_keys(inbound, command))
        earlier = self._claimed(inbound, owners, command.external_id)
        if earlier is not None and earlier.recalled_at is None:
            check_same(earlier, command, sha256(pdf.read()))
            return HandledEvent(document=earlier, change=Change(at=inbound.now))
        reachable = _resolve_by_addresses(inbound, command, owners)
        resolved = replace(command, delivery=reachable)
        number = open_number(
            owners, inbound.practice.id, resolved, confirmed_at=inbound.now if command.fax_confirmed else None
        )
        superseded = self._supersede(inbound, owners, command)
        # The PDF is inspected before the addressee is looked up. So no refusal says anything about accounts.
        inspected, registry = run_concurrently(pdf.inspect_and_store, lambda: self._registry.check(command.addressee))
        match = self._match(inbound, resolved, owners, superseded)
        delivery = self._choose_delivery(command, reachable, match.provider, inbound.practice.id)
        document = _new_document(inbound, command, match, pdf.document_id, inspected.pdf)
        is_auto, check = command.delivery is DeliveryChoice.AUTO, registry.check if registry else None
        document = replace(document, delivery=delivery, is_auto=is_auto, registry=check)
        document = replace(document, undrawn_pages=inspected.undrawn_pages)
        plan = add_choices(self._switches.follow_up(inbound.practice.id), match.provider, document)
        document = begin(document, inbound.now, plan)
        claims = (_external_id_claim(document, earlier), *mailbox_claim(document, owners), *match.claims, *number)
        change = self._first_change(inbound, document, match, _audit_data(command, inspected), number)
        change = replace(change, claims=claims)
        if superseded is not None:
            change = merge(change, self._supersede_change(inbound, superseded, document.id))
        warnings = (*ignored_warnings(command.ignored), *warnings_of(match), *find_warnings(document))
        details = {**inspected.warnings, **(registry.warnings if registry else {})}
        return HandledEvent(document=document, change=change, warnings=(*warnings, *details), details=details)

    def _match(
        self, inbound: InboundEvent, command: SendCommand, owners: Mapping[str, str], superseded: _Superseded | None
    ) -> ProviderMatch:
        matcher = ProviderMatcher(self._store, self._writer.ids, inbound.practice.id, command.addressee, owners)
        match = matcher.match()
        # The check may read a document, so the cheap condition comes first.
        if command.delivery in BY_EMAIL and self._has_dead_setup_link(match.provider, superseded):
            return match.without_setup_email()
        return match

    def _choose_delivery(
        self, command: SendCommand, reachable: DeliveryChoice, provider: Provider, practice_id: str
    ) -> DeliveryChoice:
        """Return the way of delivery. With `auto`, the provider's best channel chooses if both channels are possible.

        `reachable` is the way of delivery that the addresses allow."""
        if command.delivery is not DeliveryChoice.AUTO or reachable is not DeliveryChoice.BOTH:
            return reachable
        best = find_best_channel(self._store, practice_id, provider.id, command.addressee)
        return resolve_choice(command.delivery, command.addressee, best=best)

    def _claimed(self, inbound: InboundEvent, owners: Mapping[str, str], external_id: str) -> Document | None:
        owner = owners.get(external_claim(inbound.practice.id, external_id))
        return self._store.document(owner) if owner else None

    def _first_change(
        self,
        inbound: InboundEvent,
        document: Document,
        match: ProviderMatch,
        data: Mapping[str, Any],
        opened: tuple[Claim, ...],
    ) -> Change:
        """Return the transaction with the new document, its first event, its messages and the jobs that follow.

        `data` is the event's data about the PDF. `opened` is the row that opens a closed fax number again, if the
        practice confirms the number."""
        recorder = self._recorder(document, inbound)
        data = {**data, **_registry_data(document), **confirmation(opened)}
        recorder.event(DocumentEventType.SENT, data, private=certification_data(document))
        setup = needs_setup_email(match, document, self._switches)
        match = queue_messages(recorder, document, match, setup=setup, fax=is_faxed_at_once(document), now=inbound.now)
        change = recorder.job(JobName.PREPARE).change()
        moves = move_rows(self._writer.ids, match.displaced, inbound)
        reopening = reopening_rows(self._writer.ids, opened, document, inbound.now)
        return replace(change, providers=match.changed_rows(), outbox=(*change.outbox, *moves, *reopening))

    def _recorder(self, document: Document, inbound: InboundEvent) -> Recorder:
        return self._writer.recorder(document, inbound.practice, inbound.actor, inbound.now)

    def _has_dead_setup_link(self, provider: Provider, superseded: _Superseded | None) -> bool:
        """Return True if a provider without an account needs a new setup link, because the last one no longer works."""
        if provider.has_account or provider.setup_document is None:
            return False
        if superseded is not None and superseded.document.id == provider.setup_document:
            return True
        document = self._store.document(provider.setup_document)
        return document is None or document.recalled_at is not None or document.provider_id != provider.id

    def _supersede(self, inbound: InboundEvent, owners: Mapping[str, str], command: SendCommand) -> _Superseded | None:
        """Return the older version that the command replaces, recalled and marked as superseded, to be stored.

        Return None if the command replaces nothing. `owners` maps the keys of claims (rows that lead from an id or
        address to its owner) to the owners' ids. Raises `Unprocessable` or `Conflict` if the command names a document
        that cannot be replaced."""
        if command.supersedes is None:
            return None
        older = self._claimed(inbound, owners, command.supersedes)
        if older is None:
            problem = "names no document of this practice. Send the external_id of the document to replace"
            raise Unprocessable(
                f"supersedes {problem}.",
                code=UnprocessableCode.SUPERSEDES_NOT_FOUND,
                errors=(FieldError("data.supersedes", problem),),
            )
        check_patient(older, command)
        _check_newest(older, command)
        try:
            recalled = older.recall(None, inbound.now)
        except Conflict as conflict:
            errors = (FieldError("data.supersedes", "only a pending or declined document can be replaced"),)
            raise Conflict(conflict.detail, code=conflict.code, errors=errors) from conflict
        marked = replace(recalled or older, superseded_by=command.external_id)
        return _Superseded(
            document=marked, event=DocumentEventType.RECALLED if recalled else DocumentEventType.SUPERSEDED
        )

    def _supersede_change(self, inbound: InboundEvent, superseded: _Superseded, newer_id: str) -> Change:
        recorder = self._recorder(superseded.document, inbound)
        webhook = superseded.event == DocumentEventType.RECALLED
        return recorder.event(superseded.event, {"superseded_by": newer_id}, webhook=webhook).change()


def needs_setup_email(match: ProviderMatch, document: Document, switches: Switches) -> bool:
    """Return True if the provider must get a link to create an account with this document, and got none before.

    Without Electronic Signature (a setting of the practice), no provider gets such a link."""
    provider = match.provider
    is_new = not provider.has_account and provider.setup_mailed_at is None
    return is_new and match.may_set_up and switches.electronic_signature(document.practice_id)


def _resolve_by_addresses(inbound: InboundEvent, command: SendCommand, owners: Mapping[str, str]) -> DeliveryChoice:
    """Return the way of delivery that the addressee's addresses allow. A closed fax number counts as missing."""
    is_shut = not command.fax_confirmed and is_closed_row(owners, inbound.practice.id, command.addressee)
    return resolve_choice(command.delivery, command.addressee, may_fax=not is_shut)


def warnings_of(match: ProviderMatch) -> tuple[str, ...]:
    return (OTHER_PERSON,) if match.names_other_person else ()


def move_rows(ids: Ids, provider_ids: Iterable[str], inbound: InboundEvent) -> tuple[OutboxRow, ...]:
    """Return the outbox rows with the jobs that move this practice's documents out of these providers' lists."""
    return tuple(
        OutboxRow(
            id=ids.new("out"), created_at=inbound.now, jobs=(move_job(provider_id, practice_id=inbound.practice.id),)
        )
        for provider_id in provider_ids
    )


def queue_messages(
    recorder: Recorder, document: Document, match: ProviderMatch, *, setup: bool, fax: bool, now: datetime
) -> ProviderMatch:
    """Queue the emails and the fax that inform the provider of the document. The recorder's last event is their cause.

    With `fax` false, no fax is queued now. If the document may be faxed, the follow-up (reminders until it is signed)
    faxes it later, unless the provider opens it.

    If `setup` is true and the document is sent by email, queue the setup email (a link to create an account) too.
    Return `match`, in which the provider's row then records the setup email. The caller stores the row."""
    addressee = document.addressee
    if document.delivery in BY_EMAIL and addressee.email:
        recorder.message(Channel.EMAIL, MessageType.READY, addressee.email)
        if setup:
            recorder.message(Channel.EMAIL, MessageType.SETUP, addressee.email)
            match = match.with_setup_email(document.id, now)
    if fax and document.delivery in BY_FAX and addressee.fax:
        recorder.message(Channel.FAX, MessageType.FAX, addressee.fax)
    return match


def _claim_keys(inbound: InboundEvent, command: SendCommand) -> list[str]:
    external_ids = [name for name in (command.external_id, command.supersedes) if name]
    return [
        *(external_claim(inbound.practice.id, external_id) for external_id in external_ids),
        *matching_claims(inbound.practice.id, command.addressee),
        *number_keys(inbound.practice.id, command.addressee),
    ]


def _external_id_claim(document: Document, recalled: Document | None) -> Claim:
    """Return the claim (a row) that reserves the EMR's `external_id` for this document, to be stored.

    If a `recalled` document has the same `external_id`, the new claim replaces that document's claim."""
    return Claim(
        key=external_claim(document.practice_id, document.external_id),
        owner=document.id,
        replaces=recalled.id if recalled else None,
    )


def _new_document(
    inbound: InboundEvent, command: SendCommand, match: ProviderMatch, document_id: str, pdf: StoredPdf
) -> Document:
    """Return the new document with version 0, for the recorder, which makes it version 1 with the first event."""
    payer = command.payer or Payer(kind=inbound.practice.default_payer or PayerKind.OTHER, stated=False)
    sent_on = inbound.now.astimezone(ZoneInfo(inbound.practice.time_zone)).date()
    return Document(
        id=document_id,
        version=0,
        practice_id=inbound.practice.id,
        practice=inbound.practice.card(),
        external_id=command.external_id,
        content_sha256=pdf.sha256,
        facts_sha256=facts_sha256(command),
        kind=command.kind,
        title=command.title,
        patient=command.patient,
        addressee=command.addressee,
        provider_id=match.provider.id,
        delivery=command.delivery,
        original=pdf,
        sent_at=inbound.now,
        due_on=due_date(command.kind, command.certification, payer, sent_on),
        author=command.author,
        payer=payer,
        certification=command.certification,
        signature_field=command.signature_field,
        message=command.message,
        supersedes=command.supersedes,
        metadata=command.metadata,
    )


def check_box(box: FieldBox | None, pdf: StoredPdf) -> None:
    """Check that the signature box is on a page of the PDF. Raises `Unprocessable`, which names the wrong field."""
    if box is None:
        return
    if box.page > pdf.pages:
        raise _off_page("page", f"the PDF has {pdf.pages} pages")
    if box.page <= len(pdf.page_sizes):
        width, height = pdf.page_sizes[box.page - 1]
        for name, end, limit in (("x", box.x + box.width, width), ("y", box.y + box.height, height)):
            if end > limit + 1:
                raise _off_page(name, f"the box must be within the page's {width:g} x {height:g} points")


def _off_page(name: str, message: str) -> Unprocessable:
    return Unprocessable(
        f"The signature_field is not on the page: {message}.",
        code=UnprocessableCode.SIGNATURE_FIELD_OFF_PAGE,
        errors=(FieldError(f"data.signature_field.{name}", message),),
    )


def check_patient(older: Document, command: SendCommand) -> None:
    """Check that the `older` document, which the new one replaces, is the same patient's. Raises `Unprocessable`.

    Otherwise a wrong digit in the EMR's `supersedes` (an `external_id`) could recall another patient's document."""
    if older.patient.external_id == command.patient.external_id:
        return
    problem = "names a document of another patient (patient.external_id). Nothing was replaced"
    raise Unprocessable(
        f"supersedes {problem}.",
        code=UnprocessableCode.SUPERSEDES_OTHER_PATIENT,
        errors=(FieldError("data.supersedes", problem),),
    )


def _check_newest(older: Document, command: SendCommand) -> None:
    """Raise `Conflict` if another document has already replaced `older`, because only one version may be pending."""
    newer = older.superseded_by
    if newer is None or newer == command.external_id:
        return
    problem = f"names a document that {newer} has already replaced. Send the external_id of the newest version"
    raise Conflict(
        f"supersedes {problem}.", code=ConflictCode.ALREADY_SUPERSEDED, errors=(FieldError("data.supersedes", problem),)
    )


def _audit_data(command: SendCommand, original: InspectedPdf) -> Mapping[str, Any]:
    """Return the data of the audit event. It contains no patient data, because the audit trail is permanent."""
    return {
        "sha256": original.pdf.sha256,
        "pages": original.pdf.pages,
        "delivery": command.delivery.value,
        "active_content": list(original.active_content),
    }


def _registry_data(document: Document) -> Mapping[str, Any]:
    """Return the result of the check against the NPI registry, if there was one, for the audit event."""
    check = document.registry
    return {"registry": {"dated": check.dated.isoformat(), "agrees": check.agrees}} if check else {}
