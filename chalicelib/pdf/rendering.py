"""Page images and page text for the provider's screen, made by PDFium (the PDF renderer of Chrome)."""

import io
from collections.abc import Iterator, Sequence

import pypdfium2
from PIL import Image, ImageChops

from chalicelib.pdf.annotations.completion import complete_annotations
from chalicelib.pdf.models import RenderedPage
from chalicelib.pdf.page_slices import MAX_SLICES, plan_slices
from chalicelib.pdf.reader import refuse_malformed
from chalicelib.pdf.substitute_fonts import use_own_fonts

_GRAYS = 16
_TO_GRAY = [(value + 8) // 17 for value in range(256)]
_GRAY_PALETTE = [level * 17 for level in range(_GRAYS) for _ in range(3)]
# The share of gray pixels, neither ink nor paper: up to 0.15 for text pages, above 0.5 for photographs.
_PHOTOGRAPH = 0.3
_COLOR = 12


def _is_photograph(picture: Image.Image) -> bool:
    histogram = picture.convert("L").histogram()
    return sum(histogram[40:240]) > _PHOTOGRAPH * sum(histogram)


def _has_color(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    pairs = ((red, green), (green, blue))
    return any(any(ImageChops.difference(a, b).histogram()[_COLOR:]) for a, b in pairs)


def _to_grays(picture: Image.Image) -> Image.Image:
    levels = picture.convert("L").point(_TO_GRAY)
    grays = Image.frombytes("P", levels.size, levels.tobytes())
    grays.putpalette(_GRAY_PALETTE)
    return grays


def encode(picture: Image.Image) -> tuple[bytes, str]:
    """Return the bytes and the media type of an RGB page image: a photograph as WebP, any other page as PNG.

    The reason is size and speed: a text page, 1500 pixels wide, takes 162 kB and 37 ms as an exact PNG of 16 grays,
    but 339 kB and 111 ms as a lossy WebP."""
    target = io.BytesIO()
    if _is_photograph(picture):
        picture.save(target, "WEBP", quality=70, method=2)
        return target.getvalue(), "image/webp"
    reduced = picture.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    (reduced if _has_color(picture) else _to_grays(picture)).save(target, "PNG")
    return target.getvalue(), "image/png"


def render_page(
    page: pypdfium2.PdfPage, scale: float, crop: tuple[float, float, float, float] = (0, 0, 0, 0)
) -> Image.Image:
    """Return an RGB picture of the page, with `scale` pixels per point.

    `crop` is what is cut off, in points from the left, the bottom, the right and the top of the displayed page."""
    picture: Image.Image = page.render(scale=scale, crop=crop).to_pil()
    return picture.convert("RGB")


def _count_slices(document: pypdfium2.PdfDocument, number: int) -> int:
    """Return in how many slices a page is shown: 1 for a page that has no slices, or that cannot be shown."""
    try:
        count = plan_slices(document.get_page_size(number - 1), 1).count
    except (pypdfium2.PdfiumError, ArithmeticError):
        return 1
    return count if count <= MAX_SLICES else 1


def _render_slice(document: pypdfium2.PdfDocument, number: int, width: int, piece: int) -> RenderedPage:
    try:
        page = document[number - 1]
        slices = plan_slices(page.get_size(), width)
        if slices.count > MAX_SLICES:
            return _missing_image(number, width, piece)
        picture = render_page(page, slices.scale, slices.crop(piece))
    except (pypdfium2.PdfiumError, ArithmeticError, ValueError, OSError, MemoryError):
        return _missing_image(number, width, piece)
    data, media_type = encode(picture)
    return RenderedPage(number, picture.width, picture.height, data, media_type, piece, slices.count)


def _missing_image(number: int, width: int, piece: int) -> RenderedPage:
    return RenderedPage(number=number, width=width, height=0, data=None, media_type="image/png", piece=piece)


def open_for_display(data: bytes) -> pypdfium2.PdfDocument:
    """Open a PDF so that its rendered pages include the form fields, as in a viewer. The caller closes the document.

    Fonts that are not in the PDF are the portal's own (`substitute_fonts`), so pages look the same on every machine.
    Annotations that leave their look to the viewer have the same drawings as in the sealed document.

    Raise `PdfRefused` (damaged) if PDFium cannot open the PDF."""
    use_own_fonts()
    with refuse_malformed():
        document = pypdfium2.PdfDocument(complete_annotations(data))
        document.init_forms()
    return document


def count_pages(data: bytes) -> int:
    """Return the number of pages that PDFium shows; raise `PdfRefused` (damaged) if PDFium cannot open the PDF."""
    with refuse_malformed(), pypdfium2.PdfDocument(data) as document:
        return len(document)


def render_pages(
    data: bytes, widths: Sequence[int] = (750, 1500), *, first: int = 1, last: int | None = None
) -> Iterator[RenderedPage]:
    """Yield an image of every page from number `first` to `last` (from 1) at every width in pixels, page by page.

    A very long page is yielded in slices (`page_slices`), each at every width.

    Without `last`, the images go to the end of the document. The images show the pages as a viewer does: rotated,
    cropped and on white. The image of a page that cannot be rendered has no data. Raise `PdfRefused` (damaged) if
    PDFium cannot open the PDF."""
    with open_for_display(data) as document:
        for number in range(first, min(last or len(document), len(document)) + 1):
            for piece in range(1, _count_slices(document, number) + 1):
                for width in widths:
                    yield _render_slice(document, number, width, piece)


def extract_page_texts(data: bytes) -> list[str]:
    """Return the text of each page with its line breaks. The text is empty for a scanned or unreadable page.

    Raise `PdfRefused` (damaged) if PDFium cannot open the PDF."""
    with open_for_display(data) as document:
        return [_extract_text(document, index) for index in range(len(document))]


def _extract_text(document: pypdfium2.PdfDocument, index: int) -> str:
    try:
        text: str = document[index].get_textpage().get_text_bounded()
    except pypdfium2.PdfiumError:
        return ""
    return text.replace("\r\n", "\n")
