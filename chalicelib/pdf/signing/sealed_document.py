"""The preparation of the file for the seal (the portal's digital signature), after a document was signed or declined.

The original decides between these ways:

- An unsigned, well-formed original without active content gets the signature block, the certificate and the
  seal in one incremental update. Every byte of the original stays.
- An original that already carries signatures, and nothing that could change later, gets only the seal, which
  shows the signature block. Added pages would invalidate the other signatures, so the certificate is a
  separate file.
- A signature field that waits for the provider gets the seal, in both of these ways.
- Any other original (with forms, annotations, scripts, layers, or damage) is rebuilt from what its pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.pdf_embedded import read_certification_data
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly import assemble
from chalicelib.pdf.assembly.faxed_copy import assemble_faxed_copy
from chalicelib.pdf.assembly.reportlab_pages import draw_pdf
from chalicelib.pdf.drawing.certificate_page import draw_certificate
from chalicelib.pdf.drawing.proof_page import draw_proof
from chalicelib.pdf.drawing.signature_block import draw_block
from chalicelib.pdf.geometry import TURNS, Matrix, transform_box
from chalicelib.pdf.models import (
    CertificateFacts,
    FaxedSheet,
    FieldFinder,
    ProofSheet,
    SealSpec,
    SignatureBlock,
    SignatureBox,
    SignatureParts,
)
from chalicelib.pdf.placement.blank_area import find_blank_area
from chalicelib.pdf.placement.finder import find_signature_box
from chalicelib.pdf.reader import open_pdf, read_units
from chalicelib.pdf.signing.extensibility import is_extensible, may_change_later
from chalicelib.pdf.signing.incremental_update import (
    NotExtensible,
    append,
    declared_page_count,
    find_page,
    import_pages,
    open_to_extend,
    page_display,
    requires_extensible,
    stamp,
    to_xobject,
)
from chalicelib.pdf.signing.lost_signatures import name_lost_signatures
from chalicelib.pdf.signing.placeholder import Placeholder
from chalicelib.pdf.signing.seal import Prepared, SealFieldSpec, prepare, prepare_opened
from chalicelib.pdf.signing.waiting_field import WaitingField, choose_waiting_field, locate, read_waiting_fields


@dataclass(frozen=True)
class PreparedDocument:
    """A document ready for the seal, with the facts that the portal needs to check and to release the sealed file.

    `data` and `placeholder` are those of `seal.Prepared`: a PDF without its digital signature, and the space for it.
    `pages` is the number of pages. `place` is the box of the signature block on a page of the original, or None without
    a block there. Outside this box, the pages must look like the original. `needs_certificate` is True if the
    certificate must become a separate file, because this file can hold no certificate page. `lost` is the number of
    valid signatures of the source that the file has no more, as its certificate page says."""

    data: bytes
    placeholder: Placeholder
    pages: int
    place: SignatureBox | None = None
    needs_certificate: bool = False
    lost: int = 0


def prepare_signed(
    original: bytes,
    *,
    block: SignatureBlock,
    field: SignatureBox | None,
    certificate: CertificateFacts,
    seal: SealSpec,
    rebuild: bool = False,
    find: FieldFinder = find_signature_box,
) -> PreparedDocument:
    """Return the electronically signed document with signature block and certificate page, ready for the digital seal.

    The block goes into `field`; if that is None or not on a page, `find` searches the text for a place. Without a
    place, only the certificate shows the block. With `rebuild` the file is rebuilt even if the original could be
    extended. Raise `PdfRefused` for an unreadable original."""
    with suppress(NotExtensible):
        if not rebuild:
            opened = _Opened(original, open_to_extend(original), find)
            return _add_to_original(opened, block, field, certificate, seal)
    certificate = name_lost_signatures(certificate, original)
    place = assemble.find_place(original, field, block, find)
    pdf = assemble.assemble_signed(original, block=block, field=place, certificate=certificate, find=lambda *_: None)
    return replace(_prepare_rebuilt(pdf, original, certificate, seal), place=place)


def _add_to_original(
    opened: _Opened, block: SignatureBlock, field: SignatureBox | None, certificate: CertificateFacts, seal: SealSpec
) -> PreparedDocument:
    if _is_signed(opened):
        return _countersign(opened, block, field, seal)
    with requires_extensible():
        waiting = _find_waiting_field(opened, _locate_fields(opened), block, field)
    if waiting is not None and _has_only_signature_fields(opened):
        return _fill(opened, waiting, block, certificate, seal)
    return _extend(opened, _Addition(block, _find_place(opened, field, block), certificate), seal)


def prepare_declined(
    original: bytes, *, certificate: CertificateFacts, seal: SealSpec, rebuild: bool = False
) -> PreparedDocument:
    """Return the original with a page that certifies that the provider declined to sign, ready for the digital seal.

    With `rebuild` the file is rebuilt even if the original could be extended."""
    with suppress(NotExtensible):
        if not rebuild:
            opened = _Opened(original, open_to_extend(original))
            return _extend(opened, _Addition(None, None, certificate), seal)
    certificate = name_lost_signatures(certificate, original)
    return _prepare_rebuilt(assemble.assemble_declined(original, certificate), original, certificate, seal)


def prepare_by_hand(scan: bytes, *, certificate: CertificateFacts, seal: SealSpec) -> PreparedDocument:
    """Return the scan (PDF, JPEG or PNG) of a document signed on paper with a certificate page, ready for the seal."""
    certificate = name_lost_signatures(certificate, scan)
    pdf = assemble.assemble_by_hand(scan, certificate)
    return _prepare_whole(pdf, certificate, seal)


def prepare_by_fax(
    original: bytes,
    pictures: Mapping[FaxedSheet, bytes],
    sheets: Sequence[FaxedSheet],
    *,
    certificate: CertificateFacts,
    seal: SealSpec,
) -> PreparedDocument:
    """Return the copy of a document that was signed on paper and came back by fax, ready for the digital seal.

    Its `sheets` are pages of the received faxes, of which `pictures` has pictures (PNG, gray), and, where no fax has
    the page, of the original. A certificate page follows."""
    certificate = name_lost_signatures(certificate, original)
    pdf = assemble_faxed_copy(original, pictures, sheets, certificate)
    return _prepare_whole(pdf, certificate, seal)


def prepare_certificate(block: SignatureBlock, *, certificate: CertificateFacts, seal: SealSpec) -> PreparedDocument:
    """Return the certificate page as a separate PDF, ready for a seal, because the signed file can hold no more pages.

    The certificate names the signed file by its SHA-256 hash."""

    def draw(canvas: Canvas) -> None:
        canvas.setTitle(f"Certificate: {certificate.title}")
        draw_certificate(canvas, certificate, block)

    pdf = draw_pdf(draw)
    return _combine(prepare(pdf, replace(seal, reason=f"Certificate: {seal.reason}")), _count_pages(pdf))


def prepare_proof(sheet: ProofSheet, *, seal: SealSpec) -> PreparedDocument:
    """Return a proof of transmission (that a plan reached its provider) as a separate PDF, ready for the digital
    seal."""

    def draw(canvas: Canvas) -> None:
        canvas.setTitle("Proof of transmission")
        draw_proof(canvas, sheet)

    pdf = draw_pdf(draw)
    return _combine(prepare(pdf, seal), _count_pages(pdf))


def _prepare_whole(pdf: bytes, certificate: CertificateFacts, seal: SealSpec) -> PreparedDocument:
    return replace(_combine(prepare(pdf, seal), _count_pages(pdf)), lost=len(certificate.lost_signatures))


def _prepare_rebuilt(pdf: bytes, original: bytes, certificate: CertificateFacts, seal: SealSpec) -> PreparedDocument:
    """Return a rebuilt file (the pages of `original`, then the certificate), ready for the seal.

    The field of the seal goes onto the first page of the certificate."""
    writer = open_to_extend(pdf)
    with requires_extensible():
        field = SealFieldSpec(find_page(writer, _count_pages(original)).reference)
        pages = declared_page_count(writer)
    return replace(_combine(prepare_opened(writer, seal, field), pages), lost=len(certificate.lost_signatures))


def _combine(prepared: Prepared, pages: int, place: SignatureBox | None = None) -> PreparedDocument:
    return PreparedDocument(prepared.data, prepared.placeholder, pages, place)


def _count_pages(pdf: bytes) -> int:
    return len(open_pdf(pdf).pages)


# An incremental update


@dataclass(frozen=True)
class _Addition:
    """What is to be drawn onto an original: the signature block at `place`, and the certificate page at the end.

    Without a `place`, only the certificate page shows the block. `block` is None for a declined document."""

    block: SignatureBlock | None
    place: SignatureBox | None
    certificate: CertificateFacts

    def draw(self, canvas: Canvas) -> None:
        if self.block is not None and self.place is not None:
            _draw_block_page(canvas, self.block, (self.place.width, self.place.height), self.place.parts)
        draw_certificate(canvas, self.certificate, self.block)


@dataclass(frozen=True)
class _Opened:
    """An original that is open for an incremental update: its bytes, and the writer that adds the update.

    `find` is the function that searches the original for a place to sign."""

    data: bytes
    writer: IncrementalPdfFileWriter
    find: FieldFinder = find_signature_box

    @cached_property
    def pages(self) -> int:
        return declared_page_count(self.writer)

    @cached_property
    def units(self) -> tuple[float, ...]:
        """The UserUnit of each page: the size in points of one unit of the page's coordinates."""
        return read_units(self.data, self.pages)


def _is_signed(opened: _Opened) -> bool:
    """Return True if the file already carries digital signatures, so that the update may add only the seal's field.

    Raise `NotExtensible` if such a file has content that could change after the seal: the file must be rebuilt."""
    if b"ByteRange" not in opened.data:
        return False
    with requires_extensible():
        signed = bool(opened.writer.prev.embedded_signatures)
    if signed and may_change_later(opened.data):
        raise NotExtensible("the file has content that could change after the seal")
    return signed


def _extend(opened: _Opened, addition: _Addition, seal: SealSpec) -> PreparedDocument:
    """Return the original with the drawings and the seal's field added by an incremental update, ready for the seal.

    Raise `NotExtensible` if the file may not be extended."""
    writer = opened.writer
    if not is_extensible(opened.data, writer.prev):
        raise NotExtensible("the file has content that must not stay")
    pdf = draw_pdf(addition.draw)
    with requires_extensible():
        imported = import_pages(writer, pdf)
        if addition.block is not None and addition.place is not None:
            move: Matrix = (1.0, 0.0, 0.0, 1.0, addition.place.x, addition.place.y)
            stamp(writer, addition.place.page - 1, to_xobject(imported[0]), move)
            imported = imported[1:]
        field = SealFieldSpec(append(writer, imported))
        pages = declared_page_count(writer)
    return _combine(prepare_opened(writer, seal, field), pages, addition.place)


def _has_only_signature_fields(opened: _Opened) -> bool:
    return is_extensible(opened.data, opened.writer.prev, with_fields=True) and not may_change_later(opened.data)


def _fill(
    opened: _Opened, waiting: WaitingField, block: SignatureBlock, certificate: CertificateFacts, seal: SealSpec
) -> PreparedDocument:
    """Return an unsigned original with the certificate page added, and the field `waiting` ready for the seal."""
    pdf = draw_pdf(_Addition(block, None, certificate).draw)
    with requires_extensible():
        append(opened.writer, import_pages(opened.writer, pdf))
        pages = declared_page_count(opened.writer)
        spec, place = _use_waiting_field(opened, waiting, block)
    return _combine(prepare_opened(opened.writer, seal, spec), pages, place)


def _find_place(opened: _Opened, field: SignatureBox | None, block: SignatureBlock) -> SignatureBox | None:
    """Return the box for the signature block: `field` if it is on a page of the file.

    Otherwise return the box that the search in the file's text finds, or None if it finds none."""
    if field is not None and field.is_on(opened.pages):
        return field
    return opened.find(opened.data, opened.units, block)


# A signature beside others


def _countersign(
    opened: _Opened, block: SignatureBlock, field: SignatureBox | None, seal: SealSpec
) -> PreparedDocument:
    """Return a file that already carries signatures with only a seal added, whose picture is the signature block.

    The certificate must be a separate file. The seal fills the field that waits for the provider. Without such a field,
    it gets a new one, which would break the certification of a certified file. There, the seal fills the first empty
    field that is not for another signer, or it is invisible."""
    with requires_extensible():
        certified, fields = _is_certified(opened), _locate_fields(opened)
        waiting = _find_waiting_field(opened, fields, block, field)
        if waiting is None and certified:
            waiting = next((each for each, _ in fields if not each.is_for_other), None)
        place = None
        if waiting is None and not certified:
            place = _find_place(opened, field, block) or find_blank_area(opened.data, opened.units)
        if waiting is not None:
            spec, place = _use_waiting_field(opened, waiting, block)
        else:
            spec = _make_new_field(opened.writer, block, place) if place is not None else SealFieldSpec()
    prepared = _combine(prepare_opened(opened.writer, seal, spec), opened.pages, place)
    return replace(prepared, needs_certificate=True)


def _locate_fields(opened: _Opened) -> list[tuple[WaitingField, SignatureBox | None]]:
    """Return the file's empty signature fields, each with its box on a page, or None if no page shows it."""
    fields = read_waiting_fields(opened.writer)
    return [(field, locate(opened.writer, field.widget, opened.pages)) for field in fields]


def _find_waiting_field(
    opened: _Opened,
    fields: list[tuple[WaitingField, SignatureBox | None]],
    block: SignatureBlock,
    field: SignatureBox | None,
) -> WaitingField | None:
    """Return the one of these empty signature fields that waits for the provider, or None.

    `field` is the box that the EMR requested for the signature block, if any."""
    if not fields:
        return None
    is_requested = field is not None and field.is_on(opened.pages)
    return choose_waiting_field(fields, _find_place(opened, field, block), is_requested=is_requested)


def _is_certified(opened: _Opened) -> bool:
    with requires_extensible():
        return read_certification_data(opened.writer.prev) is not None


def _make_new_field(writer: IncrementalPdfFileWriter, block: SignatureBlock, place: SignatureBox) -> SealFieldSpec:
    """Return the description of a new signature field in the box `place`, with the signature block as its picture."""
    page = find_page(writer, place.page - 1)
    display = page_display(page)
    box = (place.x, place.y, place.x + place.width, place.y + place.height)
    form = _block_form(writer, block, (place.width, place.height), display.rotation, place.parts)
    return SealFieldSpec(page.reference, rectangle=transform_box(box, display.to_user), form=form)


def _use_waiting_field(
    opened: _Opened, field: WaitingField, block: SignatureBlock
) -> tuple[SealFieldSpec, SignatureBox | None]:
    """Return the description of an existing empty signature field for the seal, and the field's box.

    The box is None if the seal will be invisible, because no page shows the field or the field has no area."""
    place = locate(opened.writer, field.widget, opened.pages)
    if place is None:
        return SealFieldSpec(field=field.name), None
    rotation = page_display(find_page(opened.writer, place.page - 1)).rotation
    form = _block_form(opened.writer, block, (place.width, place.height), rotation)
    return SealFieldSpec(field=field.name, form=form), place


def _block_form(
    writer: IncrementalPdfFileWriter,
    block: SignatureBlock,
    size: tuple[float, float],
    rotation: int,
    parts: SignatureParts | None = None,
) -> object:
    """Return the reference of a form XObject that shows the block upright on a page with this rotation in degrees.

    `size` is the width and height in points. With `parts`, the block's signature and words have separate boxes."""
    pdf = draw_pdf(lambda canvas: _draw_block_page(canvas, block, size, parts))
    (page,) = import_pages(writer, pdf)
    return to_xobject(page, TURNS[rotation])


def _draw_block_page(
    canvas: Canvas, block: SignatureBlock, size: tuple[float, float], parts: SignatureParts | None
) -> None:
    canvas.setPageSize(size)
    draw_block(canvas, block, *size, parts)
    canvas.showPage()
