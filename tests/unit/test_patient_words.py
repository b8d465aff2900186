"""Test that the search for patients, which test runs make at their end, finds what must not be said."""

from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from aws_lambda_powertools import Logger
from chalice.test import Client

from app import app
from tests.support.fakes import FakeMailer, FakeNotifier
from tests.support.phi.outputs import (
    MAY_NAME_PATIENTS,
    Output,
    Place,
    Urls,
    find_leaks,
    read_email,
    read_log_file,
    read_logs,
    read_metrics,
    read_urls,
)
from tests.support.phi.patient_words import find_patient_words
from tests.support.phi.unit_outputs import UnitOutputs, asking_at_random, collecting


@pytest.mark.parametrize(
    "text",
    [
        "Plan of care for Ada Byron",
        "ADA BYRON",
        "ada_byron.pdf",
        "Byron, Ada",
        "/patients/Byron1f2e/plan.pdf",
        "?name=byron",
        "Dear Ada,",
        "Walter Okafor",
        "Okafor%20Walter",
        "born 1950-12-10",
        "dob=19501210&",
        "12/10/1950",
        "12-10-1950",
        "12/10/50",
        "4/2/1953",
        "December 10, 1950",
        "Dec 10, 1950",
        "10 December 1950",
        "ICD Z47.1.",
        "aphasia following cerebral infarction",
    ],
)
def test_a_patient_is_found(text: str) -> None:
    assert find_patient_words(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Jane Okafor",
        "adapter",
        "Canada",
        "token=xAda9/Ada+Ada-",
        "QByronZ, 7Byron and xbyron",
        "1950-12-101",
        "219501210",
        "112/10/1950",
        "2026-12-10",
        "Z47.15",
        "AZ47.1",
        "A document was declined",
    ],
)
def test_a_harmless_text_is_not_taken_for_a_patient(text: str) -> None:
    assert find_patient_words(text) == []


def an_email(to: str, text: str = "A document waits.", attachment: bytes = b"", name: str = "fax.pdf") -> list[Output]:
    message = EmailMessage()
    message["to"], message["subject"] = to, "A document waits"
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    if attachment:
        message.add_attachment(attachment, maintype="application", subtype="pdf", filename=name)
    return list(read_email(message))


@pytest.mark.parametrize(
    ("kind", "content_id", "places"),
    [
        ("image/png", "<logo@portal>", []),
        ("application/pdf", "<logo@portal>", ["attachment of an email"]),
        ("image/png", "<other@portal>", ["attachment of an email"]),
    ],
)
def test_only_the_logo_of_the_clinic_is_no_attachment(kind: str, content_id: str, places: list[str]) -> None:
    message = EmailMessage()
    message["to"] = "dr@example.com"
    message.set_content("A document waits.", subtype="html")
    maintype, _, subtype = kind.partition("/")
    message.add_related(b"bytes", maintype=maintype, subtype=subtype, cid=content_id)
    assert [leak.partition(",")[0] for leak in find_leaks(list(read_email(message)))] == places


@pytest.mark.parametrize(
    ("email", "places"),
    [
        (an_email("dr@example.com"), []),
        (an_email("dr@example.com", "for Ada Byron"), ["email", "email"]),
        (an_email("byron@example.com"), ["email"]),
        (an_email("dr@example.com", attachment=b"%PDF"), ["attachment of an email"]),
        (an_email("15125550100@fax.example.net", attachment=b"%PDF Ada Byron"), []),
        (an_email("15125550100@fax.example.net", attachment=b"%PDF", name="Byron.pdf"), ["email"]),
    ],
    ids=["harmless", "text", "header", "attachment", "fax", "file-name"],
)
def test_only_the_attachment_to_the_fax_gateway_may_name_a_patient(email: list[Output], places: list[str]) -> None:
    assert [leak.partition(",")[0] for leak in find_leaks(email)] == places


def test_every_other_place_may_not_name_a_patient() -> None:
    assert set(MAY_NAME_PATIENTS) == {Place.FAX}
    for place in set(Place) - {Place.ATTACHMENT}:
        leaks = find_leaks([Output(place, "here", "Ada Byron"), Output(place, "there", "nobody")])
        assert leaks == ([] if place is Place.FAX else [f"{place}, here: ['Ada', 'Ada Byron', 'Byron']"])


class Pages:
    """The answers of an AWS client in pages, by the name of the operation. `lines` are the lines of every log group."""

    def __init__(self, *lines: str, **pages: dict[str, Any]) -> None:
        self._lines, self._pages = lines, pages

    def filter_log_events(self, **_: object) -> dict[str, Any]:
        return {"events": [{"message": line} for line in self._lines]}

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [self._pages[operation]])


def test_log_lines_and_metrics_are_read(tmp_path: Path) -> None:
    logs = Pages("harmless", "Byron", describe_log_groups={"logGroups": [{"logGroupName": "api"}]})
    assert find_leaks(list(read_logs(logs))) == ["log, api: ['Byron']"]
    metrics = Pages(
        list_metrics={"Metrics": [{"MetricName": "Faxes", "Dimensions": [{"Name": "to", "Value": "Byron"}]}]}
    )
    assert find_leaks(list(read_metrics(metrics))) == ["metric, Faxes: ['Byron']"]
    file = tmp_path / "aws.log"
    file.write_text("harmless\nByron\n")
    assert find_leaks(list(read_log_file(file))) == ["log, aws.log, line 2: ['Byron']"]


def test_only_urls_of_the_portal_are_read_and_redirects_too() -> None:
    urls = Urls(4566)
    urls.keep("http://localhost:4576/patients/Byron")
    urls.keep("http://portal.localhost:4566/documents/1?patient=Byron")
    assert find_leaks(list(read_urls(urls))) == ["URL, http://portal.localhost:4566/documents/1: ['Byron']"]
    moved = httpx.MockTransport(
        lambda _: httpx.Response(303, headers={"location": "http://localhost:4566/a/Byron.pdf"})
    )
    seen = Urls(4566)
    with httpx.Client(transport=moved, event_hooks=seen.hooks()) as client:
        client.get("http://portal.localhost:4566/one")
    assert list(seen.seen) == ["http://portal.localhost:4566/one", "http://localhost:4566/a/Byron.pdf"]


def test_what_the_portal_in_memory_says_is_read() -> None:
    """The name in this test belongs to no patient, because the test run itself searches for patients at its end."""
    outputs, log = UnitOutputs(), Logger(service="portal", child=True)
    message = EmailMessage()
    message["to"] = "dr@example.com"
    message.set_content("for Zuleika")
    printed = SimpleNamespace(sections=[("Captured stdout call", "Zuleika was printed"), ("Captured log call", "")])
    with collecting(outputs):
        FakeMailer().send(to="dr@example.com", message=message.as_bytes())
        FakeNotifier().publish(practice_id="prc_1", kind="decline", subject="Declined", text="Zuleika")
        Client(app).http.get("/nowhere/Zuleika")
        with asking_at_random():
            Client(app).http.get("/nowhere/at/random/Zuleika")
        log.warning("harmless", extra={"patient": "Zuleika"})
        outputs.keep_printed(cast("pytest.TestReport", printed))
    log.warning("Zuleika after the end")
    places = [output.place for output in outputs.outputs() if "Zuleika" in output.text]
    assert sorted(places) == [Place.URL, Place.EMAIL, Place.LOG, Place.LOG, Place.NOTICE]
