"""Test the pages on which a provider hands a document over to a colleague, sees its state, and takes it back."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.documents import Decision, Document, Signer, SigningMethod
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.transaction import Change
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from tests.support.accounts import PASSWORD, give_account, logged_in, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import COLLEAGUE, OTHER_PROVIDER, PROVIDER, a_document, handed_over, only_doing

REVIEW = "/documents/doc_abcdef123456"
HANDED = f"{REVIEW}/handed-over"
FORM = {
    "first_name": "Jane",
    "last_name": "Okafor",
    "credential": "NP",
    "email": "jane@example.com",
    "npi": "1000000004",
}
SILVA = {"first_name": "Ana", "last_name": "Silva", "credential": "DO", "email": "ana@example.com"}


@pytest.fixture
def portal() -> Portal:
    portal = portal_with(a_document())
    give_account(portal, OTHER_PROVIDER)
    return portal


@pytest.fixture
def giver(portal: Portal) -> Browser:
    return logged_in(portal)


def stored(portal: Portal) -> Document:
    document = portal.store.document("doc_abcdef123456")
    assert document is not None
    return document


def change(portal: Portal, **changes: Any) -> None:
    document = stored(portal)
    changed = replace(document, version=document.version + 1, **changes)
    portal.store.commit(Change(at=START, documents=(changed,)))


def latest(portal: Portal, provider: Provider) -> Provider:
    found = portal.store.provider(provider.id)
    assert found is not None
    return found


def test_the_review_offers_to_hand_the_document_over(giver: Browser) -> None:
    page = giver.get(REVIEW)
    assert page.body.decode().count(f'href="{REVIEW}/hand-over"') == 2
    assert "Should a colleague sign this? Hand it over ." in text(page)
    assert "Hand it over instead of declining." in text(page)


def test_the_page_by_code_offers_no_hand_over(portal: Portal) -> None:
    assert "hand-over" not in portal.browser().get("/by-hand/doc_abcdef123456").body.decode()


def test_the_form_says_who_learns_what(giver: Browser) -> None:
    page = giver.get(f"{REVIEW}/hand-over")
    assert page.status_code == 200
    assert "Hill Country Therapy is notified, and sees the name and email address that you enter." in text(page)
    assert 'name="password"' not in page.body.decode()
    assert text(page).count("NPI (optional)") == 1


def test_a_document_is_handed_over_seen_and_taken_back(portal: Portal, giver: Browser) -> None:
    posted = giver.post(f"{REVIEW}/hand-over", FORM)
    assert (posted.status_code, header(posted, "location")) == (303, HANDED)
    assert stored(portal).addressee == COLLEAGUE
    page = text(giver.get(HANDED))
    assert "Handed over to Jane Okafor, NP" in page
    assert "jane@example.com" in page
    assert "It waits for a decision." in page
    assert "Handed over to Jane Okafor, NP" in text(giver.get("/documents"))
    back = giver.post(f"{REVIEW}/take-back")
    assert (back.status_code, header(back, "location")) == (303, REVIEW)
    assert giver.get(REVIEW).status_code == 200
    assert "Handed over" not in text(giver.get("/documents"))


def test_the_second_page_of_the_list_leaves_the_handed_over_documents_out(portal: Portal, giver: Browser) -> None:
    giver.post(f"{REVIEW}/hand-over", FORM)
    first = tuple(a_document(id=f"doc_{number:02}") for number in range(26))
    portal.store.commit(Change(at=START, documents=first))
    page = giver.get("/documents").body.decode()
    assert "Handed over to" in page
    more = page.partition('href="/documents?after=')[2].partition('"')[0]
    assert "Handed over to" not in giver.get(f"/documents?after={more}").body.decode()


@pytest.mark.parametrize("path", ["", "/text", "/original.pdf", "/hand-over"])
def test_the_old_links_of_the_giver_lead_to_the_page_of_the_hand_over(giver: Browser, path: str) -> None:
    giver.post(f"{REVIEW}/hand-over", FORM)
    assert header(giver.get(f"{REVIEW}{path}"), "location") == HANDED


@pytest.mark.parametrize("path", ["approve", "decline", "hand-over"])
def test_the_giver_decides_nothing_after_the_hand_over(portal: Portal, giver: Browser, path: str) -> None:
    giver.post(f"{REVIEW}/hand-over", FORM)
    before = stored(portal)
    posted = giver.post(f"{REVIEW}/{path}", {**SILVA, "reason": "not_my_patient"})
    assert header(posted, "location") == HANDED
    assert stored(portal) == before


def test_the_colleague_reviews_the_document_and_sees_who_handed_it_over(portal: Portal, giver: Browser) -> None:
    giver.post(f"{REVIEW}/hand-over", FORM)
    colleague = logged_in(portal, latest(portal, OTHER_PROVIDER))
    page = colleague.get(REVIEW)
    assert page.status_code == 200
    assert "Handed over by Luis Rivera, MD" in text(page)
    assert "Ada Byron" in text(colleague.get("/documents"))
    assert colleague.get(HANDED).status_code == 404
    assert colleague.post(f"{REVIEW}/take-back").status_code == 404


def test_a_wrong_form_is_shown_again_with_its_values(portal: Portal, giver: Browser) -> None:
    page = giver.post(f"{REVIEW}/hand-over", {**FORM, "email": "jane"})
    assert page.status_code == 422
    assert "Not handed over yet. Please fix the following:" in text(page)
    assert 'value="Okafor"' in page.body.decode()
    assert "The email address must be one email address" in text(page)
    assert stored(portal).handed_over == ()


def test_too_many_hand_overs_are_refused_for_a_day(giver: Browser) -> None:
    for number in range(20):
        giver.post(f"{REVIEW}/hand-over", {**SILVA, "email": f"{number}@example.com"})
        giver.post(f"{REVIEW}/take-back")
    page = giver.post(f"{REVIEW}/hand-over", SILVA)
    assert page.status_code == 429
    assert "You can hand over 20 documents a day." in text(page)


def test_the_password_is_asked_again_after_fifteen_minutes(portal: Portal) -> None:
    give_account(portal, PROVIDER)
    browser = portal.browser()
    browser.log_in(PROVIDER.email or "", PASSWORD)
    for _ in range(16):
        portal.time.pass_time(minutes=1)
        browser.get("/documents")
    assert 'name="password"' in browser.get(f"{REVIEW}/hand-over").body.decode()
    wrong = browser.post(f"{REVIEW}/hand-over", {**FORM, "password": "wrong"})
    assert wrong.status_code == 422
    assert "Incorrect password." in text(wrong)
    assert stored(portal).handed_over == ()
    done = browser.post(f"{REVIEW}/hand-over", {**FORM, "password": PASSWORD})
    assert header(done, "location") == HANDED


def test_an_expired_session_hands_nothing_over(portal: Portal, giver: Browser) -> None:
    giver.get("/login")
    portal.time.pass_time(minutes=15)
    posted = giver.post(f"{REVIEW}/hand-over", FORM)
    assert (posted.status_code, header(posted, "location")) == (303, REVIEW)
    assert stored(portal).handed_over == ()
    assert SESSION_COOKIE in giver.cookies


def test_a_document_that_was_decided_meanwhile_leads_to_its_page(portal: Portal, giver: Browser) -> None:
    change(portal, status=Status.DECLINED, outcome=Outcome.DECLINED)
    assert header(giver.get(f"{REVIEW}/hand-over"), "location") == REVIEW
    posted = giver.post(f"{REVIEW}/hand-over", FORM)
    assert header(posted, "location") == REVIEW
    assert stored(portal).handed_over == ()


def by_colleague(action: Action) -> Decision:
    signer = Signer(
        name="Jane Okafor", credential="NP", npi=None, method=SigningMethod.ELECTRONIC, authentication="account"
    )
    return Decision(action=action, signer=signer, decided_at=START)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"status": Status.APPROVED, "decision": by_colleague(Action.APPROVE)}, "Signed by Jane Okafor."),
        (
            {"status": Status.DECLINED, "outcome": Outcome.DECLINED, "decision": by_colleague(Action.DECLINE)},
            "Jane Okafor, NP declined this plan of care.",
        ),
        ({"status": Status.RECALLED, "recalled_at": START}, "Hill Country Therapy withdrew this plan of care."),
        ({"status": Status.RETURNED, "returned_at": START}, "Hill Country Therapy has it back."),
    ],
)
def test_the_giver_sees_what_became_of_the_document(
    portal: Portal, giver: Browser, state: dict[str, Any], shown: str
) -> None:
    giver.post(f"{REVIEW}/hand-over", FORM)
    change(portal, **state)
    page = text(giver.get(HANDED))
    assert shown in page
    assert "Take it back" not in page
    posted = giver.post(f"{REVIEW}/take-back")
    assert header(posted, "location") == HANDED


def test_the_giver_sees_that_the_colleague_handed_it_on_and_no_address(portal: Portal, giver: Browser) -> None:
    ana = replace(COLLEAGUE, first_name="Ana", last_name="Silva", credential="DO", npi=None, email="ana@example.com")
    giver.post(f"{REVIEW}/hand-over", FORM)
    change(portal, **{name: getattr(handed_over(stored(portal), ana), name) for name in ("addressee", "handed_over")})
    page = text(giver.get(HANDED))
    assert "Jane Okafor, NP handed this plan of care on to Ana Silva, DO." in page
    assert "example.com" not in page


def meanwhile(portal: Portal, other: Document) -> None:
    """Let another request change the document into `other` at the moment of the next commit."""
    changes = ("addressee", "provider_id", "handed_over")
    changed = {name: getattr(other, name) for name in changes}
    portal.fake_store.before_commit = only_doing(lambda: change(portal, **changed))


def test_a_form_that_was_sent_twice_at_once_leads_to_the_document(portal: Portal, giver: Browser) -> None:
    meanwhile(portal, handed_over(stored(portal)))
    posted = giver.post(f"{REVIEW}/hand-over", FORM)
    assert (posted.status_code, header(posted, "location")) == (303, REVIEW)
    assert header(giver.get(REVIEW), "location") == HANDED
    meanwhile(portal, a_document())
    back = giver.post(f"{REVIEW}/take-back")
    assert (back.status_code, header(back, "location")) == (303, REVIEW)
    assert giver.get(REVIEW).status_code == 200
