"""Test the rules that say who may use a route, on the routes of the app."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.services.ports import Visit
from chalicelib.services.transaction import Change
from chalicelib.web.access_rules import is_read_only
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE, SESSION_COOKIE, draft_cookie
from chalicelib.web.routes import ROUTES
from tests.support.accounts import logged_in, portal_with
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, a_document

DOCUMENT = a_document()
FOREIGN = a_document(id="doc_foreign", provider_id=OTHER_PROVIDER.id)


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with(DOCUMENT, FOREIGN)


# Sessions


def test_a_live_session_reaches_its_own_document(portal: Portal) -> None:
    response = logged_in(portal).get(f"/documents/{DOCUMENT.id}")
    assert response.status_code == 200
    assert "Ada Byron" in text(response)


def test_a_foreign_and_a_missing_document_get_the_same_response(portal: Portal) -> None:
    browser = logged_in(portal)
    browser.get("/documents")
    foreign, none = browser.get(f"/documents/{FOREIGN.id}"), browser.get("/documents/doc_that_never_was")
    assert foreign.status_code == 404
    assert (foreign.body, foreign.headers) == (none.body, none.headers)
    for path in ("original.pdf", "signed.pdf"):
        assert browser.get(f"/documents/{FOREIGN.id}/{path}").status_code == 404
    for path in ("approve", "decline"):
        assert browser.post(f"/documents/{FOREIGN.id}/{path}").status_code == 404


def test_an_expired_session_leads_to_login_and_back(portal: Portal) -> None:
    browser = logged_in(portal)
    portal.time.pass_time(minutes=15)
    response = browser.get("/documents/past?after=x")
    assert header(response, "location") == "/login?next=/documents/past&reason=ended"
    assert SESSION_COOKIE not in browser.cookies
    assert "after 15 minutes" in text(browser.get(header(response, "location")))


def test_a_request_extends_the_session(portal: Portal) -> None:
    browser = logged_in(portal)
    for _ in range(3):
        portal.time.pass_time(minutes=14)
        assert browser.get("/documents").status_code == 200


def test_a_page_is_shown_even_if_extending_the_session_fails(portal: Portal) -> None:
    browser = logged_in(portal)
    portal.time.pass_time(minutes=5)
    portal.fake_store.failing = True
    assert browser.get("/documents").status_code == 200


def test_one_read_loads_the_session_and_the_document(portal: Portal) -> None:
    browser = logged_in(portal)
    visits = count_visits(portal.fake_store)
    browser.get(f"/documents/{FOREIGN.id}")
    assert visits == [FOREIGN.id]


def count_visits(store: FakeStore) -> list[str | None]:
    """Record every later call of the store's method `visit`, and return the list that gets the document ids asked for.

    The method reads the rows of a request in one call."""
    requested: list[str | None] = []
    real = store.visit

    def visit(session_key: str, provider_id: str | None, document_id: str | None) -> Visit:
        requested.append(document_id)
        return real(session_key, provider_id, document_id)

    store.visit = visit  # type: ignore[method-assign]  # - records the calls of one method
    return requested


# By hand


def visitor(portal: Portal, **changes: object) -> Browser:
    visit = Secret(
        key=secret_key(SecretKind.BY_HAND, "visit"),
        version=1,
        kind=SecretKind.BY_HAND,
        created_at=START,
        expires_at=START + BY_HAND_LIFETIME,
        document_id=DOCUMENT.id,
    )
    row = replace(visit, **changes)  # type: ignore[arg-type]  # - the tests pass only fields of Secret
    portal.store.commit(Change(at=START, secrets=(row,)))
    return Browser({BY_HAND_COOKIE: "visit"})


def test_a_visit_opens_its_document(portal: Portal) -> None:
    assert visitor(portal).get(f"/by-hand/{DOCUMENT.id}/document").status_code == 200


@pytest.mark.parametrize(
    "changes", [{"document_id": FOREIGN.id}, {"access": 2}, {"kind": SecretKind.CODE}, {"expires_at": START}]
)
def test_a_visit_of_another_kind_time_or_document_is_denied(portal: Portal, changes: dict[str, object]) -> None:
    response = visitor(portal, **changes).get(f"/by-hand/{DOCUMENT.id}/document")
    assert (response.status_code, header(response, "location")) == (303, f"/by-hand/{DOCUMENT.id}")


# Requests that write nothing


@pytest.mark.parametrize(
    ("path", "method", "reads"),
    [
        ("/documents", "GET", True),
        ("/documents/past", "POST", True),
        ("/documents/{document_id}/signature", "POST", True),
        ("/documents/{document_id}/approve", "POST", False),
        ("/logout", "POST", False),
    ],
)
def test_a_get_and_a_post_that_only_looks_up_are_read_only(*, path: str, method: str, reads: bool) -> None:
    route = next(route for route in ROUTES if (route.path, route.methods) == (path, (method,)))
    context: Any = SimpleNamespace(document=None, cookies={})
    assert is_read_only(route, context) is reads


@pytest.mark.parametrize(
    ("viewed", "draft", "reads"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_a_first_view_and_a_saved_draft_are_written(*, viewed: bool, draft: bool, reads: bool) -> None:
    route = next(route for route in ROUTES if (route.path, route.methods) == ("/documents/{document_id}", ("GET",)))
    document = a_document(viewed_at=START if viewed else None)
    context: Any = SimpleNamespace(document=document, cookies={draft_cookie(document.id): "x"} if draft else {})
    assert is_read_only(route, context) is reads
