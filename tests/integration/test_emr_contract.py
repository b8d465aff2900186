"""Test what the integration guide promises to an EMR, against the packaged functions with their own AWS roles."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from standardwebhooks import Webhook

from chalicelib.web.http.request_parsing import make_form_token
from tests.support.pdf import sample_pdfs as samples
from tests.support.stack import SamplePractice, Stack

TABLES = ("documents", "events", "deliveries", "providers", "claims", "requests", "outbox")


class Emr:
    """An EMR of a new practice, which uses only what the integration guide documents."""

    def __init__(self, stack: Stack, practice: SamplePractice) -> None:
        self.stack = stack
        self.practice = practice
        self.http = stack.http

    def event(self, kind: str, data: Mapping[str, Any], *, webhook_id: str | None = None) -> httpx.Response:
        body = {"type": kind, "timestamp": "2026-11-22T19:00:00Z", "data": data}
        return self.post(json.dumps(body).encode(), webhook_id=webhook_id)

    def post(self, body: bytes, *, webhook_id: str | None = None, **headers: str) -> httpx.Response:
        message_id, now = webhook_id or f"msg_{uuid4().hex}", datetime.now(UTC)
        text = body.decode(errors="replace")
        signed = {
            "content-type": "application/json",
            "portal-practice": self.practice.id,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.practice.webhook_secret).sign(message_id, now, text),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.http.post("/v1/events", content=body, headers=signed)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers={"authorization": f"Bearer {self.practice.api_key}", **headers})

    def write(self, method: str, path: str, body: Any = None) -> httpx.Response:
        bearer = {"authorization": f"Bearer {self.practice.api_key}"}
        return self.http.request(method, path, headers=bearer, json=body or {})


@pytest.fixture
def emr(stack: Stack) -> Emr:
    return Emr(stack, stack.practice())


def data(**changes: Any) -> dict[str, Any]:
    """Return the data of a `document.sent` event for a new provider, whom no other test uses. `changes` replace
    fields."""
    whose = uuid4().hex[:10]
    event: dict[str, Any] = {
        "external_id": f"POC-{whose}",
        "kind": "plan_of_care",
        "title": "Plan of Care, initial evaluation",
        "patient": {"external_id": "PT-77", "first_name": "Ada", "last_name": "Byron", "date_of_birth": "1950-12-10"},
        "provider": {
            "first_name": "Luis",
            "last_name": f"Rivera {whose}",
            "credential": "MD",
            "email": f"dr.{whose}@example.com",
            "fax": "+15125550100",
        },
        "delivery": "email",
        "content": {"base64": as_text(samples.plan_of_care())},
    }
    return {**event, **changes}


def as_text(pdf: bytes) -> str:
    return base64.b64encode(pdf).decode()


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["detail"]
    return body


# The way in


def test_a_document_goes_in_and_its_original_comes_back_byte_for_byte(emr: Emr) -> None:
    pdf = samples.plan_of_care()
    answer = emr.event("document.sent", data(content={"base64": as_text(pdf)}))
    assert answer.status_code == 202, answer.text
    document_id = answer.json()["document_id"]

    found = emr.get(f"/v1/documents/{document_id}/original.pdf")
    assert found.status_code == 303
    assert httpx.get(found.headers["location"]).content == pdf
    listed = emr.get("/v1/documents?report=unsigned").json()
    assert [document["id"] for document in listed["documents"]] == [document_id]
    trail = emr.get(f"/v1/documents/{document_id}/events").json()
    assert trail["intact"]
    assert json.loads(trail["events"][0]["body"])["data"]["sha256"] == hashlib.sha256(pdf).hexdigest()


def test_concurrent_copies_of_an_event_do_their_work_once(emr: Emr) -> None:
    sent = data()
    body = json.dumps({"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": sent}).encode()
    # Two concurrent requests need a second instance of a function. test_concurrent_events.py sends fifty.
    with ThreadPoolExecutor(max_workers=2) as pool:
        answers = list(pool.map(lambda _: emr.post(body, webhook_id="msg_once"), range(6)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["document_id"] for answer in answers}) == 1
    assert len(emr.get("/v1/documents?report=all").json()["documents"]) == 1
    emr.stack.outbox_drained()
    assert len(emr.stack.mail(sent["provider"]["email"])) == 2


def test_a_large_pdf_is_uploaded_and_s3_enforces_the_size(emr: Emr) -> None:
    offer = emr.write("POST", "/v1/uploads").json()
    too_large = {"file": ("document.pdf", bytes(offer["max_bytes"] + 1), "application/pdf")}
    assert httpx.post(offer["url"], data=offer["fields"], files=too_large, timeout=60).status_code in (400, 413)

    pdf = samples.plan_of_care()
    fits = {"file": ("document.pdf", pdf, "application/pdf")}
    assert httpx.post(offer["url"], data=offer["fields"], files=fits).is_success
    content = {"upload_id": offer["upload_id"], "sha256": hashlib.sha256(pdf).hexdigest()}
    assert emr.event("document.sent", data(content=content)).status_code == 202


# Bad input


REFUSED_PDFS: Mapping[str, Callable[[], bytes]] = {
    "not-a-pdf": lambda: b"Hello, this is a letter.",
    "empty": lambda: b"",
    "encrypted": lambda: samples.encrypted(user_password=""),
    "no-pages": samples.without_pages,
    "xfa": samples.xfa,
    "portfolio": lambda: samples.with_catalog(Collection=samples.pdf_dict()),
    "certified-no-changes": lambda: samples.certified(1),
    "damaged": lambda: samples.plan_of_care()[:2000],
}


@pytest.fixture
def nothing_is_left(stack: Stack, emr: Emr) -> Iterator[None]:
    """Assert, after the block, that a refused event has left nothing of the practice: no file, and no row in `TABLES`.

    The rows of the practice's API keys do not count."""
    yield
    dynamo, s3 = stack.client("dynamodb"), stack.client("s3")
    for table in TABLES:
        rows = dynamo.scan(TableName=stack.table_name(table))["Items"]
        assert emr.practice.id not in json.dumps([row for row in rows if "apikey#" not in str(row)], default=str)
    for bucket in s3.list_buckets()["Buckets"]:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ())]
        assert not [key for key in keys if emr.practice.id in key]


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("code", REFUSED_PDFS)
def test_a_pdf_that_cannot_be_signed_gets_a_code_and_leaves_nothing(emr: Emr, code: str) -> None:
    pdf = REFUSED_PDFS[code]()
    body = problem(emr.event("document.sent", data(content={"base64": as_text(pdf)})), 422)
    assert body["code"] == code
    assert [error["field"] for error in body["errors"]] == ["data.content.base64"]


@pytest.mark.usefixtures("nothing_is_left")
def test_every_bad_request_gets_a_problem_with_the_reason(emr: Emr) -> None:
    body = json.dumps({"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": data()}).encode()
    wrong_npi = data()
    wrong_npi["provider"]["npi"] = "1234567890"
    injected = data()
    injected["provider"]["email"] = "dr@example.com\r\nBcc: everyone@example.com"
    without_title = data()
    del without_title["title"]

    assert problem(emr.post(b"not json"), 400)["code"] == "invalid-json"
    assert problem(emr.post(b""), 400)["code"] == "invalid-json"
    problem(emr.post(body, webhook_signature="v1,AAAA"), 401)
    problem(emr.post(body, webhook_timestamp="1700000000"), 401)
    problem(emr.post(body, portal_practice="prc_unknown"), 401)
    for sent, field in (
        (wrong_npi, "data.provider.npi"),
        (injected, "data.provider.email"),
        (without_title, "data.title"),
    ):
        refusal = problem(emr.event("document.sent", sent), 400)
        assert [error["field"] for error in refusal["errors"]] == [field]
    problem(emr.post(b'{"x": "' + b"x" * (6 * 1024 * 1024) + b'"}'), 413)


def test_an_unknown_and_another_practices_document_get_the_same_response(emr: Emr, stack: Stack) -> None:
    document_id = emr.event("document.sent", data()).json()["document_id"]
    other = Emr(stack, stack.practice())
    assert problem(other.get(f"/v1/documents/{document_id}"), 404) == problem(other.get("/v1/documents/doc_none"), 404)
    problem(emr.http.get("/v1/documents", headers={"authorization": "Bearer pp_live_x"}), 401)


# Certification


def open_by_code(stack: Stack, document_id: str, email: str) -> None:
    """Open the document without an account, with a code emailed to the addressee, and download it (its first view)."""
    with stack.browser() as browser:
        browser.get(f"/by-hand/{document_id}")
        token = make_form_token(browser.cookies["__Host-csrf"], "pad")
        browser.post(f"/by-hand/{document_id}/code", data={"csrf": token})
        stack.outbox_drained()
        code = re.search(r"\b\d{6}\b", str(stack.mail(email)[-1].get_body(("plain",))))
        assert code is not None
        entered = browser.post(f"/by-hand/{document_id}", data={"csrf": token, "code": code[0]})
        assert entered.status_code == 303, entered.text
        assert browser.get(f"/by-hand/{document_id}/original.pdf").status_code == 303


def medicare_plan(**order: Any) -> dict[str, Any]:
    """Return the data of a `document.sent` event: an initial plan under Medicare with a complete order (referral).

    `order` replaces facts of the order."""
    sent = data(payer={"kind": "medicare"})
    today = datetime.now(UTC).date()
    sent["provider"] |= {"npi": "1234567893", "phone": "(512) 555-0190"}
    facts = {"signed_on": (today - timedelta(days=3)).isoformat(), "discipline": "PT", "npi": "1234567893"}
    sent["certification"] = {"initial_visit_on": (today - timedelta(days=1)).isoformat(), "order": facts | order}
    return sent


def test_an_order_that_cannot_certify_is_accepted_with_a_warning(emr: Emr) -> None:
    assert "warnings" not in emr.event("document.sent", medicare_plan()).json()
    answer = emr.event("document.sent", medicare_plan(discipline="", npi="1000000004"))
    assert answer.status_code == 202
    assert answer.json()["warnings"] == [{"code": "order-without-discipline"}, {"code": "order-npi-differs"}]
    chiropractor = medicare_plan()
    chiropractor["provider"]["credential"] = "DC"
    assert emr.event("document.sent", chiropractor).json()["warnings"] == [{"code": "credential-cannot-certify"}]


def test_the_addressee_who_opens_the_plan_by_code_certifies_it_with_the_order(emr: Emr) -> None:
    sent = medicare_plan()
    document_id = emr.event("document.sent", sent).json()["document_id"]
    before = emr.get(f"/v1/documents/{document_id}").json()
    assert (before["payer"], before["certified_by"], before["transmitted_at"]) == ({"kind": "medicare"}, None, None)
    emr.stack.outbox_drained()
    open_by_code(emr.stack, document_id, sent["provider"]["email"])
    after = emr.get(f"/v1/documents/{document_id}").json()
    assert after["certified_by"] == "order_and_transmission"
    trail = emr.get(f"/v1/documents/{document_id}/events").json()
    assert trail["intact"]
    assert [event["type"] for event in trail["events"]][-3:] == [
        "document.viewed",
        "document.transmitted",
        "document.certified",
    ]


def test_a_call_certifies_for_14_days_and_the_returned_copy_for_good(emr: Emr) -> None:
    sent = medicare_plan(signed_on="")
    document_id = emr.event("document.sent", sent).json()["document_id"]
    call = {
        "document_id": document_id,
        "at": datetime.now(UTC).isoformat(),
        "by": "Front desk",
        "result": "certified_verbally",
        "note": "Dr. Rivera agreed to the plan.",
    }
    assert emr.event("document.called", call).json() == {"document_id": document_id, "status": "pending"}
    assert emr.get(f"/v1/documents/{document_id}").json()["certified_by"] == "verbal_pending"

    undated = {"document_id": document_id, "seen": "signed_undated"}
    assert emr.event("document.copy_confirmed", undated).status_code == 202
    attention = emr.get(f"/v1/documents/{document_id}").json()["attention"]
    assert attention["reason"] == "signed_undated"
    assert attention["call"]["number"] == "+15125550190"

    today = datetime.now(UTC).astimezone(ZoneInfo("America/Chicago")).date().isoformat()
    dated = {"document_id": document_id, "seen": "signed_and_dated", "signed_on": today}
    assert emr.event("document.copy_confirmed", dated).json()["status"] == "approved"
    assert emr.event("document.copy_confirmed", dated).status_code == 202
    signed = emr.get(f"/v1/documents/{document_id}").json()
    assert (signed["certified_by"], signed["certified_on"], signed["attention"]) == ("signature", today, None)
    assert problem(emr.event("document.copy_confirmed", undated), 409)["code"] == "document-approved"
    assert problem(emr.event("document.called", call), 409)["code"] == "document-approved"
    assert emr.get(f"/v1/documents/{document_id}/events").json()["intact"]


def test_every_wrong_fact_of_a_certification_names_its_field(emr: Emr) -> None:
    tomorrow = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()
    document_id = emr.event("document.sent", data()).json()["document_id"]
    wrong_payer = data(payer={"kind": "medicare_part_b"})
    report = {"document_id": document_id}
    call = {**report, "at": f"{tomorrow}T12:00:00Z", "by": "Front desk", "result": "left_a_message"}
    for kind, sent, field in (
        ("document.sent", wrong_payer, "data.payer.kind"),
        ("document.sent", medicare_plan(npi="1234567890"), "data.certification.order.npi"),
        ("document.sent", medicare_plan(signed_on=tomorrow), "data.certification.order.signed_on"),
        ("document.called", call, "data.at"),
        ("document.called", {**call, "result": "certified_verbally"}, "data.note"),
        ("document.copy_confirmed", {**report, "seen": "signed_and_dated"}, "data.signed_on"),
        ("document.copy_confirmed", {**report, "seen": "declined"}, "data.note"),
        ("document.copy_confirmed", {**report, "seen": "signed_and_dated", "signed_on": tomorrow}, "data.signed_on"),
    ):
        refusal = problem(emr.event(kind, sent), 400)
        assert [error["field"] for error in refusal["errors"]] == [field]


def test_the_default_payer_of_the_practice_applies(emr: Emr) -> None:
    assert emr.write("PUT", "/v1/practice", {"default_payer": "commercial"}).json()["default_payer"] == "commercial"
    document_id = emr.event("document.sent", data()).json()["document_id"]
    assert emr.get(f"/v1/documents/{document_id}").json()["payer"] == {"kind": "commercial"}
    refused = problem(emr.write("PUT", "/v1/practice", {"default_payer": "nobody"}), 400)
    assert [error["field"] for error in refused["errors"]] == ["default_payer"]


# Settings


def test_the_switch_is_written_to_the_parameter_that_the_console_shows(emr: Emr) -> None:
    assert emr.get("/v1/practice").json()["electronic_signature"] is True
    answer = emr.write("PUT", "/v1/practice", {"electronic_signature": False, "reply_to": "desk@clinic.example"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["electronic_signature"] is False
    sent = data()
    assert emr.event("document.sent", sent).status_code == 202
    emr.stack.outbox_drained()
    assert len(emr.stack.mail(sent["provider"]["email"])) == 1


def test_a_practice_cannot_take_another_name(emr: Emr, stack: Stack) -> None:
    name = emr.get("/v1/practice").json()["name"]
    assert problem(emr.write("PUT", "/v1/practice", {"name": "Social Security"}), 400)["errors"][0]["field"] == "name"
    other = stack.practice(name=f"Juniper {uuid4().hex[:6]}").id
    rename = {"action": "rename_practice", "practice_id": other}
    assert stack.invoke_admin(rename | {"name": name.upper()})["error"]["code"] == "conflict"
    assert stack.invoke_admin(rename | {"name": "cedar.example"})["error"]["errors"][0]["field"] == "name"
    assert stack.invoke_admin(rename | {"name": f"{name} West"}) == {"id": other, "name": f"{name} West"}
    assert emr.get("/v1/practice").json()["name"] == name


def test_a_fax_number_with_extra_charges_is_refused(emr: Emr) -> None:
    sent = data(delivery="fax")
    sent["provider"]["fax"] = "+19005550123"
    answer = problem(emr.event("document.sent", sent), 400)
    assert [error["field"] for error in answer["errors"]] == ["data.provider.fax"]


def test_the_api_describes_itself(emr: Emr) -> None:
    described = emr.http.get("/v1/openapi.json").json()
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": emr.stack.portal_url}]
