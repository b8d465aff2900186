import hashlib
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import bootstrap, workers
from chalicelib.adapters import json_codec as codec
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.pdf_function import works
from chalicelib.services.pdf_requests import MeasuredLogo, MeasureLogo
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.transaction import Job
from tests.support.portal import Portal


def message(number: int, body: str) -> dict[str, Any]:
    return {"messageId": f"m{number}", "body": body}


def job(name: JobName) -> str:
    return codec.dump(Job(queue=QueueName.DOCUMENTS, name=name, event_id="evt_1", document_id="doc_1"))


def failed(response: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def test_only_failed_jobs_go_back_to_the_queue() -> None:
    done: list[str] = []

    def work(job: Job) -> None:
        if job.name is JobName.SEAL:
            raise ValueError("Ada Byron")
        done.append(job.name)

    records = [message(1, job(JobName.PREPARE)), message(2, job(JobName.SEAL)), message(3, job(JobName.PREPARE))]
    assert failed(workers._run_batch({"Records": records}, work)) == ["m2"]
    assert done == [JobName.PREPARE, JobName.PREPARE]


def test_an_unreadable_message_fails_alone() -> None:
    done: list[str] = []
    records = [message(1, "not a job"), message(2, job(JobName.PREPARE))]
    assert failed(workers._run_batch({"Records": records}, lambda job: done.append(job.name))) == ["m1"]
    assert done == [JobName.PREPARE]


def test_a_failed_job_is_logged_without_the_text_of_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    def work(job: Job) -> None:
        raise ValueError(f"Ada Byron, {job.name}")

    workers._run_batch({"Records": [message(1, job(JobName.SEAL))]}, work)
    logged = capsys.readouterr().out
    assert "Ada" not in logged


@pytest.mark.parametrize("typed", [[{"action": "ping"}], "ping", None, 5])
def test_the_admin_function_explains_any_invalid_payload(typed: Any) -> None:
    bootstrap.install(Portal())
    answer = workers.admin(typed)
    assert answer["error"]["code"] == "invalid-request"
    assert [error["field"] for error in answer["error"]["errors"]] == ["payload"]


@pytest.mark.parametrize(
    "work",
    [
        lambda: workers.admin({"action": "ping"}),
        lambda: workers.relay({"Records": []}),
        lambda: workers.mail_feedback("{}"),
        lambda: workers.follow_up({"time": "2026-11-23T09:00:00Z"}),
    ],
)
def test_an_error_is_raised_and_logged_without_its_text(
    work: Callable[[], Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS logs the text of an error that a function raises, and this text may contain a patient's data."""

    def broken() -> None:
        raise ValueError("Ada Byron")

    monkeypatch.setattr(workers, "services", broken)
    with pytest.raises(workers.JobFailed) as failed:
        work()
    output = "".join(traceback.format_exception(failed.value)) + capsys.readouterr().out
    assert "ValueError" in output
    assert "test_workers.py" in output
    assert "Ada" not in output.replace('raise ValueError("Ada Byron")', "")


def test_a_receipt_of_ses_gets_the_hash_of_its_raw_text(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[tuple[Any, str]] = []
    feedback = SimpleNamespace(record=lambda notification, sha256: recorded.append((notification, sha256)))
    monkeypatch.setattr(workers, "services", lambda: SimpleNamespace(ses_feedback=feedback))
    workers.mail_feedback('{"a": 1}')
    assert recorded == [({"a": 1}, hashlib.sha256(b'{"a": 1}').hexdigest())]


def test_an_email_that_came_in_is_no_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[Any] = []
    reports = SimpleNamespace(record=recorded.append)
    monkeypatch.setattr(workers, "services", lambda: SimpleNamespace(fax_mail_reports=reports))
    workers.mail_feedback('{"notificationType": "Received"}')
    assert recorded == [{"notificationType": "Received"}]


# The function without rights


def a_request() -> dict[str, str]:
    return {"work": "MeasureLogo", "request": codec.dump(MeasureLogo("bm8gcGljdHVyZQ==", 1000))}


@pytest.mark.parametrize("handler", [workers.pdf, workers.inspect])
def test_a_piece_of_work_returns_its_result_as_json_text(handler: Callable[[Any], dict[str, Any]]) -> None:
    result = codec.load(MeasuredLogo, handler(a_request())["result"])
    assert result.refused == "must be a PNG or JPEG image"


@pytest.mark.parametrize(
    ("error", "answer"),
    [(Unavailable("not now"), {"unavailable": True}), (StoredFileCorrupt("Ada Byron"), {"corrupt": True})],
)
def test_a_file_that_cannot_be_read_is_reported(
    error: Exception, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(works, "do_work", broken)
    assert workers.pdf(a_request()) == answer


@pytest.mark.parametrize("event", [{"work": "Unknown", "request": "{}"}, {"work": "MeasureLogo", "request": "Ada"}, {}])
def test_an_event_that_is_no_request_is_an_error_without_its_text(
    event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(workers.JobFailed) as failed:
        workers.pdf(event)
    assert "Ada" not in "".join(traceback.format_exception(failed.value)) + capsys.readouterr().out
