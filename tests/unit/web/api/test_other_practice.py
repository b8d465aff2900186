"""Test that a practice gets nothing that belongs to another practice, with any key, secret, cursor, upload or id.

The response is the same as for a resource that does not exist."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse

from app import app
from chalicelib import bootstrap
from chalicelib.domain.deliveries import Delivery, DeliveryStatus
from chalicelib.domain.documents import Sealing, StoredPdf
from chalicelib.services.transaction import Change
from chalicelib.web.route import Access
from chalicelib.web.routes import ROUTES
from tests.support.fakes import START, FakeFiles
from tests.support.portal import Portal
from tests.support.provider_fixtures import a_received_fax
from tests.unit.web.api.test_emr import Emr, data

MISSING_IDS = {
    "document_id": "doc_none",
    "external_id": "POC-none",
    "delivery_id": "dlv_none",
    "upload_id": "upl_none",
    "practice_id": "prc_none",
    "fax_id": "fax_none",
    "number": "1",
}
"""Ids that do not exist."""


@dataclass
class TwoPractices:
    """A practice with documents, and a second practice that knows the ids of the first one's documents."""

    owner: Emr
    stranger: Emr
    owner_ids: Mapping[str, str]


@pytest.fixture
def two() -> TwoPractices:
    portal = Portal()
    bootstrap.install(portal)
    owner, stranger = Emr(portal), Emr(portal, "Another practice")
    document_id = owner.send()
    owner.change(document_id, signed=StoredPdf(key="signed/x", sha256="00", pages=4), sealing=Sealing.SEALED)
    owner.send(external_id="POC-2")
    owner.write("PUT", "/v1/endpoint", {"url": "https://emr.example.com/hooks"})
    email = portal.fake_store.every(Delivery, "deliveries")[0]
    failed = replace(email, version=email.version + 1, status=DeliveryStatus.FAILED)
    portal.store.commit(Change(at=START, deliveries=(failed,)))
    fax = a_received_fax(practice_id=owner.practice.id)
    portal.store.commit(Change(at=START, received_faxes=(fax,)))
    offer = owner.write("POST", "/v1/uploads").json_body
    portal.files.put(offer["fields"]["key"], b"%PDF-1.7 theirs", "application/pdf")
    return TwoPractices(
        owner,
        stranger,
        {
            "document_id": document_id,
            "external_id": "POC-1001",
            "delivery_id": email.id,
            "upload_id": offer["upload_id"],
            "practice_id": owner.practice.id,
            "fax_id": fax.id,
            "number": "1",
        },
    )


Attempt = Callable[[Emr, Mapping[str, str]], HTTPResponse]


def send_event_about(kind: str, name: str, **more: Any) -> Attempt:
    """Return an attack: an event, signed by the second practice, about a document of the first one.

    `name` is the field with the document's id, and `more` are further fields."""
    return lambda emr, ids: emr.event({name: ids[name], **more}, kind)


def request_path(method: str, path: str) -> Attempt:
    """Return an attack: a request of the second practice for a URL path with ids of the first one."""
    return lambda emr, ids: emr.write(method, path.format(**ids)) if method != "GET" else emr.get(path.format(**ids))


def assign_fax(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    """Assign a fax of the first practice to a document of the caller, or of the first practice if it calls."""
    documents = emr.get("/v1/documents?report=all").json_body["documents"]
    document_id = documents[0]["id"] if documents else "doc_none"
    return emr.write("POST", f"/v1/faxes/{ids['fax_id']}/assign", {"document_id": document_id})


def supersede(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    return emr.event(data(external_id="POC-new", supersedes=ids["external_id"]))


def send_upload(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    return emr.event(data(external_id="POC-new", content={"upload_id": ids["upload_id"]}))


def send_upload_with_hash(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    content = {"upload_id": ids["upload_id"], "sha256": "0" * 64}
    return emr.event(data(external_id="POC-new", content=content))


def impersonate(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    """Send an event that names the other practice as its sender, but is signed with the real sender's secret."""
    body = json.dumps({"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": data()}).encode()
    return emr.post_signed(body, headers={"portal-practice": ids["practice_id"]})


WITH_IDS = [
    (method, route.path)
    for route in ROUTES
    if route.access is Access.PRACTICE_KEY and "{" in route.path
    for method in route.methods
]
ATTEMPTS: dict[str, Attempt] = {
    **{f"{method} {path}": request_path(method, path) for method, path in WITH_IDS},
    "POST /v1/faxes/{fax_id}/assign": assign_fax,
    "supersedes": supersede,
    "upload": send_upload,
    "upload and a hash": send_upload_with_hash,
    "name": impersonate,
    **{
        f"{kind} by {name}": send_event_about(kind, name, **more)
        for kind, more in (
            ("document.resend", {"provider": {"email": "thief@example.com"}}),
            ("document.recalled", {"reason": "Mine now"}),
            ("document.returned", {"method": "paper"}),
        )
        for name in ("document_id", "external_id")
    },
}


def stored_objects(two: TwoPractices) -> Mapping[str, Any]:
    files = two.owner.portal.files
    assert isinstance(files, FakeFiles)
    return dict(files.objects)


def visible_parts(response: HTTPResponse) -> tuple[int, Mapping[str, Any], Any]:
    return response.status_code, dict(response.headers), json.loads(response.body)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_thing_of_another_practice_looks_like_a_missing_thing(two: TwoPractices, name: str) -> None:
    attempt, store = ATTEMPTS[name], two.owner.portal.fake_store
    before, files = store.commits, stored_objects(two)
    foreign = visible_parts(attempt(two.stranger, two.owner_ids))
    missing = visible_parts(attempt(two.stranger, MISSING_IDS))
    assert foreign == missing
    assert foreign[0] in (401, 404, 422)
    assert store.commits == before
    assert stored_objects(two) == files
    if name != "name":
        assert attempt(two.owner, two.owner_ids).status_code in (200, 202, 303, 422)


@pytest.mark.parametrize("path", ["/v1/documents?report=unsigned", "/v1/documents?report=all", "/v1/deliveries"])
def test_a_cursor_shows_a_practice_only_its_own_rows(two: TwoPractices, path: str) -> None:
    mark = "&" if "?" in path else "?"
    cursor = two.owner.get(f"{path}{mark}limit=1").json_body["next_cursor"]
    assert cursor
    empty = two.stranger.get(f"{path}{mark}cursor={forge_cursor(cursor)}")
    assert visible_parts(two.stranger.get(f"{path}{mark}cursor={cursor}")) == visible_parts(empty)
    mine = two.stranger.send(external_id="POC-mine")
    for given in (cursor, None):
        page = two.stranger.get(path + (f"{mark}cursor={given}" if given else "")).json_body
        rows = page.get("documents") or page.get("deliveries") or []
        assert {row.get("document_id") or row["id"] for row in rows} <= {mine}


def forge_cursor(cursor: str) -> str:
    """Return a correctly formed list cursor that names a row which does not exist."""
    place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    when = place.partition("#")[0]
    return base64.urlsafe_b64encode(f"{when}#row_none|row_none".encode()).decode().rstrip("=")


def test_lists_and_settings_belong_to_the_practice_of_the_key(two: TwoPractices) -> None:
    assert two.stranger.get("/v1/documents?report=all").json_body["documents"] == []
    assert two.stranger.get("/v1/deliveries").json_body["deliveries"] == []
    assert two.stranger.get("/v1/documents?report=attention").json_body["documents"] == []
    assert two.stranger.get("/v1/providers?report=silent").json_body["providers"] == []
    assert two.stranger.get("/v1/practice").json_body["endpoint"] is None
    assert two.stranger.get("/v1/practice").json_body["id"] == two.stranger.practice.id


def test_two_practices_may_use_the_same_external_id(two: TwoPractices) -> None:
    first = two.owner.event(data(external_id="POC-same"), webhook_id="msg_same").json_body
    second = two.stranger.event(data(external_id="POC-same"), webhook_id="msg_same").json_body
    assert first["document_id"] != second["document_id"]
    assert two.stranger.get(f"/v1/documents/{second['document_id']}").status_code == 200


def test_a_replaced_key_looks_like_an_unknown_key(two: TwoPractices) -> None:
    portal = two.owner.portal
    portal.practices.rotate_key(two.owner.practice.id, START, end_others=True)
    unknown = Client(app).http.get("/v1/practice", headers={"authorization": "Bearer pp_live_none"})
    assert visible_parts(two.owner.get("/v1/practice")) == visible_parts(unknown)
