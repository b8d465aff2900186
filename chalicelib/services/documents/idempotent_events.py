"""An event from an EMR is answered once: the same `webhook-id` gets the same answer (DESIGN section 4).

The row that remembers the answer is written in the very transaction that does the work. Of two that arrive
at once, the loser of that write reads the winner's answer.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.claim_keys import external_claim
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, ConflictCode, NotFound
from chalicelib.domain.practices import Practice
from chalicelib.services.documents.recorder import Actor, Recorder
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, Claim, RequestRecord

REMEMBERED_FOR = timedelta(days=30)

_RETRIED = frozenset({"request", "claim", "document", "provider", "delivery"})

Answer = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class InboundEvent:
    """One signed event: whose, under which `webhook-id`, the body as signed, and when it came."""

    practice: Practice
    webhook_id: str
    body: bytes
    now: datetime
    actor: Actor

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Desk:
    """What the services that answer an EMR's events need in common."""

    def __init__(self, *, store: Store, ids: Ids, portal_url: str) -> None:
        self.store = store
        self.ids = ids
        self.portal_url = portal_url

    def once(self, inbound: InboundEvent, step: Callable[[], tuple[Document, Change]]) -> Answer:
        """The answer to this event: of the first time if there was one, else of `step`, written down.

        `step` reads, decides and answers the document with the change to commit; it runs again when
        another writer got in between.
        """

        def attempt() -> Answer:
            earlier = self.store.request(inbound.practice.id, inbound.webhook_id)
            if earlier is not None:
                return _answered(earlier, inbound)
            document, change = step()
            record = _record(inbound, document)
            self.store.commit(replace(change, requests=(record,)))
            return record.answer

        return retry_on_conflict(attempt, retry_on=_RETRIED)

    def recorder(self, document: Document, inbound: InboundEvent) -> Recorder:
        return Recorder(
            document,
            practice=inbound.practice,
            now=inbound.now,
            ids=self.ids,
            portal_url=self.portal_url,
            actor=inbound.actor,
        )

    def named(self, inbound: InboundEvent, *, external_id: str | None, document_id: str | None) -> Document:
        """The practice's document of that name, else `NotFound`: the same for another practice's."""
        found = document_id
        if external_id is not None:
            key = external_claim(inbound.practice.id, external_id)
            found = self.store.claims([key]).get(key)
        document = self.store.document(found) if found else None
        named_twice = document_id is not None and document_id != found
        if document is None or document.practice_id != inbound.practice.id or named_twice:
            raise NotFound("There is no such document.")
        return document


def claim_of(document: Document, replaces: Document | None) -> Claim:
    """The document's claim on its `external_id`, ousting the recalled one that had it."""
    return Claim(
        key=external_claim(document.practice_id, document.external_id),
        owner=document.id,
        replaces=replaces.id if replaces else None,
    )


def joined(first: Change, *others: Change) -> Change:
    """One transaction of several changes of different documents at the same moment."""
    parts = [each.name for each in fields(Change) if each.name != "at"]
    for other in others:
        first = replace(first, **{name: getattr(first, name) + getattr(other, name) for name in parts})
    return first


def _answered(earlier: RequestRecord, inbound: InboundEvent) -> Answer:
    if earlier.body_sha256 != inbound.body_sha256:
        raise Conflict(
            "This webhook-id was already used for another body. A new event takes a new webhook-id; a retry "
            "repeats the body byte for byte.",
            code=ConflictCode.WEBHOOK_ID_USED,
        )
    return earlier.answer


def _record(inbound: InboundEvent, document: Document) -> RequestRecord:
    return RequestRecord(
        practice_id=inbound.practice.id,
        webhook_id=inbound.webhook_id,
        body_sha256=inbound.body_sha256,
        status_code=202,
        answer={"document_id": document.id, "status": document.status.value},
        created_at=inbound.now,
        expires_at=inbound.now + REMEMBERED_FOR,
    )
