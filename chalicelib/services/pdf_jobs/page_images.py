"""Where the pictures and the text of a document's pages lie in the bucket."""

import json
from collections.abc import Sequence

from chalicelib.domain.documents import Document
from chalicelib.services.ports import Files

WIDTHS = (750, 1500)
"""Pixels: a phone, and a desktop or a phone zoomed in."""


def page_key(document_id: str, number: int, width: int) -> str:
    """The object of page `number` (from 1) at that width; its content type says PNG or WebP."""
    return f"pages/{document_id}/{number}-{width}"


def text_key(document_id: str) -> str:
    """The text of every page, a JSON list: for screen readers and search."""
    return f"pages/{document_id}/text.json"


def page_texts(document: Document, files: Files) -> Sequence[str] | None:
    """The text of each page, empty for a scan; None while it is being prepared."""
    if (document.pages_ready or 0) < document.original.pages:
        return None
    found = files.find(text_key(document.id))
    if found is None:
        return None
    texts: list[str] = json.loads(found)
    return texts
