import base64
import json
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from examples.clinic.portal import (
    INLINE_BYTES,
    RETRY_AFTER_SECONDS,
    LocalhostTransport,
    NotFromPortal,
    Portal,
    Refused,
    Unreachable,
    new_event,
    receive,
)
from tests.support.portal_fake import SECRET, STORAGE, FakePortal

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
SENT = {"external_id": "POC-1001", "patient": {"external_id": "PT-77"}}


def test_event_is_signed_so_that_the_official_library_accepts_it(portal: Portal, fake_portal: FakePortal) -> None:
    answer = portal.send(new_event("document.sent", SENT, now=NOW))
    assert answer == {"document_id": "doc-1", "status": "pending"}
    assert fake_portal.events == [{"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": SENT}]


def test_event_is_retried_with_the_same_webhook_id_until_the_portal_answers(
    portal: Portal, fake_portal: FakePortal, pauses: list[float]
) -> None:
    fake_portal.down_for = 2
    event = new_event("document.sent", SENT, now=NOW)
    portal.send(event)
    assert fake_portal.webhook_ids == [event.webhook_id] * 3
    assert pauses == list(RETRY_AFTER_SECONDS[:2])


def test_retries_end_when_the_portal_stays_away(portal: Portal, fake_portal: FakePortal) -> None:
    fake_portal.down_for = 99
    with pytest.raises(Unreachable):
        portal.send(new_event("document.sent", SENT, now=NOW))
    assert len(fake_portal.webhook_ids) == 1 + len(RETRY_AFTER_SECONDS)


def test_a_refusal_is_not_retried_and_names_the_field(portal: Portal, fake_portal: FakePortal) -> None:
    error = {"field": "data.provider.npi", "message": "The check digit is wrong."}
    fake_portal.refuse = {"type": "t", "title": "No", "status": 422, "detail": "d", "errors": [error]}
    with pytest.raises(Refused) as caught:
        portal.send(new_event("document.sent", SENT, now=NOW))
    assert len(fake_portal.webhook_ids) == 1
    assert (caught.value.status, caught.value.title) == (422, "No")
    assert [(error.field, error.message) for error in caught.value.errors] == [tuple(error.values())]


def test_an_error_that_is_not_json_is_still_a_refusal() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, text="<html>forbidden</html>")

    portal = Portal(
        url="https://portal.example",
        practice_id="p",
        api_key="k",
        webhook_secret=SECRET,
        transport=httpx.MockTransport(answer),
    )
    with pytest.raises(Refused) as caught:
        portal.practice()
    assert caught.value.title == "The portal answered 403"


def test_small_pdf_travels_in_the_event(portal: Portal, fake_portal: FakePortal) -> None:
    assert portal.content(b"%PDF") == {"base64": base64.b64encode(b"%PDF").decode()}
    assert fake_portal.requests == []


def test_pdf_over_4_mb_is_uploaded_first(portal: Portal, fake_portal: FakePortal) -> None:
    pdf = b"%PDF" + b"x" * INLINE_BYTES
    assert portal.content(pdf) == {"upload_id": "up-1"}
    form = fake_portal.uploads[0]
    assert b'name="key"\r\n\r\nuploads/up-1' in form
    assert pdf in form
    assert form.index(b'name="key"') < form.index(b'name="file"')


def test_list_hands_out_the_cursor_of_the_next_page(portal: Portal, fake_portal: FakePortal) -> None:
    fake_portal.page_size = 2
    for number in range(3):
        fake_portal.add(f"POC-{number}", "PT-77")
    first = portal.documents(report="unsigned")
    second = portal.documents(report="unsigned", cursor=first.next_cursor)
    assert [len(first.rows), len(second.rows), second.next_cursor] == [2, 1, None]


def test_the_pdf_url_is_returned_and_not_followed(portal: Portal, fake_portal: FakePortal) -> None:
    fake_portal.add("POC-1", "PT-77")
    assert portal.pdf_url("doc-1", "signed") == f"{STORAGE}/doc-1/signed.pdf?X-Amz-Expires=60"
    assert len(fake_portal.requests) == 1


def test_an_id_is_quoted_in_the_url(portal: Portal, fake_portal: FakePortal) -> None:
    with pytest.raises(Refused):
        portal.document("../practice")
    assert fake_portal.requests == [("GET", "/v1/documents/../practice")]


def test_webhook_of_the_portal_is_accepted_and_another_is_not() -> None:
    body = json.dumps({"type": "endpoint.test"})
    now = datetime.now(UTC)
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign("msg_1", now, body),
    }
    assert receive(body.encode(), headers, SECRET) == {"type": "endpoint.test"}
    with pytest.raises(NotFromPortal):
        receive(body.encode() + b" ", headers, SECRET)


@pytest.mark.parametrize("signature", ["", "v1", "v1,!!!", "v2,abc", "no comma"])
def test_malformed_signature_is_refused_and_never_an_error(signature: str) -> None:
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(datetime.now(UTC).timestamp())),
        "webhook-signature": signature,
    }
    with pytest.raises(NotFromPortal):
        receive(b"{}", headers, SECRET)


def test_localhost_names_connect_to_loopback_and_keep_their_host_header(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx.Request] = []

    def send(_self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", send)
    with httpx.Client(transport=LocalhostTransport()) as client:
        client.get("http://portal.localhost:4566/v1/practice")
        client.get("https://portal.example/v1/practice")
    assert [(request.url.host, request.headers["host"]) for request in seen] == [
        ("127.0.0.1", "portal.localhost:4566"),
        ("portal.example", "portal.example"),
    ]
