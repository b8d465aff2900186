"""The document resource: what the EMR gets in webhooks and reads (DESIGN section 4, contract)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.documents import DeliveryLine, Document, StoredPdf
from chalicelib.domain.timestamps import to_text


def document_resource(document: Document, portal_url: str) -> Mapping[str, Any]:
    """The whole resource; enough to stand alone, whatever order events arrive in."""
    decision = document.decision
    return {
        "id": document.id,
        "practice_id": document.practice_id,
        "external_id": document.external_id,
        "patient_external_id": document.patient.external_id,
        "kind": document.kind,
        "title": document.title,
        "status": document.status,
        "outcome": document.outcome,
        "note": decision.note if decision else None,
        "decline_reason": decision.decline_reason if decision else None,
        "sent_at": to_text(document.sent_at),
        "viewed_at": _moment(document.viewed_at),
        "transmitted_at": _moment(document.transmitted_at),
        "decided_at": _moment(document.decided_at),
        "due_on": document.due_on.isoformat(),
        "signer": _signer(document),
        "sealing": document.sealing,
        "signed_pdf": _signed_pdf(document, portal_url),
        "supersedes": document.supersedes,
        "superseded_by": document.superseded_by,
        "returned_at": _moment(document.returned_at),
        "returned_method": document.returned_method,
        "recalled_reason": document.recalled_reason,
        "deliveries": [_line(line) for line in document.deliveries],
    }


def _moment(at: datetime | None) -> str | None:
    return to_text(at) if at else None


def _signer(document: Document) -> Mapping[str, Any] | None:
    if document.decision is None:
        return None
    signer = document.decision.signer
    return {
        "name": signer.name,
        "credential": signer.credential,
        "npi": signer.npi,
        "method": signer.method,
    }


def _signed_pdf(document: Document, portal_url: str) -> Mapping[str, Any] | None:
    """The file as announced, for ever; `timestamped` only where a timestamp came late, `certificate` only
    where it is a file of its own, with a `timestamped` of its own likewise.
    """
    if document.signed is None:
        return None
    url = f"{portal_url}/v1/documents/{document.id}/signed.pdf"
    told = dict(_file(document.signed, url))
    if document.timestamped is not None:
        told["timestamped"] = _file(document.timestamped, f"{url}?version=timestamped")
    if document.certificate is not None:
        told["certificate"] = apart = dict(_file(document.certificate, f"{url}?version=certificate"))
        if document.timestamped_certificate is not None:
            later = f"{url}?version=timestamped-certificate"
            apart["timestamped"] = _file(document.timestamped_certificate, later)
    return told


def _file(pdf: StoredPdf, url: str) -> Mapping[str, Any]:
    return {"url": url, "sha256": pdf.sha256, "level": pdf.level}


def _line(line: DeliveryLine) -> Mapping[str, Any]:
    return {
        "id": line.id,
        "channel": line.channel,
        "type": line.type,
        "recipient": line.recipient,
        "status": line.status,
        "at": to_text(line.at),
    }
