"""Test the pages with the lists of documents: working through the pending ones, and searching the past ones."""

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.domain.practices import PracticeCard
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.transaction import Change
from chalicelib.web.pages.view_models import make_row
from tests.support.accounts import logged_in, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import PRACTICE, a_document

READ = {"typed_name": "Luis Rivera", "pages_shown": "1,2,3", "consent": CONSENT_VERSION, "then": "next"}


@pytest.fixture
def portal() -> Portal:
    return portal_with()


@pytest.fixture
def browser(portal: Portal) -> Browser:
    return logged_in(portal)


def put(portal: Portal, document_id: str, **changes: Any) -> None:
    portal.store.commit(Change(at=START, documents=(a_document(id=document_id, **changes),)))


def test_sign_then_next_leads_through_all_pending_documents(portal: Portal, browser: Browser) -> None:
    put(portal, "doc_one", due_on=date(2026, 11, 25))
    put(portal, "doc_two", due_on=date(2026, 11, 26))
    on = header(browser.post("/documents/doc_one/approve", READ), "Location")
    assert on == "/documents/doc_two?signed=doc_one"
    page = browser.get(on)
    assert "The document you just signed is on its way to the clinic." in text(page)
    assert 'href="/documents/doc_one"' in page.body.decode()
    last = header(browser.post("/documents/doc_two/approve", READ), "Location")
    assert last == "/documents?signed=doc_two"
    assert "You're all caught up" in text(browser.get(last))


def test_the_signed_id_in_the_url_is_not_trusted(portal: Portal, browser: Browser) -> None:
    put(portal, "doc_one")
    body = browser.get('/documents?signed="><script>').body.decode()
    assert "<script>" not in body
    assert 'href="/documents/script"' in body


def test_one_order_leads_through_the_documents_of_several_clinics(portal: Portal, browser: Browser) -> None:
    juniper: dict[str, Any] = {"practice_id": "prc_2", "practice": PracticeCard(name="Juniper Rehab")}
    portal.store.commit(Change(at=START, practices=(replace(PRACTICE, id="prc_2", name="Juniper Rehab"),)))
    portal.switches.set_electronic_signature("prc_2", on=True)
    earlier = a_document().sent_at - timedelta(minutes=1)
    put(portal, "doc_5", due_on=date(2026, 11, 26), **juniper)
    put(portal, "doc_3", due_on=date(2026, 11, 25))
    put(portal, "doc_4", due_on=date(2026, 11, 25), **juniper)
    put(portal, "doc_2", due_on=date(2026, 11, 25), sent_at=earlier, **juniper)
    put(portal, "doc_1", due_on=date(2026, 11, 24), **juniper)
    page = browser.get("/documents")
    order = re.findall(r'href="/documents/(doc_\d)"', page.body.decode())
    assert order == ["doc_1", "doc_2", "doc_3", "doc_4", "doc_5"]
    assert text(page).count("Juniper Rehab") == 4
    for document_id, upcoming in pairwise(order):
        answer = browser.post(f"/documents/{document_id}/approve", READ)
        assert header(answer, "Location") == f"/documents/{upcoming}?signed={document_id}"


def test_every_list_tells_two_patients_with_the_same_name_apart(portal: Portal, browser: Browser) -> None:
    older = replace(a_document().patient, date_of_birth=date(1931, 2, 3))
    put(portal, "doc_1")
    put(portal, "doc_2", patient=older)
    pending = browser.get("/documents").body.decode()
    assert "DOB 12/10/1950" in pending
    assert "DOB 02/03/1931" in pending
    browser.post("/documents/doc_1/approve", READ)
    assert "DOB 02/03/1931" in browser.get("/documents/doc_1").body.decode().split("Next")[-1]
    assert "DOB 12/10/1950" in browser.get("/documents/past").body.decode()


def test_a_search_keeps_the_form_filled_in(portal: Portal, browser: Browser) -> None:
    closed = {"status": Status.RETURNED, "outcome": Outcome.BY_HAND, "returned_at": START}
    put(portal, "doc_1", **closed)
    put(portal, "doc_2", **closed, patient=replace(a_document().patient, first_name="Grace"))
    page = browser.post("/documents/past", {"q": "grace", "from": "2026-11-01", "to": "2026-11-30"})
    assert "Grace Byron" in text(page)
    assert "Ada Byron" not in text(page)
    for value in ("grace", "2026-11-01", "2026-11-30"):
        assert f'value="{value}"' in page.body.decode()
    assert "Nothing found." in text(browser.post("/documents/past", q="nobody"))


def test_no_url_contains_the_search_text(portal: Portal, browser: Browser) -> None:
    closed = {"status": Status.RETURNED, "outcome": Outcome.BY_HAND, "returned_at": START}
    for number in range(201):
        put(portal, f"doc_{number:03}", **closed)
    for page in (browser.get("/documents/past"), browser.post("/documents/past", q="nobody")):
        body = page.body.decode()
        assert '<form class="search" method="post" action="/documents/past"' in body
        assert not re.search(r'(href|action|data-return-path)="[^"]*(nobody|q=)', body)
        assert 'data-return-path="/documents/past"' in body


def test_a_search_text_in_the_url_is_ignored(portal: Portal, browser: Browser) -> None:
    closed = {"status": Status.RETURNED, "outcome": Outcome.BY_HAND, "returned_at": START}
    put(portal, "doc_1", **closed)
    page = browser.get("/documents/past?q=nobody")
    assert "nobody" not in page.body.decode()
    assert "Ada Byron" in text(page)


@pytest.mark.parametrize("fields", [{}, {"q": "  "}, {"from": "yesterday", "after": "x"}])
def test_an_empty_search_leads_to_the_list(browser: Browser, fields: dict[str, str]) -> None:
    answer = browser.post("/documents/past", fields)
    assert (answer.status_code, header(answer, "location")) == (303, "/documents/past")


def test_a_search_accepts_only_its_own_cursor(browser: Browser) -> None:
    assert browser.post("/documents/past", q="nobody", after="x").status_code == 400


def test_a_search_continues_where_it_stopped(portal: Portal, browser: Browser) -> None:
    closed = {"status": Status.RETURNED, "outcome": Outcome.BY_HAND, "returned_at": START}
    for number in range(201):
        put(portal, f"doc_{number:03}", **closed)
    page = browser.post("/documents/past", {"q": "nobody", "from": "2020-01-01"}).body.decode()
    assert "There are older documents to search." in page
    (form,) = re.findall(r'<form method="post" action="/documents/past">.*?</form>', page, re.DOTALL)
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    assert {name: fields[name] for name in ("q", "from")} == {"q": "nobody", "from": "2020-01-01"}
    assert "Nothing found. Try" in text(browser.post_raw("/documents/past", fields))


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Plan of Care, initial evaluation", "Plan of Care, initial evaluation"),
        ("plan of care", "plan of care"),
        ("Left knee, second episode", "Plan of care: Left knee, second episode"),
    ],
)
def test_the_lists_show_the_title_if_it_says_more_than_the_kind(title: str, named: str) -> None:
    assert make_row(a_document(title=title), START).label == named
