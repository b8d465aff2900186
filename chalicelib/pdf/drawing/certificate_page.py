"""The certificate page at the end of a signed or declined document: the signer, the decision and the audit trail.

The text is large and black enough to be legible after a fax transmission."""

import datetime as dt
from collections.abc import Sequence
from functools import partial

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.page_flow import HEIGHT, WIDTH, Flow
from chalicelib.pdf.drawing.qr import MILLIMETRE, draw_qr
from chalicelib.pdf.drawing.signature_block import draw_block, format_local_time, format_utc_time
from chalicelib.pdf.models import CertificateFacts, CertificateType, SignatureBlock, TrailEntry
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, draw_text_right, wrap, wrap_paragraphs
from chalicelib.pdf.text.signer_names import format_signer

_MARGIN = 54.0
_CAPTION = 150.0
_QR = 25 * MILLIMETRE
_INDENT = 118.0
_BLOCK = (300.0, 66.0)
_TITLES: dict[CertificateType, str] = {
    "signed": "Certificate of electronic signature",
    "declined": "Certificate of decline",
    "by_hand": "Certificate of signature by hand",
}
_STATEMENTS: dict[CertificateType, str] = {
    "signed": "{who} signed this document electronically on {when}.",
    "declined": "{who} declined to sign this document on {when}.",
    "by_hand": "This document was received as signed by hand on {when}. The uploader named {who} as the signer.",
}
_TIME_COLUMN, _EVENT_COLUMN, _SOURCE_COLUMN = 0.0, 118.0, 330.0


def _signer(facts: CertificateFacts) -> str:
    return format_signer(isolate(facts.signer_name), isolate(facts.credential), facts.npi)


def _statement(facts: CertificateFacts) -> str:
    who = _signer(facts)
    when = f"{format_local_time(facts.decided_at, facts.time_zone)} ({format_utc_time(facts.decided_at)})"
    return _STATEMENTS[facts.certificate_type].format(who=who, when=when)


def _add_header(flow: Flow, facts: CertificateFacts) -> None:
    """Add the certificate's title and statement (who signed when), and at the right a QR code to verify the file."""
    limit = flow.width - _CAPTION - 12
    flow.lines(wrap(facts.practice_name, PLAIN, 11, limit), x=flow.left, size=11, leading=15)
    flow.y -= 4
    flow.lines(wrap(_TITLES[facts.certificate_type], BOLD, 21, limit), x=flow.left, face=BOLD, size=21, leading=26)
    flow.y -= 6
    flow.lines(wrap(_statement(facts), PLAIN, 11.5, limit), x=flow.left, size=11.5, leading=15.5)
    top = flow.top - 2
    flow.add(lambda canvas: draw_qr(canvas, flow.right - _QR, top - _QR, _QR, facts.verify_url))
    link = facts.verify_url.removeprefix("https://").removeprefix("http://")
    caption = ["Is this document genuine?", "Scan, or upload the file at:", *wrap(link, PLAIN, 9, _CAPTION)]
    for index, line in enumerate(caption):
        y = top - _QR - 12 - index * 10.5
        flow.add(partial(draw_text_right, x=flow.right, y=y, text=line, size=9))
    flow.y = min(flow.y, top - _QR - 12 - len(caption) * 10.5)


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


def _group(digest: str) -> str:
    """Return a hexadecimal hash with a space after every eight digits, so that people can compare it."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _add_section(flow: Flow, heading: str, rows: Sequence[tuple[str, str | None]]) -> None:
    known = [(label, value) for label, value in rows if value]
    if known:
        flow.heading(heading, keep_with=16 * min(len(known), 3))
    for label, value in known:
        flow.row(label, value, indent=_INDENT)


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
        ("SHA-256, original", _group(facts.original_sha256)),
        ("SHA-256, signed", _group(facts.signed_sha256) if facts.signed_sha256 else None),
        ("Pages shown", facts.pages_shown),
        ("Pages", facts.read_statement),
    ]


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
        flow.row("Audit trail hash", _group(facts.chain_head), indent=_INDENT, size=10)


def _signer_rows(facts: CertificateFacts) -> list[tuple[str, str | None]]:
    is_named_by_uploader = facts.certificate_type == "by_hand"
    return [
        ("Named by uploader" if is_named_by_uploader else "Name", _signer(facts)),
        ("Addressed to", facts.addressed_to),
        ("Identity", facts.identity),
        ("Authenticated by", facts.authentication),
        (f"Consent {facts.consent_version}" if facts.consent_version else "Consent", facts.consent_text),
    ]


def _fill_flow(facts: CertificateFacts, block: SignatureBlock | None) -> Flow:
    flow = Flow(left=_MARGIN, right=WIDTH - _MARGIN, top=HEIGHT - 48, bottom=56)
    _add_header(flow, facts)
    if block is not None:
        _add_signature(flow, block)
    _add_section(flow, "Decision", [("Reason", facts.decline_reason), ("Note", facts.note)])
    _add_section(flow, "Document", _document_rows(facts))
    _add_section(flow, "Signer", _signer_rows(facts))
    _add_trail(flow, facts)
    return flow


def _draw_footer(canvas: Canvas, facts: CertificateFacts, page: int, pages: int) -> None:
    canvas.setLineWidth(0.75)
    canvas.line(_MARGIN, 46, WIDTH - _MARGIN, 46)
    draw_text(canvas, _MARGIN, 33, f"Document ID {facts.document_id}", size=9.5)
    draw_text_right(canvas, WIDTH - _MARGIN, 33, f"Certificate, page {page} of {pages}", size=9.5)


def draw_certificate(canvas: Canvas, facts: CertificateFacts, block: SignatureBlock | None) -> None:
    """Draw the certificate of a signed or declined document on as many new Letter pages as necessary.

    The signature block, if there is one, is on the first page."""
    flow = _fill_flow(facts, block)
    for index, operations in enumerate(flow.pages, start=1):
        canvas.setPageSize((WIDTH, HEIGHT))
        canvas.setFillGray(0)
        canvas.setStrokeGray(0)
        for operation in operations:
            operation(canvas)
        _draw_footer(canvas, facts, index, len(flow.pages))
        canvas.showPage()
