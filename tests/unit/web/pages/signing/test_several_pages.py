"""Test how a provider marks documents as read, one after another, and signs all of them with one signature."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib.domain.documents import Document, Patient
from chalicelib.domain.errors import TooManyRequests
from chalicelib.domain.status import Status
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.transaction import Change
from tests.support.accounts import PASSWORD, give_account, logged_in, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document

IDS = ("doc_one", "doc_two", "doc_three", "doc_four", "doc_five")
NAMES = ("Ada", "Grace", "Alan", "Mary", "Emmy")
MARKED = "/documents/marked"


@pytest.fixture
def portal() -> Portal:
    portal = portal_with()
    for number, (document_id, name) in enumerate(zip(IDS, NAMES, strict=True)):
        put(portal, id=document_id, patient=patient(name), due_on=date(2026, 12, 1) + timedelta(days=number))
    return portal


@pytest.fixture
def browser(portal: Portal) -> Browser:
    return logged_in(portal)


def put(portal: Portal, **changes: Any) -> Document:
    document = a_document(**changes)
    portal.store.commit(Change(at=START, documents=(document,)))
    return document


def patient(first_name: str) -> Patient:
    return Patient(external_id="PT-1", first_name=first_name, last_name="Byron", date_of_birth=date(1950, 12, 10))


def stored(portal: Portal, document_id: str) -> Document:
    document = portal.store.document(document_id)
    assert document is not None
    return document


def change(portal: Portal, document_id: str, **changes: Any) -> None:
    current = stored(portal, document_id)
    changed = replace(current, version=current.version + 1, **changes)
    portal.store.commit(Change(at=START, documents=(changed,)))


def mark(browser: Browser, document_id: str, then: str = "next", **fields: str) -> HTTPResponse:
    return browser.post(f"/documents/{document_id}/mark", {"pages_shown": "1,2,3", "then": then, **fields})


def sign(browser: Browser, ids: Sequence[str] = IDS, **fields: str) -> HTTPResponse:
    form = {"documents": ",".join(ids), "typed_name": "Luis Rivera", "consent": CONSENT_VERSION}
    return browser.post(MARKED, {**form, **fields})


def statuses(portal: Portal) -> list[Status]:
    return [stored(portal, document_id).status for document_id in IDS]


def test_marking_leads_through_all_documents_and_then_to_one_signature(portal: Portal, browser: Browser) -> None:
    places = [header(mark(browser, document_id), "Location") for document_id in IDS]
    assert places == [*(f"/documents/{document_id}" for document_id in IDS[1:]), MARKED]
    page = browser.get(MARKED)
    for shown in (*NAMES, "DOB 12/10/1950", "Plan of Care", "Hill Country Therapy", "Due Dec 1, 2026", "3 pages"):
        assert shown in text(page)
    assert "Approve and sign 5 documents" in text(page)
    assert [document_id for document_id in IDS if f'href="/documents/{document_id}"' in page.body.decode()] == [*IDS]
    (listed,) = re.findall(r'name="documents" value="([^"]+)"', page.body.decode())
    assert listed.split(",") == [*IDS]
    assert statuses(portal) == [Status.PENDING] * 5

    done = sign(browser)
    assert done.status_code == 200
    assert "Signed: 5 documents" in text(done)
    assert statuses(portal) == [Status.APPROVED] * 5
    assert "Nothing to sign here" in text(browser.get(MARKED))


def test_only_the_listed_documents_are_signed(portal: Portal, browser: Browser) -> None:
    for document_id in IDS[:3]:
        mark(browser, document_id)
    assert header(browser.post("/documents/doc_two/unmark"), "Location") == MARKED
    assert "Grace" not in text(browser.get(MARKED))
    done = sign(browser, IDS[:2])
    assert "Signed: 1 document" in text(done)
    assert "Not marked as read in its present version." in text(done)
    assert statuses(portal) == [Status.APPROVED, *[Status.PENDING] * 4]
    assert "Approve and sign" in text(browser.get(MARKED)), "the third waits"


def test_the_buttons_depend_on_what_waits_and_what_is_marked(browser: Browser) -> None:
    read_next, sign_all = "Mark as read, then next", "Mark as read, then sign all"
    first = text(browser.get("/documents/doc_one"))
    assert (read_next in first, sign_all in first) == (True, False)
    assert header(mark(browser, "doc_one", then="sign"), "Location") == MARKED
    assert "You marked this document as read." in text(browser.get("/documents/doc_one"))
    second = text(browser.get("/documents/doc_two"))
    assert (read_next in second, sign_all in second) == (True, True)
    assert "You marked this document as read." not in second


def test_a_single_document_has_no_buttons_to_mark_it() -> None:
    portal = portal_with(a_document())
    assert "Mark as read" not in text(logged_in(portal).get("/documents/doc_abcdef123456"))


def test_a_document_of_a_practice_without_electronic_signatures_cannot_be_marked(
    portal: Portal, browser: Browser
) -> None:
    portal.switches.set_electronic_signature("prc_1", on=False)
    assert "Mark as read" not in text(browser.get("/documents/doc_one"))
    response = mark(browser, "doc_one")
    assert response.status_code == 409
    assert "has switched electronic signatures off" in text(response)
    assert "Nothing to sign here" in text(browser.get(MARKED))


def test_a_document_that_was_not_read_is_not_marked(browser: Browser) -> None:
    response = mark(browser, "doc_one", pages_shown="1,3")
    assert response.status_code == 422
    assert "Not marked yet." in text(response)
    assert "Please read every page, then tick that you have." in text(response)
    assert "Nothing to sign here" in text(browser.get(MARKED))


def test_without_scripts_the_statement_marks_a_document(portal: Portal, browser: Browser) -> None:
    assert mark(browser, "doc_one", pages_shown="", read_statement="yes").status_code == 303
    sign(browser, ["doc_one"])
    decision = stored(portal, "doc_one").decision
    assert decision is not None
    assert (decision.pages_shown, decision.read_statement) == ((), True)


def test_a_wrong_signature_signs_nothing_and_keeps_the_list(portal: Portal, browser: Browser) -> None:
    mark(browser, "doc_one")
    response = sign(browser, ["doc_one"], typed_name="Jane Okafor")
    assert response.status_code == 422
    assert "Type your own name to sign: Luis Rivera." in text(response)
    assert 'value="doc_one"' in response.body.decode()
    assert statuses(portal)[0] is Status.PENDING


def test_the_password_is_needed_once_after_15_minutes(portal: Portal, browser: Browser) -> None:
    give_account(portal, PROVIDER)
    for document_id in IDS:
        mark(browser, document_id)
    assert "Your password" not in text(browser.get(MARKED))
    portal.time.pass_time(minutes=14)
    assert browser.post("/account/stay").status_code == 200
    portal.time.pass_time(minutes=2)
    assert "Your password" in text(browser.get(MARKED))
    refused = sign(browser)
    assert (refused.status_code, "Enter your password." in text(refused)) == (422, True)
    assert 'id="password-error"' in refused.body.decode(), "the error is beside the field"
    assert statuses(portal) == [Status.PENDING] * 5
    assert "Signed: 5 documents" in text(sign(browser, password=PASSWORD))


def test_marks_survive_the_session(portal: Portal, browser: Browser) -> None:
    mark(browser, "doc_one")
    portal.time.pass_time(hours=13)
    assert header(browser.get(MARKED), "Location").startswith("/login?next=/documents/marked")
    assert "Signed: 1 document" in text(sign(logged_in(portal), ["doc_one"]))


def test_the_result_says_which_documents_were_left_out_and_why(portal: Portal, browser: Browser) -> None:
    for document_id in IDS:
        mark(browser, document_id)
    recalled = stored(portal, "doc_two").recall("Sent in error", START)
    assert recalled is not None
    portal.store.commit(Change(at=START, documents=(replace(recalled, version=recalled.version + 1),)))
    change(portal, "doc_three", access=2)
    change(portal, "doc_four", provider_id=OTHER_PROVIDER.id)
    page = browser.get(MARKED)
    assert "Approve and sign 2 documents" in text(page)
    done = sign(browser, [*IDS, "doc_unknown"])
    assert "Signed: 2 documents" in text(done)
    assert "This document has been recalled by the clinic." in text(done)
    assert "Not marked as read in its present version. Please review it." in text(done)
    assert text(done).count("It is no longer in your list.") == 2
    assert "Mary" not in text(done), "the patient of a document that is another provider's now"


def test_a_form_sent_twice_signs_nothing_twice(portal: Portal, browser: Browser) -> None:
    for document_id in IDS:
        mark(browser, document_id)
    sign(browser)
    before = portal.fake_store.commits
    assert "Signed: 5 documents" in text(sign(browser))
    assert portal.fake_store.commits == before


def test_a_form_without_documents_signs_nothing(portal: Portal, browser: Browser) -> None:
    mark(browser, "doc_one")
    assert "Nothing was signed" in text(sign(browser, []))
    assert statuses(portal)[0] is Status.PENDING


def test_the_pending_list_shows_what_is_marked_and_leads_to_the_signature(portal: Portal, browser: Browser) -> None:
    assert "Marked as read" not in text(browser.get("/documents"))
    for document_id in IDS[:2]:
        mark(browser, document_id)
    change(portal, "doc_two", access=2)
    page = browser.get("/documents")
    assert text(page).count("Marked as read") == 1, "the second changed since"
    assert f'href="{MARKED}"' in page.body.decode()


def test_approving_leads_to_the_next_document_without_a_mark(browser: Browser) -> None:
    form = {"typed_name": "Luis Rivera", "pages_shown": "1,2,3", "consent": CONSENT_VERSION, "then": "next"}
    mark(browser, "doc_one")
    mark(browser, "doc_three")
    assert header(browser.post("/documents/doc_two/approve", form), "Location") == "/documents/doc_four?signed=doc_two"
    mark(browser, "doc_four")
    listed = header(browser.post("/documents/doc_five/approve", form), "Location")
    assert listed == "/documents?signed=doc_five"
    assert "Sign what you've read" in text(browser.get(listed))


def test_too_many_wrong_passwords_sign_nothing(
    portal: Portal, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TooManyRequests("Too many wrong passwords. Try again later.", retry_after=60)

    mark(browser, "doc_one")
    monkeypatch.setattr("chalicelib.web.pages.signing.several_pages.reauthenticate", refuse)
    response = sign(browser, ["doc_one"])
    assert response.status_code == 429
    assert "Too many wrong passwords." in text(response)
    assert statuses(portal)[0] is Status.PENDING
