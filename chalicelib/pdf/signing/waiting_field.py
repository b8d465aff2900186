"""The choice of the signature field that waits for the provider, among the empty signature fields of a PDF.

A field is the provider's by its name (`PhysicianSignature`), by its description for people (`/TU`), or because it is at
the place where the text asks for the provider's signature. In case of doubt no field is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils.form_tools import get_single_field_annot
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import enumerate_sig_fields

from chalicelib.pdf.geometry import Box, invert, overlaps, sort_corners, transform_box
from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.placement.label_patterns import field_is_for_other, field_is_for_provider
from chalicelib.pdf.signing.incremental_update import MALFORMED_PDF_ERRORS, find_page, page_display


@dataclass(frozen=True)
class WaitingField:
    """An empty signature field: its full name, its name and description for people (`labels`), and its widget.

    The widget is the field's box on a page."""

    name: str
    labels: tuple[str, ...]
    widget: Any

    @property
    def is_for_provider(self) -> bool:
        """True if its name or description names the provider, and neither names another signer."""
        named = any(field_is_for_provider(label, is_signature=True) for label in self.labels)
        return named and not self.is_for_other

    @property
    def is_for_other(self) -> bool:
        """True if its name or its description names another signer, such as the patient or a therapist."""
        return any(map(field_is_for_other, self.labels))


def read_waiting_fields(writer: IncrementalPdfFileWriter) -> tuple[WaitingField, ...]:
    """Return the empty signature fields of a file, in its order, that the seal (the portal's signature) can fill.

    A field with conditions for its signature (`/SV`), or with several widgets or a malformed one, is left out."""
    return tuple(_read_fields(writer))


def _read_fields(writer: IncrementalPdfFileWriter) -> Iterator[WaitingField]:
    for name, _, reference in enumerate_sig_fields(writer, filled_status=False):
        field = reference.get_object()
        with suppress(*MALFORMED_PDF_ERRORS):
            widget = get_single_field_annot(field)
            if "/SV" not in field:
                yield WaitingField(name, (name, str(field.get("/TU", ""))), widget)


def choose_waiting_field(
    fields: Sequence[tuple[WaitingField, SignatureBox | None]], place: SignatureBox | None, *, is_requested: bool
) -> WaitingField | None:
    """Return the only visible field that waits for the provider; None if there is no such field, or more than one.

    Each field comes with its box on a page, if it has one. `place` is the box where the block would go without a
    field. If the EMR has requested this place (`is_requested`), only a field at the place can be the provider's."""
    named = [(field, box) for field, box in fields if field.is_for_provider and box is not None]
    if len(named) == 1 and not is_requested:
        return named[0][0]
    near = [field for field, box in named or fields if not field.is_for_other and _is_at(box, place)]
    return near[0] if len(near) == 1 else None


def _is_at(box: SignatureBox | None, place: SignatureBox | None) -> bool:
    if box is None or place is None or box.page != place.page:
        return False
    return overlaps(_area(box), _area(place))


def _area(box: SignatureBox) -> Box:
    """Return the box's area on its page. Of a block in two parts, only the signature itself counts."""
    left, bottom, right, top = box.parts.signature if box.parts else (0.0, 0.0, box.width, box.height)
    return (box.x + left, box.y + bottom, box.x + right, box.y + top)


def locate(writer: IncrementalPdfFileWriter, widget: Any, pages: int) -> SignatureBox | None:
    """Return the box of a field on the page that shows it; None if no page shows it, or if it has no area."""
    for number in range(1, pages + 1):
        page = find_page(writer, number - 1)
        if any(getattr(item, "reference", None) == widget.container_ref for item in page.get("/Annots") or ()):
            display = page_display(page)
            corners = sort_corners([float(edge) for edge in widget["/Rect"]])
            left, bottom, right, top = transform_box(corners, invert(display.to_user))
            place = SignatureBox(number, left, bottom, right - left, top - bottom)
            return place if place.is_on(pages) else None
    return None
