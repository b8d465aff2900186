"""The document that comes of a decision, before it is sealed.

The pipeline is: original -> assemble -> seal -> verify -> release. The original's bytes are never changed:
a new file is made of what its pages show. The seal (PAdES) is applied to what these functions answer, as
the last change to the bytes; whatever changes them later breaks it. A file that already carries signatures is
rebuilt like any other: their pictures stay on the page, their cryptography does not.
"""

from __future__ import annotations

import hashlib
import io

from PIL import Image, ImageOps
from pypdf import PdfReader, PdfWriter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.field_appearances import open_with_appearances
from chalicelib.pdf.assembly.flatten import (
    PlacedForm,
    append_layered_page,
    collect_layers,
    copy_layer_visibility,
    letter_page,
    to_displayed_space,
    write_pdf,
)
from chalicelib.pdf.assembly.reportlab_pages import append_pages, draw_and_open, page_to_form
from chalicelib.pdf.drawing.certificate_page import draw_certificate
from chalicelib.pdf.drawing.signature_block import draw_block
from chalicelib.pdf.geometry import Matrix, multiply
from chalicelib.pdf.models import CertificateFacts, FieldFinder, SignatureBlock, SignatureField
from chalicelib.pdf.placement.finder import find_signature_field
from chalicelib.pdf.reader import read_display

_SCAN_DPI = 200
_LETTER = (612.0, 792.0)


def _seed(*parts: object) -> bytes:
    """What the file's identity is made of: all that it was made from."""
    digests = [
        hashlib.sha256(part if isinstance(part, bytes) else repr(part).encode()).digest() for part in parts
    ]
    return b"".join(digests)


def _append_as_is(writer: PdfWriter, reader: PdfReader, stamp: tuple[int, PlacedForm] | None) -> None:
    """Every page in its own size and rotation, with the stamp over the page of that index."""
    for index, page in enumerate(reader.pages):
        display = read_display(page)
        layers = collect_layers(writer, page, display)
        if stamp is not None and stamp[0] == index:
            form, matrix = stamp[1]
            layers.append((form, multiply(matrix, display.to_user)))
        append_layered_page(writer, display, layers)
    copy_layer_visibility(writer, reader)


def _field_on(
    reader: PdfReader, original: bytes, field: SignatureField | None, block: SignatureBlock, find: FieldFinder
) -> SignatureField | None:
    """The given field, where it is on a page; else the place that the text names; else None."""
    if field is not None and field.is_on(len(reader.pages)):
        return field
    return find(original, tuple(read_display(page).unit for page in reader.pages), block)


def _drawn_with_certificate(
    block: SignatureBlock | None, field: SignatureField | None, facts: CertificateFacts
) -> PdfReader:
    def draw(canvas: Canvas) -> None:
        if block is not None and field is not None:
            canvas.setPageSize((field.width, field.height))
            draw_block(canvas, block, field.width, field.height, field.parts)
            canvas.showPage()
        draw_certificate(canvas, facts, block)

    return draw_and_open(draw)


def assemble_signed(
    original: bytes,
    *,
    block: SignatureBlock,
    field: SignatureField | None,
    certificate: CertificateFacts,
    find: FieldFinder = find_signature_field,
) -> bytes:
    """The original with the signature block in its place, and the certificate; same input, same bytes."""
    reader = open_with_appearances(original)
    place = _field_on(reader, original, field, block, find)
    sheets = _drawn_with_certificate(block, place, certificate)
    writer = PdfWriter()
    stamp = None
    if place is not None:
        move: Matrix = (1.0, 0.0, 0.0, 1.0, place.x, place.y)
        stamp = (place.page - 1, (page_to_form(writer, sheets, 0), move))
    _append_as_is(writer, reader, stamp)
    append_pages(writer, sheets, start=0 if place is None else 1)
    seed = _seed(original, block, field, certificate)
    return write_pdf(writer, title=certificate.title, at=block.signed_at, seed=seed)


def assemble_declined(original: bytes, certificate: CertificateFacts) -> bytes:
    """The original, unsigned, and the certificate of its decline."""
    reader, writer = open_with_appearances(original), PdfWriter()
    _append_as_is(writer, reader, None)
    append_pages(writer, _drawn_with_certificate(None, None, certificate))
    seed = _seed(original, certificate)
    return write_pdf(writer, title=certificate.title, at=certificate.decided_at, seed=seed)


def center_on_sheet(size: tuple[float, float], sheet: tuple[float, float]) -> Matrix:
    """Centres a page of that size on the sheet, made smaller where it has to be."""
    scale = min(1.0, sheet[0] / size[0], sheet[1] / size[1])
    return (scale, 0.0, 0.0, scale, (sheet[0] - size[0] * scale) / 2, (sheet[1] - size[1] * scale) / 2)


def _append_on_letter(writer: PdfWriter, reader: PdfReader) -> None:
    for page in reader.pages:
        display = read_display(page)
        across, up = display.size
        sheet = letter_page(landscape=across > up)
        layers = collect_layers(writer, page, display)
        append_layered_page(
            writer, sheet, to_displayed_space(layers, display, center_on_sheet(display.size, sheet.size))
        )
    copy_layer_visibility(writer, reader)


def _pixels(sheet: tuple[float, float]) -> tuple[int, int]:
    return int(sheet[0] / 72 * _SCAN_DPI), int(sheet[1] / 72 * _SCAN_DPI)


def _picture_on_letter(scan: bytes) -> PdfReader:
    """A photograph or scan as one Letter page, at no more than 200 dpi."""
    with Image.open(io.BytesIO(scan), formats=("JPEG", "PNG")) as opened:
        opened.draft("RGB", _pixels((_LETTER[0], _LETTER[0])))
        turned = ImageOps.exif_transpose(opened)
        sheet = letter_page(landscape=turned.width > turned.height).size
        turned.thumbnail(_pixels(sheet))
        layer = turned.convert("RGBA")
    picture = Image.new("RGB", layer.size, "white")
    picture.paste(layer, mask=layer)
    return draw_and_open(lambda canvas: _draw_picture(canvas, picture, sheet))


def _draw_picture(canvas: Canvas, picture: Image.Image, sheet: tuple[float, float]) -> None:
    scale = min(sheet[0] / picture.width, sheet[1] / picture.height)
    across, up = picture.width * scale, picture.height * scale
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=82)
    canvas.setPageSize(sheet)
    canvas.drawImage(ImageReader(encoded), (sheet[0] - across) / 2, (sheet[1] - up) / 2, across, up)
    canvas.showPage()


def assemble_by_hand(scan: bytes, certificate: CertificateFacts) -> bytes:
    """What came back signed by hand (PDF, JPEG or PNG), on Letter pages, and the certificate."""
    is_pdf = b"%PDF-" in scan[:1024]
    writer = PdfWriter()
    _append_on_letter(writer, open_with_appearances(scan) if is_pdf else _picture_on_letter(scan))
    append_pages(writer, _drawn_with_certificate(None, None, certificate))
    seed = _seed(scan, certificate)
    return write_pdf(writer, title=certificate.title, at=certificate.decided_at, seed=seed)
