import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from chalice.test import Client, HTTPResponse
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import app
from chalicelib import bootstrap
from chalicelib.domain.carriers.fax_results import FaxState
from chalicelib.domain.jobs import JobName
from chalicelib.web.access_rules import MAX_REPORT_BYTES
from tests.support.fakes import START
from tests.support.portal import Portal
from tests.support.worlds.fax_world import ACCOUNT

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"x" * 32)


@pytest.fixture(autouse=True)
def portal() -> Portal:
    portal = Portal()
    public_key = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
    portal.settings = replace(portal.settings, fax_carrier=replace(ACCOUNT, public_key=public_key))
    bootstrap.install(portal)
    return portal


def event(direction: str = "outbound", padding: str = "") -> bytes:
    payload = {
        "fax_id": "f8338808",
        "direction": direction,
        "status": "delivered",
        "page_count": 4,
        "original_media_url": "https://files.test/faxes/secret-link",
        "client_state": base64.b64encode(b"dlv_1.1").decode(),
        "padding": padding,
    }
    return json.dumps({"data": {"occurred_at": "2026-11-24T12:00:00Z", "payload": payload}}).encode()


def post(
    body: bytes, *, key: Ed25519PrivateKey = KEY, age: timedelta = timedelta(), signed: bool = True
) -> HTTPResponse:
    stamp = str(int((START - age).timestamp()))
    signature = base64.b64encode(key.sign(f"{stamp}|".encode() + body)).decode()
    headers = {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature} if signed else {}
    return Client(app).http.request(
        "POST", "/fax/telnyx", headers={"content-type": "application/json", **headers}, body=body
    )


def test_a_signed_report_is_queued_without_the_link_to_the_pages(portal: Portal) -> None:
    assert post(event()).status_code == 200
    (job,) = portal.fake_store.jobs()
    assert job.name is JobName.FAX_REPORT
    assert job.fax_report is not None
    assert (job.fax_report.client_state, job.fax_report.state, job.fax_report.pages) == (
        "dlv_1.1",
        FaxState.DELIVERED,
        4,
    )
    assert "secret-link" not in repr(job)


def test_a_report_of_an_incoming_fax_queues_nothing(portal: Portal) -> None:
    response = post(event("inbound"))
    assert (response.status_code, json.loads(response.body)) == (200, {"queued": False})
    assert list(portal.fake_store.jobs()) == []


def test_a_fax_that_has_come_in_is_queued_without_the_link_to_its_pages(portal: Portal) -> None:
    body = {"event_type": "fax.received", "occurred_at": "2026-11-24T12:00:00Z"}
    payload = {"fax_id": "0ccc7b54", "direction": "inbound", "media_url": "https://files.test/secret-link"}
    response = post(json.dumps({"data": {**body, "payload": payload}}).encode())
    assert (response.status_code, json.loads(response.body)) == (200, {"queued": True})
    (job,) = portal.fake_store.jobs()
    assert (job.name, job.event_id, job.fax_report) == (JobName.RECEIVE_FAX, "0ccc7b54", None)
    assert "secret-link" not in repr(job)


def test_a_forged_report_is_refused(portal: Portal) -> None:
    assert post(event(), key=OTHER_KEY).status_code == 401
    assert post(event(), signed=False).status_code == 401
    assert list(portal.fake_store.jobs()) == []


def test_an_old_report_is_refused(portal: Portal) -> None:
    assert post(event(), age=timedelta(seconds=301)).status_code == 401
    assert post(event(), age=timedelta(seconds=300)).status_code == 200
    assert len(list(portal.fake_store.jobs())) == 1


def test_an_oversized_report_is_refused(portal: Portal) -> None:
    room = MAX_REPORT_BYTES - len(event())
    assert post(event(padding="x" * (room + 1))).status_code == 401
    assert list(portal.fake_store.jobs()) == []
    assert post(event(padding="x" * room)).status_code == 200


def test_a_signed_body_that_is_no_event_gets_a_clear_answer() -> None:
    response = post(b"[]")
    assert response.status_code == 400
    assert json.loads(response.body)["detail"] == "The body is not an event of the fax carrier."


def test_without_a_carrier_there_is_no_such_address(portal: Portal) -> None:
    portal.settings = replace(portal.settings, fax_carrier=None)
    assert post(event()).status_code == 404
