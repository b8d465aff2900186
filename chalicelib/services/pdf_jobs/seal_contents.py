"""The contents of a sealed PDF: the signature block, the certificate page, and the facts in the seal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest

from chalicelib.domain.audit import Event
from chalicelib.domain.carriers.received_faxes import ReceivedFax
from chalicelib.domain.colleagues.hand_overs import find_represented
from chalicelib.domain.documents import Addressee, Decision, Document
from chalicelib.domain.status import Action
from chalicelib.domain.user_agents import describe_device
from chalicelib.pdf.models import CertificateFacts, CertificateType, SealSpec, SignatureBlock, SignatureBox, TrailEntry
from chalicelib.pdf.text.signer_names import format_signer
from chalicelib.services.documents.audit_trail import describe_event
from chalicelib.services.labels import CONSENT_TEXTS, DECLINE_REASONS, KINDS
from chalicelib.services.pdf_jobs.faxed_copies import copy_origin, name_ways

_CERTIFICATE_TYPES: Mapping[Action, CertificateType] = {
    Action.APPROVE: "signed",
    Action.DECLINE: "declined",
    Action.SIGN_BY_HAND: "by_hand",
}
_SEAL_REASONS: Mapping[Action, str] = {
    Action.APPROVE: "Signed electronically by {signer}",
    Action.DECLINE: "Declined by {signer}",
    Action.SIGN_BY_HAND: "Received as signed by hand; the uploader named {signer}",
}
_FAX_REASON = "Received by {way}, signed by hand; {clinic} read the signature of {signer}"


def seal_spec(
    document: Document, decision: Decision, now: datetime, reserved_bytes: int, faxes: Sequence[ReceivedFax] = ()
) -> SealSpec:
    """Return the contents of the seal: reason, document id, time, and the bytes reserved for the signed message.

    `faxes` are the faxes of which a confirmed copy consists."""
    return SealSpec(_seal_reason(document, decision, faxes), document.id, now, reserved_bytes)


def _seal_reason(document: Document, decision: Decision, faxes: Sequence[ReceivedFax]) -> str:
    """Return the sentence in the seal (the digital signature) that says who decided on the document and how.

    For a signer without an account, the sentence also says what the portal knows about the person. If a colleague
    decided after a hand-over, it also names the provider to whom the clinic addressed the document."""
    signer, identity = _signer_name(decision), decision.signer.identity
    represented = find_represented(document, decision)
    if represented is not None:
        signer = f"{signer}, on behalf of {_name(represented)}"
    if identity is not None and decision.signer.is_without_account:
        return f"{signer}. {identity.statement}"
    reason = _SEAL_REASONS[decision.action] if decision.copy is None else _FAX_REASON
    return reason.format(signer=signer, clinic=document.practice.name, way=name_ways(faxes))


def _signer_name(decision: Decision) -> str:
    """Return the signer's name. For a paper copy, leave out credential and NPI, for which nobody can vouch."""
    signer = decision.signer
    if decision.action is Action.SIGN_BY_HAND:
        return signer.name
    return format_signer(signer.name, signer.credential or "", signer.npi)


def _addressee(document: Document) -> str:
    """Return the addressee's name, and the practice that stated the name, for the certificate page of a scan."""
    return f"{_name(document.named_by_clinic)}, as stated by {document.practice.name}"


def _name(person: Addressee) -> str:
    return format_signer(person.name, person.credential or "", person.npi)


def _hand_overs(document: Document) -> str | None:
    """Return who handed the document over to whom, for the certificate page, or None if nobody did."""
    if not document.handed_over:
        return None
    givers = ", and then by ".join(_name(act.giver) for act in document.handed_over)
    return f"By {givers}, to {_name(document.addressee)}"


def signature_block(document: Document, decision: Decision) -> SignatureBlock:
    """Return the contents of an approval's signature block. The time is in the practice's time zone."""
    return SignatureBlock(
        signer_name=decision.signer.name,
        credential=decision.signer.credential or "",
        npi=decision.signer.npi,
        signed_at=decision.decided_at,
        time_zone=document.practice.time_zone,
        document_id=document.id,
        typed_name=decision.typed_name,
        strokes=decision.strokes or None,
        strokes_aspect=decision.strokes_aspect,
    )


def requested_field(document: Document) -> SignatureBox | None:
    """Return the signature box that the EMR requested, or None if the EMR requested none."""
    box = document.signature_field
    return SignatureBox(box.page, box.x, box.y, box.width, box.height) if box else None


def certificate_facts(
    document: Document,
    decision: Decision,
    events: Sequence[Event],
    *,
    verify_url: str,
    faxes: Sequence[ReceivedFax] = (),
) -> CertificateFacts:
    """Return the contents of the certificate page, which documents how the decision was made.

    The audit trail on the page ends with the decision, so that another try of the seal job makes the same page. `faxes`
    are the faxes of which a confirmed copy consists."""
    trail = [event for event in events if event.at <= decision.decided_at]
    return replace(
        _describe_decision(_describe_document(document, decision, verify_url), document, decision),
        copy=copy_origin(document, decision.copy, faxes) if decision.copy else None,
        chain_head=trail[-1].hash if trail else None,
        trail=tuple(map(trail_entry, trail)),
    )


def _describe_document(document: Document, decision: Decision, verify_url: str) -> CertificateFacts:
    """Return a certificate that says only which document was decided, by whom and when."""
    signer, is_by_hand = decision.signer, decision.action is Action.SIGN_BY_HAND
    return CertificateFacts(
        certificate_type=_CERTIFICATE_TYPES[decision.action] if decision.copy is None else "by_fax",
        document_id=document.id,
        title=document.title,
        kind=KINDS[document.kind],
        original_sha256=document.original.sha256,
        practice_name=document.practice.name,
        signer_name=signer.name,
        credential="" if is_by_hand else signer.credential or "",
        npi=None if is_by_hand else signer.npi,
        decided_at=decision.decided_at,
        time_zone=document.practice.time_zone,
        verify_url=verify_url,
        patient_name=document.patient.name,
        patient_born=document.patient.date_of_birth,
        external_id=document.external_id,
    )


def _describe_decision(facts: CertificateFacts, document: Document, decision: Decision) -> CertificateFacts:
    """Return the certificate with what is known about the signer, and what the signer saw, agreed to and wrote."""
    signer, is_by_hand = decision.signer, decision.action is Action.SIGN_BY_HAND
    return replace(
        facts,
        authentication=signer.authentication,
        consent_version=decision.consent_version,
        consent_text=CONSENT_TEXTS.get(decision.consent_version or ""),
        identity=signer.identity.statement if signer.identity else None,
        addressed_to=_addressee(document) if is_by_hand or document.handed_over else None,
        handed_over=_hand_overs(document),
        note=decision.note,
        decline_reason=DECLINE_REASONS[decision.decline_reason] if decision.decline_reason else None,
        pages_shown=_pages_shown(decision),
        read_statement=_read_statement(document, decision),
    )


def trail_entry(event: Event) -> TrailEntry:
    """Return an audit event as an entry of the certificate page. It names the device, such as `Safari on iPhone`."""
    device = event.private.get("device")
    device = describe_device(device) if device else None
    return TrailEntry(at=event.at, event=describe_event(event), ip=event.private.get("address"), device=device)


def _pages_shown(decision: Decision) -> str | None:
    times = [f" ({at.astimezone(UTC):%H:%M:%S} UTC)" for at in decision.pages_shown_at]
    pages = ", ".join(f"{page}{at}" for page, at in zip_longest(decision.pages_shown, times, fillvalue=""))
    return f"{pages}, as reported by the browser" if pages else None


def _read_statement(document: Document, decision: Decision) -> str | None:
    """Return the statement that the signer ticked because the browser had not shown every page, or None."""
    if not decision.read_statement:
        return None
    pages = document.original.pages
    return f"Statement ticked: I have read {'the page' if pages == 1 else f'all {pages} pages'}."
