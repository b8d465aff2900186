"""The comparison of a sealed file's page images, on a screen and in print, with those of the file before sealing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pypdfium2
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.reader import open_pdf, read_display
from chalicelib.pdf.rendering import open_for_display, render_page

_MAX_SIDE = 1500
_FINE_SCALE, _FINE_SIDE = 200 / 72, 3000
"""The scale and the longest side in pixels of the finer comparison: those of pages that are replaced by pictures."""

_TOLERANCE = 96
"""The largest difference of a color channel (0 to 255) that can occur between two drawings of the same page."""


def compare_pages(
    source: bytes | None, sealed: bytes, block: SignatureBox | None, unseen: Collection[int] = ()
) -> Iterator[str]:
    """Yield, for each page of a sealed (digitally signed) PDF, the page's fault in words, or "" if it has no fault.

    The caller releases no file with a fault. Each page must look the same in print and on a screen. Each page must also
    look like the page in `source` (the file that the signer saw), except inside the signature block `block`. This
    second comparison is left out without a source, for added pages, and for the pages `unseen` (numbers from 1) of the
    source that could not be shown."""
    hole = relative_box(source, block) if source is not None and block is not None else None
    with open_for_display(source or sealed) as before, open_for_display(sealed) as after:
        for index in range(len(after)):
            view = _render(after[index])
            if not look_alike(view, _render(after[index], "print")):
                yield f"page {index + 1} is printed otherwise than it is shown"
            elif source is None or index >= len(before) or index + 1 in unseen:
                yield ""
            else:
                area = hole if block is not None and block.page == index + 1 else None
                same = look_alike(_render(before[index]), view, area) or _look_alike_finely(
                    before[index], after[index], area
                )
                yield "" if same else f"page {index + 1} does not show what the signer saw"


def relative_box(source: bytes, block: SignatureBox) -> tuple[float, float, float, float]:
    """Return the box of the signature block (left, top, right, bottom) as fractions of the displayed page."""
    width, height = read_display(open_pdf(source).pages[block.page - 1]).size
    top, bottom = height - block.y - block.height, height - block.y
    return block.x / width, top / height, (block.x + block.width) / width, bottom / height


def _render(page: pypdfium2.PdfPage, mode: str | None = None) -> Image.Image:
    picture: Image.Image = page.render(scale=min(1, _MAX_SIDE / max(page.get_size())), optimize_mode=mode).to_pil()
    return picture.convert("RGB")


def _look_alike_finely(
    before: pypdfium2.PdfPage, after: pypdfium2.PdfPage, hole: tuple[float, float, float, float] | None
) -> bool:
    """Return True if two pages look alike at 200 dots per inch, which shows everything that a coarser image shows.

    A page that was replaced by its picture, or drawn through one more layer, has other edges in a coarse image. In the
    fine image, an edge is much smaller than anything that a person can read."""
    one, other = (render_page(page, min(_FINE_SCALE, _FINE_SIDE / max(page.get_size()))) for page in (before, after))
    return look_alike(one, other, hole)


def look_alike(one: Image.Image, other: Image.Image, hole: tuple[float, float, float, float] | None = None) -> bool:
    """Return True if two page images look alike outside the box `hole` (fractions of the page).

    Small differences at the edges of shapes are ignored. The box is painted white in both images."""
    if one.size != other.size:
        return False
    if hole is not None:
        one, other = blank(one, hole), blank(other, hole)
    same = one.tobytes() == other.tobytes()
    return same or not (_has_more(one, other) or _has_more(other, one))


def blank(picture: Image.Image, hole: tuple[float, float, float, float]) -> Image.Image:
    """Return the picture of a page with the box `hole` (fractions of the page) and its edge painted white."""
    left, top, right, bottom = hole
    width, height = picture.size
    painted = picture.copy()
    box = (left * width - 2, top * height - 2, right * width + 2, bottom * height + 2)
    ImageDraw.Draw(painted).rectangle(box, fill="white")
    return painted


def _has_more(one: Image.Image, other: Image.Image) -> bool:
    """Return True if any pixel of `one` is clearly darker, or clearly lighter, than all nearby pixels of `other`."""
    darker = ImageChops.subtract(other.filter(ImageFilter.MinFilter(3)), one)
    lighter = ImageChops.subtract(one, other.filter(ImageFilter.MaxFilter(3)))
    return any(high > _TOLERANCE for picture in (darker, lighter) for _, high in ImageStat.Stat(picture).extrema)
