"""The release of held and waiting webhooks after a practice has set its endpoint (the URL that gets its webhooks).

A webhook is held while the endpoint is off. A waiting webhook has failed and has another attempt later."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from chalicelib.domain import delivery_attempts as attempts
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.timestamps import to_text
from chalicelib.services.delivery_rows import delivery_job
from chalicelib.services.lookups import require_practice
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Ids, Store
from chalicelib.services.transaction import Change, Job, OutboxRow

BATCH = 50


def release_row(practice_id: str, now: datetime, *, hastens: bool) -> OutboxRow:
    """Return the outbox row with the job that releases a practice's held webhooks. The caller stores the row.

    The row is stored in the transaction that sets the endpoint. With `hastens`, a second job also sends the webhooks
    that wait for a later attempt."""
    names = (JobName.RELEASE, JobName.HASTEN) if hastens else (JobName.RELEASE,)
    jobs = tuple(Job(queue=QueueName.DELIVERIES, name=name, event_id=practice_id) for name in names)
    return OutboxRow(id=f"release_{practice_id}_{to_text(now)}", created_at=now, jobs=jobs)


class WebhookRelease:
    """Service that makes a practice's held or waiting webhooks due again, at most `BATCH` at a time.

    A webhook is held while the practice's endpoint is switched off. A waiting webhook has failed, and has a time for
    its next attempt. Both go out again as soon as the endpoint works."""

    def __init__(self, *, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    def release_held(self, practice_id: str) -> int:
        """Queue at most `BATCH` held webhooks again and return their number. A further job releases the rest."""
        return retry_on_conflict(lambda: self._release(practice_id), retry_on=frozenset({"delivery"}))

    def continue_release(self, job: Job) -> None:
        """Do a `release` job: queue the next batch of held webhooks, if the endpoint is on."""
        held = self._store.held_deliveries(job.event_id, limit=1)
        if held and self.is_endpoint_on(job.event_id):
            self.release_held(job.event_id)

    def hasten(self, job: Job) -> None:
        """Do a `hasten` job: make one page of waiting webhooks due now, and queue the job for the next page.

        The job goes through the list once. A webhook that fails again during the job waits as usual."""
        if self.is_endpoint_on(job.event_id):
            retry_on_conflict(lambda: self._hasten_page(job), retry_on=frozenset({"delivery"}))

    def is_endpoint_on(self, practice_id: str) -> bool:
        return require_practice(self._store, practice_id).live_endpoint is not None

    def _release(self, practice_id: str) -> int:
        now = self._clock.now()
        held = self._store.held_deliveries(practice_id, limit=BATCH)
        row_id = f"release_{practice_id}_{to_text(now)}_{held[0].id if held else 'none'}"
        self._queue(held, row_id, now, Job(queue=QueueName.DELIVERIES, name=JobName.RELEASE, event_id=practice_id))
        return len(held)

    def _hasten_page(self, job: Job) -> None:
        page = self._store.waiting_webhooks(job.event_id, limit=BATCH, after=job.after)
        next_page = [replace(job, after=page.next_after)] if page.next_after else []
        self._queue(page.items, self._ids.new("out"), self._clock.now(), *next_page)

    def _queue(self, webhooks: Iterable[Delivery], row_id: str, now: datetime, *further_jobs: Job) -> None:
        due = tuple(attempts.queue_again(webhook, now, why="The endpoint was set again.") for webhook in webhooks)
        jobs = (*map(delivery_job, due), *further_jobs)
        if jobs:
            row = OutboxRow(id=row_id, created_at=now, jobs=jobs)
            self._store.commit(Change(at=now, deliveries=due, outbox=(row,)))
