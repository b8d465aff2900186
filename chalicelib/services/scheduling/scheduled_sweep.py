"""Each minute: what the stream missed, attempts that are due, seals that are late, what a crash left."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from math import inf
from typing import Protocol

from aws_lambda_powertools import Logger

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import Delivery, NoticeKind
from chalicelib.domain.documents import Document, Sealing
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.timestamps import from_text
from chalicelib.services.delivery import outbox_relay as relay
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.documents.orphan_cleanup import remove_orphans
from chalicelib.services.documents.recorder import PORTAL, Recorder
from chalicelib.services.lookups import require_practice
from chalicelib.services.pdf_jobs import seal_certificates as certificates
from chalicelib.services.ports import Clock, Files, Ids, Queues, Store
from chalicelib.services.transaction import Change, Job
from chalicelib.settings import Settings

OVERDUE_AFTER = timedelta(minutes=1)
"""A due attempt is first left to the queue, which usually holds its job already."""

SEAL_WITHIN = timedelta(minutes=15)
SEAL_AGAIN: tuple[tuple[float, int], ...] = ((60, 15), (24 * 60, 60), (inf, 24 * 60))
"""Further tries at a seal: up to that age of the decision, every so many minutes."""

AT_ONCE = 200

logger = Logger(service="portal", child=True)


class Parts(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def queues(self) -> Queues: ...
    @property
    def files(self) -> Files: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def settings(self) -> Settings: ...


def run(parts: Parts, called_for: str | None = None) -> Mapping[str, int]:
    """Does every duty once, whatever becomes of the others; answers how many each found.

    `called_for` is the minute that the schedule means (RFC 3339): a call that comes late takes the turns of
    its own minute, and loses none that are hourly or daily.

    The first failure is raised in the end, for the alarm: what failed is found again by the next run. Last
    are those that may take long where a service hangs instead of refusing, the least urgent at the end.
    """
    now = parts.clock.now()
    minute = from_text(called_for) if called_for else now
    unsealed = cache(lambda: parts.store.unsealed_documents(now - SEAL_WITHIN, limit=AT_ONCE))
    return each_of(
        {
            "due": lambda: _call_for_due(parts, now),
            "seals_late": lambda: _say_late(unsealed(), parts, now),
            "seals_again": lambda: _seal_again(unsealed(), parts, minute),
            "untimed": lambda: _timestamp_again(parts, minute),
            "certificate": lambda: _watch_certificate(parts, now, minute),
            "relayed": lambda: relay.sweep(now, store=parts.store, queues=parts.queues),
            "leftovers": lambda: remove_orphans(parts.store, parts.files, now),
        }
    )


def each_of(duties: Mapping[str, Callable[[], int]]) -> Mapping[str, int]:
    """Runs all of them; only then raises the first failure. The log names duties and kinds of errors only."""
    found: dict[str, int] = {}
    failures: list[Exception] = []
    for name, duty in duties.items():
        try:
            found[name] = duty()
        except Exception as error:  # noqa: BLE001 - raised below, once every duty was done
            failures.append(error)
            logger.error("duty failed", extra={"duty": name, "kind": type(error).__name__})  # noqa: TRY400 - a trace could quote data
    if failures:
        raise failures[0]
    return found


def _call_for_due(parts: Parts, now: datetime) -> int:
    """Puts what is overdue on the queue, and only then keeps the next sweeps from doing it again."""
    found = parts.store.due_deliveries(now - OVERDUE_AFTER, limit=AT_ONCE)
    overdue = [each for each in found if _is_overdue(each, now)]
    parts.queues.send([delivery_job(each) for each in overdue])
    for each in overdue:
        _claim(each, parts.store, now)
    return len(overdue)


def _is_overdue(delivery: Delivery, now: datetime) -> bool:
    """The index lags behind its rows, so the row itself is asked."""
    due = delivery.next_attempt_at
    return attempts.is_waiting(delivery) and due is not None and due <= now - OVERDUE_AFTER


def _claim(delivery: Delivery, store: Store, now: datetime) -> None:
    """Losing means that an attempt has begun, or another sweep was here: as good."""
    with suppress(ConcurrentUpdate):
        store.commit(Change(at=now, deliveries=(attempts.requeue(delivery, now),)))


def _say_late(unsealed: Sequence[Document], parts: Parts, now: datetime) -> int:
    """Documents found late for the first time."""
    late = [each for each in unsealed if each.sealing is Sealing.IN_PROGRESS]
    return sum(_marked_late(each, parts, now) for each in late)


def _seal_again(unsealed: Sequence[Document], parts: Parts, minute: datetime) -> int:
    """Those that were late before, tried again now and then."""
    again = [each for each in unsealed if each.sealing is Sealing.DELAYED and _is_turn_of(each, minute)]
    parts.queues.send([_document_job(JobName.SEAL, each) for each in again])
    return len(again)


def _is_turn_of(document: Document, minute: datetime) -> bool:
    if document.decided_at is None:
        return False
    age = (minute - document.decided_at) // timedelta(minutes=1)
    return age % next(every for until, every in SEAL_AGAIN if age < until) == 0


def _marked_late(document: Document, parts: Parts, now: datetime) -> bool:
    """Says so once, to the record and to staff, and has it tried again. Losing: it was sealed just now."""
    recorder = Recorder(
        replace(document, sealing=Sealing.DELAYED),
        practice=require_practice(parts.store, document.practice_id),
        now=now,
        ids=parts.ids,
        portal_url=parts.settings.portal_url,
        actor=PORTAL,
    )
    recorder.event(DocumentEventType.SEALING_DELAYED).notice(NoticeKind.SEALING_DELAYED).job(JobName.SEAL)
    try:
        parts.store.commit(recorder.change())
    except ConcurrentUpdate:
        return False
    return True


def _timestamp_again(parts: Parts, minute: datetime) -> int:
    """Seals whose timestamp the authority failed to give: asked for again now and then, for ever."""
    found = parts.store.untimed_documents(minute, limit=AT_ONCE)
    turns = [each for each in found if _is_turn_of(each, minute)]
    parts.queues.send([_document_job(JobName.TIMESTAMP, each) for each in turns])
    return len(turns)


def _watch_certificate(parts: Parts, now: datetime, minute: datetime) -> int:
    """Says once an hour how long the certificate lasts; a filter makes an alarm of the line."""
    days = certificates.days_left(parts.files, now) if minute.minute == 0 else None
    if days is None:
        return 0
    logger.info("seal certificate", extra={"days": days})
    return 1


def _document_job(name: JobName, document: Document) -> Job:
    return Job(queue=QueueName.DOCUMENTS, name=name, event_id=document.head, document_id=document.id)
