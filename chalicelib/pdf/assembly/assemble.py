"""The assembly of a signed or declined document before it is sealed: rebuilt pages, signature block and certificate.

The pages are rebuilt from the visible content of the original, which itself does not change. The pictures of earlier
signatures stay visible, but their cryptographic part is dropped."""

from __future__ import annotations

import hashlib
import io

from PIL import Image, ImageOps
from pypdf import PageObject, PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.flatten import (
    PlacedForm,
    append_layered_page,
    collect_layers,
    letter_page,
    to_displayed_space,
    write_pdf,
)
from chalicelib.pdf.assembly.pictures import open_as_shown
from chalicelib.pdf.assembly.reportlab_pages import append_pages, draw_and_open, draw_picture, page_to_form
from chalicelib.pdf.drawing.certificate_page import draw_certificate
from chalicelib.pdf.drawing.signature_block import draw_block
from chalicelib.pdf.geometry import Matrix, multiply
from chalicelib.pdf.inspection import is_pdf
from chalicelib.pdf.models import CertificateFacts, FieldFinder, SignatureBlock, SignatureBox
from chalicelib.pdf.placement.finder import find_signature_box
from chalicelib.pdf.reader import open_pdf, read_display

_SCAN_DPI = 200
_LETTER = (612.0, 792.0)


def make_seed(*parts: object) -> bytes:
    """Return the joined digests of everything that goes into a file, as the seed of its identifier in `write_pdf`."""
    digests = [hashlib.sha256(part if isinstance(part, bytes) else repr(part).encode()).digest() for part in parts]
    return b"".join(digests)


def _append_as_is(writer: PdfWriter, reader: PdfReader, stamp: tuple[int, PlacedForm] | None) -> None:
    """Append every page of `reader` to the writer, rebuilt from its visible content, in its own size and rotation.

    `stamp`, if any, is the index of a page (from 0), and the signature block as a drawing to put on that page."""
    for index, page in enumerate(reader.pages):
        append_as_shown(writer, page, stamp[1] if stamp is not None and stamp[0] == index else None)


def append_as_shown(writer: PdfWriter, page: PageObject, stamp: PlacedForm | None = None) -> None:
    """Append a page to the writer, rebuilt from its visible content, in its own size and rotation.

    `stamp` is a drawing to put on the page."""
    display = read_display(page)
    layers = collect_layers(writer, page, display)
    if stamp is not None:
        form, matrix = stamp
        layers.append((form, multiply(matrix, display.to_user)))
    append_layered_page(writer, display, layers)


def find_place(
    original: bytes, field: SignatureBox | None, block: SignatureBlock, find: FieldFinder
) -> SignatureBox | None:
    """Return the box for the signature block: `field` if it is on a page, else the result of `find` (or None)."""
    units = tuple(read_display(page).unit for page in open_pdf(original).pages)
    if field is not None and field.is_on(len(units)):
        return field
    return find(original, units, block)


def draw_with_certificate(
    block: SignatureBlock | None, field: SignatureBox | None, facts: CertificateFacts
) -> PdfReader:
    """Return a reader of a new PDF with a page for the signature block, if it has a box (`field`), and the certificate.

    The page of the block has the size of the box. The caller later draws it onto a page of the document."""

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
    field: SignatureBox | None,
    certificate: CertificateFacts,
    find: FieldFinder = find_signature_box,
) -> bytes:
    """Return the PDF of an electronically signed document: rebuilt pages, signature block, certificate page.

    The block goes into `field`, or into the place that `find` returns. Without a place, only the certificate shows the
    block. Equal input gives equal bytes. Raise `PdfRefused` (damaged) for an unreadable original."""
    reader = open_as_shown(original)
    place = find_place(original, field, block, find)
    drawing = draw_with_certificate(block, place, certificate)
    writer = PdfWriter()
    stamp = None
    if place is not None:
        move: Matrix = (1.0, 0.0, 0.0, 1.0, place.x, place.y)
        stamp = (place.page - 1, (page_to_form(writer, drawing, 0), move))
    _append_as_is(writer, reader, stamp)
    append_pages(writer, drawing, start=0 if place is None else 1)
    seed = make_seed(original, block, field, certificate)
    return write_pdf(writer, title=certificate.title, at=block.signed_at, seed=seed)


def assemble_declined(original: bytes, certificate: CertificateFacts) -> bytes:
    reader, writer = open_as_shown(original), PdfWriter()
    _append_as_is(writer, reader, None)
    append_pages(writer, draw_with_certificate(None, None, certificate))
    seed = make_seed(original, certificate)
    return write_pdf(writer, title=certificate.title, at=certificate.decided_at, seed=seed)


def center_on_sheet(size: tuple[float, float], sheet: tuple[float, float]) -> Matrix:
    """Return the matrix that centers a page on a sheet and shrinks the page if it is too large. Sizes are in points."""
    scale = min(1.0, sheet[0] / size[0], sheet[1] / size[1])
    return (scale, 0.0, 0.0, scale, (sheet[0] - size[0] * scale) / 2, (sheet[1] - size[1] * scale) / 2)


def _append_on_letter(writer: PdfWriter, reader: PdfReader) -> None:
    """Append every page of `reader` (a scan) to the writer, centered on an upright or landscape Letter page."""
    for page in reader.pages:
        display = read_display(page)
        width, height = display.size
        sheet = letter_page(landscape=width > height)
        layers = collect_layers(writer, page, display)
        append_layered_page(
            writer, sheet, to_displayed_space(layers, display, center_on_sheet(display.size, sheet.size))
        )


def _pixels(sheet: tuple[float, float]) -> tuple[int, int]:
    return int(sheet[0] / 72 * _SCAN_DPI), int(sheet[1] / 72 * _SCAN_DPI)


def _draw_on_letter(scan: bytes) -> PdfReader:
    """Return a reader of a new PDF with a JPEG or PNG image on one Letter page, at most 200 dots per inch."""
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
    left, bottom = (sheet[0] - picture.width * scale) / 2, (sheet[1] - picture.height * scale) / 2
    canvas.setPageSize(sheet)
    draw_picture(canvas, picture, (left, bottom, sheet[0] - left, sheet[1] - bottom))
    canvas.showPage()


def assemble_by_hand(scan: bytes, certificate: CertificateFacts) -> bytes:
    """Return the PDF of a document signed on paper: the scan (PDF, JPEG or PNG) on Letter pages and a certificate."""
    writer = PdfWriter()
    _append_on_letter(writer, open_as_shown(scan) if is_pdf(scan) else _draw_on_letter(scan))
    append_pages(writer, draw_with_certificate(None, None, certificate))
    seed = make_seed(scan, certificate)
    return write_pdf(writer, title=certificate.title, at=certificate.decided_at, seed=seed)
