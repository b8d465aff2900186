"""Reads of rows that must exist. A missing row raises `NotFound`."""

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import NotFound
from chalicelib.domain.practices import Practice
from chalicelib.services.ports import Store


def require_practice(store: Store, practice_id: str) -> Practice:
    """Return the practice with this id. Raises `NotFound` if there is no such practice."""
    practice = store.practice(practice_id)
    if practice is None:
        raise NotFound("There is no such practice.")
    return practice


def require_document(store: Store, document_id: str | None, *, practice_id: str | None = None) -> Document:
    """Return the document with this id. Raises `NotFound` if there is no such document, or if the id is None.

    With `practice_id`, another practice's document raises the same `NotFound`, so that the error does not reveal
    whether that document exists."""
    document = store.document(document_id) if document_id else None
    if document is None or practice_id not in (None, document.practice_id):
        raise NotFound("There is no such document.")
    return document
