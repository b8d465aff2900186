"""Test a decision that is sent after the session has ended: it is not recorded, but its note is saved."""

from dataclasses import replace

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.status import Status
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.transaction import Change
from tests.support.accounts import EMAIL, PASSWORD, give_account, portal_with_account
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document, addressed_to

DOCUMENT = a_document()
REVIEW = f"/documents/{DOCUMENT.id}"
OTHER_EMAIL = "jane@example.com"
COOKIE = f"__Host-draft-{DOCUMENT.id}"
NOTE = "Twice a week is enough; please call me about the stairs."
DECLINED = {"reason": "change_the_plan", "decline_note": NOTE, "other_name": "Dr. Jane Okafor"}


@pytest.fixture(autouse=True)
def portal() -> Portal:
    portal = portal_with_account()
    give_account(portal, replace(OTHER_PROVIDER, email=OTHER_EMAIL))
    return portal


@pytest.fixture
def late(portal: Portal) -> Browser:
    """Return a browser without scripts that still shows a review page, although the session has ended."""
    browser = portal.browser()
    browser.log_in(EMAIL, PASSWORD)
    browser.get(REVIEW)
    portal.time.pass_time(minutes=15)
    return browser


def drafts(portal: Portal) -> list[Secret]:
    return [row for row in portal.fake_store.every(Secret, "secrets") if row.kind is SecretKind.DRAFT]


def test_the_note_of_a_late_decline_is_restored_after_login(portal: Portal, late: Browser) -> None:
    sent = late.post(f"{REVIEW}/decline", DECLINED)
    assert header(sent, "location") == REVIEW
    landing = late.get(REVIEW)
    assert "What you wrote was saved" in text(landing)
    assert NOTE not in landing.body.decode()
    back = late.log_in(EMAIL, PASSWORD, REVIEW)
    assert header(back, "location") == REVIEW
    page = late.get(REVIEW).body.decode()
    assert "Not submitted yet" in page
    assert NOTE.replace("'", "&#39;") in page
    assert 'value="Dr. Jane Okafor"' in page
    assert 'value="change_the_plan" required checked' in page
    document = portal.store.document(DOCUMENT.id)
    assert document is not None
    assert document.status is Status.PENDING
    assert late.post(f"{REVIEW}/decline", DECLINED).status_code == 303
    decided = portal.store.document(DOCUMENT.id)
    assert decided is not None
    assert decided.status is Status.DECLINED


def test_a_late_approval_saves_the_texts_but_no_consent(portal: Portal, late: Browser) -> None:
    fields = {"typed_name": "Luis A. Rivera", "note": NOTE, "read_statement": "yes", "pages_shown": "1,2,3"}
    late.post(f"{REVIEW}/approve", {**fields, "password": PASSWORD, "consent": "1", "drawing": "{}"})
    (row,) = drafts(portal)
    assert row.draft is not None
    for attesting in ("read_statement", "pages_shown", "password", "consent", "drawing", PASSWORD):
        assert attesting not in row.draft
    late.log_in(EMAIL, PASSWORD, REVIEW)
    page = late.get(REVIEW).body.decode()
    assert NOTE in page
    assert 'value="Luis A. Rivera"' in page
    assert 'name="pages_shown" value=""' in page


def test_the_note_of_a_late_mark_is_restored_after_login(late: Browser) -> None:
    sent = late.post(f"{REVIEW}/mark", {"note": NOTE, "then": "next"})
    assert header(sent, "location") == REVIEW
    late.log_in(EMAIL, PASSWORD, REVIEW)
    assert NOTE in late.get(REVIEW).body.decode()


def test_no_url_and_no_cookie_contains_the_note(late: Browser) -> None:
    sent = late.post(f"{REVIEW}/decline", DECLINED)
    assert "stairs" not in header(sent, "location")
    assert not [value for value in late.cookies.values() if "stairs" in value]


def test_another_provider_on_the_same_browser_does_not_get_the_draft(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    own = addressed_to(OTHER_PROVIDER, a_document(id="doc_other"))
    portal.store.commit(Change(at=START, documents=(own,)))
    late.log_in(OTHER_EMAIL, PASSWORD)
    assert late.get(REVIEW).status_code == 404
    assert NOTE not in late.get("/documents/doc_other").body.decode()


def test_a_new_addressee_does_not_get_the_draft(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    current = portal.store.document(DOCUMENT.id)
    assert current is not None
    other = addressed_to(OTHER_PROVIDER, replace(current, version=current.version + 1))
    portal.store.commit(Change(at=START, documents=(other,)))
    late.log_in(OTHER_EMAIL, PASSWORD)
    page = late.get(REVIEW)
    assert page.status_code == 200
    assert NOTE not in page.body.decode()


def test_a_draft_belongs_to_one_document(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    portal.store.commit(Change(at=START, documents=(a_document(id="doc_next"),)))
    late.log_in(EMAIL, PASSWORD)
    assert NOTE not in late.get("/documents/doc_next").body.decode()


def test_a_draft_expires_even_if_its_row_exists(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    portal.time.pass_time(minutes=59, seconds=50)
    late.log_in(EMAIL, PASSWORD)
    assert NOTE in late.get(REVIEW).body.decode()
    portal.time.pass_time(seconds=10)
    assert drafts(portal)
    assert NOTE not in late.get(REVIEW).body.decode()


@pytest.mark.parametrize("fields", [{}, {"reason": "not_my_patient"}, {"typed_name": "Luis Rivera"}])
def test_an_empty_form_saves_no_draft(portal: Portal, late: Browser, fields: dict[str, str]) -> None:
    late.post(f"{REVIEW}/decline", fields)
    assert not drafts(portal)
    assert "Log in again to continue where you left off." in text(late.get(REVIEW))


def test_a_browser_without_a_session_saves_no_draft(portal: Portal) -> None:
    portal.browser().post(f"{REVIEW}/decline", DECLINED)
    Browser({"__Host-session": "made up"}).post(f"{REVIEW}/decline", DECLINED)
    assert not drafts(portal)


def test_a_session_ended_elsewhere_saves_no_draft(portal: Portal, late: Browser) -> None:
    portal.admin_actions.run({"action": "end_sessions", "email": EMAIL})
    late.post(f"{REVIEW}/decline", DECLINED)
    assert not drafts(portal)


def test_a_logged_out_session_saves_no_draft(portal: Portal) -> None:
    browser = portal.browser()
    browser.log_in(EMAIL, PASSWORD)
    kept = browser.cookies["__Host-session"]
    browser.post("/logout")
    browser.cookies["__Host-session"] = kept
    browser.post(f"{REVIEW}/decline", DECLINED)
    assert not drafts(portal)


def test_the_session_of_another_provider_saves_no_draft(portal: Portal) -> None:
    browser = portal.browser()
    browser.log_in(OTHER_EMAIL, PASSWORD)
    portal.time.pass_time(minutes=15)
    browser.post(f"{REVIEW}/decline", DECLINED)
    assert not drafts(portal)


def test_a_text_that_is_too_long_is_cut(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", {**DECLINED, "decline_note": "x" * 500_000})
    (row,) = drafts(portal)
    assert len(row.draft or "") < 40_000


def test_without_a_cookie_a_review_reads_no_draft(portal: Portal) -> None:
    browser = portal.browser()
    browser.log_in(EMAIL, PASSWORD)
    read: list[str] = []
    real = portal.fake_store.secret
    portal.fake_store.secret = lambda key: read.append(key) or real(key)  # type: ignore[method-assign, func-returns-value]  # - records the reads
    browser.get(REVIEW)
    assert sorted(read) == sorted({*read, secret_key(SecretKind.READ_MARKS, PROVIDER.id)})
    assert len(read) == 2, "the session and the marks of read documents"


def test_a_decision_removes_the_row_and_the_cookie(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    assert COOKIE in late.cookies
    late.log_in(EMAIL, PASSWORD, REVIEW)
    assert late.post(f"{REVIEW}/decline", DECLINED).status_code == 303
    assert not drafts(portal)
    assert COOKIE not in late.cookies


def test_an_approval_removes_the_row_and_the_cookie(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/approve", {"note": NOTE})
    late.log_in(EMAIL, PASSWORD, REVIEW)
    signing = {"typed_name": "Luis Rivera", "pages_shown": "1,2,3", "consent": CONSENT_VERSION}
    assert late.post(f"{REVIEW}/approve", signing).status_code == 303
    assert not drafts(portal)
    assert COOKIE not in late.cookies


@pytest.mark.parametrize("action", ["approve", "decline", "forget-signature"])
def test_a_cleared_note_does_not_return(portal: Portal, late: Browser, action: str) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    late.log_in(EMAIL, PASSWORD, REVIEW)
    assert NOTE in late.get(REVIEW).body.decode()
    assert late.post(f"{REVIEW}/{action}", reason="", decline_note="").status_code in (200, 422)
    assert NOTE not in late.get(REVIEW).body.decode()
    assert not drafts(portal)


def test_a_decision_elsewhere_removes_the_row_and_the_cookie(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    late.log_in(EMAIL, PASSWORD, REVIEW)
    current = portal.store.document(DOCUMENT.id)
    assert current is not None
    recalled = replace(current, version=current.version + 1, status=Status.RECALLED, recalled_at=START)
    portal.store.commit(Change(at=START, documents=(recalled,)))
    late.get(REVIEW)
    assert not drafts(portal)
    assert COOKIE not in late.cookies


def test_the_landing_page_of_another_document_mentions_no_draft(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    portal.store.commit(Change(at=START, documents=(a_document(id="doc_next"),)))
    assert "What you wrote was saved" in text(late.get(REVIEW))
    assert "What you wrote was saved" not in text(late.get("/documents/doc_next"))


def test_drafts_of_two_documents_are_both_saved(portal: Portal, late: Browser) -> None:
    portal.store.commit(Change(at=START, documents=(a_document(id="doc_next"),)))
    late.post(f"{REVIEW}/decline", DECLINED)
    late.post("/documents/doc_next/decline", {**DECLINED, "decline_note": "Another note."})
    late.log_in(EMAIL, PASSWORD, REVIEW)
    assert NOTE in late.get(REVIEW).body.decode()
    assert "Another note." in late.get("/documents/doc_next").body.decode()


def test_a_later_draft_replaces_the_earlier_one(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    late.post(f"{REVIEW}/decline", {**DECLINED, "decline_note": "A better one."})
    (row,) = drafts(portal)
    assert "A better one." in (row.draft or "")


def test_a_provider_cannot_remove_the_draft_of_another(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    own = addressed_to(OTHER_PROVIDER, a_document(id="doc_other"))
    portal.store.commit(Change(at=START, documents=(own,)))
    late.log_in(OTHER_EMAIL, PASSWORD)
    late.cookies["__Host-draft-doc_other"] = late.cookies[COOKIE]
    assert late.post("/documents/doc_other/decline", DECLINED).status_code == 303
    assert drafts(portal)


def test_a_decision_is_recorded_even_if_its_draft_cannot_be_removed(portal: Portal, late: Browser) -> None:
    late.post(f"{REVIEW}/decline", DECLINED)
    late.log_in(EMAIL, PASSWORD, REVIEW)
    real = portal.fake_store.commit

    def commit(change: Change) -> None:
        if change.dropped:
            raise Unavailable("The draft could not be dropped.")
        real(change)

    portal.fake_store.commit = commit  # type: ignore[method-assign]  # - one write fails
    assert late.post(f"{REVIEW}/decline", DECLINED).status_code == 303
    decided = portal.store.document(DOCUMENT.id)
    assert decided is not None
    assert decided.status is Status.DECLINED
