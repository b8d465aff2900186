"""The pages of a fax as they look on paper: in black and white, at the resolution of a fax."""

import io
from threading import Lock

import pypdfium2
from PIL import Image

from examples.mailbox.messages import Attachment, Message

DOTS_PER_INCH = 204
POINTS_PER_INCH = 72

PDFIUM = Lock()
"""The lock that a thread holds while it uses PDFium, because only one thread at a time may."""


class NoPages(Exception):
    """Error for a fax attachment without pages that can be shown."""


def number_of(address: str, fax_domain: str) -> str | None:
    """Return the fax number in an address of the email-to-fax gateway, or None for any other email address.

    For example, `15125550100@<fax domain>` gives `+15125550100`."""
    local, _, domain = address.rpartition("@")
    return f"+{local}" if domain == fax_domain and local.isascii() and local.isdigit() else None


def pdf_of(message: Message) -> Attachment | None:
    """Return the PDF to fax that is attached to an email to the email-to-fax gateway, or None if there is none."""
    pdfs = [file for file in message.attachments if file.content_type == "application/pdf"]
    return pdfs[0] if pdfs else None


def page_count(pdf: bytes) -> int:
    """Return the number of pages of a fax's PDF. Raises `NoPages` if no pages can be read."""
    with PDFIUM:
        document = _open(pdf)
        try:
            return len(document)
        finally:
            document.close()


def page(pdf: bytes, number: int) -> bytes:
    """Return a page of a fax as a black and white PNG picture. `number` counts from 1.

    Raises `NoPages` if there is no such page."""
    with PDFIUM:
        document = _open(pdf)
        try:
            if not 1 <= number <= len(document):
                raise NoPages("no such page")
            image = document[number - 1].render(scale=DOTS_PER_INCH / POINTS_PER_INCH, grayscale=True).to_pil()
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
