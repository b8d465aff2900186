"""Webhook events from an EMR, each handled once: a repeated `webhook-id` gets the same response.

The response is stored in the transaction that does the work (DESIGN section 4). If two requests with the same
id arrive at the same time, one of them loses the write and returns the response of the other."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, ConflictCode
from chalicelib.domain.practices import Practice
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.transaction import Change, RequestRecord

RESPONSE_LIFETIME = timedelta(days=30)

_RETRY_ON = frozenset({"request", "claim", "document", "provider", "delivery"})

EventResponse = Mapping[str, Any]
"""The body of the `202`: `document_id`, `status`, and `warnings` if there are any."""

OTHER_PERSON = "other-person-at-address"
"""The code of the warning that the same practice has addressed another person at this email address before."""


@dataclass(frozen=True, kw_only=True)
class HandledEvent:
    """The result of an EMR's event: the document, the change to commit, and the codes of the response's warnings.

    `details` has a sentence for a person, by the code of a warning. Most warnings need none."""

    document: Document
    change: Change
    warnings: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InboundEvent:
    """A webhook event from an EMR: its practice, its `webhook-id`, the signed body, and the time of arrival."""

    practice: Practice
    webhook_id: str
    body: bytes
    now: datetime
    actor: Actor

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def handle_once(store: Store, inbound: InboundEvent, step: Callable[[], HandledEvent]) -> EventResponse:
    """Return the stored response to an event. If there is none, do the work and commit it with a new response.

    `step` reads, decides, and returns the document with the change to commit. After a conflict with another request,
    `step` runs again. Raises `Conflict` if the `webhook-id` was used for another body."""

    def attempt() -> EventResponse:
        earlier = store.request(inbound.practice.id, inbound.webhook_id)
        if earlier is not None:
            return _repeat_response(earlier, inbound)
        handled = step()
        record = _new_record(inbound, handled)
        store.commit(replace(handled.change, requests=(record,)))
        return record.response

    return retry_on_conflict(attempt, retry_on=_RETRY_ON)


def _repeat_response(earlier: RequestRecord, inbound: InboundEvent) -> EventResponse:
    if earlier.body_sha256 != inbound.body_sha256:
        raise Conflict(
            "This webhook-id was already used for another body. Use a new webhook-id for a new event, and "
            "repeat the body byte for byte in a retry.",
            code=ConflictCode.WEBHOOK_ID_USED,
        )
    return earlier.response


def _new_record(inbound: InboundEvent, handled: HandledEvent) -> RequestRecord:
    document = handled.document
    warnings = {"warnings": [_warning(handled, code) for code in handled.warnings]} if handled.warnings else {}
    return RequestRecord(
        practice_id=inbound.practice.id,
        webhook_id=inbound.webhook_id,
        body_sha256=inbound.body_sha256,
        status_code=202,
        response={"document_id": document.id, "status": document.status.value, **warnings},
        created_at=inbound.now,
        expires_at=inbound.now + RESPONSE_LIFETIME,
    )


def _warning(handled: HandledEvent, code: str) -> Mapping[str, str]:
    detail = handled.details.get(code)
    return {"code": code, **({"detail": detail} if detail else {})}
