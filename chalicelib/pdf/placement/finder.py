"""Finding where a document asks for the provider's signature, and the free room there.

A label is a piece of text that asks for the signature and says nothing else (`wording`); its blank is the
form field, the line, the box or the empty space that belongs to it (`blanks`). The block goes there whole
where it is legible, else the signature goes there and its words nearby (`fitting`). When in doubt there is
no place: then the certificate page alone shows the signature.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice

import pypdfium2

from chalicelib.pdf.geometry import Box, Point, bounding_box, overlaps
from chalicelib.pdf.models import SignatureBlock, SignatureField, SignatureParts
from chalicelib.pdf.placement.block_fitting import BlockPlacement, fit_block
from chalicelib.pdf.placement.candidate_spaces import blank_of_field, find_blanks
from chalicelib.pdf.placement.label_context import (
    NEIGHBOURS,
    TO_NAME,
    WIDEST,
    CandidatePage,
    Label,
    LabelContext,
    find_section_label,
)
from chalicelib.pdf.placement.label_patterns import Asks, names_other_signer
from chalicelib.pdf.placement.page_marks import PageTooComplex, TextSpan
from chalicelib.pdf.rendering import open_for_display

_TRIED = 8
"""Labels of a document: more would be for a machine to read."""
_MOST_BLANKS = 16
"""Of a label, that are tried."""


def _on_label(page_view: CandidatePage, label: Label, block: SignatureBlock) -> BlockPlacement | None:
    context = LabelContext(page_view, label)
    if label.asks == "named" and not _is_for_signing(context):
        return None
    if label.asks == "anybody" and _is_anothers(context):
        return None
    tried = islice(find_blanks(context), _MOST_BLANKS)
    place = next(filter(None, (fit_block(context, blanks, block) for blanks in tried)), None)
    own = find_section_label(page_view, label)
    return place if place is not None or own is None else _on_label(page_view, own, block)


def _is_for_signing(context: LabelContext) -> bool:
    """Whether a blank for the referring provider is at the foot of a page, or a date is asked for beside it.

    Elsewhere a name is to be filled in.
    """
    text = context.label.span.text.lower()
    _, bottom, _, top = context.label.box
    row = [
        p.text.lower()
        for p in context.others
        if p.box[1] < top and bottom < p.box[3] and p.text.lower() != "x"
    ]
    if any(not each.startswith("date") for each in row):
        return False
    return bool(row) or "date" in text or bottom < context.size[1] / 2


def _is_anothers(context: LabelContext) -> bool:
    """Whether the therapist, the patient or a witness is named around the label."""
    left, bottom, right, top = context.label.box
    around_it = (left - NEIGHBOURS, bottom - NEIGHBOURS, right + WIDEST, top + NEIGHBOURS)
    before = (left - TO_NAME, bottom, left, top)
    near = [span for span in context.others if overlaps(span.box, around_it) or overlaps(span.box, before)]
    return any(names_other_signer(span.text) for span in near)


def _in_field(page_view: CandidatePage, block: SignatureBlock) -> BlockPlacement | None:
    """The empty form field whose name says that the provider signs there."""
    if len(page_view.named) != 1:
        return None
    field = page_view.named[0]
    context = LabelContext(page_view, Label("provider", TextSpan(()), field.box, [], colon=True))
    return fit_block(context, [blank_of_field(context, field)], block)


def _on_sheet(page_view: CandidatePage, block: SignatureBlock, most: int) -> BlockPlacement | None:
    """`most` is how many labels may be tried."""
    place = _in_field(page_view, block)
    labels = page_view.labels("provider")[:most] if place is None else []
    return place or next(filter(None, (_on_label(page_view, label, block) for label in labels)), None)


def _sole_line(
    sheets: list[tuple[int, CandidatePage]], block: SignatureBlock
) -> tuple[int, BlockPlacement] | None:
    """Where no label says whose signature: the last line for the referring provider, or the only one."""
    if any(page_view.labels("provider") for _, page_view in sheets):
        return None
    kinds: tuple[Asks, ...] = ("named", "anybody")
    for kind in kinds:
        found = [(index, page_view, label) for index, page_view in sheets for label in page_view.labels(kind)]
        if kind == "anybody" and len(found) != 1:
            return None
        for index, page_view, label in found[:_TRIED]:
            place = _on_label(page_view, label, block)
            if place is not None:
                return index, place
    return None


def find_signature_field(
    data: bytes, units: tuple[float, ...], block: SignatureBlock
) -> SignatureField | None:
    """Where the text asks for the provider's signature, the last such place first; None if nowhere.

    `units` is each page's UserUnit, which PDFium does not know; `block` is what has to be legible there.
    """
    with open_for_display(data) as document:
        sheets: list[tuple[int, CandidatePage]] = []
        left, all_read = _TRIED, True
        for index in reversed(range(min(len(document), len(units)))):
            # A page that cannot be loaded asks for nothing.
            with suppress(pypdfium2.PdfiumError):
                try:
                    page_view = CandidatePage(document[index], units[index])
                    if page_view.asks:
                        sheets.append((index, page_view))
                    most, left = left, max(0, left - len(page_view.labels("provider")))
                    place = _on_sheet(page_view, block, most)
                except PageTooComplex:
                    all_read = False
                    continue
                if place is not None:
                    return _as_field(index, place)
        # What was given up may ask for a signature too: then no line is the only one.
        with suppress(pypdfium2.PdfiumError, PageTooComplex):
            sole = _sole_line(sheets, block) if all_read else None
            return None if sole is None else _as_field(*sole)
    return None


def _as_field(index: int, place: BlockPlacement) -> SignatureField:
    if place.words is None:
        left, bottom, right, top = place.box
        return SignatureField(index + 1, left, bottom, right - left, top - bottom)
    left, bottom, right, top = bounding_box([place.box, place.words])
    parts = SignatureParts(_move_to((left, bottom), place.box), _move_to((left, bottom), place.words))
    return SignatureField(index + 1, left, bottom, right - left, top - bottom, parts)


def _move_to(corner: Point, box: Box) -> Box:
    """Return the box with coordinates from the corner."""
    return (box[0] - corner[0], box[1] - corner[1], box[2] - corner[0], box[3] - corner[1])
