"""A decided document, whole: assembled and sealed, in the way that suits the original.

- Plain and sound: the stamp, the certificate and the seal are one incremental update; every byte stays.
- Signed already: only the seal is added, seen as the signature block; pages added would break the others.
- Anything else (forms, annotations, scripts, damage that readers mend): made anew of what its pages show.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.pdf_embedded import read_certification_data
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly import assemble
from chalicelib.pdf.assembly.reportlab_pages import draw_pdf
from chalicelib.pdf.drawing.certificate_page import draw_certificate
from chalicelib.pdf.drawing.signature_block import draw_block
from chalicelib.pdf.geometry import Matrix, sort_corners, transform_box
from chalicelib.pdf.models import (
    CertificateFacts,
    FieldFinder,
    SignatureBlock,
    SignatureField,
    SignatureParts,
)
from chalicelib.pdf.placement.blank_area import find_blank_area
from chalicelib.pdf.placement.finder import find_signature_field
from chalicelib.pdf.reader import open_pdf, read_display
from chalicelib.pdf.signing.extensibility import is_plain
from chalicelib.pdf.signing.incremental_update import (
    MALFORMED_PDF_ERRORS,
    NotExtensible,
    append,
    declared_page_count,
    find_page,
    import_pages,
    open_to_extend,
    page_display,
    stamp,
    to_xobject,
)
from chalicelib.pdf.signing.seal import BeforeSeal, Sealed, Sealer, SealFacts, SealFieldSpec, find_empty_field

_TURNS: dict[int, Matrix] = {
    0: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    90: (0.0, 1.0, -1.0, 0.0, 0.0, 0.0),
    180: (-1.0, 0.0, 0.0, -1.0, 0.0, 0.0),
    270: (0.0, -1.0, 1.0, 0.0, 0.0, 0.0),
}


@dataclass(frozen=True)
class Release:
    """A sealed file, and how many pages it must have.

    `certificate` is its certificate as a file of its own, where it can have no page in it.
    """

    sealed: Sealed
    pages: int
    certificate: Release | None = None


def seal_signed(
    original: bytes,
    *,
    block: SignatureBlock,
    field: SignatureField | None,
    certificate: CertificateFacts,
    sealer: Sealer,
    facts: SealFacts,
    rebuild: bool = False,
    find: FieldFinder = find_signature_field,
) -> Release:
    """The electronically signed document; with `rebuild` not by adding to the original.

    Where `field` is not given, `find` says where the block goes.
    """
    with suppress(NotExtensible):
        if not rebuild:
            return _add_to_original(_opened(original, find), block, field, certificate, sealer, facts)
    made = assemble.assemble_signed(original, block=block, field=field, certificate=certificate, find=find)
    return _seal_rebuilt(made, original, sealer, facts)


def _add_to_original(
    opened: _Opened,
    block: SignatureBlock,
    field: SignatureField | None,
    certificate: CertificateFacts,
    sealer: Sealer,
    facts: SealFacts,
) -> Release:
    if _is_signed(opened):
        release = _countersign(opened, block, field, sealer, facts)
        return replace(
            release, certificate=_seal_separate_certificate(release, block, certificate, sealer, facts)
        )
    return _extend(opened, _Drawn(block, _place(opened, field, block), certificate), sealer, facts)


def seal_declined(
    original: bytes, *, certificate: CertificateFacts, sealer: Sealer, facts: SealFacts, rebuild: bool = False
) -> Release:
    """The document as it was declined: unsigned, with the certificate of the decline."""
    with suppress(NotExtensible):
        if not rebuild:
            return _extend(_opened(original), _Drawn(None, None, certificate), sealer, facts)
    return _seal_rebuilt(assemble.assemble_declined(original, certificate), original, sealer, facts)


def seal_by_hand(scan: bytes, *, certificate: CertificateFacts, sealer: Sealer, facts: SealFacts) -> Release:
    """What came back signed by hand."""
    made = assemble.assemble_by_hand(scan, certificate)
    return Release(sealer.seal(made, facts), _pages(made))


def _seal_rebuilt(made: bytes, original: bytes, sealer: Sealer, facts: SealFacts) -> Release:
    """Sealed on the first page of the certificate, which follows the original's pages."""
    first = _pages(original)
    sealed = sealer.seal(
        made, facts, prepare=lambda writer: SealFieldSpec(find_page(writer, first).reference)
    )
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
            draw_block(canvas, self.block, self.place.width, self.place.height, self.place.parts)
            canvas.showPage()
        draw_certificate(canvas, self.certificate, self.block)


@dataclass(frozen=True)
class _Opened:
    """An original and the update that is to be added to it."""

    data: bytes
    writer: IncrementalPdfFileWriter
    find: FieldFinder = find_signature_field

    @cached_property
    def pages(self) -> int:
        return declared_page_count(self.writer)

    @cached_property
    def units(self) -> tuple[float, ...]:
        """The UserUnit of each page."""
        if b"/UserUnit" in self.data or b"/ObjStm" in self.data:
            return tuple(read_display(page).unit for page in open_pdf(self.data).pages)
        return (1.0,) * self.pages


def _opened(original: bytes, find: FieldFinder = find_signature_field) -> _Opened:
    """`CannotExtend` where the file has to be made anew."""
    return _Opened(original, open_to_extend(original), find)


def _is_signed(opened: _Opened) -> bool:
    """Whether the file carries signatures that a seal must leave valid."""
    if b"ByteRange" not in opened.data:
        return False
    try:
        return bool(opened.writer.prev.embedded_signatures)
    except MALFORMED_PDF_ERRORS as error:
        raise NotExtensible("the signatures cannot be read") from error


def _extend(opened: _Opened, addition: _Drawn, sealer: Sealer, facts: SealFacts) -> Release:
    """The original with an update; `CannotExtend` where it has to be made anew."""
    if not is_plain(opened.data, opened.writer.prev):
        raise NotExtensible("something in the file must not stay")
    counted: list[int] = []
    prepare = _preparing(addition, draw_pdf(addition.draw), counted)
    sealed = sealer.seal_opened(opened.writer, facts, prepare=prepare)
    return Release(sealed, counted[0])


def _preparing(addition: _Drawn, sheets: bytes, counted: list[int]) -> BeforeSeal:
    def prepare(writer: IncrementalPdfFileWriter) -> SealFieldSpec:
        brought, place = import_pages(writer, sheets), addition.place
        stamped = addition.block is not None and place is not None
        if stamped and place is not None:
            move: Matrix = (1.0, 0.0, 0.0, 1.0, place.x, place.y)
            stamp(writer, place.page - 1, to_xobject(brought, 0), move)
        first = append(writer, brought, 1 if stamped else 0)
        counted.append(declared_page_count(writer))
        return SealFieldSpec(first)

    return prepare


def _place(opened: _Opened, field: SignatureField | None, block: SignatureBlock) -> SignatureField | None:
    """The given field, where it is on a page; else the place that the text names; else None."""
    if field is not None and field.is_on(opened.pages):
        return field
    return opened.find(opened.data, opened.units, block)


# A signature beside others


def _countersign(
    opened: _Opened, block: SignatureBlock, field: SignatureField | None, sealer: Sealer, facts: SealFacts
) -> Release:
    """Seen in its place; in a certified file only in a field that was left for it."""
    if _is_certified(opened):
        sealed = sealer.seal_opened(
            opened.writer, facts, prepare=lambda writer: _in_empty_field(writer, block)
        )
        return Release(sealed, opened.pages)
    place = _place(opened, field, block) or find_blank_area(opened.data, opened.units)
    sealed = sealer.seal_opened(
        opened.writer, facts, prepare=lambda writer: _in_new_field(writer, block, place)
    )
    return Release(sealed, opened.pages)


def _seal_separate_certificate(
    release: Release, block: SignatureBlock, certificate: CertificateFacts, sealer: Sealer, facts: SealFacts
) -> Release:
    """The certificate alone, which names the signed file by its hash, under a seal of its own."""
    digest = hashlib.sha256(release.sealed.data).hexdigest()
    pages: list[int] = []

    def draw(canvas: Canvas) -> None:
        canvas.setTitle(f"Certificate: {certificate.title}")
        pages.append(draw_certificate(canvas, replace(certificate, signed_sha256=digest), block))

    sealed = sealer.seal(draw_pdf(draw), replace(facts, reason=f"Certificate: {facts.reason}"))
    return Release(sealed, pages[0])


def _is_certified(opened: _Opened) -> bool:
    try:
        return read_certification_data(opened.writer.prev) is not None
    except MALFORMED_PDF_ERRORS as error:
        raise NotExtensible("the certification cannot be read") from error


def _in_new_field(
    writer: IncrementalPdfFileWriter, block: SignatureBlock, place: SignatureField
) -> SealFieldSpec:
    page = find_page(writer, place.page - 1)
    display = page_display(page)
    box = (place.x, place.y, place.x + place.width, place.y + place.height)
    form = _block_form(writer, block, (place.width, place.height), display.rotation, place.parts)
    return SealFieldSpec(page.reference, rectangle=transform_box(box, display.to_user), form=form)


def _in_empty_field(writer: IncrementalPdfFileWriter, block: SignatureBlock) -> SealFieldSpec:
    """The seal stays unseen where no field waits for it, or the one that does has no room."""
    found = find_empty_field(writer)
    if found is None:
        return SealFieldSpec()
    name, widget = found
    left, bottom, right, top = sort_corners([float(edge) for edge in widget["/Rect"]])
    rotation = int(widget["/P"].get("/Rotate", 0)) % 360 if "/P" in widget else 0
    across, up = (top - bottom, right - left) if rotation in (90, 270) else (right - left, top - bottom)
    if across <= 0 or up <= 0:
        return SealFieldSpec(field=name)
    return SealFieldSpec(field=name, form=_block_form(writer, block, (across, up), rotation))


def _block_form(
    writer: IncrementalPdfFileWriter,
    block: SignatureBlock,
    size: tuple[float, float],
    rotation: int,
    parts: SignatureParts | None = None,
) -> object:
    sheets = draw_pdf(lambda canvas: _draw_alone(canvas, block, size, parts))
    return to_xobject(import_pages(writer, sheets), 0, _TURNS[rotation])


def _draw_alone(
    canvas: Canvas, block: SignatureBlock, size: tuple[float, float], parts: SignatureParts | None
) -> None:
    canvas.setPageSize(size)
    draw_block(canvas, block, *size, parts)
    canvas.showPage()
