"""Lists of a practice's documents (the Unsigned report and all documents), and the audit trail of a document."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Mapping

from typing_extensions import TypedDict

from chalicelib.domain.audit import Event, find_break
from chalicelib.domain.documents import Document
from chalicelib.domain.timestamps import to_text
from chalicelib.services.documents.audit_trail import EVENT_LABELS
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.json_schema import JsonObject, Timestamp
from chalicelib.services.lookups import require_document
from chalicelib.services.ports import Listing, Page, Store

REPORTS: Mapping[str, Listing] = {"unsigned": Listing.PRACTICE_UNSIGNED, "all": Listing.PRACTICE_ALL}

COLUMNS = (
    "external_id",
    "patient_external_id",
    "kind",
    "title",
    "status",
    "outcome",
    "sent_at",
    "due_on",
    "viewed_at",
    "transmitted_at",
    "decided_at",
    "decline_reason",
    "note",
    "sealing",
    "id",
)


class TrailEventResource(TypedDict):
    """One event of a document's audit trail.

    `body` is the exact text that `hash` covers. The hash is the SHA-256 of `{previous}`, a line feed and
    `{body}`.
    """

    id: str
    sequence: int
    type: str
    what: str
    at: Timestamp
    actor: str
    data: JsonObject
    private: JsonObject
    body: str
    previous: str
    hash: str


class TrailResource(TypedDict):
    """The audit trail of a document, oldest event first.

    `intact` is true if no event was changed and the last hash is `head`, the hash stored with the document.
    """

    events: list[TrailEventResource]
    intact: bool
    head: str


_FORMULA_STARTS = ("=", "+", "-", "@")


class Reports:
    """Read access of a practice to the practice's own documents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, report: str, practice_id: str, *, limit: int, after: str | None) -> Page[Document]:
        """Return one page of a report, which is a key of `REPORTS`. `after` is the cursor of the page."""
        return self._store.documents(REPORTS[report], practice_id, limit=limit, after=after)

    def document(self, practice_id: str, document_id: str) -> Document:
        """Return the practice's document. Raises the same `NotFound` for another practice's document."""
        return require_document(self._store, document_id, practice_id=practice_id)

    def audit_trail(self, practice_id: str, document_id: str) -> TrailResource:
        """Return the document's audit trail as JSON values.

        Raises `NotFound` for a missing or another practice's document.
        """
        document = self.document(practice_id, document_id)
        return audit_trail(document, self._store.events(document.id))


def as_csv(documents: Iterable[Document], portal_url: str) -> str:
    """Return the documents as CSV (RFC 4180) with a header line.

    A text that a spreadsheet would read as a formula gets a leading `'`.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for document in documents:
        values: Mapping[str, object] = {**document_resource(document, portal_url)}
        writer.writerow([_cell(values[name]) for name in COLUMNS])
    return text.getvalue()


def audit_trail(document: Document, events: tuple[Event, ...]) -> TrailResource:
    """Return a document's audit events as JSON values, oldest first.

    `intact` is true if the hash chain is complete and its last hash is the document's `head`.
    """
    head = events[-1].hash if events else ""
    return {
        "events": [_event(event) for event in events],
        "intact": find_break(events) is None and head == document.head,
        "head": document.head,
    }


def _cell(value: object) -> str:
    """Return a value as the text of a CSV cell. Text that a spreadsheet would read as a formula gets a leading `'`.

    Spreadsheets also read a formula after spaces and in full-width characters.
    """
    text = "" if value is None else str(value)
    start = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if start in _FORMULA_STARTS or text[:1] in ("\t", "\r") else text


def _event(event: Event) -> TrailEventResource:
    """Return one audit event as JSON. `hash` is the SHA-256 of `{previous}`, a line feed and the text of `body`."""
    return {
        "id": event.id,
        "sequence": event.sequence,
        "type": event.type,
        "what": EVENT_LABELS.get(event.type, event.type),
        "at": to_text(event.at),
        "actor": event.actor,
        "data": json.loads(event.body)["data"],
        "private": dict(event.private),
        "body": event.body,
        "previous": event.previous,
        "hash": event.hash,
    }
