"""Test the sample clinic's pages about unsigned documents: whom to call, and the result of a call.

Also test the filters of the report, and marking several documents as returned at once."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from examples.clinic import office as office_module
from examples.clinic.calls import days_left_text, display_phone, group_calls
from examples.clinic.office import Office
from examples.clinic.report_filters import FILTERS, Filter, choose
from examples.clinic.worklist import CALL_RESULTS
from tests.support.portal_fake import FakePortal

RIVERA, CHEN = ("Luis Rivera, MD", "+15125550190"), ("Amy Chen, DO", None)


def ask(
    fake_portal: FakePortal, number: int, days_left: int, whom: tuple[str, str | None] = RIVERA, **changes: Any
) -> str:
    """Add a document to the fake portal about which staff should call the provider, and return the document's id.

    `whom` is the provider's name and number. `changes` replace fields of the document's JSON."""
    document = fake_portal.add(f"POC-{number}", "PT-77")
    call = {"name": whom[0], "number": whom[1]}
    document["attention"] = {"reason": "please_call", "call": call, "tries": number, "days_left": days_left}
    document |= changes
    return str(document["id"])


def words(page: str) -> str:
    return " ".join(page.split())


# The list


def test_the_list_says_whom_to_call_most_urgent_first(browser: FlaskClient, fake_portal: FakePortal) -> None:
    ask(fake_portal, 1, 9, CHEN)
    ask(fake_portal, 2, -2)
    ask(fake_portal, 3, 14)
    fake_portal.add("POC-9", "PT-77")
    answer = browser.get("/follow-up")
    page = words(answer.text)
    assert page.index("Luis Rivera, MD") < page.index("POC-2") < page.index("POC-3") < page.index("Amy Chen, DO")
    assert '<a class="button primary" href="tel:+15125550190">Call (512) 555-0190</a>' in page
    assert "2 days overdue. 2 tries so far." in page
    assert "9 days left. 1 try so far." in page
    assert page.count("No phone number on file.") == 1
    assert "POC-9" not in page
    assert answer.headers["Refresh"] == "60; url=/follow-up"
    assert ("GET", "/v1/documents") in fake_portal.requests


def test_the_list_says_that_there_is_nobody_to_call(browser: FlaskClient, fake_portal: FakePortal) -> None:
    fake_portal.add("POC-1", "PT-77")
    assert "Nobody to call today." in browser.get("/follow-up").text


def test_the_list_continues_with_the_cursor_and_refreshes_the_same_page(
    browser: FlaskClient, fake_portal: FakePortal
) -> None:
    fake_portal.page_size = 1
    for number in (1, 2):
        ask(fake_portal, number, number)
    assert 'href="/follow-up?cursor=1"' in browser.get("/follow-up?done=called").text
    answer = browser.get("/follow-up?cursor=1&done=called&_scheme=x")
    assert answer.headers["Refresh"] == "60; url=/follow-up?cursor=1", "the notice is shown once"
    assert "POC-2" in answer.text


def test_a_scan_is_to_be_confirmed_and_not_called_about(browser: FlaskClient, fake_portal: FakePortal) -> None:
    scan = ask(fake_portal, 1, 9, status="approved", outcome="by_hand", sealing="sealed")
    page = browser.get("/follow-up").text
    assert f'href="/documents/{scan}#copy">Confirm the scan of POC-1</a>' in page
    assert "I called" not in page
    answer = browser.get(f"/follow-up/{scan}/called")
    assert (answer.status_code, answer.location) == (303, f"/documents/{scan}")


def test_the_silent_providers_are_shown(browser: FlaskClient, fake_portal: FakePortal) -> None:
    row = {"name": "Luis Rivera, MD", "phone": "+15125550190", "open": 2, "oldest_sent_at": "2026-10-29T03:00:00.000Z"}
    never = {"median_days": None, "last_reaction_at": None, "best_channel": None}
    often = {"median_days": 3.5, "last_reaction_at": "2026-11-20T15:00:00.000Z", "best_channel": "fax"}
    fake_portal.silent = [{**row, **never}]
    page = browser.get("/follow-up").text
    assert "Waiting for these providers" in page
    assert all(text in page for text in ("Oct 28, 2026", "Not yet", "None yet", "Not known yet"))
    fake_portal.silent = [{**row, **often}]
    page = browser.get("/follow-up").text
    assert all(text in page for text in ("After 3.5 days", "Nov 20, 2026", ">Fax<"))
    for days, text in ((0.4, "Within a day"), (1.0, "After 1 day<")):
        fake_portal.silent = [{**row, **often, "median_days": days}]
        assert text in browser.get("/follow-up").text


def test_home_and_a_patients_account_refresh_without_the_notice(browser: FlaskClient) -> None:
    for path in ("/", "/patients/PT-77"):
        assert browser.get(f"{path}?done=sent").headers["Refresh"] == f"60; url={path}"


# The result of a call


def test_one_call_is_noted_for_every_selected_document_with_each_result(
    browser: FlaskClient, fake_portal: FakePortal
) -> None:
    first, second, other = ask(fake_portal, 1, 1), ask(fake_portal, 2, 2), ask(fake_portal, 3, 3, CHEN)
    form = browser.get(f"/follow-up/{first}/called").text
    assert form.count('name="document_id"') == form.count("checked") == 2
    assert other not in form
    for result, label in CALL_RESULTS.items():
        assert label in form
        data = {"document_id": [first, second], "result": result, "by": "Jo", "note": " Dr. Rivera agreed. "}
        answer = browser.post(f"/follow-up/{first}/called", data=data)
        assert (answer.status_code, answer.location) == (303, "/follow-up?done=called")
        events = fake_portal.events[-2:]
        assert [event["type"] for event in events] == ["document.called"] * 2
        assert [event["data"].pop("document_id") for event in events] == [first, second]
        for event in events:
            assert datetime.fromisoformat(event["data"].pop("at")).tzinfo == UTC
            assert event["data"] == {"result": result, "by": "Jo", "note": "Dr. Rivera agreed."}


def test_a_refused_call_keeps_what_was_typed_and_says_why(browser: FlaskClient, fake_portal: FakePortal) -> None:
    first, second = ask(fake_portal, 1, 1), ask(fake_portal, 2, 2)
    errors = [{"field": "data.note", "message": "is needed"}]
    fake_portal.refuse = {
        "type": "t",
        "title": "Refused",
        "status": 400,
        "detail": "A field is wrong.",
        "errors": errors,
    }
    data = {"document_id": [second], "result": "certified_verbally", "by": "Jo", "note": ""}
    answer = browser.post(f"/follow-up/{first}/called", data=data)
    page = words(answer.text)
    assert answer.status_code == 422
    assert "<li>POC-2: A field is wrong. is needed</li>" in page
    assert 'value="certified_verbally" required checked' in page
    assert 'value="Jo"' in page
    assert f'value="{second}" checked' in page
    assert f'value="{first}" >' in page


def test_a_call_about_no_document_is_not_sent(browser: FlaskClient, fake_portal: FakePortal) -> None:
    first = ask(fake_portal, 1, 1)
    answer = browser.post(f"/follow-up/{first}/called", data={"result": "no_answer", "by": "Jo"})
    assert answer.status_code == 422
    assert "Select at least one document." in answer.text
    assert f'value="{first}" checked' in answer.text
    assert fake_portal.events == []


def test_a_warning_about_a_call_is_shown_once(browser: FlaskClient, fake_portal: FakePortal) -> None:
    first, second = ask(fake_portal, 1, 1), ask(fake_portal, 2, 2)
    fake_portal.warnings = ("verbal-certification-does-not-count",)
    data = {"document_id": [first, second], "result": "certified_verbally", "by": "Jo", "note": "Yes"}
    answer = browser.post(f"/follow-up/{first}/called", data=data)
    assert answer.location.count("warning=verbal-certification-does-not-count") == 1
    assert "does not make this plan safe to bill" in browser.get(answer.location).text


def test_a_document_that_left_the_list_can_still_be_called_about(
    browser: FlaskClient, fake_portal: FakePortal, office: Office
) -> None:
    document = fake_portal.add("POC-1", "PT-77")
    office.refresh(document["id"])
    page = browser.get(f"/follow-up/{document['id']}/called").text
    assert f'value="{document["id"]}" checked' in page
    assert browser.get("/follow-up/doc-99/called").status_code == 404


# Filters and several returns


TODAY = date(2026, 11, 30)
BY_HAND = {"kind": "plan_of_care", "status": "approved", "outcome": "by_hand", "sealing": "sealed"}
FAILED = [{"channel": "email", "status": "failed", "type": "ready", "recipient": "x", "at": "2026-11-22T19:00:00Z"}]
ROWS: dict[str, dict[str, Any]] = {
    "late": {"status": "pending", "due_on": "2026-11-29"},
    "today": {"status": "pending", "due_on": "2026-11-30"},
    "urgent": {"status": "pending", "due_on": "2026-12-20", "attention": {"reason": "please_call"}},
    "undated": {"status": "pending", "due_on": "2026-12-24", "attention": {"reason": "signed_undated"}},
    "copied": {"status": "pending", "due_on": "2026-12-26", "attention": {"reason": "copy_received"}},
    "failed": {"status": "pending", "due_on": "2026-12-20", "deliveries": FAILED},
    "scan": {**BY_HAND, "due_on": "2026-11-01"},
    "signed": {"status": "approved", "signed_pdf": {"url": "u"}, "due_on": "2026-12-01"},
    "sealing": {"status": "approved", "sealing": "in_progress", "due_on": "2026-12-01"},
    "declined": {"status": "declined", "due_on": "2026-11-01"},
}
EXPECTED = {
    Filter.ALL: ["urgent", "undated", "copied", "late", "failed", "scan", "declined", "today", "signed", "sealing"],
    Filter.NOT_DELIVERED: ["failed"],
    Filter.OVERDUE: ["late"],
    Filter.WAITING: ["urgent", "undated", "copied", "late", "today"],
    Filter.COPY_RECEIVED: ["undated", "copied", "scan"],
    Filter.SIGNED: ["signed", "sealing"],
    Filter.DECLINED: ["declined"],
}


@pytest.mark.parametrize("chosen", FILTERS)
def test_a_filter_admits_its_documents_in_the_order_of_need(chosen: Filter) -> None:
    resources = [{"id": name, **row} for name, row in ROWS.items()]
    assert [row["id"] for row in choose(resources, chosen, TODAY)] == EXPECTED[chosen]


def test_the_report_offers_every_filter_and_shows_the_chosen_documents(
    browser: FlaskClient, fake_portal: FakePortal
) -> None:
    fake_portal.add("POC-1", "PT-77")
    fake_portal.decline(fake_portal.add("POC-2", "PT-77")["id"], "No")
    for path, shown in (("", {"POC-1", "POC-2"}), ("?show=declined", {"POC-2"}), ("?show=waiting", {"POC-1"})):
        answer = browser.get(f"/documents/reports/unsigned{path}")
        assert {name for name in ("POC-1", "POC-2") if name in answer.text} == shown
        assert answer.headers["Refresh"] == f"60; url=/documents/reports/unsigned{path}"
    assert all(label in answer.text for label in FILTERS.values())
    assert "No documents with this filter." in browser.get("/documents/reports/unsigned?show=signed").text
    assert "POC-1" in browser.get("/documents/reports/unsigned?show=nonsense").text


def test_a_filter_reads_on_until_it_has_documents_within_its_bound(
    browser: FlaskClient, fake_portal: FakePortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_portal.page_size = 1
    for number in range(1, 6):
        fake_portal.add(f"POC-{number}", "PT-77")
    fake_portal.decline("doc-3", "No")
    fake_portal.decline("doc-5", "No")
    path = "/documents/reports/unsigned?show=declined"
    assert {name for name in ("POC-3", "POC-5") if name in browser.get(path).text} == {"POC-3", "POC-5"}
    monkeypatch.setattr(office_module, "ENOUGH_ROWS", 1)
    first = browser.get(path).text
    assert "POC-3" in first
    assert "show=declined&amp;cursor=3" in first
    monkeypatch.setattr(office_module, "MOST_PAGES", 2)
    fake_portal.requests.clear()
    page = browser.get(path).text
    assert "No documents with this filter so far." in page
    assert "show=declined&amp;cursor=2" in page
    assert fake_portal.requests == [("GET", "/v1/documents")] * 2


def test_several_documents_are_marked_as_returned_at_once(browser: FlaskClient, fake_portal: FakePortal) -> None:
    signed = [fake_portal.approve(fake_portal.add(f"POC-{n}", "PT-77")["id"])["id"] for n in (1, 2, 3)]
    waiting = fake_portal.add("POC-4", "PT-77")["id"]
    assert "Mark several as returned" in browser.get("/documents/reports/unsigned?show=signed").text
    answer = browser.get("/documents/reports/unsigned?show=signed&select=1")
    assert "Refresh" not in answer.headers, "it would clear the boxes"
    assert answer.text.count('form="several" checked') == 3
    everything = browser.get("/documents/reports/unsigned?select=1").text
    assert everything.count('name="document_id"') == 3
    assert "checked" not in everything
    assert f'value="{waiting}"' not in everything
    answer = browser.post("/documents/reports/unsigned/returned", data={"document_id": signed[:2], "show": "signed"})
    assert (answer.status_code, answer.location) == (303, "/documents/reports/unsigned?done=several&show=signed")
    assert [event["data"] for event in fake_portal.events] == [
        {"document_id": document_id, "method": "portal"} for document_id in signed[:2]
    ]
    assert fake_portal.documents[signed[2]]["status"] == "approved"


def test_a_refused_return_is_explained_and_the_others_are_marked(browser: FlaskClient, fake_portal: FakePortal) -> None:
    signed = fake_portal.approve(fake_portal.add("POC-1", "PT-77")["id"])["id"]
    fake_portal.refuse = {"type": "t", "title": "This document is recalled.", "status": 409, "errors": []}
    answer = browser.post("/documents/reports/unsigned/returned", data={"document_id": [signed]})
    assert answer.status_code == 422
    assert "<li>POC-1: This document is recalled.</li>" in words(answer.text)
    nothing = browser.post("/documents/reports/unsigned/returned", data={"show": "signed"})
    assert nothing.status_code == 422
    assert "Select at least one document." in nothing.text


# Words


@pytest.mark.parametrize(
    ("days", "text"),
    [(2, "2 days left"), (1, "1 day left"), (0, "due today"), (-1, "1 day overdue"), (-2, "2 days overdue")],
)
def test_the_days_left_are_words(days: int, text: str) -> None:
    assert days_left_text(days) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("+15125550190", "(512) 555-0190"),
        ("+1512555019", "+1512555019"),
        ("+442079460000", "+442079460000"),
        ("+442079460", "+442079460"),
        (None, ""),
        ("", ""),
    ],
)
def test_a_number_is_written_as_americans_write_it(number: str | None, text: str) -> None:
    assert display_phone(number) == text


def test_two_numbers_of_one_provider_are_two_calls() -> None:
    def row(name: str, number: str | None) -> dict[str, Any]:
        return {"status": "pending", "attention": {"call": {"name": name, "number": number}}}

    rows = [row("A", "1"), row("A", "2"), row("B", "1"), row("A", "1"), {"status": "approved"}]
    calls = group_calls(rows)
    assert [(call.name, call.number, len(call.documents)) for call in calls] == [
        ("A", "1", 2),
        ("A", "2", 1),
        ("B", "1", 1),
        ("", None, 1),
    ]
    assert calls[0].pending == [rows[0], rows[3]]
    assert calls[-1].pending == []
