"""What the event handlers of `app.py` do: unwrap the event, call one service, answer the queue.

Heavy imports (PDF libraries) happen inside the one function that needs them: every function ships the same
code, and the web function must start fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from chalicelib.bootstrap import services
from chalicelib.domain.jobs import JobName

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.services.transaction import Job

logger = Logger(service="portal")


def inspect(event: Mapping[str, Any]) -> dict[str, Any]:
    """Reads one upload and says what it is; see `services/inspection.py`.

    It is given a link to that one upload, and may read nothing by itself.
    """
    from chalicelib.adapters.presigned_fetch import fetch
    from chalicelib.services.pdf_jobs import sandboxed_inspection as inspection

    data = fetch(event["url"], most=inspection.MAX_FETCHED_BYTES)
    if data is None:
        return {"unavailable": True}
    return inspection.inspect(data, event["kind"], certificates=event.get("certificates", ()))


def admin(event: Any) -> dict[str, Any]:
    """`event` is whatever JSON was typed into the console."""
    with _redact_errors("admin"):
        answer = dict(services().admin_actions.run(event))
    about = {name: value for name, value in answer.items() if name in ("id", "error", "sessions_ended")}
    action = event.get("action") if isinstance(event, Mapping) else None
    logger.info("administration", action=action, **about)
    return answer


def relay(event: Mapping[str, Any]) -> None:
    """Raises on any failure: the whole batch comes again, and relaying twice is harmless."""
    from chalicelib.adapters.outbox_stream import outbox_rows
    from chalicelib.services.delivery.outbox_relay import relay_rows

    with _redact_errors("relay"):
        relay_rows(outbox_rows(event), store=services().store, queues=services().queues)


def documents(event: Mapping[str, Any]) -> dict[str, Any]:
    return _each(event, lambda job: _DOCUMENT_JOBS[job.name](job, services()))


def deliveries(event: Mapping[str, Any]) -> dict[str, Any]:
    return _each(event, lambda job: run_delivery_job(job, services()))


def mail_feedback(message: str) -> None:
    with _redact_errors("mail_feedback"):
        services().ses_feedback.record(json.loads(message))


def follow_up(event: Mapping[str, Any]) -> None:
    with _redact_errors("follow_up"):
        logger.info("swept", extra={"found": dict(services().scheduled_sweep.run(event.get("time")))})


def run_delivery_job(job: Job, services: Services) -> None:
    """Do one job of the deliveries queue. Raises every error, and the job then goes back to the queue."""
    _DELIVERY_JOBS[job.name](job, services)


def _apply_receipt(job: Job, services: Services) -> None:
    if job.receipt is None:
        raise LookupError("a receipt job without a receipt")
    services.ses_feedback.apply(job.receipt)


def _send_requested_link(job: Job, services: Services) -> None:
    services.link_requests.send_requested_link(job.event_id, services.clock.now())


_DOCUMENT_JOBS: Mapping[JobName, Callable[[Job, Services], None]] = {
    JobName.PREPARE: lambda job, services: services.page_preparation.prepare(job),
    JobName.SEAL: lambda job, services: services.seal_job.seal(job),
    JobName.TIMESTAMP: lambda job, services: services.seal_job.add_timestamp(job),
}
_DELIVERY_JOBS: Mapping[JobName, Callable[[Job, Services], None]] = {
    JobName.DELIVER: lambda job, services: services.delivery_worker.attempt(job),
    JobName.RELEASE: lambda job, services: services.webhook_release.continue_release(job),
    JobName.HASTEN: lambda job, services: services.webhook_release.hasten(job),
    JobName.RECEIPT: _apply_receipt,
    JobName.FORGOTTEN: _send_requested_link,
}


class JobFailed(Exception):
    """What a function raises in place of what went wrong: AWS logs its words, and those could quote a
    patient's data. Which function, and what kind of error it was.
    """


@contextmanager
def _redact_errors(work: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - raised again without its words
        kind = type(error).__name__
        logger.error("work failed", extra={"work": work, "kind": kind, "at": _where(error)})  # noqa: TRY400 - a trace could quote a patient's data
        raise JobFailed(f"{work}: {kind}") from None


def _each(event: Mapping[str, Any], work: Callable[[Job], None]) -> dict[str, Any]:
    """Works through the batch; what failed goes back to the queue alone (ReportBatchItemFailures).

    The log names the job and the kind of error only: an error's text could quote a patient's data.
    """
    from chalicelib.adapters.sqs_queues import read_job

    failures = []
    for record in event["Records"]:
        job = None
        try:
            job = read_job(record["body"])
            work(job)
        except Exception as error:  # noqa: BLE001 - reported to the queue, which retries and then alarms
            failures.append({"itemIdentifier": record["messageId"]})
            facts = {**_named(job), "message_id": record["messageId"]}
            logger.error(  # noqa: TRY400 - a trace could quote a patient's data
                "job failed", extra={**facts, "kind": type(error).__name__, "at": _where(error)}
            )
    return {"batchItemFailures": failures}


def _named(job: Job | None) -> dict[str, str | None]:
    """What the job is about; a message that is no job has only its id, to be found by in the dead letters."""
    if job is None:
        return {"job": "unreadable"}
    return {"job": job.name, "document": job.document_id, "delivery": job.delivery_id}


def _where(error: BaseException) -> str:
    """File and line of the deepest frame, which is what an engineer needs first."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
