"""Where the pictures of a document's pages lie in the bucket."""

WIDTHS = (750, 1500)
"""Pixels: a phone, and a desktop or a phone zoomed in."""


def page_key(document_id: str, number: int, width: int) -> str:
    """The object of page `number` (from 1) at that width; its content type says PNG or WebP."""
    return f"pages/{document_id}/{number}-{width}"


def text_key(document_id: str) -> str:
    """The text of every page, a JSON list: for screen readers and search."""
    return f"pages/{document_id}/text.json"
