"""The list of a practice's received faxes, and the assignment of a fax to a document by the practice's staff."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.carriers.document_copies import CopyPage
from chalicelib.domain.carriers.received_faxes import (
    UNMATCHED,
    PageMatch,
    ReceivedFax,
    ReceivedPage,
    read_received_fax_id,
)
from chalicelib.domain.claim_keys import fax_assignment_claim
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.practices import Practice
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.lookups import require_document
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Page, Store
from chalicelib.services.returned_faxes.returned_copies import add_copy
from chalicelib.services.transaction import Claim

TOO_LARGE = "The fax is larger than 20 MB."
"""The reason for which the file of a fax is not stored."""


@dataclass(frozen=True, kw_only=True)
class ReceivedFaxes:
    """Service that lists the faxes that came in to a practice's number, and assigns them to documents."""

    store: Store
    clock: Clock
    writer: DocumentWriter

    def page(self, practice: Practice, *, limit: int, before: int | None) -> Page[ReceivedFax]:
        """Return a page of the practice's received faxes, newest first."""
        return self.store.received_faxes(practice.id, limit=limit, before=before)

    def assignments(self, faxes: Iterable[ReceivedFax]) -> Mapping[str, str]:
        """Return a mapping from the id of a received fax to the id of the document to which staff assigned it.

        A fax that nobody assigned is missing."""
        keys = {fax_assignment_claim(fax.id): fax.id for fax in faxes}
        return {keys[key]: owner for key, owner in self.store.claims(list(keys)).items()}

    def find(self, practice: Practice, fax_id: str) -> ReceivedFax:
        """Return the practice's received fax. Raises `NotFound`, also for another practice's fax."""
        place = read_received_fax_id(fax_id)
        fax = self.store.received_fax(practice.id, place) if place is not None else None
        if fax is None:
            raise NotFound("There is no such fax.")
        return fax

    def assign(self, fax: ReceivedFax, document_id: str, actor: Actor) -> None:
        """Add the fax's pages that match no document to the document that a person chose.

        The same assignment again changes nothing. Raises `NotFound` for an unknown document, and `Conflict` if the fax
        has no such page or belongs to another document already."""
        retry_on_conflict(lambda: self._assign(fax, document_id, actor), retry_on=frozenset({"document", "claim"}))

    def _assign(self, fax: ReceivedFax, document_id: str, actor: Actor) -> None:
        document = require_document(self.store, document_id, practice_id=fax.practice_id)
        owner = self.assignments([fax]).get(fax.id)
        if owner == document.id:
            return
        pages = tuple(CopyPage(number=page.number, page=None) for page in fax.pages if page.match in UNMATCHED)
        if owner is not None or not pages:
            raise Conflict(
                "The fax is assigned to another document already." if owner else "Every page of the fax is matched."
            )
        claim = Claim(key=fax_assignment_claim(fax.id), owner=document.id)
        change = add_copy(self.writer, document, fax, pages, actor=actor, now=self.clock.now())
        self.store.commit(replace(change, claims=(claim,)))


def image_key(fax: ReceivedFax, number: int | str) -> str:
    """Return the S3 key of the picture of one page of a received fax."""
    return f"faxes/{fax.practice_id}/{fax.id}/{number}"


def is_shown(page: ReceivedPage) -> bool:
    """Return True if the practice may see this page of its received fax.

    It must not see a page of another practice's document. Such a page is only reported."""
    return page.match is not PageMatch.OTHER_PRACTICE


def is_file_shown(fax: ReceivedFax) -> bool:
    """Return True if the practice may see the file of its received fax: the file is stored, and has no page of another
    practice's document."""
    # Rows of earlier releases have the key of a file that was too large to store.
    is_stored = bool(fax.file_key) and fax.refused != TOO_LARGE
    return is_stored and all(map(is_shown, fax.pages))
