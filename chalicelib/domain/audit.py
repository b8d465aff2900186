"""The audit trail of a document: a hash chain over the stored bytes of its events.

Facts that may have to be erased later (IP address, device, the text of a note) are in `private`, outside the
hashed bytes. The hashed bytes contain a salted commitment to `private`. So the hash chain stays valid if
`private` is erased, and breaks if `private` is altered."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain.timestamps import to_text


class DocumentEventType(StrEnum):
    SENT = "document.sent"
    RESENT = "document.resent"
    MOVED = "document.moved"
    ADDED = "document.added"
    DELIVERED = "document.delivered"
    DELIVERY_FAILED = "document.delivery_failed"
    DELIVERY_RETRIED = "delivery.retried"
    VIEWED = "document.viewed"
    TRANSMITTED = "document.transmitted"
    CODE_REQUESTED = "code.requested"
    CODE_ACCEPTED = "code.accepted"
    DECISION_APPROVED = "decision.approved"
    DECISION_BY_HAND = "decision.by_hand"
    DECLINED = "document.declined"
    APPROVED = "document.approved"
    SEALED = "document.sealed"
    TIMESTAMPED = "document.timestamped"
    SEALING_DELAYED = "document.sealing_delayed"
    RECALLED = "document.recalled"
    SUPERSEDED = "document.superseded"
    RETURNED = "document.returned"
    CALLED = "document.called"
    COPY_RECEIVED = "document.copy_received"
    COPY_CONFIRMED = "document.copy_confirmed"
    CERTIFIED = "document.certified"
    NEEDS_ATTENTION = "document.needs_attention"
    WRONG_NUMBER_REPORTED = "fax.reported"
    MARKED_READY = "document.marked_ready"
    REMINDED = "document.reminded"
    REMINDERS_STOPPED = "document.reminders_stopped"
    REMINDERS_RESUMED = "document.reminders_resumed"
    HANDED_OVER = "document.handed_over"
    TAKEN_BACK = "document.taken_back"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a document's audit trail. `hash` covers the `previous` event's hash and the JSON text in `body`."""

    id: str
    document_id: str
    sequence: int
    type: str
    at: datetime
    actor: str
    body: str
    previous: str
    hash: str
    private: Mapping[str, Any] = field(default_factory=dict)
    salt: str = ""

    @property
    def data(self) -> Mapping[str, Any]:
        """The event's own facts, such as the channel of a delivery, which its hashed body contains."""
        data: Mapping[str, Any] = json.loads(self.body)["data"]
        return data


@dataclass(frozen=True, kw_only=True)
class AccessEvent:
    """One request for a document: who read what. Access events are stored as long as the audit trail.

    `sort_key` is unique within the document: microseconds since 1970, followed by six digits. `what` names the part
    that was read: `page` (a web page about the document), `text`, `original`, `signed`, `certificate`, `resource` (the
    document's JSON), `trail` or `proof` (of transmission). `added` means that the reader added the document to an
    account by its fax code, and `reported` that the recipient of a fax reported a wrong number with its code, and saw
    no document. `actor` is a kind and an opaque id, such as `provider:prv_…`. `session` is an opaque id of the actor's
    login, visit (the time after a code was entered) or API key."""

    document_id: str
    sort_key: int
    at: datetime
    what: str
    actor: str
    session: str


def chain_hash(previous: str, body: str) -> str:
    """Return the hash of an audit event, which links it to the event before: SHA-256 (hex) of `previous` and `body`."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def make_event(
    *,
    event_id: str,
    document_id: str,
    previous_sequence: int,
    previous_hash: str,
    type: str,
    at: datetime,
    actor: str,
    data: Mapping[str, Any],
    private: Mapping[str, Any],
    salt: str,
) -> Event:
    event = Event(
        id=event_id,
        document_id=document_id,
        sequence=previous_sequence + 1,
        type=type,
        at=at,
        actor=actor,
        body="",
        previous=previous_hash,
        hash="",
        private=dict(private),
        salt=salt if private else "",
    )
    committed = commitment(private, salt) if private else None
    body = _canonical({**_visible_fields(event), "data": dict(data), "private": committed})
    return replace(event, body=body, hash=chain_hash(previous_hash, body))


def commitment(private: Mapping[str, Any], salt: str) -> str:
    """Return the salted hash (hex) of an event's private data, which the hashed body contains in place of the data."""
    return hashlib.sha256(f"{salt}\n{_canonical(private)}".encode()).hexdigest()


def find_break(events: Iterable[Event]) -> int | None:
    """Return the sequence number of the first event that was altered or misplaced, or None if the hash chain is valid.

    An event's fields must also equal the values in its hashed body, because people read the fields and not the body."""
    previous, expected = "", 1
    for event in events:
        follows = event.sequence == expected and event.previous == previous
        if not follows or chain_hash(previous, event.body) != event.hash or not _matches_body(event):
            return event.sequence
        previous, expected = event.hash, expected + 1
    return None


def _matches_body(event: Event) -> bool:
    hashed = json.loads(event.body)
    private = commitment(event.private, event.salt) if event.private else hashed["private"]
    return hashed["private"] == private and all(hashed[name] == value for name, value in _visible_fields(event).items())


def _visible_fields(event: Event) -> dict[str, Any]:
    """Return the fields of an event that people read, to compare with their repetition in the event's hashed body."""
    names = ("id", "document_id", "sequence", "type", "actor")
    return {**{name: getattr(event, name) for name in names}, "at": to_text(event.at)}


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
