"""Lists of a practice's documents (the Unsigned report, all documents, the worklist), and a document's audit trail."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.domain.audit import Event, find_break
from chalicelib.domain.documents import Document
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.anchors import Anchor, agrees, read_anchors
from chalicelib.services.documents.audit_trail import EVENT_LABELS
from chalicelib.services.documents.document_resource import AttentionResource, document_resource
from chalicelib.services.json_schema import Day, JsonObject, Timestamp, to_response
from chalicelib.services.lookups import require_document
from chalicelib.services.pagination import decode_number_cursor, encode_cursor
from chalicelib.services.ports import Files, Listing, Page, Store

REPORTS: Mapping[str, Listing] = {
    "unsigned": Listing.PRACTICE_UNSIGNED,
    "all": Listing.PRACTICE_ALL,
    "attention": Listing.PRACTICE_ATTENTION,
}
"""The lists of a practice's documents. `attention` is the worklist: the documents on which a person should act."""

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
    "certified_by",
    "certified_on",
    "attention_reason",
    "call_name",
    "call_number",
    "tries",
    "days_left",
)


class TrailEventResource(TypedDict):
    """One event of a document's audit trail.

    `body` is the exact text that `hash` covers. The hash is the SHA-256 of `{previous}`, a line feed and
    `{body}`."""

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


class AnchorResource(TypedDict):
    """The latest position of the trail that was stored under Object Lock, and the day of that position.

    `agrees` is true if the trail still contains this position and every earlier anchored position."""

    day: Day
    sequence: int
    head: str
    agrees: bool


class TrailResource(TypedDict):
    """The audit trail of a document, oldest event first.

    `intact` is true if no event was changed or removed: the chain is complete, the last hash is `head` (the
    hash stored with the document), the document's times are those of its events, and every anchor agrees.
    `anchor` is null until the day after the first event."""

    events: list[TrailEventResource]
    intact: bool
    head: str
    anchor: AnchorResource | None


class AccessResource(TypedDict):
    """One request for a document.

    `what` is `page`, `text`, `original`, `signed`, `certificate`, `resource`, `trail`, `proof`, `added` or `reported`.
    `actor` is a kind and an opaque id. `session` is an opaque id of a login, of a visit with a code, or of an API
    key."""

    at: Timestamp
    what: str
    actor: str
    session: str


class Accesses(TypedDict):
    """One page of the log of who read a document and when, newest read first."""

    accesses: list[AccessResource]
    next_cursor: str | None


_FORMULA_STARTS = ("=", "+", "-", "@")


class Reports:
    def __init__(self, store: Store, files: Files) -> None:
        self._store = store
        self._files = files

    def page(self, report: str, practice_id: str, *, limit: int, after: str | None) -> Page[Document]:
        """Return one page of a practice's documents in a report: `report` is a key of `REPORTS`, such as `unsigned`.

        `after` is the cursor from the page before, or None for the first page."""
        return self._store.documents(REPORTS[report], practice_id, limit=limit, after=after)

    def document(self, practice_id: str, document_id: str) -> Document:
        """Return the practice's document. Raises `NotFound` for a missing or another practice's document."""
        return require_document(self._store, document_id, practice_id=practice_id)

    def audit_trail(self, practice_id: str, document_id: str) -> TrailResource:
        """Return the document's audit trail as JSON values, with the result of a check that nobody changed it.

        Raises `NotFound` for a missing or another practice's document."""
        document = self.document(practice_id, document_id)
        events, anchors = run_concurrently(
            lambda: self._store.events(document.id), lambda: read_anchors(self._files, document.id)
        )
        return audit_trail(document, events, anchors)

    def accesses(self, practice_id: str, document_id: str, *, limit: int, cursor: str | None) -> Accesses:
        """Return a page of the log of who read the practice's document and when.

        Raises `NotFound` for a missing or another practice's document."""
        document = self.document(practice_id, document_id)
        page = self._store.access_events(document.id, limit=limit, before=decode_number_cursor(cursor))
        events = [to_response(AccessResource, event) for event in page.items]
        return {"accesses": events, "next_cursor": encode_cursor(page.next_after)}


BYTE_ORDER_MARK = "\ufeff"


def as_csv(documents: Iterable[Document], portal_url: str, now: datetime) -> str:
    """Return the documents as CSV text (RFC 4180) with a header line, after a byte order mark.

    Without the mark, Excel reads UTF-8 as an older encoding and shows wrong letters in names with accents. `now`
    decides whether a verbal certification still counts."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for document in documents:
        resource = document_resource(document, portal_url, now)
        values: Mapping[str, object] = {**resource, **_attention_columns(resource["attention"])}
        writer.writerow([_cell(values.get(name)) for name in COLUMNS])
    return BYTE_ORDER_MARK + text.getvalue()


def _attention_columns(attention: AttentionResource | None) -> Mapping[str, object]:
    """Return the columns of a CSV row that say why and whom staff should call, or nothing without a reason."""
    if attention is None:
        return {}
    call = {f"call_{name}": value for name, value in attention["call"].items()}
    return {"attention_reason": attention["reason"], **call, **attention}


def audit_trail(document: Document, events: tuple[Event, ...], anchors: tuple[Anchor, ...]) -> TrailResource:
    """Return a document's audit events as JSON values, oldest first, and whether the audit trail is intact.

    `anchors` are the positions of the trail that were copied to the bucket with Object Lock, lowest first."""
    ends = [(event.sequence, event.hash) for event in events[-1:]]
    is_complete = find_break(events) is None and ends == [(document.sequence, document.head)]
    anchored = agrees(anchors, events)
    return {
        "events": [_event(event) for event in events],
        "intact": is_complete and _times_of(document) <= {event.at for event in events} and anchored,
        "head": document.head,
        "anchor": to_response(AnchorResource, anchors[-1], agrees=anchored) if anchors else None,
    }


def _times_of(document: Document) -> set[datetime]:
    """Return the times in a document's fields, such as when it was sent, viewed and recalled.

    The audit trail is intact only if each of these times is the time of an event in the trail."""
    times = (
        document.sent_at,
        document.viewed_at,
        document.transmitted_at,
        document.decision.decided_at if document.decision else None,
        document.recalled_at,
        document.returned_at,
    )
    return {time for time in times if time is not None}


def _cell(value: object) -> str:
    """Return a value as the text of a CSV cell. Text that a spreadsheet would read as a formula gets a leading `'`.

    Spreadsheets also read a formula after spaces and in full-width characters. A number is never a formula."""
    if isinstance(value, int):
        return str(value)
    text = "" if value is None else str(value)
    start = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if start in _FORMULA_STARTS or text[:1] in ("\t", "\r") else text


def _event(event: Event) -> TrailEventResource:
    what = EVENT_LABELS.get(event.type, event.type)
    return to_response(TrailEventResource, event, what=what)
