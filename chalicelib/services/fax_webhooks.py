"""The jobs that the fax carrier's webhooks queue, so that the carrier gets a response at once.

This module imports little, because a web function that has just started must respond to the carrier within seconds."""

from datetime import datetime

from chalicelib.domain.carriers.fax_results import FaxReport
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, Job, OutboxRow


def queue_report(store: Store, ids: Ids, report: FaxReport, now: datetime) -> None:
    """Store a job that records the carrier's report about a sent fax."""
    job = Job(queue=QueueName.DELIVERIES, name=JobName.FAX_REPORT, event_id=report.fax_id, fax_report=report)
    _queue(store, ids, job, now)


def queue_received_fax(store: Store, ids: Ids, carrier_id: str, now: datetime) -> None:
    """Store a job that fetches a fax that came in. `carrier_id` is the carrier's id of the fax."""
    job = Job(queue=QueueName.DELIVERIES, name=JobName.RECEIVE_FAX, event_id=carrier_id)
    _queue(store, ids, job, now)


def _queue(store: Store, ids: Ids, job: Job, now: datetime) -> None:
    store.commit(Change(at=now, outbox=(OutboxRow(id=ids.new("out"), created_at=now, jobs=(job,)),)))
