"""What the clinic's staff report about a document: a call to the provider, and what they read on a returned copy.

`StaffReports` handles `document.called` and `document.copy_confirmed`."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.carriers.document_copies import MAX_EXTRA_SHEETS, ConfirmedCopy, choose_sheets
from chalicelib.domain.certification.facts import COPY_REASONS, AttentionReason, CallResult, CopySeen
from chalicelib.domain.certification.rules import CertificationWarning, certify, certify_verbally, local_day
from chalicelib.domain.colleagues.hand_overs import name_possible_signers
from chalicelib.domain.documents import Decision, DeclineReason, Document, Identity, Sealing, Signer, SigningMethod
from chalicelib.domain.errors import invalid_field
from chalicelib.domain.jobs import JobName
from chalicelib.domain.status import Action, Outcome, is_decidable, is_open, status_conflict
from chalicelib.services.documents.document_refs import DocumentRef, find_document
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.idempotent_events import EventResponse, HandledEvent, InboundEvent, handle_once
from chalicelib.services.documents.recorder import Recorder
from chalicelib.services.transaction import Change

CLOCK_TOLERANCE = timedelta(minutes=5)
"""The time by which the EMR's clock may be ahead."""

_FINDINGS = {
    CopySeen.SIGNED_UNDATED: AttentionReason.SIGNED_UNDATED,
    CopySeen.NOT_READABLE: AttentionReason.COPY_NOT_READABLE,
}


@dataclass(frozen=True, kw_only=True)
class CallCommand:
    """The data of `document.called`, by which an EMR reports a call of the clinic's staff to the provider.

    `by` is the name of the person who called."""

    document: DocumentRef
    at: datetime
    by: str
    result: CallResult
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class CopyCommand:
    """The data of `document.copy_confirmed`, by which an EMR reports what staff saw on a copy that came back.

    The provider has sent back this copy of the document. `signed_on` is the date that a person at the clinic read
    beside the signature. `by` is the person's name. `fax_id` names the fax that the person looked at, if it is one."""

    document: DocumentRef
    seen: CopySeen
    signed_on: date | None = None
    note: str | None = None
    fax_id: str | None = None
    by: str | None = None


class StaffReports:
    """The handler of the staff's reports on calls and returned copies. Each method returns the response to the event.

    For a repeated `webhook-id`, the response is the same. Each method raises `NotFound` if the practice has no such
    document, and `Conflict` if the document's status does not allow the report."""

    def __init__(self, writer: DocumentWriter) -> None:
        self._writer = writer
        self._store = writer.store

    def note_call(self, inbound: InboundEvent, command: CallCommand) -> EventResponse:
        """Record a call of the clinic's staff to the provider about a pending document.

        If the provider certified the plan in the call, this verbal certification counts for 14 days. Raises `Invalid`
        for a call in the future or before the document was sent."""
        return handle_once(self._store, inbound, lambda: self._note_call(inbound, command))

    def confirm_copy(self, inbound: InboundEvent, command: CopyCommand) -> EventResponse:
        """Record what a person at the clinic read on a returned copy. The same report again changes nothing.

        A dated signature on the copy is recorded as the decision *sign by hand*. If the copy came back by fax, a job
        then seals the faxed pages. If a scan of the signed page was uploaded before, the report confirms the scan.
        Raises `Invalid` for a fax that brought no copy of the document, for faxes with too many pages if none is named,
        and for a date in the future or before the document was sent."""
        return handle_once(self._store, inbound, lambda: self._confirm_copy(inbound, command))

    def _note_call(self, inbound: InboundEvent, command: CallCommand) -> HandledEvent:
        before = find_document(self._store, inbound.practice.id, command.document)
        if not is_decidable(before.status):
            raise status_conflict(before.status, "A call can be noted only for a pending document")
        _check_call_time(before, command.at, inbound.now)
        called, warnings = _note(replace(before, calls=before.calls + 1), command, inbound.now)
        # Names and notes may have to be erased one day, so they stay outside the hashed bytes.
        private = {"by": command.by, **({"note": command.note} if command.note else {})}
        facts = {"at": command.at.isoformat(), "result": command.result}
        recorder = self._recorder(called, inbound).event(DocumentEventType.CALLED, facts, private=private)
        return HandledEvent(document=called, change=recorder.certification(before).change(), warnings=warnings)

    def _confirm_copy(self, inbound: InboundEvent, command: CopyCommand) -> HandledEvent:
        before = find_document(self._store, inbound.practice.id, command.document)
        _check_fax(before, command.fax_id)
        if command.signed_on is not None:
            _check_signing_day(before, command.signed_on, inbound.now)
        after, finding = _apply(before, command, inbound.now), _FINDINGS.get(command.seen)
        if after == before and finding in (None, before.attention):
            return HandledEvent(document=before, change=Change(at=inbound.now))
        facts: dict[str, str] = {"seen": command.seen}
        if command.signed_on is not None:
            facts["signed_on"] = command.signed_on.isoformat()
        if command.fax_id is not None:
            facts["fax"] = command.fax_id
        private = {key: value for key, value in (("note", command.note), ("by", command.by)) if value}
        recorder = self._recorder(after, inbound).event(DocumentEventType.COPY_CONFIRMED, facts, private=private)
        if finding is not None:
            recorder.attention(finding)
        if after.decision != before.decision:
            self._record_decision(recorder, after)
        return HandledEvent(document=after, change=recorder.certification(before).change())

    def _record_decision(self, recorder: Recorder, decided: Document) -> None:
        if decided.outcome is Outcome.DECLINED:
            facts = {"reason": DeclineReason.OTHER, "reported_by": "practice"}
            recorder.event(DocumentEventType.DECLINED, facts, webhook=True)
        if decided.sealing is Sealing.IN_PROGRESS:
            recorder.job(JobName.SEAL)
        self._writer.report_to_owner(recorder, decided)

    def _recorder(self, document: Document, inbound: InboundEvent) -> Recorder:
        return self._writer.recorder(document, inbound.practice, inbound.actor, inbound.now)


def _note(document: Document, command: CallCommand, now: datetime) -> tuple[Document, tuple[CertificationWarning, ...]]:
    """Return the document after a call, with a warning if the verbal certification of the call does not count.

    A call in which the provider promised to sign, or certified the plan, resolves the document's `attention`. A
    repeated note of a verbal certification that still counts gives no warning and changes nothing."""
    if command.result is CallResult.WILL_SIGN:
        return _resolve(document), ()
    if command.result is not CallResult.CERTIFIED_VERBALLY:
        return document, ()
    certified = certify_verbally(document, command.at, now)
    if certified is not None:
        return _resolve(certified), ()
    holds = document.verbal is not None and certify(document, now) is not None
    return document, () if holds else (CertificationWarning.VERBAL_DOES_NOT_COUNT,)


def _resolve(document: Document) -> Document:
    """Return the document without its `attention` (why staff must act): the provider promised to sign or certified it.

    A call does not resolve every reason. A wrong fax number stays until the practice corrects the number, and a copy
    that came back stays until a person has read a dated signature."""
    is_unsolved = document.attention in {*COPY_REASONS, AttentionReason.WRONG_NUMBER}
    return document if is_unsolved else replace(document, attention=None)


def _apply(document: Document, command: CopyCommand, now: datetime) -> Document:
    """Return the document after a person read a returned copy, or the same document if the report is repeated.

    A copy that proves nothing does not change the document, apart from the reason to act, which the recorder sets.
    Raises `Conflict` if the report contradicts the document's status or an earlier report."""
    is_uploaded = is_open(document.status) and document.outcome is Outcome.BY_HAND
    if command.seen is CopySeen.SIGNED_AND_DATED and is_uploaded:
        if document.hand_signed_on not in (None, command.signed_on):
            raise status_conflict(
                document.status, f"The copy was already confirmed as signed on {document.hand_signed_on}"
            )
        return replace(document, hand_signed_on=command.signed_on, attention=None)
    if command.seen in _FINDINGS:
        if not (is_decidable(document.status) or (is_uploaded and document.hand_signed_on is None)):
            raise status_conflict(document.status, "The report contradicts the decision on this document")
        return document
    decision = _decision(document, command, now)
    decided = document.decide(decision)
    if decided is None:
        return document
    # Without faxed pages there is no file to seal: the portal has only the word of the clinic.
    sealing = Sealing.NONE if decision.copy is None else Sealing.IN_PROGRESS
    return replace(decided, sealing=sealing, hand_signed_on=command.signed_on)


def _decision(document: Document, command: CopyCommand, now: datetime) -> Decision:
    """Return the addressee's decision on the document, as a person at the clinic read it on the returned copy."""
    is_decline = command.seen is CopySeen.DECLINED
    return Decision(
        copy=None if is_decline else _confirmed_copy(document, command),
        action=Action.DECLINE if is_decline else Action.SIGN_BY_HAND,
        signer=_signer(document),
        decided_at=now,
        note=command.note if is_decline else None,
        decline_reason=DeclineReason.OTHER if is_decline else None,
    )


def _confirmed_copy(document: Document, command: CopyCommand) -> ConfirmedCopy | None:
    """Return the copy that the staff confirmed, to be sealed, or None if no page of the document came by fax.

    If the report names a fax, all pages that this fax lacks come from the original. Raises `Invalid` if the report
    names none and all faxes together have more sheets than can be sealed."""
    copies, pages = [copy for copy in document.copies if command.fax_id in (None, copy.fax_id)], document.original.pages
    sheets = choose_sheets(copies, pages)
    if len(sheets) > pages + MAX_EXTRA_SHEETS:
        raise invalid_field(
            "data.fax_id", "must name the fax with the signature, because the faxes have too many pages"
        )
    return ConfirmedCopy(sheets=sheets, confirmed_by=command.by) if sheets else None


def _signer(document: Document) -> Signer:
    """Return the person who signed or declined on a returned copy: the addressee.

    After a hand-over, the copy may be from the addressee or from a colleague. So the signer has the names of all, and
    nobody's credential and NPI."""
    practice, is_known = document.practice.name, not document.handed_over
    doubt = "" if is_known else " The report does not say which of them decided."
    return Signer(
        name=name_possible_signers(document),
        credential=document.addressee.credential if is_known else None,
        npi=document.addressee.npi if is_known else None,
        method=SigningMethod.BY_HAND,
        authentication="copy read by the clinic's staff",
        identity=Identity(
            method="returned_copy",
            sent_to=None,
            supplied_by=None,
            statement=f"As {practice} read it on a copy that came back.{doubt}",
        ),
    )


def _check_fax(document: Document, fax_id: str | None) -> None:
    if fax_id is not None and fax_id not in [copy.fax_id for copy in document.copies]:
        raise invalid_field("data.fax_id", "must be the `fax_id` of one of the document's `copies`")


def _check_call_time(document: Document, at: datetime, now: datetime) -> None:
    if at > now + CLOCK_TOLERANCE:
        raise invalid_field("data.at", "must not be in the future")
    if local_day(at, document) < local_day(document.sent_at, document):
        raise invalid_field("data.at", "must not be earlier than the day on which the document was sent")


def _check_signing_day(document: Document, signed_on: date, now: datetime) -> None:
    """Check that the day of a signature is possible. Raises `Invalid` for a day in the future or before the document.

    The provider's time zone may be a day behind the practice's, so the day before the document was sent is allowed."""
    if signed_on > local_day(now, document):
        raise invalid_field("data.signed_on", "must not be in the future")
    if signed_on < local_day(document.sent_at, document) - timedelta(days=1):
        raise invalid_field("data.signed_on", "must not be earlier than the day on which the document was sent")
