"""A fax as its paper would look: pages at fax resolution, in black and white."""

import io
from threading import Lock

import pypdfium2
from PIL import Image

from examples.mailbox.messages import Attachment, Message

DOTS_PER_INCH = 204
POINTS_PER_INCH = 72

# PDFium may be used by one thread at a time.
_PDFIUM = Lock()


class NoPages(Exception):
    """The attachment cannot be shown as pages."""


def number_of(address: str, fax_domain: str) -> str | None:
    """`+15125550100` for `15125550100@<fax domain>`; None for any other address."""
    local, _, domain = address.rpartition("@")
    return f"+{local}" if domain == fax_domain and local.isascii() and local.isdigit() else None


def pdf_of(message: Message) -> Attachment | None:
    """The document in a mail to the gateway, or None."""
    found = [each for each in message.attachments if each.content_type == "application/pdf"]
    return found[0] if found else None


def page_count(pdf: bytes) -> int:
    """How many pages come out of the machine. Raises `NoPages`."""
    with _PDFIUM:
        document = _open(pdf)
        try:
            return len(document)
        finally:
            document.close()


def page(pdf: bytes, number: int) -> bytes:
    """One page, counted from 1, as a black and white PNG. Raises `NoPages`."""
    with _PDFIUM:
        document = _open(pdf)
        try:
            if not 1 <= number <= len(document):
                raise NoPages("no such page")
            image = (
                document[number - 1].render(scale=DOTS_PER_INCH / POINTS_PER_INCH, grayscale=True).to_pil()
            )
        finally:
            document.close()
    output = io.BytesIO()
    image.convert("1", dither=Image.Dither.FLOYDSTEINBERG).save(output, "PNG")
    return output.getvalue()


def _open(pdf: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as problem:
        raise NoPages("the attachment is not a PDF that can be opened") from problem
