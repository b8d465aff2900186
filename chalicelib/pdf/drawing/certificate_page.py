"""The certificate page: who decided what, when and how, with the trail; legible by fax, alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.drawing.page_flow import HEIGHT, WIDTH, Flow
from chalicelib.pdf.drawing.qr import MILLIMETRE, draw_qr
from chalicelib.pdf.drawing.signature_block import (
    draw_block,
    format_local_time,
    format_signer,
    format_utc_time,
)
from chalicelib.pdf.models import CertificateFacts, CertificateType, SignatureBlock, TrailEntry
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.layout import BOLD, PLAIN, draw_text, draw_text_right, wrap, wrap_paragraphs

_MARGIN = 54.0
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
    "by_hand": "This document was sent to {who}, and came back signed by hand on {when}.",
}
_TIME_COLUMN, _FROM_COLUMN = 0.0, 330.0
_WHAT_COLUMN = 118.0


def _signer(facts: CertificateFacts) -> str:
    return format_signer(isolate(facts.signer_name), isolate(facts.credential), facts.npi)


def _statement(facts: CertificateFacts) -> str:
    who = _signer(facts)
    when = f"{format_local_time(facts.decided_at, facts.time_zone)} ({format_utc_time(facts.decided_at)})"
    return _STATEMENTS[facts.certificate_type].format(who=who, when=when)


def _header(flow: Flow, facts: CertificateFacts) -> None:
    """Title, statement and, at the right, the code that leads to the check of the document."""
    limit = flow.across - _QR - 24
    flow.lines(wrap(facts.practice_name, PLAIN, 11, limit), x=flow.left, size=11, leading=15)
    flow.space(4)
    flow.lines(
        wrap(_TITLES[facts.certificate_type], BOLD, 21, limit), x=flow.left, face=BOLD, size=21, leading=26
    )
    flow.space(6)
    flow.lines(wrap(_statement(facts), PLAIN, 11.5, limit), x=flow.left, size=11.5, leading=15.5)
    top = flow.top - 2
    flow.add(lambda canvas: draw_qr(canvas, flow.right - _QR, top - _QR, _QR, facts.verify_url))
    caption = ["Is this document genuine?", "Scan, or upload it at:", *_link_lines(facts.verify_url)]
    for index, line in enumerate(caption):
        flow.add(_right_line(flow.right, top - _QR - 12 - index * 10.5, line))
    flow.y = min(flow.y, top - _QR - 12 - len(caption) * 10.5)


def _link_lines(link: str) -> list[str]:
    return wrap(link.removeprefix("https://").removeprefix("http://"), PLAIN, 9, 150)


def _right_line(x: float, y: float, line: str) -> Callable[[Canvas], None]:
    return lambda canvas: draw_text_right(canvas, x, y, line, size=9)


def _signature(flow: Flow, block: SignatureBlock) -> None:
    across, up = _BLOCK
    flow.need(up + 16)
    flow.space(up + 12)
    x, y = flow.left, flow.y

    def operation(canvas: Canvas) -> None:
        canvas.saveState()
        canvas.translate(x, y)
        draw_block(canvas, block, across, up)
        canvas.restoreState()

    flow.add(operation)


def _in_groups(digest: str) -> str:
    """A digest in groups of eight, to be compared by eye."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _section(flow: Flow, heading: str, rows: Sequence[tuple[str, str | None]]) -> None:
    known = [(label, value) for label, value in rows if value]
    if known:
        flow.heading(heading, keep_with=16 * min(len(known), 3))
    for label, value in known:
        flow.row(label, value, indent=_INDENT)


def _patient(facts: CertificateFacts) -> str | None:
    if facts.patient_name is None:
        return None
    born = f", born {facts.patient_born:%m/%d/%Y}" if facts.patient_born else ""
    return isolate(facts.patient_name) + born


def _document_rows(facts: CertificateFacts) -> list[tuple[str, str | None]]:
    return [
        ("Title", facts.title),
        ("Kind", facts.kind),
        ("Patient", _patient(facts)),
        ("Document ID", facts.document_id),
        ("Sent by", facts.practice_name),
        ("Clinic's number", facts.external_id),
        ("SHA-256, original", _in_groups(facts.original_sha256)),
        ("SHA-256, signed", _in_groups(facts.signed_sha256) if facts.signed_sha256 else None),
        ("Pages shown", facts.pages_shown),
        ("Pages", facts.read_statement),
    ]


def _signer_rows(facts: CertificateFacts) -> list[tuple[str, str | None]]:
    return [
        ("Name", _signer(facts)),
        ("Authenticated by", facts.authentication),
        ("Consent text", facts.consent_version),
    ]


def _decision_rows(facts: CertificateFacts) -> list[tuple[str, str | None]]:
    return [("Reason", facts.decline_reason), ("Note", facts.note)]


def _entry_lines(entry: TrailEntry, flow: Flow) -> tuple[list[str], list[str], list[str]]:
    at = entry.at.astimezone(dt.UTC)
    source = ", ".join(isolate(part) for part in (entry.ip, entry.device) if part)
    return (
        [f"{at:%Y-%m-%d %H:%M:%S}"],
        wrap_paragraphs(entry.what, PLAIN, 10, _FROM_COLUMN - _WHAT_COLUMN - 10),
        wrap_paragraphs(source, PLAIN, 9.5, flow.across - _FROM_COLUMN) if source else [],
    )


def _trail_header(flow: Flow) -> None:
    flow.space(13)
    for x, text in ((_TIME_COLUMN, "Time (UTC)"), (_WHAT_COLUMN, "Event"), (_FROM_COLUMN, "From")):
        flow.text(flow.left + x, flow.y + 1, text, face=BOLD, size=10)
    flow.space(4)
    flow.rule(weight=0.5)


def _trail_entry(flow: Flow, entry: TrailEntry) -> None:
    columns = _entry_lines(entry, flow)
    height = 12.5 * max(len(column) for column in columns)
    if flow.need(height + 6):
        _trail_header(flow)
    top = flow.y - 2
    for x, size, column in zip(
        (_TIME_COLUMN, _WHAT_COLUMN, _FROM_COLUMN), (10, 10, 9.5), columns, strict=True
    ):
        for index, line in enumerate(column):
            flow.text(flow.left + x, top - 9.5 - index * 12.5, line, size=size)
    flow.y = top - height - 3
    flow.rule(weight=0.25)


def _trail(flow: Flow, facts: CertificateFacts) -> None:
    if not facts.trail:
        return
    flow.heading("What happened", keep_with=60)
    flow.space(-4)
    _trail_header(flow)
    for entry in facts.trail:
        _trail_entry(flow, entry)
    if facts.chain_head:
        flow.space(6)
        flow.row("Digest of the trail", _in_groups(facts.chain_head), indent=_INDENT, size=10)


def _flow(facts: CertificateFacts, block: SignatureBlock | None) -> Flow:
    flow = Flow(left=_MARGIN, right=WIDTH - _MARGIN, top=HEIGHT - 48, bottom=58)
    _header(flow, facts)
    if block is not None:
        _signature(flow, block)
    _section(flow, "Decision", _decision_rows(facts))
    _section(flow, "Document", _document_rows(facts))
    _section(flow, "Provider", _signer_rows(facts))
    _trail(flow, facts)
    return flow


def _footer(canvas: Canvas, facts: CertificateFacts, page: int, pages: int) -> None:
    canvas.setLineWidth(0.75)
    canvas.line(_MARGIN, 46, WIDTH - _MARGIN, 46)
    draw_text(canvas, _MARGIN, 33, f"Document ID {facts.document_id}", size=9.5)
    draw_text_right(canvas, WIDTH - _MARGIN, 33, f"Certificate, page {page} of {pages}", size=9.5)


def draw_certificate(canvas: Canvas, facts: CertificateFacts, block: SignatureBlock | None) -> int:
    """Draws as many Letter pages as the facts take, the signature block on the first; answers how many."""
    flow = _flow(facts, block)
    for index, operations in enumerate(flow.pages, start=1):
        canvas.setPageSize((WIDTH, HEIGHT))
        canvas.setFillGray(0)
        canvas.setStrokeGray(0)
        for operation in operations:
            operation(canvas)
        _footer(canvas, facts, index, len(flow.pages))
        canvas.showPage()
    return len(flow.pages)
