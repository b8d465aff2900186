"""Test the forms with which an assistant marks a document as ready and returns it, and what the provider then sees."""

from dataclasses import replace

import pytest

from chalicelib.domain.documents import Document
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.review.scan_previews import scan_prefix
from chalicelib.services.transaction import Change
from tests.support.accounts import logged_in, portal_with
from tests.support.assistants import ASSISTANT, assist
from tests.support.fakes import START, FakeInspector
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import PROVIDER, a_document

DOCUMENT = a_document()
PLACE = f"/assistant/documents/{DOCUMENT.id}"
KEY = f"{scan_prefix(DOCUMENT.id)}scn_1"


@pytest.fixture(autouse=True)
def portal() -> Portal:
    portal = portal_with(DOCUMENT)
    assist(portal, ASSISTANT, PROVIDER)
    portal.inspector = FakeInspector({"sha256": "5ca4", "media_type": "image/png", "pages": 1})
    portal.files.put(KEY, b"a scan", "image/png")
    return portal


@pytest.fixture
def susan(portal: Portal) -> Browser:
    return logged_in(portal, ASSISTANT)


def document(portal: Portal) -> Document:
    stored = portal.store.document(DOCUMENT.id)
    assert stored is not None
    return stored


# Ready


def test_the_provider_sees_the_mark_in_the_list_and_in_review(portal: Portal, susan: Browser) -> None:
    answer = susan.post(f"{PLACE}/ready", remark="New: twice a week.")
    assert (answer.status_code, header(answer, "location")) == (303, PLACE)
    luis = logged_in(portal)
    for path in ("/documents", f"/documents/{DOCUMENT.id}"):
        assert "Ready for you : New: twice a week. Susan Park" in text(luis.get(path))


def test_a_mark_without_a_remark_says_ready(portal: Portal, susan: Browser) -> None:
    susan.post(f"{PLACE}/ready")
    assert "Ready for you Susan Park" in text(logged_in(portal).get("/documents"))


def test_no_mark_is_shown_before(portal: Portal, susan: Browser) -> None:
    luis = logged_in(portal)
    for browser, path in ((luis, "/documents"), (luis, f"/documents/{DOCUMENT.id}"), (susan, PLACE)):
        assert "Ready for" not in text(browser.get(path))


def test_the_assistant_sees_the_mark_and_changes_the_remark(portal: Portal, susan: Browser) -> None:
    assert "Mark as ready" in text(susan.get(PLACE))
    susan.post(f"{PLACE}/ready", remark="See page 2.")
    page = susan.get(PLACE)
    assert "Ready for Luis Rivera, MD : See page 2. Susan Park" in text(page)
    assert "Change the remark" in text(page)
    assert ">See page 2.</textarea>" in page.body.decode()
    assert "Ready for Luis Rivera, MD : See page 2." in text(susan.get("/assistant/documents"))
    susan.post(f"{PLACE}/ready", remark="See page 3.")
    mark = document(portal).ready
    assert mark is not None
    assert mark.remark == "See page 3."


def test_the_mark_of_another_office_is_shown_to_nobody(portal: Portal, susan: Browser) -> None:
    susan.post(f"{PLACE}/ready", remark="See page 2.")
    marked = document(portal)
    assert marked.ready is not None
    foreign = replace(marked, version=marked.version + 1, ready=replace(marked.ready, provider_id="prv_9"))
    portal.store.commit(Change(at=START, documents=(foreign,)))
    luis = logged_in(portal)
    for browser, path in ((luis, "/documents"), (luis, f"/documents/{DOCUMENT.id}"), (susan, PLACE)):
        assert "See page 2." not in text(browser.get(path))


def test_a_refused_remark_is_shown_again(portal: Portal, susan: Browser) -> None:
    answer = susan.post(f"{PLACE}/ready", remark="y" * 301)
    page = answer.body.decode()
    assert answer.status_code == 422
    assert "Use at most 300 characters." in page
    assert "y" * 301 in page
    assert f'data-history-url="{PLACE}"' in page
    assert document(portal).ready is None


def test_a_document_that_was_decided_is_not_marked(portal: Portal, susan: Browser) -> None:
    decided = replace(document(portal), version=2, status=Status.RECALLED, recalled_at=START)
    portal.store.commit(Change(at=START, documents=(decided,)))
    answer = susan.post(f"{PLACE}/ready", remark="See page 2.")
    assert answer.status_code == 409
    assert "Nothing was recorded This document is no longer pending, so it wasn't marked." in text(answer)


# By hand


def test_the_upload_leads_to_the_question_who_signed(portal: Portal, susan: Browser) -> None:
    page = susan.get(PLACE).body.decode()
    assert f"https://portal.test{PLACE}/uploaded" in page
    assert f'name="key" value="{scan_prefix(DOCUMENT.id)}' in page
    answer = susan.get(f"{PLACE}/uploaded?key={KEY}")
    page = answer.body.decode()
    assert answer.status_code == 200
    assert f'action="{PLACE}/signed"' in page
    assert f'href="{PLACE}"' in page
    assert 'value="Luis Rivera"' in page
    assert document(portal).decision is None


@pytest.mark.parametrize("key", ["", "uploads/scans/doc_other/scn_1", f"{scan_prefix(DOCUMENT.id)}none"])
def test_a_key_without_an_upload_leads_back(susan: Browser, key: str) -> None:
    answer = susan.get(f"{PLACE}/uploaded?key={key}")
    assert (answer.status_code, header(answer, "location")) == (303, PLACE)


def test_a_returned_scan_is_signed_by_hand(portal: Portal, susan: Browser) -> None:
    answer = susan.post(f"{PLACE}/signed", key=KEY, signer_name="Luis Rivera")
    assert (answer.status_code, header(answer, "location")) == (303, PLACE)
    signed = document(portal)
    assert signed.outcome is Outcome.BY_HAND
    assert signed.decision is not None
    assert signed.decision.signer.authentication == "account password, by the assistant Susan Park"
    assert portal.store.events(DOCUMENT.id)[-1].actor == f"assistant:{ASSISTANT.id}"
    shown = text(logged_in(portal).get(f"/documents/{DOCUMENT.id}"))
    assert "Returned by Susan Park, an assistant whom Luis Rivera, MD has invited." in shown
    page = text(susan.get(PLACE))
    assert "Signed by hand" in page
    assert "Mark it ready" not in page
    assert header(susan.get(f"{PLACE}/uploaded?key={KEY}"), "location") == PLACE


def test_a_scan_without_a_name_is_asked_again(susan: Browser) -> None:
    answer = susan.post(f"{PLACE}/signed", key=KEY, signer_name="")
    page = answer.body.decode()
    assert answer.status_code == 422
    assert "Enter the name of the person who signed." in page
    assert f'value="{KEY}"' in page
    assert f'data-history-url="{PLACE}/uploaded?key={KEY}"' in page


def test_a_refused_scan_says_why(portal: Portal, susan: Browser) -> None:
    portal.inspector = FakeInspector({"refused": {"code": "not_a_scan", "detail": "This is not a scan."}})
    answer = susan.post(f"{PLACE}/signed", key=KEY, signer_name="Luis Rivera")
    assert answer.status_code == 422
    assert "We couldn't accept your scan This is not a scan." in text(answer)
    assert 'id="on-paper" open' in answer.body.decode()


def test_a_file_that_is_no_scan_is_refused_before_anybody_confirms_it(portal: Portal, susan: Browser) -> None:
    portal.inspector = FakeInspector({"refused": {"code": "not_a_scan", "detail": "This is not a scan."}})
    answer = susan.get(f"{PLACE}/uploaded?key={KEY}")
    assert answer.status_code == 422
    assert "We couldn't accept your scan This is not a scan." in text(answer)
    assert "Yes, this is the signed document" not in text(answer)


def test_a_scan_that_came_too_late_is_not_recorded(portal: Portal, susan: Browser) -> None:
    susan.post(f"{PLACE}/signed", key=KEY, signer_name="Luis Rivera")
    assert isinstance(portal.inspector, FakeInspector)
    portal.inspector.answer = {"sha256": "07e4", "media_type": "image/png", "pages": 1}
    answer = susan.post(f"{PLACE}/signed", key=KEY, signer_name="Luis Rivera")
    assert answer.status_code == 409
    assert "Nothing was recorded" in text(answer)


def test_every_form_of_an_unknown_document_is_not_found(portal: Portal, susan: Browser) -> None:
    removed = replace(PROVIDER, version=3)
    portal.store.commit(Change(at=START, providers=(removed,)))
    for path in ("/ready", "/signed"):
        assert susan.post(PLACE + path, key=KEY, signer_name="Luis Rivera").status_code == 404
    assert susan.get(f"{PLACE}/uploaded?key={KEY}").status_code == 404
    assert document(portal) == DOCUMENT
