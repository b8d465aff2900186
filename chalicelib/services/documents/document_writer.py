"""Writing to one document: on its latest state, and again when another writer got in between."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import NotFound
from chalicelib.domain.practices import Practice
from chalicelib.domain.status import is_decidable
from chalicelib.services.documents.recorder import Actor, Recorder
from chalicelib.services.optimistic_retry import retry_on_latest
from chalicelib.services.ports import Ids, Store


class Writer:
    """What every service that lets a person act on a document needs in order to write it down."""

    def __init__(self, *, store: Store, ids: Ids, portal_url: str) -> None:
        self.store = store
        self.ids = ids
        self.portal_url = portal_url

    def document(self, document_id: str) -> Document:
        document = self.store.document(document_id)
        if document is None:
            raise NotFound("There is no such document.")
        return document

    def practice_of(self, document: Document) -> Practice:
        practice = self.store.practice(document.practice_id)
        if practice is None:
            raise NotFound("There is no such practice.")
        return practice

    def recorder(self, document: Document, practice: Practice, by: Actor, now: datetime) -> Recorder:
        return Recorder(
            document, practice=practice, now=now, ids=self.ids, portal_url=self.portal_url, actor=by
        )

    def on_latest(self, document: Document, step: Callable[[Document], Document]) -> Document:
        """Return the result of `step` for the document as the caller read it, or for its latest version."""
        return retry_on_latest(
            step,
            initial=document,
            read=lambda: self.document(document.id),
            retry_on=frozenset({"document", "provider"}),
        )

    def first_view(
        self,
        document: Document,
        practice: Practice,
        by: Actor,
        now: datetime,
        may_view: Callable[[Document], None],
    ) -> Document:
        """Records that the document was opened: once, while it is still to be decided.

        `may_view` raises when the document, as it stands by then, is not the viewer's.
        Opening it is also its transmission to the provider, unless a fax got there first (FACTS, CY2025).
        """

        def step(current: Document) -> Document:
            may_view(current)
            if not needs_view(current):
                return current
            viewed = replace(current, viewed_at=now, transmitted_at=current.transmitted_at or now)
            recorder = self.recorder(viewed, practice, by, now)
            change = recorder.event("document.viewed", webhook=True).change()
            self.store.commit(change)
            return change.documents[0]

        return self.on_latest(document, step)


def needs_view(document: Document) -> bool:
    """Whether opening it now would be its first view."""
    return document.viewed_at is None and is_decidable(document.status)
