"""A decided document, whole: assembled and sealed, in the way that suits the original.

- Plain and sound: the stamp, the certificate and the seal are one incremental update; every byte stays.
- Signed already: only the seal is added, seen as the signature block; pages added would break the others.
- Anything else (forms, annotations, scripts, damage that readers mend): made anew of what its pages show.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.pdf_embedded import read_certification_data
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf import assemble
from chalicelib.pdf.blank import blank_place
from chalicelib.pdf.certificate import draw_certificate
from chalicelib.pdf.facts import CertificateFacts, SignatureBlock, SignatureField
from chalicelib.pdf.increment import (
    CannotExtend,
    append,
    as_form,
    bring_in,
    display_at,
    open_to_extend,
    page_at,
    stamp,
)
from chalicelib.pdf.placement import find_signature_field
from chalicelib.pdf.reading import Matrix, display_of, open_pdf, sorted_box, transform_box
from chalicelib.pdf.seal import Holder, Prepare, Sealed, Sealer, SealFacts, empty_field
from chalicelib.pdf.sheets import drawing
from chalicelib.pdf.soundness import is_plain
from chalicelib.pdf.stamp import draw_block

_TURNS: dict[int, Matrix] = {
    0: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    90: (0.0, 1.0, -1.0, 0.0, 0.0, 0.0),
    180: (-1.0, 0.0, 0.0, -1.0, 0.0, 0.0),
    270: (0.0, -1.0, 1.0, 0.0, 0.0, 0.0),
}


@dataclass(frozen=True)
class Release:
    """A sealed file, and how many pages it must have."""

    sealed: Sealed
    pages: int


def is_signed(original: bytes) -> bool:
    """Whether the file carries signatures that a seal must leave valid."""
    if b"ByteRange" not in original:
        return False
    try:
        return bool(open_to_extend(original).prev.embedded_signatures)
    except Exception:  # noqa: BLE001 - what cannot be read strictly cannot be extended either
        return False


def seal_signed(
    original: bytes, *, block: SignatureBlock, field: SignatureField | None, certificate: CertificateFacts,
    sealer: Sealer, facts: SealFacts, anew: bool = False,
) -> Release:  # fmt: skip
    """The electronically signed document; with `anew` not by adding to an unsigned original."""
    if is_signed(original):
        return _countersigned(original, block, field, sealer, facts)
    extended = None
    if not anew:
        extended = _extended(
            original, lambda: _Drawn(block, _place(original, field), certificate), sealer, facts
        )
    if extended is not None:
        return extended
    made = assemble.assemble_signed(original, block=block, field=field, certificate=certificate)
    return _remade(made, original, sealer, facts)


def seal_declined(
    original: bytes, *, certificate: CertificateFacts, sealer: Sealer, facts: SealFacts, anew: bool = False
) -> Release:
    """The document as it was declined: unsigned, with the certificate of the decline."""
    extended = None
    if not anew:
        extended = _extended(original, lambda: _Drawn(None, None, certificate), sealer, facts)
    if extended is not None:
        return extended
    return _remade(assemble.assemble_declined(original, certificate), original, sealer, facts)


def seal_by_hand(scan: bytes, *, certificate: CertificateFacts, sealer: Sealer, facts: SealFacts) -> Release:
    """What came back signed by hand."""
    made = assemble.assemble_by_hand(scan, certificate)
    return Release(sealer.seal(made, facts), _pages(made))


def _remade(made: bytes, original: bytes, sealer: Sealer, facts: SealFacts) -> Release:
    """Sealed on the first page of the certificate, which follows the original's pages."""
    first = _pages(original)
    sealed = sealer.seal(made, facts, prepare=lambda writer: Holder(page_at(writer, first).reference))
    return Release(sealed, _pages(made))


def _pages(data: bytes) -> int:
    return len(open_pdf(data).pages)


# An incremental update


@dataclass(frozen=True)
class _Drawn:
    """What is added: the block in its place, unless there is none, and the certificate."""

    block: SignatureBlock | None
    place: SignatureField | None
    certificate: CertificateFacts

    def draw(self, canvas: Canvas) -> None:
        if self.block is not None and self.place is not None:
            canvas.setPageSize((self.place.width, self.place.height))
            draw_block(canvas, self.block, self.place.width, self.place.height)
            canvas.showPage()
        draw_certificate(canvas, self.certificate, self.block)


def _extended(
    original: bytes, what: Callable[[], _Drawn], sealer: Sealer, facts: SealFacts
) -> Release | None:  # fmt: skip
    """The original with an update; None where it has to be made anew."""
    if not is_plain(original):
        return None
    counted: list[int] = []
    try:
        addition = what()
        sheets = drawing(addition.draw)
        sealed = sealer.seal(original, facts, prepare=_preparing(addition, sheets, counted))
    except CannotExtend:
        return None
    return Release(sealed, counted[0])


def _preparing(addition: _Drawn, sheets: bytes, counted: list[int]) -> Prepare:
    def prepare(writer: IncrementalPdfFileWriter) -> Holder:
        brought, place = bring_in(writer, sheets), addition.place
        stamped = addition.block is not None and place is not None
        if stamped and place is not None:
            move: Matrix = (1.0, 0.0, 0.0, 1.0, place.x, place.y)
            stamp(writer, place.page - 1, as_form(brought, 0), move)
        first = append(writer, brought, 1 if stamped else 0)
        counted.append(int(writer.root["/Pages"]["/Count"]))
        return Holder(first)

    return prepare


def _place(original: bytes, field: SignatureField | None) -> SignatureField | None:
    """The given field, where it is on a page; else the place that the text names; else None."""
    writer = open_to_extend(original)
    pages = int(writer.root["/Pages"]["/Count"])
    if field is not None and 1 <= field.page <= pages and field.width > 0 and field.height > 0:
        return field
    return find_signature_field(original, _units(original, pages))


def _units(original: bytes, pages: int) -> tuple[float, ...]:
    if b"/UserUnit" in original or b"/ObjStm" in original:
        return tuple(display_of(page).unit for page in PdfReader(io.BytesIO(original)).pages)
    return (1.0,) * pages


# A signature beside others


def _countersigned(
    original: bytes, block: SignatureBlock, field: SignatureField | None, sealer: Sealer, facts: SealFacts
) -> Release:
    """Seen in its place; in a certified file only in a field that was left for it."""
    pages = _pages(original)
    writer = open_to_extend(original)
    if read_certification_data(writer.prev) is not None:
        sealed = sealer.seal(original, facts, prepare=lambda writer: _in_empty_field(writer, block))
        return Release(sealed, pages)
    place = _place(original, field) or blank_place(original, _units(original, pages))
    sealed = sealer.seal(original, facts, prepare=lambda writer: _in_new_field(writer, block, place))
    return Release(sealed, pages)


def _in_new_field(writer: IncrementalPdfFileWriter, block: SignatureBlock, place: SignatureField) -> Holder:
    page = page_at(writer, place.page - 1)
    display = display_at(page)
    box = (place.x, place.y, place.x + place.width, place.y + place.height)
    form = _block_form(writer, block, (place.width, place.height), display.rotation)
    return Holder(page.reference, rectangle=transform_box(box, display.to_user), form=form)


def _in_empty_field(writer: IncrementalPdfFileWriter, block: SignatureBlock) -> Holder:
    """The seal stays unseen where no field waits for it, or the one that does has no room."""
    found = empty_field(writer)
    if found is None:
        return Holder()
    name, widget = found
    left, bottom, right, top = sorted_box([float(edge) for edge in widget["/Rect"]])
    rotation = int(widget["/P"].get("/Rotate", 0)) % 360 if "/P" in widget else 0
    across, up = (top - bottom, right - left) if rotation in (90, 270) else (right - left, top - bottom)
    if across <= 0 or up <= 0:
        return Holder(field=name)
    return Holder(field=name, form=_block_form(writer, block, (across, up), rotation))


def _block_form(
    writer: IncrementalPdfFileWriter, block: SignatureBlock, size: tuple[float, float], rotation: int
) -> object:
    sheets = drawing(lambda canvas: _draw_alone(canvas, block, size))
    return as_form(bring_in(writer, sheets), 0, _TURNS[rotation])


def _draw_alone(canvas: Canvas, block: SignatureBlock, size: tuple[float, float]) -> None:
    canvas.setPageSize(size)
    draw_block(canvas, block, *size)
    canvas.showPage()
