"""The work of the event handlers in `app.py`. Functions import heavy libraries themselves, for a fast cold start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from chalicelib.bootstrap import services
from chalicelib.domain.jobs import JobName

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.services.transaction import Job

logger = Logger(service="portal")


def pdf(event: Mapping[str, Any]) -> dict[str, Any]:
    """Do one piece of work on PDFs or pictures, such as page images, and return the result as JSON text.

    The event has the name of the work and a request of `services/pdf_requests.py`, with presigned links to the few
    files that it needs. The Lambda function has no AWS rights, because a malicious file could take control of it.
    The result `{"unavailable": True}` means that a file could not be read or written, and `{"corrupt": True}` that a
    file has changed."""
    from chalicelib.adapters import json_codec as codec
    from chalicelib.adapters.presigned_links import PresignedLinks
    from chalicelib.domain.errors import Unavailable
    from chalicelib.services.pdf_function.works import REQUESTS, do_work
    from chalicelib.services.ports import StoredFileCorrupt

    with _redact_errors("pdf"):
        request: object = codec.load(REQUESTS[event["work"]], event["request"])
        try:
            with closing(PresignedLinks()) as files:
                return {"result": codec.dump(do_work(request, files))}
        except Unavailable:
            return {"unavailable": True}
        except StoredFileCorrupt:
            return {"corrupt": True}


def inspect(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of one upload, such as its number of pages (`services/pdf_function/inspection.py`).

    The event has a presigned URL of the upload and, for a scan, of the document's original. `{"unavailable": True}`
    means that a file could not be read. An event with the field `work` is a request for `pdf`, which then handles it.
    The Lambda function has no AWS rights, and is smaller than that of `pdf`, because a person waits for the result."""
    if "work" in event:
        return pdf(event)
    from chalicelib.adapters.presigned_links import fetch
    from chalicelib.services.pdf_function import inspection

    data = fetch(event["url"], most=inspection.MAX_FETCHED_BYTES)
    of_original = event.get("original_url")
    original = fetch(of_original, most=inspection.MAX_FETCHED_BYTES) if of_original else None
    if data is None or (of_original and original is None):
        return {"unavailable": True}
    pins = {name: event.get(name, ()) for name in ("certificates", "authorities")}
    return inspection.inspect(data, event["kind"], original=original, **pins)


def admin(event: Any) -> dict[str, Any]:
    """Run one action of an administrator and return its result. `event` is the action's JSON from the AWS console."""
    with _redact_errors("admin"):
        result = dict(services().admin_actions.run(event))
    facts = {name: value for name, value in result.items() if name in ("id", "error", "sessions_ended")}
    action = event.get("action") if isinstance(event, Mapping) else None
    logger.info("administration", action=action, **facts)
    return result


def relay(event: Mapping[str, Any]) -> None:
    """Put the jobs of new outbox rows on their queues. A transaction stores such a row with the jobs that it needs.

    `event` is a batch of the DynamoDB stream of the outbox table. After an error, the stream sends the batch again. A
    job that is queued twice does no harm."""
    from chalicelib.adapters.outbox_stream import outbox_rows
    from chalicelib.services.delivery.outbox_relay import relay_rows

    with _redact_errors("relay"):
        relay_rows(outbox_rows(event), store=services().store, queues=services().queues)


def documents(event: Mapping[str, Any]) -> dict[str, Any]:
    return _run_batch(event, lambda job: _DOCUMENT_JOBS[job.name](job, services()))


def deliveries(event: Mapping[str, Any]) -> dict[str, Any]:
    return _run_batch(event, lambda job: run_delivery_job(job, services()))


def mail_feedback(message: str) -> None:
    with _redact_errors("mail_feedback"):
        notification = json.loads(message)
        if notification.get("notificationType") == "Received":
            services().fax_mail_reports.record(notification)
        else:
            services().ses_feedback.record(notification, hashlib.sha256(message.encode()).hexdigest())


def follow_up(event: Mapping[str, Any]) -> None:
    with _redact_errors("follow_up"):
        logger.info("swept", extra={"found": dict(services().scheduled_sweep.run(event.get("time")))})


def run_delivery_job(job: Job, services: Services) -> None:
    """Do one job of the deliveries queue. Raises the error of a failed job, so that the job returns to the queue."""
    _DELIVERY_JOBS[job.name](job, services)


def _apply_receipt(job: Job, services: Services) -> None:
    if job.receipt is None:
        raise LookupError("a receipt job without a receipt")
    services.ses_feedback.apply(job.receipt)


def _apply_fax_report(job: Job, services: Services) -> None:
    if job.fax_report is None:
        raise LookupError("a fax report job without a report")
    services.fax_reports.apply(job.fax_report)


def _send_requested_link(job: Job, services: Services) -> None:
    services.link_requests.send_requested_link(job.event_id, services.clock.now())


_DOCUMENT_JOBS: Mapping[JobName, Callable[[Job, Services], None]] = {
    JobName.PREPARE: lambda job, services: services.page_preparation.prepare(job),
    JobName.SEAL: lambda job, services: services.seal_job.seal(job),
    JobName.TIMESTAMP: lambda job, services: services.seal_job.add_timestamp(job),
    JobName.PROOF: lambda job, services: services.proof_job.make(job),
    JobName.ANCHOR: lambda _job, services: services.anchor_job.anchor(),
}
_DELIVERY_JOBS: Mapping[JobName, Callable[[Job, Services], None]] = {
    JobName.DELIVER: lambda job, services: services.delivery_worker.attempt(job),
    JobName.RELEASE: lambda job, services: services.webhook_release.continue_release(job),
    JobName.HASTEN: lambda job, services: services.webhook_release.hasten(job),
    JobName.RECEIPT: _apply_receipt,
    JobName.FORGOTTEN: _send_requested_link,
    JobName.MOVE: lambda job, services: services.document_moves.move(job),
    JobName.FAX_REPORT: _apply_fax_report,
    JobName.RECEIVE_FAX_MAIL: lambda job, services: services.fax_mail_reception.receive(job),
    JobName.RECEIVE_FAX: lambda job, services: services.fax_reception.receive(job),
    JobName.WRONG_NUMBER: lambda job, services: services.wrong_numbers.mark(job),
    JobName.REMINDER_BOUNCED: lambda job, services: services.reminder_stops.report_bounce(job),
    JobName.REMINDERS_STOPPED: lambda job, services: services.reminder_stops.tell_clinics(job),
    JobName.CHECK: lambda job, services: services.visibility_report.check(job),
}


class JobFailed(Exception):
    """Error for a job that failed. Its text has the function's name and the class of the original error.

    AWS logs the text of an error, and the original text could contain patient data."""


@contextmanager
def _redact_errors(work: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - raised again without its words
        kind = type(error).__name__
        logger.error("work failed", extra={"work": work, "kind": kind, "at": _location(error)})  # noqa: TRY400 - a trace could quote a patient's data
        raise JobFailed(f"{work}: {kind}") from None


def _run_batch(event: Mapping[str, Any], work: Callable[[Job], None]) -> dict[str, Any]:
    """Do the jobs of a batch of queue messages, and report the ids of the failed messages to SQS for another try."""
    from chalicelib.adapters.sqs_queues import read_job

    failures = []
    for record in event["Records"]:
        job = None
        try:
            job = read_job(record["body"])
            work(job)
        except Exception as error:  # noqa: BLE001 - reported to the queue, which retries and then alarms
            failures.append({"itemIdentifier": record["messageId"]})
            cause = {"message_id": record["messageId"], "kind": type(error).__name__, "at": _location(error)}
            logger.error("job failed", extra={**_job_facts(job), **cause})  # noqa: TRY400 - a trace could quote a patient's data
    return {"batchItemFailures": failures}


def _job_facts(job: Job | None) -> dict[str, str | None]:
    """Return the kind of a job and the ids in it, for the log. A queue message that is not a job gives `unreadable`."""
    if job is None:
        return {"job": "unreadable"}
    return {"job": job.name, "document": job.document_id, "delivery": job.delivery_id}


def _location(error: BaseException) -> str:
    """Return the source file and line at which an error was raised, for a log without the words of the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
