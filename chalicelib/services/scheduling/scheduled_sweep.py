"""The sweep, which runs every minute and queues work that is overdue or was lost: jobs, deliveries, seals and more."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from math import inf

from aws_lambda_powertools import Logger

from chalicelib.domain import delivery_attempts
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import Delivery, NoticeKind
from chalicelib.domain.documents import Document, Sealing
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.timestamps import from_text
from chalicelib.services.delivery import outbox_relay
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.orphan_cleanup import remove_orphans
from chalicelib.services.documents.recorder import PORTAL
from chalicelib.services.pdf_jobs import seal_certificates
from chalicelib.services.ports import Clock, Files, Queues
from chalicelib.services.scheduling.follow_ups import FollowUps
from chalicelib.services.transaction import Change, Job

OVERDUE_AFTER = timedelta(minutes=1)
"""The age from which the sweep queues a due attempt. A younger attempt usually still has a job in the queue."""

SEAL_WITHIN = timedelta(minutes=15)
"""The age of a decision from which an unsealed document counts as delayed."""

SEAL_RETRIES: tuple[tuple[float, int], ...] = ((60, 15), (24 * 60, 60), (inf, 24 * 60))
"""Pairs of minutes: an age of the decision, and the interval between retries of its seal up to this age."""

ANCHOR_MINUTE = 10
"""The minute of the hour in which the anchor job is queued. By then, the indexes show all events before midnight.

The job stores an anchor: a signed copy of the heads of a day's audit trails, which nobody can change later."""

BATCH_SIZE = 200

logger = Logger(service="portal", child=True)


class ScheduledSweep:
    def __init__(
        self, writer: DocumentWriter, follow_ups: FollowUps, *, queues: Queues, files: Files, clock: Clock
    ) -> None:
        self._writer = writer
        self._follow_ups = follow_ups
        self._store = writer.store
        self._queues = queues
        self._files = files
        self._clock = clock

    def run(self, scheduled_for: str | None = None) -> Mapping[str, int]:
        """Run every task once, and return the number of rows or files that each task handled.

        `scheduled_for` is the minute of the schedule (RFC 3339). It decides when hourly and daily tasks run, so a late
        call skips none of them. A failed task does not stop the others, and the next run repeats it. The first failure
        is raised at the end, for the alarm. Tasks that may hang are last."""
        now = self._clock.now()
        minute = from_text(scheduled_for) if scheduled_for else now
        unsealed = cache(lambda: self._store.unsealed_documents(now - SEAL_WITHIN, limit=BATCH_SIZE))
        untimed = partial(self._store.untimed_documents, minute, limit=BATCH_SIZE)
        return run_tasks(
            {
                "due": lambda: self._queue_overdue(now),
                "follow_ups": lambda: self._follow_up(now),
                "seals_late": lambda: sum(self._mark_delayed(document, now) for document in unsealed()),
                "seals_again": lambda: self._retry_seals(unsealed(), minute),
                "untimed": lambda: self._queue_retries(JobName.TIMESTAMP, untimed(), minute),
                "certificate": lambda: self._log_certificate_expiry(now, minute),
                "anchors": lambda: self._queue_anchors(minute),
                "relayed": lambda: outbox_relay.sweep(now, store=self._store, queues=self._queues),
                "orphans": lambda: remove_orphans(self._store, self._files, now),
            }
        )

    def _queue_overdue(self, now: datetime) -> int:
        """Queue an attempt of every overdue delivery, and return the number of these deliveries.

        The deliveries are marked as queued, so that the next sweep skips them."""
        due = self._store.due_deliveries(now - OVERDUE_AFTER, limit=BATCH_SIZE)
        overdue = [delivery for delivery in due if _is_overdue(delivery, now)]
        self._queues.send([delivery_job(delivery) for delivery in overdue])
        for delivery in overdue:
            # A conflict means that an attempt has begun or that another sweep queued the row.
            with suppress(ConcurrentUpdate):
                leased = delivery_attempts.requeue(delivery, now)
                self._store.commit(Change(at=now, deliveries=(leased,)))
        return len(overdue)

    def _follow_up(self, now: datetime) -> int:
        """Take the due steps of the follow-up (reminders and calls) of unsigned documents. Return the number of
        documents.

        Verbal certifications (approvals by telephone) that have lapsed end here too."""
        due = self._store.follow_up_documents(now, limit=BATCH_SIZE)
        steps = {document.id: partial(self._follow_ups.take_steps, document, now) for document in due}
        # A document that cannot be followed up does not stop the others.
        return sum(run_tasks(steps).values())

    def _mark_delayed(self, document: Document, now: datetime) -> bool:
        """Mark a decided document whose signed PDF (the seal) is late: record an audit event and notify staff.

        Also queue a new job that makes the PDF. Return False if the document is already marked, or if another worker
        sealed it first."""
        if document.sealing is not Sealing.IN_PROGRESS:
            return False
        delayed = replace(document, sealing=Sealing.DELAYED)
        recorder = self._writer.recorder(delayed, self._writer.practice_of(document), PORTAL, now)
        recorder.event(DocumentEventType.SEALING_DELAYED).notice(NoticeKind.SEALING_DELAYED).job(JobName.SEAL)
        try:
            self._store.commit(recorder.change())
        except ConcurrentUpdate:
            return False
        return True

    def _retry_seals(self, unsealed: Sequence[Document], minute: datetime) -> int:
        delayed = [document for document in unsealed if document.sealing is Sealing.DELAYED]
        return self._queue_retries(JobName.SEAL, delayed, minute)

    def _queue_retries(self, job: JobName, documents: Sequence[Document], minute: datetime) -> int:
        jobs = [
            Job(queue=QueueName.DOCUMENTS, name=job, event_id=document.head, document_id=document.id)
            for document in documents
            if _is_retry_minute(document, minute)
        ]
        self._queues.send(jobs)
        return len(jobs)

    def _queue_anchors(self, minute: datetime) -> int:
        """Queue, once an hour, the job that copies the last hashes of audit trails to the bucket with Object Lock.

        Nobody can change a copy in this bucket. Return the number of queued jobs, 0 or 1."""
        if minute.minute != ANCHOR_MINUTE:
            return 0
        self._queues.send([Job(queue=QueueName.DOCUMENTS, name=JobName.ANCHOR, event_id=f"anchor-{minute:%Y%m%d%H}")])
        return 1

    def _log_certificate_expiry(self, now: datetime, minute: datetime) -> int:
        """Log once an hour how many days the sealing certificate has left. An alarm watches this log line."""
        days = seal_certificates.days_left(self._files, now) if minute.minute == 0 else None
        if days is None:
            return 0
        logger.info("seal certificate", extra={"days": days})
        return 1


def run_tasks(tasks: Mapping[str, Callable[[], int]]) -> Mapping[str, int]:
    """Run all tasks, then raise the first failure. The log contains only names of tasks and of error classes."""
    counts: dict[str, int] = {}
    failures: list[Exception] = []
    for name, task in tasks.items():
        try:
            counts[name] = task()
        except Exception as error:  # noqa: BLE001 - raised below, after every task
            failures.append(error)
            logger.error("duty failed", extra={"duty": name, "kind": type(error).__name__})  # noqa: TRY400 - a trace could quote data
    if failures:
        raise failures[0]
    return counts


def _is_overdue(delivery: Delivery, now: datetime) -> bool:
    """Return True if the delivery's row has an overdue attempt. The index that found the row may be out of date."""
    due = delivery.next_attempt_at
    return delivery_attempts.is_waiting(delivery) and due is not None and due <= now - OVERDUE_AFTER


def _is_retry_minute(document: Document, minute: datetime) -> bool:
    if document.decided_at is None:
        return False
    age = (minute - document.decided_at) // timedelta(minutes=1)
    return age % next(interval for limit, interval in SEAL_RETRIES if age < limit) == 0
