"""The pictures of the pages of a fax that came in, from its file: a PDF, or a TIFF with the compression of faxes."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pypdfium2
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from chalicelib.pdf.fax_media import TIFF_TYPE, fax_media_type
from chalicelib.pdf.inspection import is_pdf
from chalicelib.pdf.models import PdfRefused
from chalicelib.pdf.reader import refuse_malformed
from chalicelib.pdf.rendering import open_for_display

_DOTS_PER_INCH = 204
_MAX_WIDTH, _MAX_HEIGHT = 2500, 4200
_MAX_TIFF_WIDTH, _MAX_TIFF_HEIGHT = 5_000, 10_000
"""The most dots of a page of a TIFF that is decoded. Fax machines scan at most 400 dots per inch: 3,456 across."""

_COMPRESSIONS = frozenset({"tiff_ccitt", "group3", "group4"})
"""The compressions of faxes (ITU-T T.4 and T.6). No other decoder of the TIFF library sees a stranger's bytes."""

_USUAL_DPI = (204.0, 196.0)
_MIN_DPI, _MAX_DPI = 50.0, 600.0


class FaxFile(ABC):
    """The open file of a fax that came in. `pages` is its number of pages."""

    pages: int

    def draw(self, index: int) -> Image.Image | None:
        """Return a gray picture of the page with this index (from 0) at 204 dots per inch, or None if it cannot be
        shown."""
        with suppress(PdfRefused), refuse_malformed():
            return self._draw(index).convert("L")
        return None

    @abstractmethod
    def _draw(self, index: int) -> Image.Image: ...


class _PdfFile(FaxFile):
    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._document = document
        self.pages = len(document)

    def _draw(self, index: int) -> Image.Image:
        width, height = self._document[index].get_size()
        scale = min(_DOTS_PER_INCH / 72, _MAX_WIDTH / width, _MAX_HEIGHT / height)
        picture: Image.Image = self._document[index].render(scale=scale, grayscale=True).to_pil()
        return picture


class _TiffFile(FaxFile):
    def __init__(self, data: bytes) -> None:
        """Open the TIFF, and read all its directories of pages. Raise `PdfRefused` (damaged) if this fails."""
        with refuse_malformed("The fax is a damaged TIFF."):
            self._opened = TiffImageFile(io.BytesIO(data))
            self.pages = self._opened.n_frames

    def _draw(self, index: int) -> Image.Image:
        opened = self._opened
        opened.seek(index)
        is_small = opened.width <= _MAX_TIFF_WIDTH and opened.height <= _MAX_TIFF_HEIGHT
        if not is_small or opened.info.get("compression") not in _COMPRESSIONS:
            raise ValueError("no page of a fax")
        return opened.convert("L").resize(_size_at_204(opened), Image.Resampling.BOX)


def _size_at_204(page: Image.Image) -> tuple[int, int]:
    """Return the size in pixels that the page of a TIFF has at 204 dots per inch, both across and down."""
    across, down = page.info.get("dpi", _USUAL_DPI)
    if not all(_MIN_DPI <= dots <= _MAX_DPI for dots in (across, down)):
        across, down = _USUAL_DPI
    width, height = page.width * _DOTS_PER_INCH / float(across), page.height * _DOTS_PER_INCH / float(down)
    shrink = min(1.0, _MAX_WIDTH / width, _MAX_HEIGHT / height)
    return max(1, round(width * shrink)), max(1, round(height * shrink))


@contextmanager
def open_fax(data: bytes) -> Iterator[FaxFile]:
    """Open the file of a fax that came in, a PDF or a TIFF. The context manager closes the file.

    Raise `PdfRefused` if the file is neither (not_a_pdf) or cannot be opened (damaged)."""
    if fax_media_type(data) == TIFF_TYPE:
        yield _TiffFile(data)
    elif is_pdf(data):
        with open_for_display(data) as document:
            yield _PdfFile(document)
    else:
        raise PdfRefused("not_a_pdf", "The fax is neither a PDF nor a TIFF.")
