"""Test the log of who read a document: each read is recorded, and a practice sees only the reads of its documents."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.audit import AccessEvent
from chalicelib.domain.documents import Sealing, StoredPdf
from chalicelib.domain.errors import Unavailable
from chalicelib.services.review.hand_codes import create_code
from tests.support.accounts import logged_in
from tests.support.fakes import START
from tests.support.portal import Portal
from tests.support.provider_fixtures import PROVIDER, a_delivery, a_document, a_store
from tests.unit.web.api.test_emr import Emr, read_body, read_problem

DOCUMENT = f"/documents/{a_document().id}"


def accesses(portal: Portal, document_id: str) -> list[AccessEvent]:
    """Return the recorded reads (access events) of a document, oldest first."""
    return list(portal.fake_store.access_events(document_id, limit=100, before=None).items)[::-1]


@pytest.fixture
def emr() -> Emr:
    made = Portal()
    bootstrap.install(made)
    return Emr(made)


@pytest.fixture
def stranger(emr: Emr) -> Emr:
    return Emr(emr.portal, "Another practice")


@pytest.fixture
def reader() -> tuple[Portal, Any]:
    signed = StoredPdf(key="signed/x", sha256="00", pages=3)
    made = Portal(a_store(a_document(signed=signed, certificate=signed, sealing=Sealing.SEALED)))
    bootstrap.install(made)
    return made, logged_in(made)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("", "page"),
        ("/original.pdf", "original"),
        ("/signed.pdf", "signed"),
        ("/certificate.pdf", "certificate"),
        ("/text", "text"),
    ],
)
def test_every_read_by_a_provider_leaves_one_event(reader: tuple[Portal, Any], path: str, what: str) -> None:
    portal, browser = reader
    for _ in range(2):
        assert browser.get(f"{DOCUMENT}{path}").status_code < 400
    events = accesses(portal, a_document().id)
    assert [(event.what, event.actor, event.at) for event in events] == [(what, f"provider:{PROVIDER.id}", START)] * 2
    assert len({event.session for event in events}) == 1
    assert len({event.sort_key for event in events}) == 2


def test_a_visitor_with_a_code_is_recorded_by_visit(reader: tuple[Portal, Any]) -> None:
    portal, _ = reader
    document = a_document()
    email = a_delivery(document)
    visitor = portal.browser()
    code = create_code(portal.fake_store, document, email, portal.time.now(), portal.ids)
    assert visitor.post(f"/by-hand/{document.id}", code=code).status_code == 303
    assert visitor.get(f"/by-hand/{document.id}/document").status_code == 200
    portal.time.pass_time(seconds=1)
    assert visitor.get(f"/by-hand/{document.id}/original.pdf").status_code == 303
    events = accesses(portal, document.id)
    assert [event.what for event in events] == ["page", "original"]
    assert {event.actor for event in events} == {f"by_hand:{document.provider_id}"}
    assert len({event.session for event in events}) == 1


def test_each_login_is_a_session_of_its_own(reader: tuple[Portal, Any]) -> None:
    portal, browser = reader
    browser.get(DOCUMENT)
    portal.time.pass_time(seconds=1)
    logged_in(portal).get(DOCUMENT)
    assert len({event.session for event in accesses(portal, a_document().id)}) == 2


def test_an_access_event_is_never_replaced_and_never_expires(reader: tuple[Portal, Any]) -> None:
    portal, browser = reader
    browser.get(DOCUMENT)
    (row,) = (row for key, row in portal.fake_store.tables["events"].items() if key.startswith("access#"))
    assert set(row.attribute_values) == {"document_id", "sequence", "record"}


def test_a_read_that_cannot_be_recorded_is_refused(reader: tuple[Portal, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    portal, browser = reader

    def fail(_: AccessEvent) -> None:
        raise Unavailable("The access could not be recorded. Please try again in a moment.")

    monkeypatch.setattr(portal.store, "record_access", fail)
    assert browser.get(f"{DOCUMENT}/original.pdf").status_code == 503


def test_a_denied_request_leaves_no_event(reader: tuple[Portal, Any]) -> None:
    portal, browser = reader
    portal.browser().get(DOCUMENT)
    assert browser.get("/documents/doc_other").status_code == 404
    portal.switches.portal_requires = True  # type: ignore[attr-defined]  # - the fake
    assert browser.get(DOCUMENT).status_code == 303
    assert accesses(portal, a_document().id) == []


def test_a_practice_sees_who_read_its_document(emr: Emr, stranger: Emr) -> None:
    document_id = emr.send()
    path = f"/v1/documents/{document_id}/accesses"
    assert read_body(emr.get(path)) == {"accesses": [], "next_cursor": None}
    for _ in range(3):
        emr.get(f"/v1/documents/{document_id}/original.pdf")
        emr.portal.time.pass_time(seconds=1)
    first = read_body(emr.get(f"{path}?limit=2"))
    second = read_body(emr.get(f"{path}?limit=2&cursor={first['next_cursor']}"))
    events: list[Mapping[str, Any]] = [*first["accesses"], *second["accesses"]]
    assert [event["at"] for event in events] == [f"2026-11-22T19:00:0{second}.000Z" for second in (2, 1, 0)]
    assert {(event["what"], event["actor"]) for event in events} == {("original", f"practice:{emr.practice.id}")}
    assert len({event["session"] for event in events}) == 1
    assert second["next_cursor"] is None
    read_problem(stranger.get(path), 404, "not-found")
    read_problem(emr.get(f"{path}?cursor=x"), 400, "invalid-request")


def test_another_practice_leaves_no_event(emr: Emr, stranger: Emr) -> None:
    document_id = emr.send()
    read_problem(stranger.get(f"/v1/documents/{document_id}/original.pdf"), 404, "not-found")
    assert accesses(emr.portal, document_id) == []
