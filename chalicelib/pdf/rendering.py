"""Pages as pictures and as text, by PDFium: what a provider reads on a screen."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import pypdfium2
from PIL import Image, ImageChops

from chalicelib.pdf.models import RenderedPage
from chalicelib.pdf.reader import refuse_malformed

_TALLEST = 8000
_GREYS = 16
_TO_GREY = [(value + 8) // 17 for value in range(256)]
_GREY_PALETTE = [level * 17 for level in range(_GREYS) for _ in range(3)]
# Share of pixels that are neither ink nor paper: text pages have up to 0.15, photographs and scans above 0.5.
_PHOTOGRAPH = 0.3
_COLOUR = 12


def _is_photograph(picture: Image.Image) -> bool:
    histogram = picture.convert("L").histogram()
    return sum(histogram[40:240]) > _PHOTOGRAPH * sum(histogram)


def _has_colour(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    pairs = ((red, green), (green, blue))
    return any(any(ImageChops.difference(a, b).histogram()[_COLOUR:]) for a, b in pairs)


def _in_greys(picture: Image.Image) -> Image.Image:
    levels = picture.convert("L").point(_TO_GREY)
    greys = Image.frombytes("P", levels.size, levels.tobytes())
    greys.putpalette(_GREY_PALETTE)
    return greys


def encode(picture: Image.Image) -> tuple[bytes, str]:
    """(bytes, media type) of an RGB page. Measured at 1500 px: text is smallest and fastest as a PNG of few
    colours (16 greys: 162 kB in 37 ms; lossy WebP 339 kB in 111 ms), and exact; photographs as WebP.
    """
    target = io.BytesIO()
    if _is_photograph(picture):
        picture.save(target, "WEBP", quality=70, method=2)
        return target.getvalue(), "image/webp"
    few = picture.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    (few if _has_colour(picture) else _in_greys(picture)).save(target, "PNG")
    return target.getvalue(), "image/png"


def _picture(page: pypdfium2.PdfPage, width: int) -> Image.Image:
    across, up = page.get_size()
    scale = min(width / across, _TALLEST / up)
    picture: Image.Image = page.render(scale=scale).to_pil()
    return picture.convert("RGB")


def _page_image(document: pypdfium2.PdfDocument, number: int, width: int) -> RenderedPage:
    try:
        picture = _picture(document[number - 1], width)
    except (pypdfium2.PdfiumError, ArithmeticError, ValueError, OSError, MemoryError):
        return RenderedPage(number=number, width=width, height=0, data=None, media_type="image/png")
    data, media_type = encode(picture)
    return RenderedPage(number, picture.width, picture.height, data, media_type)


def open_for_display(data: bytes) -> pypdfium2.PdfDocument:
    """The document with its form fields drawn; `PdfRefused` (damaged) if it cannot be opened."""
    with refuse_malformed():
        document = pypdfium2.PdfDocument(data)
        document.init_forms()
    return document


def count_pages(data: bytes) -> int:
    """How many pages a viewer shows."""
    with refuse_malformed(), pypdfium2.PdfDocument(data) as document:
        return len(document)


def render_pages(
    data: bytes, widths: Sequence[int] = (750, 1500), *, first: int = 1
) -> Iterator[RenderedPage]:
    """Every page from `first` on at every width in pixels, page by page, as displayed: rotated, cropped, on
    white.
    """
    with open_for_display(data) as document:
        for number in range(first, len(document) + 1):
            for width in widths:
                yield _page_image(document, number, width)


def extract_page_texts(data: bytes) -> list[str]:
    """The text of each page in reading order, one line a line; empty for a scan."""
    with open_for_display(data) as document:
        return [_text(document, index) for index in range(len(document))]


def _text(document: pypdfium2.PdfDocument, index: int) -> str:
    try:
        text: str = document[index].get_textpage().get_text_bounded()
    except pypdfium2.PdfiumError:
        return ""
    return text.replace("\r\n", "\n")
