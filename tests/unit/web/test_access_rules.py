"""What the access rules (`web/access.py`) let in, on real routes."""

from dataclasses import replace

import pytest

from chalicelib.domain.expiring_records import BY_HAND_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.services.ports import Visit
from chalicelib.services.transaction import Change
from chalicelib.web.http.request_parsing import BY_HAND_COOKIE, SESSION_COOKIE
from tests.support.accounts import logged_in, portal_with
from tests.support.fakes import START, FakeStore
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


def test_a_foreign_document_and_none_at_all_look_exactly_alike(portal: Portal) -> None:
    browser = logged_in(portal)
    browser.get("/documents")
    foreign, none = browser.get(f"/documents/{FOREIGN.id}"), browser.get("/documents/doc_that_never_was")
    assert foreign.status_code == 404
    assert (foreign.body, foreign.headers) == (none.body, none.headers)
    for path in ("original.pdf", "signed.pdf"):
        assert browser.get(f"/documents/{FOREIGN.id}/{path}").status_code == 404
    for path in ("approve", "decline"):
        assert browser.post(f"/documents/{FOREIGN.id}/{path}").status_code == 404


def test_an_ended_session_leads_to_login_and_back(portal: Portal) -> None:
    browser = logged_in(portal)
    portal.time.pass_time(minutes=15)
    response = browser.get("/documents/past?after=x")
    assert header(response, "location") == "/login?next=/documents/past&reason=ended"
    assert SESSION_COOKIE not in browser.cookies
    assert "after 15 minutes" in text(browser.get(header(response, "location")))


def test_a_page_in_use_keeps_the_session_alive(portal: Portal) -> None:
    browser = logged_in(portal)
    for _ in range(3):
        portal.time.pass_time(minutes=14)
        assert browser.get("/documents").status_code == 200


def test_a_page_is_shown_though_its_use_could_not_be_noted(portal: Portal) -> None:
    browser = logged_in(portal)
    portal.time.pass_time(minutes=5)
    portal.fake_store.failing = True
    assert browser.get("/documents").status_code == 200


def test_a_session_costs_one_read_with_its_document(portal: Portal) -> None:
    browser = logged_in(portal)
    visits = count_visits(portal.fake_store)
    browser.get(f"/documents/{FOREIGN.id}")
    assert visits == [FOREIGN.id]


def count_visits(store: FakeStore) -> list[str | None]:
    """The documents asked for from now on."""
    asked: list[str | None] = []
    real = store.visit

    def visit(session_key: str, provider_id: str | None, document_id: str | None) -> Visit:
        asked.append(document_id)
        return real(session_key, provider_id, document_id)

    store.visit = visit  # type: ignore[method-assign]  # - watches one method
    return asked


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
    row = replace(visit, **changes)  # type: ignore[arg-type]  # - a test's shorthand
    portal.store.commit(Change(at=START, secrets=(row,)))
    return Browser({BY_HAND_COOKIE: "visit"})


def test_a_visit_opens_its_document(portal: Portal) -> None:
    assert visitor(portal).get(f"/by-hand/{DOCUMENT.id}/document").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"document_id": FOREIGN.id},
        {"access": 2},
        {"kind": SecretKind.CODE},
        {"expires_at": START},
    ],
)
def test_a_visit_of_another_kind_time_or_document_does_not(
    portal: Portal, changes: dict[str, object]
) -> None:
    response = visitor(portal, **changes).get(f"/by-hand/{DOCUMENT.id}/document")
    assert (response.status_code, header(response, "location")) == (303, f"/by-hand/{DOCUMENT.id}")
