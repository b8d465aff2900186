"""The anchors of audit trails: daily copies in the bucket with Object Lock, which show if a trail was rewritten.

An anchor is a copy of a trail's last event: its number and hash. Each day, `anchor_job` writes two kinds of objects.
For each document whose trail grew, it writes an empty object whose key contains the number and hash. For all these
documents together, it writes one signed object."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chalicelib.domain.audit import Event
from chalicelib.services.ports import EVIDENCE, Files

_POSITION = re.compile(r"([0-9]{9})-([0-9a-f]{64})-([0-9]{4}-[0-9]{2}-[0-9]{2})")


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A copy of a position in a document's audit trail: an event's number and hash, and the day of the copy."""

    day: date
    sequence: int
    head: str


def day_key(day: date) -> str:
    """Return the S3 key of the signed object that covers the hashes of all audit trails stored on a day.

    The object proves later that nobody changed an event of these trails."""
    return f"{EVIDENCE}anchors/{day.isoformat()}.json"


def part_key(day: date, shard: str) -> str:
    """Return the S3 key of the object with a day's audit-trail hashes of one shard (one part of four)."""
    return f"{EVIDENCE}anchors/{day.isoformat()}/{shard}.json"


def position_key(document_id: str, anchor: Anchor) -> str:
    """Return the S3 key of the empty object that proves a position of an audit trail. The key contains the position."""
    return f"{_prefix(document_id)}{anchor.sequence:09}-{anchor.head}-{anchor.day.isoformat()}"


def read_anchors(files: Files, document_id: str) -> tuple[Anchor, ...]:
    """Return every position of a document's audit trail that was copied to the bucket with Object Lock, lowest first.

    The positions are in the keys. Keys of objects that somebody deleted afterwards are included."""
    prefix = _prefix(document_id)
    matches = (_POSITION.fullmatch(key.removeprefix(prefix)) for key in sorted(files.ever_written(prefix)))
    return tuple(
        Anchor(day=date.fromisoformat(match[3]), sequence=int(match[1]), head=match[2]) for match in matches if match
    )


def agrees(anchors: Sequence[Anchor], events: Sequence[Event]) -> bool:
    """Return True if the audit trail still contains the event of every anchor. Otherwise the trail was rewritten."""
    hashes = {event.sequence: event.hash for event in events}
    return all(hashes.get(anchor.sequence) == anchor.head for anchor in anchors)


def _prefix(document_id: str) -> str:
    return f"{EVIDENCE}heads/{document_id}/"
