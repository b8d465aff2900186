"""The certificate page at the end of a signed or declined document: the signer, the decision and the audit trail.

The text is large and black enough to be legible after a fax transmission."""

import datetime as dt

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.copy_rows import list_copy_rows
from chalicelib.pdf.drawing.page_flow import Flow
from chalicelib.pdf.drawing.sealed_page import INDENT, add_header, add_rows, draw_flow, group_digits, start_flow
from chalicelib.pdf.drawing.signature_block import draw_block
from chalicelib.pdf.models import CertificateFacts, CertificateType, SignatureBlock, TrailEntry
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.layout import BOLD, PLAIN, wrap_paragraphs
from chalicelib.pdf.text.local_times import format_local_time, format_utc_time
from chalicelib.pdf.text.signer_names import format_signer

_BLOCK = (300.0, 66.0)
_TITLES: dict[CertificateType, str] = {
    "signed": "Certificate of electronic signature",
    "declined": "Certificate of decline",
    "by_hand": "Certificate of signature by hand",
    "by_fax": "Certificate of signature by hand",
}
_STATEMENTS: dict[CertificateType, str] = {
    "signed": "{who} signed this document electronically on {when}.",
    "declined": "{who} declined to sign this document on {when}.",
    "by_hand": "This document was received as signed by hand on {when}. The uploader named {who} as the signer.",
    "by_fax": (
        "This document was received by {way}, signed by hand. {reader} confirmed the signature and date on {when}."
    ),
}
_MAX_SIGNERS, _MAX_NAME = 10, 64
_TIME_COLUMN, _EVENT_COLUMN, _SOURCE_COLUMN = 0.0, 118.0, 330.0


def _signer(facts: CertificateFacts) -> str:
    return format_signer(isolate(facts.signer_name), isolate(facts.credential), facts.npi)


def _statement(facts: CertificateFacts) -> str:
    who = _signer(facts)
    when = f"{format_local_time(facts.decided_at, facts.time_zone)} ({format_utc_time(facts.decided_at)})"
    reader, way = (isolate(facts.copy.confirmed_by), facts.copy.way) if facts.copy else (None, None)
    return _STATEMENTS[facts.certificate_type].format(who=who, when=when, reader=reader, way=way)


def _add_signature(flow: Flow, block: SignatureBlock) -> None:
    width, height = _BLOCK
    flow.need(height + 8)
    flow.y -= height + 4
    x, y = flow.left, flow.y

    def operation(canvas: Canvas) -> None:
        canvas.saveState()
        canvas.translate(x, y)
        draw_block(canvas, block, width, height)
        canvas.restoreState()

    flow.add(operation)


def _patient(facts: CertificateFacts) -> str | None:
    if facts.patient_name is None:
        return None
    born = f", DOB {facts.patient_born:%m/%d/%Y}" if facts.patient_born else ""
    return isolate(facts.patient_name) + born


def _document_rows(facts: CertificateFacts) -> list[tuple[str, str | None]]:
    return [
        ("Title", facts.title),
        ("Kind", facts.kind),
        ("Patient", _patient(facts)),
        ("Document ID", facts.document_id),
        ("Sent by", facts.practice_name),
        ("Clinic's ID", facts.external_id),
        ("SHA-256, original", group_digits(facts.original_sha256)),
        ("SHA-256, signed", group_digits(facts.signed_sha256) if facts.signed_sha256 else None),
        ("Pages shown", facts.pages_shown),
        ("Pages", facts.read_statement),
        ("Earlier signatures", _describe_lost_signatures(facts)),
    ]


def _describe_lost_signatures(facts: CertificateFacts) -> str | None:
    if not facts.lost_signatures:
        return None
    named = facts.lost_signatures[:_MAX_SIGNERS]
    more = len(facts.lost_signatures) - len(named)
    who = ", ".join([*map(_name_signer, named), *([f"and {more} more"] if more else [])])
    return (
        f"Signed digitally before by: {who}. This copy shows those signatures as pictures only. The file as it was "
        "received has the signatures themselves, and the portal keeps it. The names are from the signers' "
        "certificates, which the portal hasn't checked."
    )


def _name_signer(name: str) -> str:
    """Return the name from a certificate on one line. Anyone can make a certificate with any text as its name."""
    plain = " ".join(name.split()) or "An unnamed signer"
    return isolate(plain if len(plain) <= _MAX_NAME else f"{plain[:_MAX_NAME]}…")


def _entry_lines(entry: TrailEntry, flow: Flow) -> tuple[list[str], list[str], list[str]]:
    at = entry.at.astimezone(dt.UTC)
    source = ", ".join(isolate(part) for part in (entry.ip, entry.device) if part)
    return (
        [f"{at:%Y-%m-%d %H:%M:%S}"],
        wrap_paragraphs(entry.event, PLAIN, 10, _SOURCE_COLUMN - _EVENT_COLUMN - 10),
        wrap_paragraphs(source, PLAIN, 9.5, flow.width - _SOURCE_COLUMN) if source else [],
    )


def _add_trail_header(flow: Flow) -> None:
    flow.y -= 13
    for x, text in ((_TIME_COLUMN, "Time (UTC)"), (_EVENT_COLUMN, "Event"), (_SOURCE_COLUMN, "From")):
        flow.text(flow.left + x, flow.y + 1, text, face=BOLD, size=10)
    flow.y -= 4
    flow.rule(weight=0.5)


def _add_trail_entry(flow: Flow, entry: TrailEntry) -> None:
    columns = _entry_lines(entry, flow)
    height = 12 * max(len(column) for column in columns)
    if flow.need(height + 5):
        _add_trail_header(flow)
    top = flow.y - 2
    for x, size, column in zip((_TIME_COLUMN, _EVENT_COLUMN, _SOURCE_COLUMN), (10, 10, 9.5), columns, strict=True):
        for index, line in enumerate(column):
            flow.text(flow.left + x, top - 9.5 - index * 12, line, size=size)
    flow.y = top - height - 3
    flow.rule(weight=0.25)


def _add_trail(flow: Flow, facts: CertificateFacts) -> None:
    if not facts.trail:
        return
    flow.heading("Audit trail", keep_with=60)
    flow.y += 4
    _add_trail_header(flow)
    for entry in facts.trail:
        _add_trail_entry(flow, entry)
    if facts.chain_head:
        flow.y -= 6
        flow.row("Audit trail hash", group_digits(facts.chain_head), indent=INDENT, size=10)


def _signer_rows(facts: CertificateFacts) -> list[tuple[str, str | None]]:
    is_named_by_uploader = facts.certificate_type == "by_hand"
    return [
        ("Named by uploader" if is_named_by_uploader else "Name", _signer(facts)),
        ("Addressed to", facts.addressed_to),
        ("Handed over", facts.handed_over),
        ("Identity", facts.identity),
        ("Authenticated by", facts.authentication),
        (f"Consent {facts.consent_version}" if facts.consent_version else "Consent", facts.consent_text),
    ]


def _fill_flow(facts: CertificateFacts, block: SignatureBlock | None) -> Flow:
    flow = start_flow()
    add_header(
        flow,
        practice_name=facts.practice_name,
        title=_TITLES[facts.certificate_type],
        statement=_statement(facts),
        verify_url=facts.verify_url,
    )
    if block is not None:
        _add_signature(flow, block)
    add_rows(flow, "Decision", [("Reason", facts.decline_reason), ("Note", facts.note)])
    if facts.copy is not None:
        add_rows(flow, "Signed copy", list_copy_rows(facts.copy, facts.time_zone))
    add_rows(flow, "Document", _document_rows(facts))
    add_rows(flow, "Signer", _signer_rows(facts))
    _add_trail(flow, facts)
    return flow


def draw_certificate(canvas: Canvas, facts: CertificateFacts, block: SignatureBlock | None) -> None:
    """Draw the certificate of a signed or declined document on as many new Letter pages as necessary.

    The signature block, if there is one, is on the first page."""
    draw_flow(canvas, _fill_flow(facts, block), document_id=facts.document_id, name="Certificate")
