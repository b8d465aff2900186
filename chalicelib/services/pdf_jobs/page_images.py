"""Keys in the bucket for the images and the text of a document's pages."""

import json
from collections.abc import Sequence

from chalicelib.domain.documents import Document
from chalicelib.services.pdf_requests import image_name
from chalicelib.services.ports import Files

WIDTHS = (750, 1500)
"""The widths of page images in pixels: for a phone, and for a desktop or a phone that zooms in."""


def page_key(document_id: str, number: int, width: int, piece: int = 1) -> str:
    """Return the key of a page's PNG or WebP image. `number` counts from 1, and `width` is in pixels.

    `piece` is the number of the slice (from 1) of a very long page."""
    return pages_prefix(document_id) + image_name(number, width, piece)


def pages_prefix(document_id: str) -> str:
    """Return the prefix that the S3 keys of all page images of a document have."""
    return f"pages/{document_id}/"


def text_key(document_id: str) -> str:
    """Return the key of the page texts, a JSON list with one text per page, for screen readers and search."""
    return f"pages/{document_id}/text.json"


def page_texts(document: Document, files: Files) -> Sequence[str] | None:
    """Return the text of each page (empty for a scanned page), or None until the `prepare` job stored the texts."""
    if not document.are_pages_ready:
        return None
    data = files.find(text_key(document.id))
    if data is None:
        return None
    texts: list[str] = json.loads(data)
    return texts
