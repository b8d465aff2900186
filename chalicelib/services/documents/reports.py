"""A practice's documents as lists: the Unsigned report and all of them, and one document's audit trail."""

import csv
import io
import json
from collections.abc import Iterable, Mapping

from typing_extensions import TypedDict

from chalicelib.domain.audit import Event, broken_at
from chalicelib.domain.documents import Document
from chalicelib.domain.timestamps import to_text
from chalicelib.services.documents.audit_trail import WORDS
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.json_schema import JsonObject, Timestamp
from chalicelib.services.ports import Listing

REPORTS: Mapping[str, Listing] = {
    "unsigned": Listing.PRACTICE_UNSIGNED,
    "all": Listing.PRACTICE_ALL,
}

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


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(documents: Iterable[Document], portal_url: str) -> str:
    """RFC 4180 with a header line. Text that a spreadsheet would take for a formula gets a leading `'`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for document in documents:
        values: Mapping[str, object] = {**document_resource(document, portal_url)}
        writer.writerow([_cell(values[name]) for name in COLUMNS])
    return text.getvalue()


def audit_trail(document: Document, events: tuple[Event, ...]) -> TrailResource:
    """Return the events, oldest first, and whether they form an unbroken chain."""
    head = events[-1].hash if events else ""
    return {
        "events": [_event(each) for each in events],
        "intact": broken_at(events) is None and head == document.head,
        "head": document.head,
    }


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _event(event: Event) -> TrailEventResource:
    return {
        "id": event.id,
        "sequence": event.sequence,
        "type": event.type,
        "what": WORDS.get(event.type, event.type),
        "at": to_text(event.at),
        "actor": event.actor,
        "data": json.loads(event.body)["data"],
        "private": dict(event.private),
        "body": event.body,
        "previous": event.previous,
        "hash": event.hash,
    }
