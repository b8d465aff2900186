"""The daily job that anchors audit trails: it copies the last event's number and hash to the bucket with Object Lock.

Nobody can change such a copy (docs/decisions/036). The documents are divided into four shards. The job repeats a day
until the signed object of the day exists, but does not repeat the shards that are finished. The number of its reads
depends only on how many trails grew."""

import base64
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from chalicelib.domain.documents import Document
from chalicelib.domain.timestamps import to_text
from chalicelib.pdf.signing.timestamp_tokens import TimestampSource, request_timestamp
from chalicelib.services.documents.anchors import Anchor, day_key, part_key, position_key
from chalicelib.services.ports import Clock, EvidenceExists, Files, SealKey, Store, TimestampAuthority

DAYS_BACK = 7
"""The number of past days that a job anchors if earlier jobs failed."""

SHARDS = tuple(str(number) for number in range(4))
_PAGE, _WRITERS = 100, 16
_JSON = "application/json"


class AnchorJob:
    def __init__(
        self,
        *,
        store: Store,
        files: Files,
        clock: Clock,
        key: SealKey,
        authority: TimestampAuthority | None,
        pins: Collection[str],
    ) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._key = key
        self._timestamps = TimestampSource(authority.request, pins) if authority is not None else None

    def anchor(self) -> None:
        """Copy the audit trails' last hashes of each of the last 7 days, oldest first, to the bucket with Object Lock.

        A day that already has a signed object is skipped."""
        today = self._clock.now().date()
        for age in range(DAYS_BACK, 0, -1):
            day = today - timedelta(days=age)
            if not self._files.exists(day_key(day)):
                self._anchor_day(day)

    def _anchor_day(self, day: date) -> None:
        parts = {shard: hashlib.sha256(self._anchor_shard(day, shard)).hexdigest() for shard in SHARDS}
        text = _canonical({"day": day.isoformat(), "made_at": to_text(self._clock.now()), "parts": parts})
        signature = self._key.sign(hashlib.sha256(text.encode()).digest())
        token = self._timestamp(signature)
        envelope = {
            "anchor": text,
            "algorithm": "RSASSA-PKCS1-v1_5-SHA256",
            "signature": base64.b64encode(signature).decode(),
            "timestamp": base64.b64encode(token).decode() if token else None,
        }
        # A job at the same time may have finished the day. Its object differs only in the time.
        with suppress(EvidenceExists):
            self._files.put(day_key(day), _canonical(envelope).encode(), _JSON)

    def _anchor_shard(self, day: date, shard: str) -> bytes:
        """Write the last event's number and hash of a shard's grown audit trails to the bucket, and return the JSON.

        A shard is one part of four of the documents. If an earlier job has already written the shard's JSON for this
        day, return the written bytes."""
        key = part_key(day, shard)
        written = self._files.find(key)
        if written is not None:
            return written
        grown = self._grown(day, shard)
        anchors = {document.id: Anchor(day=day, sequence=document.sequence, head=document.head) for document in grown}
        with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
            list(pool.map(lambda item: self._files.put(position_key(*item), b"", "text/plain"), anchors.items()))
        heads = [[name, anchor.sequence, anchor.head] for name, anchor in sorted(anchors.items())]
        data = _canonical({"day": day.isoformat(), "shard": shard, "heads": heads}).encode()
        self._files.put(key, data, _JSON)
        return data

    def _grown(self, day: date, shard: str) -> Iterator[Document]:
        """Yield the shard's documents whose audit trails grew on this day, because these trails must be anchored.

        The store finds a document only by the day of its last event. If the day is yesterday, the documents of today
        are included. Otherwise a trail that grows every night would never be anchored."""
        today = self._clock.now().date()
        for moved_on in (day, today) if today - day == timedelta(days=1) else (day,):
            after, more = None, True
            while more:
                page = self._store.moved_documents(moved_on, shard, limit=_PAGE, after=after)
                yield from page.items
                after, more = page.next_after, page.next_after is not None

    def _timestamp(self, signature: bytes) -> bytes | None:
        """Return an independent authority's timestamp (DER) of the day's signature, which proves when it existed.

        Return None if the portal has no timestamp authority. Raises `OSError` if the authority fails."""
        if self._timestamps is None:
            return None
        return bytes(request_timestamp(signature, self._timestamps, self._clock.now()).dump())


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
