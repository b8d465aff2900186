from flask.testing import FlaskClient

from examples.clinic.office import Office
from tests.support.portal_fake import FakePortal


def test_returned_document_shows_in_the_patients_account(browser: FlaskClient, fake_portal: FakePortal) -> None:
    fake_portal.add("POC-1001", "PT-77")
    fake_portal.approve("doc-1")
    body, headers = fake_portal.webhook("document.approved", "doc-1", webhook_id="msg_1")
    answer = browser.post("/webhooks/portal", data=body, headers=headers)
    assert (answer.status_code, answer.data) == (204, b"")
    page = browser.get("/patients/PT-77").text
    assert "POC-1001" in page
    assert "Returned, signed" in page


def test_second_delivery_is_answered_and_not_counted(
    browser: FlaskClient, fake_portal: FakePortal, office: Office
) -> None:
    fake_portal.add("POC-1001", "PT-77")
    body, headers = fake_portal.webhook("document.viewed", "doc-1", webhook_id="msg_1")
    answers = [browser.post("/webhooks/portal", data=body, headers=headers).status_code for _ in range(2)]
    assert answers == [204, 204]
    assert len(office.store.webhooks(9)) == 1


def test_tampered_webhook_is_refused_and_leaves_nothing(
    browser: FlaskClient, fake_portal: FakePortal, office: Office
) -> None:
    fake_portal.add("POC-1001", "PT-77")
    body, headers = fake_portal.webhook("document.viewed", "doc-1", webhook_id="msg_1")
    answer = browser.post("/webhooks/portal", data=body.replace("pending", "approved"), headers=headers)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert office.store.webhooks(9) == []
    assert office.store.document("doc-1") is None


def test_event_without_a_time_is_refused(browser: FlaskClient, fake_portal: FakePortal) -> None:
    fake_portal.add("POC-1001", "PT-77")
    body, headers = fake_portal.webhook("document.viewed", "doc-1", webhook_id="msg_1", at="yesterday")
    assert browser.post("/webhooks/portal", data=body, headers=headers).status_code == 400


def test_test_webhook_without_a_document_is_recorded(browser: FlaskClient, fake_portal: FakePortal) -> None:
    fake_portal.documents["none"] = {}
    body, headers = fake_portal.webhook("endpoint.test", "none", webhook_id="msg_1")
    assert browser.post("/webhooks/portal", data=body, headers=headers).status_code == 204
    assert "endpoint.test" in browser.get("/admin/practice/emr/customize").text
