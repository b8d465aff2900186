"""Test that every response with a document's patient data is recorded as one access event (who read what).

The test covers every route and every kind of caller. A response without patient data leaves no event, except that a GET
is recorded while its page is made."""

import re
from collections.abc import Mapping

import pytest

from chalicelib.domain.audit import AccessEvent
from chalicelib.services.transaction import Change
from tests.support.fakes import START, FakeInspector
from tests.support.portal import Portal, header, text
from tests.unit.web.pages import test_page_states as page_states
from tests.unit.web.pages.test_page_states import DECLARED, DENIED, EXPECTED, SIGNED, WHO, Asked, document_for

portal = page_states.portal
"""The fixture with the callers' practices and providers."""

LISTS = {
    "/documents",
    "/documents/past",
    "/documents/marked",
    "/assistant/documents",
    "/assistant/documents/past",
    "/v1/documents",
}
"""Lists name many documents and open none. The account's activity shows the login that opened the lists."""

REFUSED: Mapping[str, Mapping[str, str]] = {
    "/documents/{document_id}/approve": {"typed_name": ""},
    "/documents/{document_id}/decline": {"reason": ""},
    "/documents/{document_id}/mark": {"read_statement": ""},
    "/documents/{document_id}/hand-over": {"email": ""},
    "/by-hand/{document_id}/signed": {"signer_name": ""},
    "/assistant/documents/{document_id}/ready": {"remark": "x" * 301},
    "/assistant/documents/{document_id}/signed": {"signer_name": ""},
    "/by-hand/{document_id}/approve": {"typed_name": ""},
    "/by-hand/{document_id}/decline": {"reason": ""},
}
"""The forms that show the document again if a field is wrong."""

SHOWS_PATIENT = re.compile(r"Ada|Byron|12/10/1950|PT-77")
IS_FILE = re.compile(r"/(originals|signed)/")


def ask(portal: Portal, method: str, path: str, who: str) -> tuple[bool, list[AccessEvent]]:
    """Send a request as this kind of caller (`who`).

    Return whether the response shows or gives the document, and the recorded access events."""
    portal.store.commit(Change(at=START, documents=(document_for(path, who),)))
    asked = Asked(portal, method, path, who)
    asked.prepare()
    response = asked.answer()
    shows = bool(SHOWS_PATIENT.search(text(response)) or IS_FILE.search(header(response, "location")))
    return shows, list(portal.fake_store.access_events(SIGNED.id, limit=10, before=None).items)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(("method", "path"), DECLARED)
def test_every_response_with_a_documents_data_is_recorded_once(
    portal: Portal, method: str, path: str, who: str
) -> None:
    shows, events = ask(portal, method, path, who)
    if path in LISTS:
        assert events == []
    elif shows:
        assert [event.document_id for event in events] == [SIGNED.id]
    elif method == "POST" or EXPECTED[method, path][who] in DENIED - {"404"}:
        assert events == []


def who_submits(path: str) -> str:
    kinds = {"by-hand": "visitor", "assistant": "assistant"}
    return kinds.get(path.split("/")[1], "provider")


@pytest.mark.parametrize("path", REFUSED)
def test_a_refused_form_that_shows_the_document_again_is_recorded(
    portal: Portal, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_states, "FORMS", {path: {**page_states.FORMS[path], **REFUSED[path]}})
    shows, events = ask(portal, "POST", path, who_submits(path))
    assert shows
    assert [event.what for event in events] == ["page"]


def test_a_refused_scan_and_a_late_one_are_recorded(portal: Portal) -> None:
    portal.inspector = FakeInspector({"refused": {"code": "not_a_scan", "detail": "This is not a scan."}})
    shows, events = ask(portal, "POST", "/by-hand/{document_id}/signed", "visitor")
    assert shows
    assert len(events) == 1


@pytest.mark.parametrize("action", ["approve", "decline"])
@pytest.mark.parametrize(("place", "who"), [("documents", "provider"), ("by-hand", "visitor")])
def test_an_accepted_decision_is_an_event_of_the_trail_and_no_read(
    portal: Portal, place: str, who: str, action: str
) -> None:
    shows, events = ask(portal, "POST", f"/{place}/{{document_id}}/{action}", who)
    assert not shows
    assert events == []
    assert portal.fake_store.events(SIGNED.id)
