import io
import logging
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from examples.clinic import forms
from examples.clinic.office import Office
from examples.clinic.portal import INLINE_BYTES
from examples.clinic.sample_plans.pdfs import SAMPLES
from tests.support.portal_fake import STORAGE, FakePortal


@pytest.fixture
def form(office: Office) -> dict[str, Any]:
    """Return the values that a browser submits if a person changes nothing in the clinic's send form."""
    proposed = forms.propose_values(SAMPLES["pt-knee"], number=office.store.next_number(), today=office.today())
    return {**proposed, "sample": "pt-knee"}


def refusal(field: str, message: str, status: int = 422) -> dict[str, Any]:
    errors = [{"field": field, "message": message}]
    return {"type": "t", "title": "The event was refused", "status": status, "detail": "", "errors": errors}


def test_unchanged_form_sends_the_contracts_event(
    browser: FlaskClient, fake_portal: FakePortal, form: dict[str, Any]
) -> None:
    answer = browser.post("/send", data=form)
    assert (answer.status_code, answer.location) == (303, "/patients/PT-77?done=sent")
    data = fake_portal.events[0]["data"]
    assert data.keys() == {
        "external_id",
        "kind",
        "title",
        "patient",
        "provider",
        "author",
        "delivery",
        "payer",
        "certification",
        "signature_field",
        "content",
    }
    assert data["external_id"] == "POC-1001"
    assert data["certification"].keys() == {"initial_visit_on", "from", "to", "order"}
    assert data["payer"] == {"kind": "medicare"}
    assert data["certification"]["order"].keys() == {"signed_on", "discipline", "npi", "name"}
    assert data["certification"]["order"]["discipline"] == "PT"
    assert data["provider"]["email"] == "dr.rivera@example.com"
    assert data["content"]["base64"].startswith("JVBERi0")


def test_the_form_proposes_the_next_number_after_sending(browser: FlaskClient, form: dict[str, Any]) -> None:
    browser.post("/send", data=form)
    assert 'value="POC-1002"' in browser.get("/send").text


def test_refused_field_is_marked_and_nothing_typed_is_lost(
    browser: FlaskClient, fake_portal: FakePortal, form: dict[str, Any], office: Office
) -> None:
    fake_portal.refuse = refusal("data.provider.npi", "The check digit is <wrong>.")
    answer = browser.post("/send", data={**form, "provider.npi": "1234567890", "message": "Hello"})
    assert answer.status_code == 422
    assert 'id="provider.npi-wrong">The check digit is &lt;wrong&gt;.' in answer.text
    assert 'value="1234567890"' in answer.text
    assert ">Hello</textarea>" in answer.text
    assert office.store.unanswered() == []


def test_error_in_a_field_that_the_form_lacks_is_still_shown(
    browser: FlaskClient, fake_portal: FakePortal, form: dict[str, Any]
) -> None:
    fake_portal.refuse = refusal("data.signature_field.page", "There is no such page.")
    assert "data.signature_field.page: There is no such page." in browser.post("/send", data=form).text


def test_missing_birth_date_is_caught_before_sending(
    browser: FlaskClient, fake_portal: FakePortal, form: dict[str, Any]
) -> None:
    answer = browser.post("/send", data={**form, "patient.date_of_birth": ""})
    assert answer.status_code == 422
    assert 'id="patient.date_of_birth-wrong"' in answer.text
    assert fake_portal.events == []


def test_large_upload_goes_by_the_presigned_post(
    browser: FlaskClient, fake_portal: FakePortal, form: dict[str, Any]
) -> None:
    pdf = b"%PDF" + b"x" * INLINE_BYTES
    answer = browser.post("/send", data={**form, "sample": "upload", "pdf": (io.BytesIO(pdf), "plan.pdf")})
    answer.request.environ["wsgi.input"].close()
    assert answer.status_code == 303
    assert fake_portal.events[0]["data"]["content"] == {"upload_id": "up-1"}
    assert "signature_field" not in fake_portal.events[0]["data"]
    assert len(fake_portal.uploads) == 1


def test_upload_without_a_file_shows_an_error(browser: FlaskClient, form: dict[str, Any]) -> None:
    assert "Choose a file." in browser.post("/send", data={**form, "sample": "upload"}).text


def test_event_that_got_no_answer_waits_and_goes_again_unchanged(
    browser: FlaskClient, fake_portal: FakePortal, form: dict[str, Any], office: Office
) -> None:
    fake_portal.down_for = 4
    assert browser.post("/send", data=form).status_code == 502
    waiting = office.store.unanswered()[0]
    assert "Waiting to be sent" in browser.get("/").text
    assert browser.post(f"/outbox/{waiting.event.webhook_id}/send").status_code == 303
    assert set(fake_portal.webhook_ids) == {waiting.event.webhook_id}
    assert office.store.unanswered() == []
    assert "POC-1001" in browser.get("/patients/PT-77").text


@pytest.fixture
def sent(browser: FlaskClient, form: dict[str, Any]) -> str:
    browser.post("/send", data=form)
    return "doc-1"


@pytest.mark.parametrize(
    ("state", "offers"),
    [
        ("pending", {"Resend", "Recall", "Received by fax or on paper"}),
        ("failed", {"Correct and resend", "Recall"}),
        ("approved", {"Open signed PDF", "Mark as returned"}),
        ("declined", {"Send a new version", "Recall", "Mark as returned", "Change the plan", "twice a week"}),
    ],
)
def test_unsigned_report_offers_the_next_steps(
    browser: FlaskClient, fake_portal: FakePortal, sent: str, state: str, offers: set[str]
) -> None:
    document = fake_portal.documents[sent]
    if state == "failed":
        document["deliveries"] = [{"channel": "email", "status": "failed", "type": "ready", "recipient": "x"}]
    if state == "approved":
        fake_portal.approve(sent)
    if state == "declined":
        fake_portal.decline(sent, "Make it twice a week.")
    page = browser.get("/documents/reports/unsigned").text
    assert {offer for offer in offers if offer in page} == offers
    assert "Ada Byron" in page


def test_unsigned_report_continues_with_the_cursor(browser: FlaskClient, fake_portal: FakePortal) -> None:
    fake_portal.page_size = 1
    for number in ("POC-1", "POC-2"):
        fake_portal.add(number, "PT-77")
    first = browser.get("/documents/reports/unsigned").text
    assert "/documents/reports/unsigned?cursor=1" in first
    second = browser.get("/documents/reports/unsigned?cursor=1").text
    assert "POC-2" in second
    assert "cursor=" not in second


def test_mark_as_returned_takes_the_document_off_the_report(
    browser: FlaskClient, fake_portal: FakePortal, sent: str
) -> None:
    fake_portal.approve(sent)
    answer = browser.post(f"/documents/{sent}/returned", data={"method": "portal", "next": "unsigned"})
    assert answer.location == "/documents/reports/unsigned?done=returned"
    assert fake_portal.events[-1]["type"] == "document.returned"
    assert fake_portal.events[-1]["data"] == {"document_id": sent, "method": "portal"}
    assert "POC-1001" not in browser.get("/documents/reports/unsigned").text
    assert "Returned, filed" in browser.get("/patients/PT-77").text


def test_resend_names_only_what_was_corrected(browser: FlaskClient, fake_portal: FakePortal, sent: str) -> None:
    values = {"provider.email": "rivera@right.example", "provider.fax": "+15125550100", "delivery": "email"}
    browser.post(f"/documents/{sent}/resend", data=values)
    corrected = {"document_id": sent, "provider": {"email": "rivera@right.example"}}
    assert fake_portal.events[-1]["data"] == corrected
    assert 'value="rivera@right.example"' in browser.get(f"/documents/{sent}").text
    browser.post(f"/documents/{sent}/resend", data=values)
    assert fake_portal.events[-1]["data"] == {"document_id": sent}


def test_a_resend_promises_an_end_of_links_only_for_a_correction(browser: FlaskClient, sent: str) -> None:
    page = browser.get(f"/documents/{sent}").text
    assert "If you correct one, the links sent to the old one will stop working." in page
    answer = browser.post(f"/documents/{sent}/resend", data={"delivery": "email"}, follow_redirects=True)
    assert (
        "Resent. If you corrected an address or a number, the links sent to the old one no longer work." in answer.text
    )


def test_a_call_is_noted_with_its_time_and_result(browser: FlaskClient, fake_portal: FakePortal, sent: str) -> None:
    form = {"result": "certified_verbally", "by": "Sam Lee", "note": " Dr. Rivera agreed. "}
    answer = browser.post(f"/documents/{sent}/called", data=form)
    assert answer.location == f"/documents/{sent}?done=called"
    event = fake_portal.events[-1]
    assert event["type"] == "document.called"
    assert datetime.fromisoformat(event["data"].pop("at")).tzinfo is not None
    assert event["data"] == {
        "document_id": sent,
        "result": "certified_verbally",
        "by": "Sam Lee",
        "note": "Dr. Rivera agreed.",
    }


def test_a_copy_is_shown_with_its_pictures_newest_first(
    browser: FlaskClient, fake_portal: FakePortal, sent: str
) -> None:
    def copy(fax_id: str, page: int | None, *, partial: bool) -> dict[str, Any]:
        url = f"https://portal.example/v1/faxes/{fax_id}/pages/2"
        at = "2026-11-24T19:00:00.000Z"
        pages, missing = [{"page": page, "url": url}], [1, 2] if page else [1, 2, 3]
        return {"fax_id": fax_id, "received_at": at, "partial": partial, "pages": pages, "missing_pages": missing}

    copies = [copy("fax_1", 3, partial=False), copy("fax_2", None, partial=True)]
    fake_portal.documents[sent]["copies"] = copies
    page = browser.get(f"/documents/{sent}").text
    newest, older = page.index('src="/faxes/fax_2/pages/2.png"'), page.index('src="/faxes/fax_1/pages/2.png"')
    assert page.index("pages may be missing") < newest < page.index("A page whose code cannot be read") < older
    assert older < page.index("Page 3 of the document")
    assert page.count("pages may be missing") == 1
    assert page.index("Not in this fax: pages 1, 2, 3 of the document.") < newest
    assert page.count("Not in this fax: pages 1, 2 of the document.") == 1
    picture = browser.get("/faxes/fax_1/pages/2.png")
    assert (picture.mimetype, picture.data) == ("image/png", b"/bucket/faxes/fax_1/2")


@pytest.mark.parametrize(("faxes", "named"), [([], 0), (["fax_1"], 1), (["fax_1", "fax_2"], 0)])
def test_the_form_names_the_only_fax_that_was_read(
    browser: FlaskClient, fake_portal: FakePortal, sent: str, faxes: list[str], named: int
) -> None:
    fake_portal.documents[sent]["copies"] = [
        {"fax_id": fax, "received_at": "2026-11-24T12:00:00Z", "partial": False, "missing_pages": [], "pages": []}
        for fax in faxes
    ]
    page = browser.get(f"/documents/{sent}").text
    assert page.count('name="fax_id"') == named
    assert page.count('name="fax_id" value="fax_1"') == named
    browser.post(f"/documents/{sent}/copy", data={"seen": "not_readable", "fax_id": "fax_1"})
    assert fake_portal.events[-1]["data"]["fax_id"] == "fax_1"


def test_a_copy_is_confirmed_with_what_was_read(browser: FlaskClient, fake_portal: FakePortal, sent: str) -> None:
    form = {"seen": "signed_and_dated", "signed_on": "2026-11-24", "note": ""}
    answer = browser.post(f"/documents/{sent}/copy", data=form)
    assert answer.location == f"/documents/{sent}?done=copy"
    assert fake_portal.events[-1]["type"] == "document.copy_confirmed"
    assert fake_portal.events[-1]["data"] == {
        "document_id": sent,
        "seen": "signed_and_dated",
        "signed_on": "2026-11-24",
    }


@pytest.mark.parametrize(
    ("path", "report", "typed"),
    [
        (
            "called",
            {"result": "certified_verbally", "by": "Sam Lee", "note": "Agreed <b>"},
            "Agreed &lt;b&gt;</textarea>",
        ),
        ("copy", {"seen": "declined", "note": "Not mine"}, 'name="note" value="Not mine"'),
    ],
)
def test_a_refused_report_keeps_what_was_typed(
    browser: FlaskClient, fake_portal: FakePortal, sent: str, path: str, report: dict[str, str], typed: str
) -> None:
    fake_portal.refuse = refusal("data.note", "is required")
    answer = browser.post(f"/documents/{sent}/{path}", data=report)
    assert answer.status_code == 422
    assert "is required" in answer.text
    assert typed in answer.text


def test_warnings_of_the_portal_are_shown(
    browser: FlaskClient, fake_portal: FakePortal, form: dict[str, Any], sent: str
) -> None:
    fake_portal.warnings = ("order-without-discipline", "a-code-of-a-newer-portal")
    answer = browser.post("/send", data={**form, "external_id": "POC-1002"})
    assert answer.location is not None
    assert "The order names no discipline" in browser.get(answer.location).text
    noted = browser.post(f"/documents/{sent}/called", data={"result": "will_sign", "by": "Sam Lee"})
    assert noted.location is not None
    assert "The order names no discipline" in browser.get(noted.location).text


def test_the_documents_page_says_whether_the_plan_is_safe_to_bill(
    browser: FlaskClient, fake_portal: FakePortal, sent: str
) -> None:
    pages = (f"/documents/{sent}", "/documents/reports/unsigned", "/patients/PT-77")
    assert all("Not safe to bill" in browser.get(page).text for page in pages)
    fake_portal.documents[sent] |= {"certified_by": "order_and_transmission", "certified_on": "2026-11-24"}
    assert all("Safe to bill" in browser.get(page).text for page in pages)
    assert "A signed order is on file" in browser.get(pages[0]).text
    assert "reached the provider on Nov 24, 2026, within 30 days" in browser.get(pages[0]).text


def test_a_document_that_needs_attention_says_whom_to_call(
    browser: FlaskClient, fake_portal: FakePortal, sent: str
) -> None:
    fake_portal.documents[sent]["attention"] = {
        "reason": "signed_undated",
        "call": {"name": "Luis Rivera, MD", "number": "+15125550190"},
        "tries": 1,
        "days_left": -2,
    }
    for path in (f"/documents/{sent}", "/documents/reports/unsigned"):
        page = " ".join(browser.get(path).text.split())
        assert "The signature on the copy has no date." in page
        assert 'Call Luis Rivera, MD at <a href="tel:+15125550190">' in page
        assert "1 try so far, due 2 days ago." in page


def test_a_scan_waits_for_a_person_to_read_it(browser: FlaskClient, fake_portal: FakePortal, sent: str) -> None:
    fake_portal.approve(sent)
    fake_portal.documents[sent].update(outcome="by_hand", sealing="sealed")
    assert "Confirm the scan" in browser.get("/documents/reports/unsigned").text
    page = browser.get(f"/documents/{sent}").text
    assert "What do you read on it?" in page
    assert 'value="declined"' not in page
    assert "I called the provider" not in page


def test_recall_gives_the_reason(browser: FlaskClient, fake_portal: FakePortal, sent: str) -> None:
    browser.post(f"/documents/{sent}/recall", data={"reason": "Wrong provider"})
    assert fake_portal.events[-1]["type"] == "document.recalled"
    assert fake_portal.events[-1]["data"] == {"document_id": sent, "reason": "Wrong provider"}


def test_refused_action_is_explained_on_the_documents_page(
    browser: FlaskClient, fake_portal: FakePortal, sent: str
) -> None:
    fake_portal.refuse = refusal("data.document_id", "It has been approved meanwhile.", 409)
    answer = browser.post(f"/documents/{sent}/recall", data={"reason": ""})
    assert answer.status_code == 422
    assert "It has been approved meanwhile." in answer.text


def test_new_version_replaces_the_declined_one(browser: FlaskClient, fake_portal: FakePortal, sent: str) -> None:
    fake_portal.decline(sent, "Twice a week.")
    page = browser.get(f"/send?after={sent}").text
    assert 'name="supersedes" type="text" value="POC-1001"' in page
    assert 'name="external_id" type="text" value="POC-1002"' in page
    assert 'name="sample" value="pt-knee"' in page


@pytest.mark.parametrize("which", ["signed", "original"])
def test_pdf_opens_from_the_short_lived_address(browser: FlaskClient, sent: str, which: str) -> None:
    answer = browser.get(f"/documents/{sent}/{which}.pdf")
    assert (answer.status_code, answer.location) == (303, f"{STORAGE}/{sent}/{which}.pdf?X-Amz-Expires=60")


def test_the_proof_opens_after_a_page_that_waits_for_it(browser: FlaskClient, sent: str) -> None:
    assert f'href="/documents/{sent}/proof.pdf"' in browser.get(f"/documents/{sent}").text
    waiting = browser.get(f"/documents/{sent}/proof.pdf")
    assert (waiting.status_code, waiting.headers["refresh"]) == (202, "3")
    assert f'href="/documents/{sent}"' in waiting.text
    answer = browser.get(f"/documents/{sent}/proof.pdf")
    assert (answer.status_code, answer.location) == (303, f"{STORAGE}/{sent}/proof.pdf?X-Amz-Expires=60")


def test_audit_trail_is_shown(browser: FlaskClient, sent: str) -> None:
    page = browser.get(f"/documents/{sent}/events").text
    assert "document.sent" in page
    assert "Nov 22, 2026, 1:00 PM CST" in page


def test_switch_is_saved_with_the_practice(browser: FlaskClient, fake_portal: FakePortal) -> None:
    page = browser.get("/admin/practice/emr/customize").text
    assert 'name="electronic_signature"' in page
    settings = {
        "phone": "",
        "fax": "+15125550171",
        "reply_to": "",
        "time_zone": "America/Denver",
        "default_payer": "medicare",
    }
    browser.post("/admin/practice/emr/customize", data=settings)
    assert fake_portal.practice.get("electronic_signature") is False
    browser.post("/admin/practice/emr/customize", data={**settings, "electronic_signature": "on"})
    assert fake_portal.practice.get("electronic_signature") is True
    assert fake_portal.practice["fax"] == "+15125550171"
    assert fake_portal.practice["default_payer"] == "medicare"
    assert "Name: Cedar Clinic" in page


def test_refused_setting_is_marked(browser: FlaskClient, fake_portal: FakePortal) -> None:
    fake_portal.refuse = refusal("fax", "This is not a fax number.")
    answer = browser.post("/admin/practice/emr/customize", data={"fax": "x"})
    assert answer.status_code == 422
    assert 'id="fax-wrong">This is not a fax number.' in answer.text


def test_webhook_address_is_registered_and_tested(browser: FlaskClient, fake_portal: FakePortal) -> None:
    browser.post("/admin/endpoint")
    assert fake_portal.practice["endpoint"]["url"] == "http://127.0.0.1:4576/webhooks/portal"
    browser.post("/admin/endpoint/test")
    assert fake_portal.requests[-1] == ("POST", "/v1/endpoint/test")


def test_failed_delivery_can_be_tried_again(browser: FlaskClient, fake_portal: FakePortal) -> None:
    attempt = {"at": "2026-11-22T19:00:00Z", "status": "failed", "detail": "mailbox full"}
    fake_portal.deliveries = [
        {
            "id": "dlv_1",
            "document_id": "doc-1",
            "channel": "email",
            "recipient": "a@b.example",
            "status": "failed",
            "type": "ready",
            "attempts": [attempt],
            "next_attempt_at": None,
        }
    ]
    assert "mailbox full" in browser.get("/deliveries").text
    browser.post("/deliveries/dlv_1/retry")
    assert fake_portal.requests[-1] == ("POST", "/v1/deliveries/dlv_1/retry")


def test_home_shows_that_the_portal_does_not_respond(browser: FlaskClient, fake_portal: FakePortal) -> None:
    assert "does not answer" not in browser.get("/").text
    fake_portal.away = True
    answer = browser.get("/")
    assert answer.status_code == 200
    assert "The portal does not respond" in answer.text


def test_unknown_document_is_a_page_and_not_a_crash(browser: FlaskClient) -> None:
    answer = browser.get("/documents/doc-99")
    assert answer.status_code == 404
    assert "<h1>No such thing.</h1>" in answer.text


def test_every_page_loads_only_from_its_own_host_and_is_not_cached(browser: FlaskClient) -> None:
    headers = browser.get("/patients").headers
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_log_names_neither_patient_nor_document(browser: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        browser.get("/patients/PT-77?done=sent")
    lines = [record.getMessage() for record in caplog.records if record.name == "examples"]
    assert len(lines) == 1
    assert lines[0].startswith("GET /patients/<external_id> 200 ")
