"""Test the page on which a person without an account, who entered a code, signs or declines on the screen."""

import re
from dataclasses import replace

import pytest
from chalice.test import HTTPResponse

from chalicelib import bootstrap
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.documents import Decision, Document
from chalicelib.domain.status import Status
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.review.hand_codes import create_code, create_fax_code
from chalicelib.services.transaction import Change, Claim
from tests.support.accounts import logged_in
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_delivery, a_document, a_store

ID = a_document().id
PLACE = f"/by-hand/{ID}"
OPENED = f"{PLACE}/document"
FORM = {
    "signer_name": "Luis Rivera",
    "credential": "MD",
    "npi": "1234567893",
    "typed_name": "Luis Rivera",
    "signature": "typed",
    "confirmed": "yes",
    "consent": CONSENT_VERSION,
}


@pytest.fixture
def portal() -> Portal:
    portal = Portal(a_store(a_document()))
    portal.switches.set_sign_without_account(PRACTICE.id, on=True)
    bootstrap.install(portal)
    return portal


def stored(portal: Portal) -> Document:
    document = portal.store.document(ID)
    assert document is not None
    return document


def decision(portal: Portal) -> Decision:
    found = stored(portal).decision
    assert found is not None
    return found


def enter(portal: Portal, *, fax: bool = False) -> Browser:
    """Return a browser that has entered the document's code and opened the document."""
    make, delivery = (create_fax_code if fax else create_code), a_delivery(stored(portal))
    browser = Browser()
    browser.post(PLACE, code=make(portal.store, stored(portal), delivery, portal.time.now(), portal.ids))
    browser.get(OPENED)
    return browser


def sign(browser: Browser, pages: str = "1,2,3", **changes: str) -> HTTPResponse:
    return browser.post(f"{PLACE}/approve", {**FORM, "pages_shown": pages, **changes})


def value_of(response: HTTPResponse, name: str) -> str:
    match = re.search(rf'name="{name}" type="text" value="([^"]*)"', response.body.decode())
    assert match is not None
    return match[1]


def change(portal: Portal, document: Document | None) -> None:
    assert document is not None
    portal.store.commit(Change(at=START, documents=(replace(document, version=stored(portal).version + 1),)))


def csrf(browser: Browser) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").body.decode())
    assert match is not None
    return match[1]


# The forms


def test_the_page_offers_both_forms_with_the_facts_of_the_clinic(portal: Portal) -> None:
    page = enter(portal).get(OPENED)
    for words in (
        "Approve and sign",
        "Decline instead",
        "Sign on paper instead",
        "By choosing Approve and sign I sign",
    ):
        assert words in text(page)
    assert [value_of(page, name) for name in ("signer_name", "credential", "npi", "decliner")] == [
        "Luis Rivera",
        "MD",
        "1234567893",
        "",
    ]
    assert value_of(page, "typed_name") == ""
    assert page.body.count(b"data-token=") == 3
    assert "/static/review-" in page.body.decode()
    for words in ("Save this signature", "Preview on the document", "then next", "Your password"):
        assert words not in text(page)


@pytest.mark.parametrize("off", ["set_electronic_signature", "set_sign_without_account"])
def test_with_a_switch_off_there_is_only_paper(portal: Portal, off: str) -> None:
    getattr(portal.switches, off)(PRACTICE.id, on=False)
    page = enter(portal).get(OPENED)
    assert "Sign it on paper" in text(page)
    assert "Approve and sign" not in text(page)
    assert "Decline" not in text(page)
    assert b"data-token" not in page.body


def test_pages_that_cannot_be_shown_are_signed_on_paper(portal: Portal) -> None:
    change(portal, replace(stored(portal), pages_ready=None))
    portal.time.pass_time(minutes=11)
    page = text(enter(portal).get(OPENED))
    assert "can't be signed here" in page
    assert "Approve and sign" not in page


# Signing


def test_the_document_is_signed_on_the_screen(portal: Portal) -> None:
    browser = enter(portal)
    response = sign(browser, note="Looks right.")
    assert (response.status_code, header(response, "location")) == (303, OPENED)
    assert (stored(portal).status, decision(portal).signer.name) == (Status.APPROVED, "Luis Rivera")
    assert decision(portal).pages_shown == (1, 2, 3)
    assert portal.store.events(ID)[-2].actor == "by_hand:prv_1"
    page = browser.get(OPENED)
    assert "Thank you. You signed this plan of care." in text(page)
    assert f'data-signed="{ID}"' in page.body.decode()
    assert b"<form" not in page.body


def test_another_visitor_sees_that_it_was_signed_but_not_by_them(portal: Portal) -> None:
    sign(enter(portal))
    portal.time.pass_time(minutes=2)
    page = text(enter(portal, fax=True).get(OPENED))
    assert "This document has been signed" in page
    assert "You signed" not in page


def test_errors_are_shown_beside_the_fields_and_nothing_typed_is_lost(portal: Portal) -> None:
    response = sign(enter(portal), npi="1234567890", note="Looks right.", confirmed="")
    assert response.status_code == 422
    assert "Not signed yet. Please fix the following:" in text(response)
    assert "Enter your 10-digit NPI." in text(response)
    assert "Confirm that you are Luis Rivera." in text(response)
    assert (value_of(response, "npi"), value_of(response, "typed_name")) == ("1234567890", "Luis Rivera")
    assert "Looks right." in response.body.decode()
    assert f'data-history-url="{OPENED}"' in response.body.decode()
    assert stored(portal).status is Status.PENDING


def test_unread_pages_and_forged_tokens_sign_nothing(portal: Portal) -> None:
    browser, other = enter(portal), enter(portal, fax=True)
    assert sign(browser, pages="1,2").status_code == 422
    tokens = re.findall(r'data-token="([^"]+)"', other.get(OPENED).body.decode())
    forged = ",".join(f"{token}.7" for token in tokens)
    response = browser.post_raw(f"{PLACE}/approve", {**FORM, "pages_shown": forged, "csrf": csrf(browser)})
    assert response.status_code == 422
    assert "Please read every page" in text(response)
    assert stored(portal).status is Status.PENDING


def test_a_review_of_the_account_gives_no_tokens_for_a_visit(portal: Portal) -> None:
    owner = logged_in(portal)
    tokens = re.findall(r'data-token="([^"]+)"', owner.get(f"/documents/{ID}").body.decode())
    forged = ",".join(f"{token}.7" for token in tokens)
    browser = enter(portal)
    response = browser.post_raw(f"{PLACE}/approve", {**FORM, "pages_shown": forged, "csrf": csrf(browser)})
    assert (len(tokens), response.status_code) == (3, 422)


# Declining


def test_the_document_is_declined_on_the_screen(portal: Portal) -> None:
    browser = enter(portal)
    response = browser.post(f"{PLACE}/decline", reason="not_my_patient", decliner="Susan Ames")
    assert (response.status_code, header(response, "location")) == (303, OPENED)
    assert (stored(portal).status, decision(portal).signer.name) == (Status.DECLINED, "Susan Ames")
    page = text(browser.get(OPENED))
    assert "You declined this plan of care" in page
    assert "notified of your reason (Not my patient)" in page


def test_a_decline_without_its_note_is_refused_in_its_own_form(portal: Portal) -> None:
    response = enter(portal).post(f"{PLACE}/decline", reason="change_the_plan", decliner="")
    assert response.status_code == 422
    assert '<details class="card panel panel--decline" id="decline" open>' in response.body.decode()
    assert "Enter your name, so that the clinic knows who declined." in text(response)
    response = enter(portal).post(f"{PLACE}/decline", reason="change_the_plan", decliner="Luis Rivera")
    assert 'id="decline_note-error"' in response.body.decode()


# What happens meanwhile


def test_a_switch_that_goes_off_meanwhile_signs_nothing(portal: Portal) -> None:
    browser = enter(portal)
    page = browser._show_pages(f"{PLACE}/approve", "1,2,3")
    portal.switches.set_sign_without_account(PRACTICE.id, on=False)
    response = browser.post_raw(f"{PLACE}/approve", {**FORM, "pages_shown": page, "csrf": csrf(browser)})
    assert response.status_code == 409
    assert "has switched signing without an account off, so nothing was recorded. Log in, or sign" in text(response)
    assert "Sign it on paper" in text(response)
    assert stored(portal).status is Status.PENDING


@pytest.mark.parametrize(("path", "note"), [("approve", "note"), ("decline", "decline_note")])
def test_a_document_decided_meanwhile_is_explained_and_the_note_is_kept(portal: Portal, path: str, note: str) -> None:
    browser, other = enter(portal), enter(portal, fax=True)
    other.post(f"{PLACE}/decline", reason="other", decline_note="Seen by a colleague.", decliner="Susan Ames")
    more = {"reason": "other", "decliner": "Luis Rivera", note: "My own words."}
    response = browser.post_raw(f"{PLACE}/{path}", {**FORM, **more, "csrf": csrf(browser)})
    assert response.status_code == 409
    assert "Already declined" in text(response)
    assert "Your note was not sent. You can copy it here: My own words." in text(response)
    assert decision(portal).note == "Seen by a colleague."


def test_a_second_submit_shows_the_same_page(portal: Portal) -> None:
    browser = enter(portal)
    sign(browser)
    events = len(portal.store.events(ID))
    assert browser.post(f"{PLACE}/decline", FORM | {"reason": "other"}).status_code == 409
    response = browser.post_raw(f"{PLACE}/approve", {**FORM, "csrf": csrf(browser)})
    assert header(response, "location") == OPENED
    assert len(portal.store.events(ID)) == events


@pytest.mark.parametrize("path", ["approve", "decline"])
def test_an_ended_visit_leads_to_the_code_and_says_so(portal: Portal, path: str) -> None:
    browser = enter(portal)
    portal.time.pass_time(minutes=60)
    response = browser.post_raw(f"{PLACE}/{path}", {**FORM, "reason": "other", "csrf": csrf(browser)})
    assert header(response, "location") == f"{PLACE}?ended=yes"
    page = text(browser.get(f"{PLACE}?ended=yes"))
    assert "This page has timed out" in page
    assert "Nothing was sent." in page
    assert stored(portal).status is Status.PENDING


def test_a_recall_ends_the_visit_before_the_signature(portal: Portal) -> None:
    browser = enter(portal)
    change(portal, stored(portal).recall("Wrong patient", START))
    response = browser.post_raw(f"{PLACE}/approve", {**FORM, "csrf": csrf(browser)})
    assert header(response, "location") == f"{PLACE}?ended=yes"
    assert stored(portal).status is Status.RECALLED


def test_a_visit_signs_no_other_document(portal: Portal) -> None:
    portal.store.commit(Change(at=START, documents=(a_document(id="doc_other"),)))
    response = enter(portal).post_raw("/by-hand/doc_other/approve", {**FORM, "csrf": "guessed"})
    assert response.status_code == 403
    browser = enter(portal)
    response = browser.post_raw("/by-hand/doc_other/approve", {**FORM, "csrf": csrf(browser)})
    assert header(response, "location") == "/by-hand/doc_other?ended=yes"
    other = portal.store.document("doc_other")
    assert other is not None
    assert other.status is Status.PENDING


def test_a_draft_of_the_browser_belongs_to_the_document_and_its_address(portal: Portal) -> None:
    def owner(browser: Browser) -> str:
        match = re.search(r'data-tab-owner="([0-9a-f]{16})"', browser.get(OPENED).body.decode())
        assert match is not None
        return match[1]

    first = owner(enter(portal))
    portal.time.pass_time(minutes=2)
    assert owner(enter(portal)) == first
    assert owner(enter(portal, fax=True)) != first


# An account afterwards


def without_account(portal: Portal) -> None:
    portal.store.commit(Change(at=START, providers=(replace(PROVIDER, version=2, password_hash=None, email=None),)))


def test_the_signer_gets_an_account_with_one_tap_and_a_password(portal: Portal) -> None:
    without_account(portal)
    browser = enter(portal)
    sign(browser)
    assert "Create an account for dr.rivera@example.com." in text(browser.get(OPENED))
    assert header(browser.post(f"{PLACE}/account"), "location") == "/setup"
    setup = text(browser.get("/setup"))
    assert "Set up your account" in setup
    assert "dr.rivera@example.com" in setup
    assert "Face ID, fingerprint or PIN" in setup
    form = {"password": "violet tractor onion", "credential": "MD", "confirmed": "yes"}
    assert header(browser.post("/setup", form), "location") == f"/documents/{ID}"
    assert "Signed without your account" in text(browser.get(f"/documents/{ID}"))
    provider = portal.store.provider(PROVIDER.id)
    assert provider is not None
    assert (provider.has_account, provider.email) == (True, "dr.rivera@example.com")
    assert "Create my account" not in text(browser.get(OPENED))


def test_the_link_of_the_account_works_once(portal: Portal) -> None:
    without_account(portal)
    browser = enter(portal)
    sign(browser)
    browser.post(f"{PLACE}/account")
    token = browser.cookies["__Host-setup"]
    form = {"password": "violet tractor onion", "credential": "MD", "confirmed": "yes"}
    browser.post("/setup", form)
    other = portal.browser()
    other.cookies["__Host-setup"] = token
    assert other.post("/setup", form).status_code == 410


def test_a_fax_code_proves_no_mailbox_and_offers_no_account(portal: Portal) -> None:
    without_account(portal)
    browser = enter(portal, fax=True)
    sign(browser)
    assert "Create my account" not in text(browser.get(OPENED))
    assert header(browser.post(f"{PLACE}/account"), "location") == OPENED
    assert "__Host-setup" not in browser.cookies


def test_no_account_is_offered_before_the_decision_or_to_another_visitor(portal: Portal) -> None:
    without_account(portal)
    browser = enter(portal)
    assert header(browser.post(f"{PLACE}/account"), "location") == OPENED
    sign(browser)
    portal.time.pass_time(minutes=2)
    other = enter(portal)
    assert header(other.post(f"{PLACE}/account"), "location") == OPENED


def test_an_account_is_offered_for_ten_minutes_after_the_signature(portal: Portal) -> None:
    without_account(portal)
    browser = enter(portal)
    sign(browser)
    portal.time.pass_time(minutes=9, seconds=59)
    assert "Create my account" in text(browser.get(OPENED))
    portal.time.pass_time(seconds=1)
    assert "Create my account" not in text(browser.get(OPENED))
    assert header(browser.post(f"{PLACE}/account"), "location") == OPENED
    assert "__Host-setup" not in browser.cookies


def test_a_person_who_declines_is_offered_no_account(portal: Portal) -> None:
    without_account(portal)
    browser = enter(portal)
    browser.post(f"{PLACE}/decline", reason="not_my_patient", decliner="Luis Rivera")
    assert "Create my account" not in text(browser.get(OPENED))
    assert header(browser.post(f"{PLACE}/account"), "location") == OPENED
    assert "__Host-setup" not in browser.cookies


def test_no_second_account_is_offered(portal: Portal) -> None:
    browser = enter(portal)
    sign(browser)
    assert "Create my account" not in text(browser.get(OPENED))
    assert header(browser.post(f"{PLACE}/account"), "location") == OPENED


def test_no_account_is_offered_at_the_address_of_another_account_or_to_a_closed_one(portal: Portal) -> None:
    without_account(portal)
    browser = enter(portal)
    sign(browser)
    taken = Claim(key=email_claim("dr.rivera@example.com"), owner="prv_2")
    portal.store.commit(Change(at=START, claims=(taken,)))
    assert header(browser.post(f"{PLACE}/account"), "location") == OPENED
    portal.store.commit(Change(at=START, released=(taken,)))
    closed = replace(PROVIDER, version=3, password_hash=None, email=None, closed_at=START)
    assert "Create my account" in text(browser.get(OPENED))
    portal.store.commit(Change(at=START, providers=(closed,)))
    assert "Create my account" not in text(browser.get(OPENED))
    assert header(browser.post(f"{PLACE}/account"), "location") == OPENED


# With an account


def test_the_addressee_who_is_logged_in_needs_no_code(portal: Portal) -> None:
    owner = logged_in(portal)
    assert header(owner.get(PLACE), "location") == f"/documents/{ID}"
    review = owner.get(f"/documents/{ID}").body.decode()
    assert f'href="{PLACE}?paper=yes"' in review
    assert owner.get(f"{PLACE}?paper=yes").status_code == owner.get(f"{PLACE}?asked=yes").status_code == 200


def test_another_account_and_an_ended_session_need_the_code(portal: Portal) -> None:
    assert logged_in(portal, OTHER_PROVIDER).get(PLACE).status_code == 200
    owner = logged_in(portal)
    portal.time.pass_time(minutes=16)
    assert owner.get(PLACE).status_code == 200


def test_the_addressee_who_is_logged_in_still_signs_by_hand_if_that_is_the_only_way(portal: Portal) -> None:
    portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    assert logged_in(portal).get(PLACE).status_code == 200


def test_the_account_sees_that_its_document_was_signed_without_it(portal: Portal) -> None:
    sign(enter(portal))
    page = text(logged_in(portal, PROVIDER).get(f"/documents/{ID}"))
    assert "Signed without your account" in page
    assert "by someone who entered the code sent to dr.r…@example.com, an address given by" in page
    assert "You signed this" not in page


def test_the_landing_page_offers_signing_without_an_account_only_if_that_is_possible(portal: Portal) -> None:
    assert "Sign without an account" in text(Browser().get(f"/documents/{ID}"))
    assert "Sign without an account" not in text(Browser().get("/documents/doc_unknown"))
    portal.switches.set_sign_without_account(PRACTICE.id, on=False)
    page = text(Browser().get(f"/documents/{ID}"))
    assert "Sign without an account" not in page
    assert "Sign by hand instead" in page
