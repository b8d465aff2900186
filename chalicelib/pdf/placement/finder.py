"""The search for the place where a document asks for the provider's signature.

A label is a short text that only asks for the signature, such as "Physician signature" (`label_patterns`). The label's
blank space is the form field, line, box or empty area that belongs to the label (`candidate_spaces`). The whole
signature block goes into the blank space if the block is legible there. Otherwise the signature goes there, and its
words go nearby (`block_fitting`). In case of doubt the search finds no place, and only the certificate page shows the
signature."""

from contextlib import suppress
from itertools import islice

import pypdfium2

from chalicelib.pdf.geometry import Box, Point, bounding_box, overlaps
from chalicelib.pdf.models import SignatureBlock, SignatureBox, SignatureParts
from chalicelib.pdf.placement.block_fitting import BlockPlacement, fit_block
from chalicelib.pdf.placement.candidate_spaces import blank_of_field, find_blanks
from chalicelib.pdf.placement.label_context import (
    MAX_NAME_TO_LABEL,
    MAX_WIDTH,
    NEIGHBORHOOD,
    CandidatePage,
    Label,
    LabelContext,
    find_section_label,
)
from chalicelib.pdf.placement.label_patterns import names_other_signer
from chalicelib.pdf.placement.page_marks import PageTooComplex, TextSpan
from chalicelib.pdf.rendering import open_for_display

_MAX_LABELS = 8
"""The most labels of a document that the search tries. No form made for people has more labels."""
_MAX_BLANKS = 16


def _place_at_label(page_view: CandidatePage, label: Label, block: SignatureBlock) -> BlockPlacement | None:
    """Return the signature block's place at a label such as "Physician signature"; None if no place is clear enough.

    If the label is the heading of a section, the place may be at the *Signature* label in that section."""
    context = LabelContext(page_view, label)
    if label.kind == "named" and not _is_for_signing(context):
        return None
    if label.kind == "anybody" and _is_for_other(context):
        return None
    tried = islice(find_blanks(context), _MAX_BLANKS)
    place = next(filter(None, (fit_block(context, blanks, block) for blanks in tried)), None)
    section_label = find_section_label(page_view, label)
    if place is not None or section_label is None:
        return place
    return _place_at_label(page_view, section_label, block)


def _is_for_signing(context: LabelContext) -> bool:
    """Return True if a label with the provider's role (*Referring physician*) is a place to sign, not only a mention.

    A place to sign has only a date beside the label, asks for a date itself, or has no text beside it and is in the
    lower half of the page."""
    text = context.label.span.text.lower()
    _, bottom, _, top = context.label.box
    row = [span.text.lower() for span in context.other_spans if span.box[1] < top and bottom < span.box[3]]
    beside = [other for other in row if other != "x"]
    if not all(other.startswith("date") for other in beside):
        return False
    return bool(beside) or "date" in text or bottom < context.page_size[1] / 2


def _is_for_other(context: LabelContext) -> bool:
    """Return True if a bare *Signature* label is for another signer, because a text near it names such a person.

    Other signers are, for example, a therapist, the patient or a witness."""
    left, bottom, right, top = context.label.box
    around_it = (left - NEIGHBORHOOD, bottom - NEIGHBORHOOD, right + MAX_WIDTH, top + NEIGHBORHOOD)
    before = (left - MAX_NAME_TO_LABEL, bottom, left, top)
    near = [span for span in context.other_spans if overlaps(span.box, around_it) or overlaps(span.box, before)]
    return any(names_other_signer(span.text) for span in near)


def _place_in_field(page_view: CandidatePage, block: SignatureBlock) -> BlockPlacement | None:
    """Return the signature block's place in the page's only empty form field named for the provider's signature.

    Return None if there is no such field or more than one, or if the block is not legible there."""
    if len(page_view.provider_fields) != 1:
        return None
    field = page_view.provider_fields[0]
    context = LabelContext(page_view, Label("provider", TextSpan(()), field.box, [], has_colon=True))
    return fit_block(context, [blank_of_field(context, field)], block)


def _place_on_page(page_view: CandidatePage, block: SignatureBlock, max_labels: int) -> BlockPlacement | None:
    """Return the signature block's place in a form field named for the provider, or at a label; None without a place.

    Of the labels that ask for the provider's signature, only the first `max_labels` are tried, to limit the time."""
    place = _place_in_field(page_view, block)
    labels = page_view.labels("provider")[:max_labels] if place is None else []
    return place or next(filter(None, (_place_at_label(page_view, label, block) for label in labels)), None)


def _place_without_provider_label(
    pages: list[tuple[int, CandidatePage]], block: SignatureBlock
) -> tuple[int, BlockPlacement] | None:
    """Return the page index and the place to sign in a document without a label for the provider's signature.

    The place is at the last text with the provider's role (*Referring physician*), or else at the document's only bare
    *Signature* label. Return None if there is no such place, or if the document has a label for the provider."""
    if any(page_view.labels("provider") for _, page_view in pages):
        return None
    for kind in ("named", "anybody"):
        labels = [(index, page_view, label) for index, page_view in pages for label in page_view.labels(kind)]
        if kind == "anybody" and len(labels) != 1:
            return None
        for index, page_view, label in labels[:_MAX_LABELS]:
            place = _place_at_label(page_view, label, block)
            if place is not None:
                return index, place
    return None


def find_signature_box(data: bytes, units: tuple[float, ...], block: SignatureBlock) -> SignatureBox | None:
    """Return the last place in a PDF that asks for the provider's signature, as the box for the signature block.

    Return None if there is no such place, if it is unclear, or if `block` would not be legible there. `units` is the
    UserUnit (size in points of one unit of length) of each page, which PDFium does not know."""
    with open_for_display(data) as document:
        pages: list[tuple[int, CandidatePage]] = []
        left, all_read = _MAX_LABELS, True
        for index in reversed(range(min(len(document), len(units)))):
            # A page that cannot be loaded has no label.
            with suppress(pypdfium2.PdfiumError):
                try:
                    page_view = CandidatePage(document[index], units[index])
                    if page_view.all_labels:
                        pages.append((index, page_view))
                    max_labels, left = left, max(0, left - len(page_view.labels("provider")))
                    place = _place_on_page(page_view, block, max_labels)
                except PageTooComplex:
                    all_read = False
                    continue
                if place is not None:
                    return _to_field(index, place)
        # A page that was too complex to read may have a label too, so another label may not be the only one.
        with suppress(pypdfium2.PdfiumError, PageTooComplex):
            placed = _place_without_provider_label(pages, block) if all_read else None
            return None if placed is None else _to_field(*placed)
    return None


def _to_field(index: int, place: BlockPlacement) -> SignatureBox:
    left, bottom, right, top = bounding_box([place.box, place.words or place.box])
    corner, words = (left, bottom), place.words
    parts = SignatureParts(_move_to(corner, place.box), _move_to(corner, words)) if words is not None else None
    return SignatureBox(index + 1, left, bottom, right - left, top - bottom, parts)


def _move_to(corner: Point, box: Box) -> Box:
    """Return the box with its coordinates relative to the point `corner` instead of the page's lower left corner."""
    return (box[0] - corner[0], box[1] - corner[1], box[2] - corner[0], box[3] - corner[1])
