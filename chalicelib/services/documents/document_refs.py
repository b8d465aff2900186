"""The ids by which an EMR names one of its documents, and the search for the document."""

from dataclasses import dataclass

from chalicelib.domain.claim_keys import external_claim
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import NotFound
from chalicelib.services.lookups import require_document
from chalicelib.services.ports import Store


@dataclass(frozen=True, kw_only=True)
class DocumentRef:
    """The ids by which an EMR names a document. At least one of the two ids is set."""

    external_id: str | None = None
    document_id: str | None = None


def find_document(store: Store, practice_id: str, ref: DocumentRef) -> Document:
    """Return the practice's document that `ref` (one or two ids from an EMR) names.

    Raises `NotFound` if the practice has no such document, or if the two ids name different documents."""
    document_id = ref.document_id
    if ref.external_id is not None:
        key = external_claim(practice_id, ref.external_id)
        document_id = store.claims([key]).get(key)
    if ref.document_id not in (None, document_id):
        raise NotFound("There is no such document.")
    return require_document(store, document_id, practice_id=practice_id)
