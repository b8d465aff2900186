"""The comparison of each page of a document before and after it was sealed, as PDFium and as Poppler draw it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from bench.corpus.programs import PAGES_PER_CALL, render_with_poppler
from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.rendering import open_for_display, render_page
from chalicelib.pdf.signing.picture_check import look_alike, relative_box

Render = Callable[[bytes, int], Iterator[Image.Image | None]]
"""A function that yields the first pages of a PDF as pictures, and None for a page that cannot be drawn."""

_SIDE = 1000


def find_changed_page(source: bytes, sealed: bytes, place: SignatureBox | None, pages: int) -> tuple[int, str] | None:
    """Return the first page that looks different outside the signature block `place`, and the renderer's name.

    `source` is the file that the signer saw, and `pages` is the number of its pages. Return None if all pages look the
    same. A page that a renderer cannot draw in `source` is not compared."""
    hole = relative_box(source, place) if place is not None else None
    for name, render in _renderers().items():
        pairs = zip(render(source, pages), render(sealed, pages), strict=True)
        for number, (before, after) in enumerate(pairs, 1):
            area = hole if place is not None and place.page == number else None
            if before is not None and (after is None or not look_alike(before, after, area)):
                return number, name
    return None


def _renderers() -> dict[str, Render]:
    poppler = {"Poppler": render_poppler} if shutil.which("pdftoppm") else {}
    return {"PDFium": render_pdfium, **poppler}


def render_pdfium(data: bytes, pages: int) -> Iterator[Image.Image | None]:
    """Yield the first `pages` pages of a PDF as PDFium draws them, and None for a page that it cannot draw."""
    with open_for_display(data) as document:
        for index in range(pages):
            try:
                page = document[index]
                yield render_page(page, min(2.0, _SIDE / max(page.get_size())))
            except (RuntimeError, ArithmeticError, ValueError, OSError):
                yield None


def render_poppler(data: bytes, pages: int) -> Iterator[Image.Image | None]:
    """Yield the first `pages` pages of a PDF as Poppler draws them, and None for a page that it cannot draw."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.pdf"
        file.write_bytes(data)
        for first in range(1, pages + 1, PAGES_PER_CALL):
            with tempfile.TemporaryDirectory(dir=folder) as images:
                yield from render_with_poppler(file, Path(images), first, min(first + PAGES_PER_CALL - 1, pages))
