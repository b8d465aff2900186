"""Test the API for EMRs with requests to the whole web function in memory."""

import base64
import copy
import csv
import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse
from standardwebhooks import Webhook

from app import app
from chalicelib.domain.claim_keys import proof_claim
from chalicelib.domain.deliveries import Delivery, DeliveryStatus
from chalicelib.domain.documents import Document, Sealing, StoredPdf
from chalicelib.services.documents import reports
from chalicelib.services.proof.proofs import hash_facts
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START, FakeInspector
from tests.support.portal import Portal, header
from tests.support.provider_fixtures import a_document
from tests.unit.web.api.test_schemas import EXAMPLE


class Emr:
    """The EMR of one practice that sends requests to the whole web function in memory."""

    def __init__(self, portal: Portal, name: str = "Hill Country Therapy") -> None:
        self.portal = portal
        new = portal.practices.create(name, {}, START)
        self.practice, self.key, self.secret = new.practice, new.api_key, new.webhook_secret
        self.webhook_id = 0

    def event(
        self, data: Mapping[str, Any], kind: str = "document.sent", *, webhook_id: str | None = None
    ) -> HTTPResponse:
        body = json.dumps({"type": kind, "timestamp": "2026-11-22T19:00:00Z", "data": data}).encode()
        return self.post_signed(body, webhook_id=webhook_id)

    def post_signed(
        self, body: bytes, *, webhook_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        self.webhook_id += 1
        message_id, now = webhook_id or f"msg_{self.webhook_id}", self.portal.clock.now()
        signed = {
            "content-type": "application/json",
            "portal-practice": self.practice.id,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(message_id, now, body.decode()),
            **(headers or {}),
        }
        return Client(app).http.post("/v1/events", headers=signed, body=body)

    def post_bytes(self, body: bytes, *, is_binary: bool) -> HTTPResponse:
        """Post these bytes with their signature as an event, in the form in which API Gateway passes on a body.

        API Gateway passes a body on as text, or in base64 (`is_binary`)."""
        now = self.portal.clock.now()
        signed = f"msg_raw.{int(now.timestamp())}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        headers = {
            "content-type": "application/octet-stream" if is_binary else "application/json",
            "portal-practice": self.practice.id,
            "webhook-id": "msg_raw",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": f"v1,{digest}",
        }
        passed_on = body if is_binary else body.decode(errors="replace").encode()
        return Client(app).http.post("/v1/events", headers=headers, body=passed_on)

    def send(self, **changes: Any) -> str:
        """Send a document, and return the document's id."""
        response = self.event(data(**changes))
        assert response.status_code == 202, response.body
        return str(response.json_body["document_id"])

    def get(self, path: str, **headers: str) -> HTTPResponse:
        return Client(app).http.get(path, headers={"authorization": f"Bearer {self.key}", **headers})

    def write(self, method: str, path: str, body: Any = None) -> HTTPResponse:
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        sent = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return Client(app).http.request(method, path, headers=headers, body=sent)

    def change(self, document_id: str, **changes: Any) -> Document:
        document = self.portal.store.document(document_id)
        assert document is not None
        changed = replace(document, version=document.version + 1, **changes)
        self.portal.store.commit(Change(at=START, documents=(changed,)))
        return changed


def data(**changes: Any) -> dict[str, Any]:
    """Return the data of the sample `document.sent` event, without the id of an older version. `changes` replace
    fields."""
    return {**copy.deepcopy(EXAMPLE["data"]), "supersedes": None, **changes}


@pytest.fixture
def stranger(portal: Portal) -> Emr:
    return Emr(portal, "Another practice")


def read_problem(response: HTTPResponse, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.body
    assert header(response, "content-type") == "application/problem+json"
    body: dict[str, Any] = json.loads(response.body)
    assert body["status"] == status
    assert body["type"].endswith(code)
    return body


def read_body(response: HTTPResponse, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.body
    assert header(response, "content-type") == "application/json"
    body: dict[str, Any] = json.loads(response.body)
    return body


# Events


def test_a_document_is_accepted_and_can_be_read(emr: Emr) -> None:
    body = read_body(emr.event(data()), 202)
    assert body.keys() == {"document_id", "status"}
    resource = read_body(emr.get(f"/v1/documents/{body['document_id']}"))
    assert (resource["external_id"], resource["status"]) == ("POC-1001", "pending")
    assert resource["practice_id"] == emr.practice.id


@pytest.mark.parametrize("is_binary", [True, False])
def test_a_body_that_is_not_utf_8_is_not_json(emr: Emr, *, is_binary: bool) -> None:
    # The gateway replaces bytes that are not UTF-8 with U+FFFD in a text body, and sends others as base64.
    body = json.dumps({"type": "document.sent", "data": data(title="PLACE")}).encode()
    refused = emr.post_bytes(body.replace(b"PLACE", b"Caf\xe9"), is_binary=is_binary)
    problem = read_problem(refused, 400, "invalid-json")
    assert problem["title"] == "Not JSON"
    assert "UTF-8" in problem["detail"]


def test_a_retry_gets_the_same_response(emr: Emr) -> None:
    first = emr.event(data(), webhook_id="msg_x")
    assert emr.event(data(), webhook_id="msg_x").body == first.body
    read_problem(emr.event(data(title="Other"), webhook_id="msg_x"), 409, "webhook-id-used")


@pytest.mark.parametrize(
    ("kind", "more", "status"),
    [
        ("document.resend", {"provider": {"email": "luis@clinic.example"}}, "pending"),
        ("document.recalled", {"reason": "Wrong plan"}, "recalled"),
        ("document.returned", {"method": "paper"}, "returned"),
    ],
)
def test_every_event_returns_the_status(emr: Emr, kind: str, more: Mapping[str, Any], status: str) -> None:
    document_id = emr.send()
    body = read_body(emr.event({"external_id": "POC-1001", **more}, kind), 202)
    assert body == {"document_id": document_id, "status": status}


def test_a_wrong_field_is_named(emr: Emr) -> None:
    event_data = data()
    event_data["provider"]["npi"] = "1234567890"
    body = read_problem(emr.event(event_data), 400, "invalid-request")
    assert [error["field"] for error in body["errors"]] == ["data.provider.npi"]


def test_a_body_that_is_not_json_is_refused(emr: Emr) -> None:
    read_problem(emr.post_signed(b"not json"), 400, "invalid-json")


def test_a_wrong_signature_is_refused(emr: Emr) -> None:
    body = json.dumps({"type": "document.sent"}).encode()
    unknown = emr.post_signed(body, headers={"portal-practice": "prc_unknown"})
    forged = emr.post_signed(body, headers={"webhook-signature": "v1,AAAA"})
    assert read_problem(unknown, 401, "unauthenticated") == read_problem(forged, 401, "unauthenticated")
    read_problem(emr.post_signed(body, headers={"webhook-timestamp": "1"}), 401, "unauthenticated")
    read_problem(Client(app).http.post("/v1/events", body=body), 401, "unauthenticated")


def test_a_pdf_that_cannot_be_signed_is_a_422_with_the_reason(portal: Portal, emr: Emr) -> None:
    assert isinstance(portal.inspector, FakeInspector)
    portal.inspector.refuse("encrypted", "The PDF is encrypted.")
    body = read_problem(emr.event(data()), 422, "encrypted")
    assert body["detail"] == "The PDF is encrypted."
    assert portal.fake_store.every(Document, "documents") == ()


def test_a_body_over_6_mb_is_too_large(emr: Emr) -> None:
    huge = b'{"x": "' + b"x" * (6 * 1024 * 1024) + b'"}'
    read_problem(emr.post_signed(huge), 413, "too-large")
    read_problem(emr.write("PUT", "/v1/practice", huge), 413, "too-large")


# Reading


def test_the_pages_of_the_unsigned_report_repeat_no_document(emr: Emr) -> None:
    sent = []
    for number in range(5):
        emr.portal.time.pass_time(seconds=1)
        sent.append(emr.send(external_id=f"POC-{number}"))
    emr.event({"document_id": sent[0], "method": "fax"}, "document.returned")
    listed: list[str] = []
    cursor = ""
    while True:
        page = read_body(emr.get(f"/v1/documents?report=unsigned&limit=2&cursor={cursor}"))
        listed.extend(document["id"] for document in page["documents"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert listed == list(reversed(sent[1:]))
    everything = read_body(emr.get("/v1/documents?report=all"))
    assert len(everything["documents"]) == 5


@pytest.mark.parametrize("path", ["/v1/documents?status=declined", "/v1/deliveries?report=unsigned"])
def test_an_unknown_query_parameter_is_refused(emr: Emr, path: str) -> None:
    refused = read_problem(emr.get(path), 400, "invalid-request")
    assert [error["field"] for error in refused["errors"]] == [path.partition("?")[2].partition("=")[0]]


@pytest.mark.parametrize("query", ["report=some", "cursor=nonsense", "limit=0", "format=pdf"])
def test_a_wrong_query_parameter_is_named(emr: Emr, query: str) -> None:
    body = read_problem(emr.get(f"/v1/documents?{query}"), 400, "invalid-request")
    assert [error["field"] for error in body["errors"]] == [query.partition("=")[0]]


def test_the_csv_report_contains_no_formula(emr: Emr) -> None:
    emr.send(external_id='=HYPERLINK("http://evil.example")')
    emr.send(external_id="POC-2")
    for response in (
        emr.get("/v1/documents?report=unsigned", accept="text/csv"),
        emr.get("/v1/documents?report=unsigned&format=csv"),
    ):
        assert header(response, "content-type") == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(response.body.decode("utf-8-sig"))))
        assert {row["external_id"] for row in rows} == {"POC-2", '\'=HYPERLINK("http://evil.example")'}
        assert {row["status"] for row in rows} == {"pending"}
    first = emr.get("/v1/documents?format=csv&limit=1")
    assert 'rel="next"' in header(first, "link")


@pytest.mark.parametrize(
    "text", ["+1", "-1", "@x", "=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "\ufe66x", " =1", "\u3000=1", "\t1"]
)
def test_the_csv_report_neutralizes_every_way_to_start_a_formula(text: str) -> None:
    lines = reports.as_csv([a_document(title=text)], "https://portal.test", START)
    (row,) = csv.DictReader(io.StringIO(lines))
    assert row["title"] == f"'{text}"


def test_the_csv_report_starts_with_a_byte_order_mark_so_that_excel_shows_accents(emr: Emr) -> None:
    emr.send(title="Plan für Zoë")
    body = emr.get("/v1/documents?format=csv").body
    assert body.startswith(b"\xef\xbb\xbfexternal_id,")
    (row,) = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
    assert row["title"] == "Plan für Zoë"


def test_the_original_is_fetched_by_a_short_lived_url(emr: Emr) -> None:
    document_id = emr.send()
    response = emr.get(f"/v1/documents/{document_id}/original.pdf")
    assert response.status_code == 303
    assert header(response, "location").startswith("https://files.test/evidence/originals/")
    assert header(response, "cache-control") == "no-store"


def test_a_signed_pdf_is_not_ready_until_it_is_sealed(emr: Emr) -> None:
    document_id = emr.send()
    body = read_problem(emr.get(f"/v1/documents/{document_id}/signed.pdf"), 409, "not-ready")
    assert "`none`" in body["detail"]
    pdf = StoredPdf(key="signed/x/y.pdf", sha256="00", pages=4)
    emr.change(document_id, signed=pdf, sealing=Sealing.SEALED)
    assert emr.get(f"/v1/documents/{document_id}/signed.pdf").status_code == 303


def test_a_late_timestamp_does_not_change_the_announced_file(emr: Emr) -> None:
    document_id = emr.send()
    where = f"/v1/documents/{document_id}/signed.pdf"
    read_problem(emr.get(f"{where}?version=timestamped"), 409, "not-ready")
    announced = StoredPdf(key="signed/x/announced.pdf", sha256="aa", pages=4)
    emr.change(document_id, signed=announced, sealing=Sealing.SEALED)
    read_problem(emr.get(f"{where}?version=timestamped"), 409, "not-ready")
    before = read_body(emr.get(f"/v1/documents/{document_id}"))["signed_pdf"]
    assert set(before) == {"url", "sha256", "level"}

    emr.change(document_id, timestamped=replace(announced, key="signed/x/timed.pdf", sha256="bb"))
    signed_pdf = read_body(emr.get(f"/v1/documents/{document_id}"))["signed_pdf"]
    later = signed_pdf.pop("timestamped")
    assert signed_pdf == before
    for url, key in ((signed_pdf["url"], "announced.pdf"), (later["url"], "timed.pdf")):
        assert key in header(emr.get(url.removeprefix("https://portal.test")), "location")
    assert (signed_pdf["sha256"], later["sha256"]) == ("aa", "bb")
    read_problem(emr.get(f"{where}?version=newest"), 400, "invalid-request")


def test_the_certificate_of_a_pdf_with_other_signatures_is_a_separate_file(emr: Emr) -> None:
    document_id = emr.send()
    where = f"/v1/documents/{document_id}/signed.pdf"
    signed = StoredPdf(key="signed/x/signed.pdf", sha256="aa", pages=3, level="B-T")
    emr.change(document_id, signed=signed, sealing=Sealing.SEALED)
    assert "certificate" not in read_body(emr.get(f"/v1/documents/{document_id}"))["signed_pdf"]
    read_problem(emr.get(f"{where}?version=certificate"), 409, "not-ready")

    emr.change(document_id, certificate=replace(signed, key="signed/x/certificate.pdf", sha256="cc", pages=1))
    certificate = read_body(emr.get(f"/v1/documents/{document_id}"))["signed_pdf"]["certificate"]
    assert (certificate["sha256"], certificate["level"]) == ("cc", "B-T")
    redirect = emr.get(certificate["url"].removeprefix("https://portal.test"))
    assert "signed/x/certificate.pdf" in header(redirect, "location")
    read_problem(emr.get(f"{where}?version=timestamped-certificate"), 409, "not-ready")

    later = replace(signed, key="signed/x/later.pdf", sha256="dd", pages=1)
    emr.change(document_id, timestamped_certificate=later)
    certificate = read_body(emr.get(f"/v1/documents/{document_id}"))["signed_pdf"]["certificate"]
    assert (certificate["sha256"], certificate["timestamped"]["sha256"]) == ("cc", "dd")
    redirect = emr.get(certificate["timestamped"]["url"].removeprefix("https://portal.test"))
    assert "signed/x/later.pdf" in header(redirect, "location")


def test_the_audit_trail_shows_whether_it_is_intact(emr: Emr) -> None:
    document_id = emr.send()
    emr.event({"document_id": document_id}, "document.recalled")
    trail = read_body(emr.get(f"/v1/documents/{document_id}/events"))
    assert [event["type"] for event in trail["events"]] == ["document.sent", "document.recalled"]
    assert trail["intact"] is True
    assert trail["events"][-1]["hash"] == trail["head"]
    emr.change(document_id, head="0" * 64)
    assert read_body(emr.get(f"/v1/documents/{document_id}/events"))["intact"] is False


def test_the_proof_of_transmission_belongs_to_the_document_and_its_practice(emr: Emr) -> None:
    document_id = emr.send()
    proof = read_body(emr.get(f"/v1/documents/{document_id}/proof"))
    assert (proof["document_id"], proof["practice"]) == (document_id, "Hill Country Therapy")
    assert proof["trail"]["intact"] is True
    assert proof["transmission"]["transmitted_at"] is None


def test_the_pdf_of_the_proof_is_announced_and_then_at_a_short_lived_url(emr: Emr) -> None:
    document_id = emr.send()
    waiting = emr.get(f"/v1/documents/{document_id}/proof.pdf")
    assert read_body(waiting, 202) == {"status": "in_preparation"}
    assert header(waiting, "retry-after") == "5"
    document = emr.portal.store.document(document_id)
    assert document is not None
    facts = hash_facts(emr.portal.proofs.compile(document, emr.portal.clock.now()))
    claim = Claim(key=proof_claim(document_id, facts), owner="aa")
    emr.portal.store.commit(Change(at=START, claims=(claim,)))
    found = emr.get(f"/v1/documents/{document_id}/proof.pdf")
    assert found.status_code == 303
    url = header(found, "location")
    assert f"/evidence/signed/{document_id}/aa.pdf?seconds=60&file_name={document_id}-proof.pdf&as=attachment" in url


def test_the_resource_and_every_webhook_name_the_last_event_of_the_trail(emr: Emr) -> None:
    emr.write("PUT", "/v1/endpoint", {"url": "https://emr.example.com/hooks"})
    document_id = emr.send()
    emr.event({"external_id": "POC-1001"}, "document.recalled")
    events = read_body(emr.get(f"/v1/documents/{document_id}/events"))["events"]
    trail = read_body(emr.get(f"/v1/documents/{document_id}"))["trail"]
    assert trail == {"sequence": len(events), "head": events[-1]["hash"]}
    webhooks = [json.loads(delivery.body) for delivery in emr.portal.mails() if delivery.body]
    by_type = {event["type"]: event for event in events}
    assert webhooks
    for webhook in webhooks:
        caused = by_type[webhook["type"]]
        assert webhook["data"]["trail"] == {"sequence": caused["sequence"], "head": caused["hash"]}


def test_another_practice_reads_nothing(emr: Emr, stranger: Emr) -> None:
    document_id = emr.send()
    for tail in ("", "/original.pdf", "/signed.pdf", "/events", "/proof", "/proof.pdf"):
        foreign = read_problem(stranger.get(f"/v1/documents/{document_id}{tail}"), 404, "not-found")
        missing = read_problem(stranger.get(f"/v1/documents/doc_none{tail}"), 404, "not-found")
        assert foreign == missing
    assert read_body(stranger.get("/v1/documents?report=all")) == {"documents": [], "next_cursor": None}
    cursor = read_body(read_first_page(emr))["next_cursor"]
    read_problem(stranger.get(f"/v1/documents?report=all&cursor={cursor}"), 400, "invalid-request")


def test_a_cursor_is_valid_for_its_own_list_only(emr: Emr) -> None:
    emr.send()
    cursor = read_body(read_first_page(emr))["next_cursor"]
    documents = read_body(emr.get(f"/v1/documents?report=all&limit=1&cursor={cursor}"))["documents"]
    assert [document["external_id"] for document in documents] == ["POC-1001"]
    for other in ("documents?report=unsigned", "deliveries?status=all", "deliveries?status=held"):
        refused = read_problem(emr.get(f"/v1/{other}&cursor={cursor}"), 400, "invalid-request")
        assert [error["field"] for error in refused["errors"]] == ["cursor"]


def read_first_page(emr: Emr) -> HTTPResponse:
    emr.send(external_id="POC-2")
    return emr.get("/v1/documents?report=all&limit=1")


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("key", [None, "Bearer pp_live_wrong"])
def test_nothing_can_be_read_without_a_key(key: str | None) -> None:
    headers = {"authorization": key} if key else {}
    read_problem(Client(app).http.get("/v1/documents", headers=headers), 401, "unauthenticated")


# Deliveries


def test_a_failed_delivery_is_listed_and_retried(emr: Emr, stranger: Emr) -> None:
    emr.send()
    emr.send(external_id="POC-2")
    email = emr.portal.fake_store.every(Delivery, "deliveries")[0]
    failed = replace(email, version=2, status=DeliveryStatus.FAILED, next_attempt_at=None)
    emr.portal.store.commit(Change(at=START, deliveries=(failed,)))

    listed = read_body(emr.get("/v1/deliveries?status=failed"))
    assert [delivery["id"] for delivery in listed["deliveries"]] == [email.id]
    assert len(read_body(emr.get("/v1/deliveries"))["deliveries"]) == 2
    assert read_body(stranger.get("/v1/deliveries?status=failed"))["deliveries"] == []
    read_problem(stranger.write("POST", f"/v1/deliveries/{email.id}/retry"), 404, "not-found")
    assert read_body(emr.write("POST", f"/v1/deliveries/{email.id}/retry"), 202)["status"] == "queued"
    read_problem(emr.write("POST", f"/v1/deliveries/{email.id}/retry"), 409, "delivery-queued")
    read_problem(emr.get("/v1/deliveries?status=lost"), 400, "invalid-request")


def test_a_held_delivery_is_listed(emr: Emr, stranger: Emr) -> None:
    emr.send()
    emr.send(external_id="POC-2")
    row = emr.portal.fake_store.every(Delivery, "deliveries")[0]
    held = replace(row, version=row.version + 1, status=DeliveryStatus.HELD, next_attempt_at=None)
    emr.portal.store.commit(Change(at=START, deliveries=(held,)))
    listed = read_body(emr.get("/v1/deliveries?status=held"))["deliveries"]
    assert [(delivery["id"], delivery["status"]) for delivery in listed] == [(row.id, "held")]
    assert read_body(stranger.get("/v1/deliveries?status=held"))["deliveries"] == []


# Settings


def test_settings_are_written_and_read(emr: Emr) -> None:
    settings = {"name": emr.practice.name, "fax": "512-555-0188", "electronic_signature": True}
    body = read_body(emr.write("PUT", "/v1/practice", settings))
    assert body == read_body(emr.get("/v1/practice"))
    assert (body["fax"], body["electronic_signature"]) == ("+15125550188", True)
    read_problem(emr.write("PUT", "/v1/practice", b"nonsense"), 400, "invalid-json")
    read_problem(emr.write("PUT", "/v1/practice", {"time_zone": "Mars"}), 400, "invalid-request")


@pytest.mark.parametrize("name", ["Social Security", "", None, " Hill Country Therapy 2"])
def test_the_name_belongs_to_the_administrators(emr: Emr, name: str | None) -> None:
    body = read_problem(emr.write("PUT", "/v1/practice", {"name": name, "phone": None}), 400, "invalid-request")
    assert [error["field"] for error in body["errors"]] == ["name"]
    assert emr.portal.store.practice(emr.practice.id) == emr.practice


def test_an_endpoint_is_set_and_tested(emr: Emr) -> None:
    read_problem(emr.write("POST", "/v1/endpoint/test"), 409, "no-endpoint")
    read_problem(emr.write("PUT", "/v1/endpoint", {"url": "https://10.0.0.1/"}), 400, "invalid-request")
    body = read_body(emr.write("PUT", "/v1/endpoint", {"url": "https://emr.example.com/hooks"}))
    assert body == {"url": "https://emr.example.com/hooks", "disabled_at": None, "disabled_reason": None}
    queued = read_body(emr.write("POST", "/v1/endpoint/test"), 202)
    assert (queued["type"], queued["status"]) == ("endpoint.test", "queued")


def test_a_large_pdf_is_uploaded_first(emr: Emr, stranger: Emr) -> None:
    offer = read_body(emr.write("POST", "/v1/uploads"), 201)
    assert offer["max_bytes"] == 25 * 1024 * 1024
    assert offer["fields"]["max_bytes"] == str(25 * 1024 * 1024)
    content = {"upload_id": offer["upload_id"]}
    read_problem(emr.event(data(content=content)), 422, "upload-not-found")
    emr.portal.files.put(offer["fields"]["key"], b"%PDF-large", "application/pdf")
    read_problem(stranger.event(data(content=content)), 422, "upload-not-found")
    document = emr.portal.store.document(emr.send(content=content))
    assert document is not None
    assert emr.portal.files.get(document.original.key) == b"%PDF-large"


def test_the_pdf_of_the_example_event_is_stored(emr: Emr) -> None:
    document = emr.portal.store.document(emr.send())
    assert document is not None
    stored = emr.portal.files.get(document.original.key)
    assert stored == base64.b64decode(EXAMPLE["data"]["content"]["base64"])
