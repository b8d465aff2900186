"""Another practice's key, secret, cursor, upload or id opens nothing, as if it were not there."""

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
from tests.unit.web.api.test_emr import Emr, data

NOTHING = {
    "document_id": "doc_none",
    "external_id": "POC-none",
    "delivery_id": "dlv_none",
    "upload_id": "upl_none",
    "practice_id": "prc_none",
}
"""What does not exist, under the names below."""


@dataclass
class Two:
    """A practice with everything, and a stranger who has learnt its ids."""

    owner: Emr
    stranger: Emr
    theirs: Mapping[str, str]


@pytest.fixture
def two() -> Two:
    portal = Portal()
    bootstrap.install(portal)
    owner, stranger = Emr(portal), Emr(portal, "Another practice")
    document_id = owner.send()
    owner.change(document_id, signed=StoredPdf(key="signed/x", sha256="00", pages=4), sealing=Sealing.SEALED)
    owner.send(external_id="POC-2")
    owner.write("PUT", "/v1/endpoint", {"url": "https://emr.example.com/hooks"})
    mail = portal.fake_store.every(Delivery, "deliveries")[0]
    failed = replace(mail, version=mail.version + 1, status=DeliveryStatus.FAILED)
    portal.store.commit(Change(at=START, deliveries=(failed,)))
    offer = owner.write("POST", "/v1/uploads").json_body
    portal.files.put(offer["fields"]["key"], b"%PDF-1.7 theirs", "application/pdf")
    return Two(
        owner,
        stranger,
        {
            "document_id": document_id,
            "external_id": "POC-1001",
            "delivery_id": mail.id,
            "upload_id": offer["upload_id"],
            "practice_id": owner.practice.id,
        },
    )


Attempt = Callable[[Emr, Mapping[str, str]], HTTPResponse]


def named_by(kind: str, name: str, **more: Any) -> Attempt:
    """An event about the document of that name."""
    return lambda emr, ids: emr.event({name: ids[name], **more}, kind)


def at(method: str, path: str) -> Attempt:
    """A request with the stranger's own key."""
    return lambda emr, ids: (
        emr.write(method, path.format(**ids)) if method != "GET" else emr.get(path.format(**ids))
    )


def superseding(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    return emr.event(data(external_id="POC-new", supersedes=ids["external_id"]))


def with_upload(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    return emr.event(data(external_id="POC-new", content={"upload_id": ids["upload_id"]}))


def with_upload_hashed(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    content = {"upload_id": ids["upload_id"], "sha256": "0" * 64}
    return emr.event(data(external_id="POC-new", content=content))


def in_their_name(emr: Emr, ids: Mapping[str, str]) -> HTTPResponse:
    """Signed with the stranger's secret."""
    body = json.dumps({"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": data()}).encode()
    return emr.post_signed(body, headers={"portal-practice": ids["practice_id"]})


WITH_IDS = [
    (method, each.path)
    for each in ROUTES
    if each.access is Access.PRACTICE_KEY and "{" in each.path
    for method in each.methods
]
ATTEMPTS: dict[str, Attempt] = {
    **{f"{method} {path}": at(method, path) for method, path in WITH_IDS},
    "supersedes": superseding,
    "upload": with_upload,
    "upload and a hash": with_upload_hashed,
    "name": in_their_name,
    **{
        f"{kind} by {name}": named_by(kind, name, **more)
        for kind, more in (
            ("document.resend", {"provider": {"email": "thief@example.com"}}),
            ("document.recalled", {"reason": "Mine now"}),
            ("document.returned", {"method": "paper"}),
        )
        for name in ("document_id", "external_id")
    },
}


def objects(two: Two) -> Mapping[str, Any]:
    files = two.owner.portal.files
    assert isinstance(files, FakeFiles)
    return dict(files.objects)


def seen(response: HTTPResponse) -> tuple[int, Mapping[str, Any], Any]:
    return response.status_code, dict(response.headers), json.loads(response.body)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_is_another_practices_is_answered_as_what_does_not_exist(two: Two, name: str) -> None:
    attempt, store = ATTEMPTS[name], two.owner.portal.fake_store
    before, files = store.commits, objects(two)
    theirs = seen(attempt(two.stranger, two.theirs))
    nobodys = seen(attempt(two.stranger, NOTHING))
    assert theirs == nobodys
    assert theirs[0] in (401, 404, 422)
    assert store.commits == before
    assert objects(two) == files
    if name != "name":
        assert attempt(two.owner, two.theirs).status_code in (200, 202, 303, 422)


@pytest.mark.parametrize(
    "path", ["/v1/documents?report=unsigned", "/v1/documents?report=all", "/v1/deliveries"]
)
def test_a_cursor_shows_each_practice_only_its_own(two: Two, path: str) -> None:
    mark = "&" if "?" in path else "?"
    cursor = two.owner.get(f"{path}{mark}limit=1").json_body["next_cursor"]
    assert cursor
    empty = two.stranger.get(f"{path}{mark}cursor={made_up(cursor)}")
    assert seen(two.stranger.get(f"{path}{mark}cursor={cursor}")) == seen(empty)
    mine = two.stranger.send(external_id="POC-mine")
    for found in (cursor, None):
        page = two.stranger.get(path + (f"{mark}cursor={found}" if found else "")).json_body
        rows = page.get("documents") or page.get("deliveries") or []
        assert {each.get("document_id") or each["id"] for each in rows} <= {mine}


def made_up(cursor: str) -> str:
    """A cursor of the same form to a row that never was."""
    place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    when = place.partition("#")[0]
    return base64.urlsafe_b64encode(f"{when}#row_none|row_none".encode()).decode().rstrip("=")


def test_lists_and_settings_are_those_of_the_key(two: Two) -> None:
    assert two.stranger.get("/v1/documents?report=all").json_body["documents"] == []
    assert two.stranger.get("/v1/deliveries").json_body["deliveries"] == []
    assert two.stranger.get("/v1/practice").json_body["endpoint"] is None
    assert two.stranger.get("/v1/practice").json_body["id"] == two.stranger.practice.id


def test_ids_of_the_emrs_own_are_free_to_every_practice(two: Two) -> None:
    first = two.owner.event(data(external_id="POC-same"), webhook_id="msg_same").json_body
    second = two.stranger.event(data(external_id="POC-same"), webhook_id="msg_same").json_body
    assert first["document_id"] != second["document_id"]
    assert two.stranger.get(f"/v1/documents/{second['document_id']}").status_code == 200


def test_a_key_that_was_replaced_is_answered_as_one_that_never_was(two: Two) -> None:
    portal = two.owner.portal
    portal.practices.rotate_key(two.owner.practice.id, START, end_others=True)
    nobodys = Client(app).http.get("/v1/practice", headers={"authorization": "Bearer pp_live_none"})
    assert seen(two.owner.get("/v1/practice")) == seen(nobodys)
