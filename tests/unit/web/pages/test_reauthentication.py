"""Test signing: reauthentication, consent, and that only the addressee can sign."""

import json
from dataclasses import replace
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib.domain.documents import Document
from chalicelib.domain.status import Status
from chalicelib.services.authentication.passwords import hash_password
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.transaction import Change, Claim
from tests.support.accounts import EMAIL, PASSWORD, portal_with_account, stored_provider
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, text
from tests.support.provider_fixtures import PROVIDER, a_document

REVIEW = "/documents/doc_abcdef123456"
SESSION = "__Host-session"


@pytest.fixture
def portal() -> Portal:
    return portal_with_account()


def stay_active(portal: Portal, browser: Browser, minutes: int) -> None:
    """Let time pass while the provider opens pages, so that the session does not end because the provider is idle."""
    for _ in range(minutes):
        portal.time.pass_time(minutes=1)
        browser.get("/documents")


def sign(browser: Browser, **changes: str) -> HTTPResponse:
    fields = {"typed_name": "Luis Rivera", "pages_shown": "1,2,3", "note": "Looks right.", **changes}
    return browser.post(f"{REVIEW}/approve", {"consent": CONSENT_VERSION, **fields})


def document(portal: Portal) -> Document:
    document = portal.store.document("doc_abcdef123456")
    assert document is not None
    return document


def event(portal: Portal) -> dict[str, object]:
    (decision,) = (e for e in portal.store.events("doc_abcdef123456") if e.type.startswith("decision."))
    data: dict[str, object] = json.loads(decision.body)["data"]
    return data


# Reauthentication


def test_within_fifteen_minutes_of_login_no_password_is_needed_to_sign(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 14)
    assert b'name="password"' not in browser.get(REVIEW).body
    assert sign(browser).status_code == 303
    assert document(portal).status is Status.APPROVED
    assert event(portal)["asked_again"] is False


def test_after_fifteen_minutes_the_password_is_needed_to_sign(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    page = browser.get(REVIEW)
    assert b'autocomplete="current-password"' in page.body
    refused = sign(browser)
    assert refused.status_code == 422
    assert "Enter your password." in text(refused)
    assert "Looks right." in refused.body.decode()
    assert document(portal).status is Status.PENDING


def decline(browser: Browser, **fields: str) -> HTTPResponse:
    return browser.post(f"{REVIEW}/decline", {"reason": "other", "decline_note": "Not mine.", **fields})


def test_after_fifteen_minutes_the_password_is_needed_to_decline(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    assert b'id="decline_password"' in browser.get(REVIEW).body
    for fields in ({}, {"password": "violet tractor apple"}):
        refused = decline(browser, **fields)
        assert refused.status_code == 422
        assert b'href="#decline_password"' in refused.body
        assert "Not mine." in refused.body.decode()
        assert document(portal).status is Status.PENDING
    assert decline(browser, password=PASSWORD).status_code == 303
    assert document(portal).status is Status.DECLINED


def test_within_fifteen_minutes_of_login_no_password_is_needed_to_decline(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 14)
    assert b"decline_password" not in browser.get(REVIEW).body
    assert decline(browser).status_code == 303


def test_a_wrong_password_signs_nothing(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    refused = sign(browser, password="violet tractor apple")
    assert refused.status_code == 422
    assert "Incorrect password." in text(refused)
    assert "violet tractor" not in refused.body.decode()
    assert document(portal).status is Status.PENDING


def test_the_right_password_signs_and_the_certificate_shows_the_method(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    assert sign(browser, password=PASSWORD).status_code == 303
    decision = document(portal).decision
    assert decision is not None
    method = "account password, asked again to sign and entered Nov 22, 2026, 7:15 PM UTC"
    assert decision.signer.authentication == method
    assert (event(portal)["authentication"], event(portal)["asked_again"]) == (method, True)


def test_a_reauthentication_counts_for_the_next_fifteen_minutes(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    assert sign(browser, password=PASSWORD, typed_name="Jane Okafor").status_code == 422
    assert b'name="password"' not in browser.get(REVIEW).body
    assert sign(browser).status_code == 303


def test_the_session_gets_a_new_token_and_the_old_one_stops_working(portal: Portal, browser: Browser) -> None:
    before = browser.cookies[SESSION]
    stay_active(portal, browser, 15)
    sign(browser, password=PASSWORD)
    assert browser.cookies[SESSION] != before
    assert browser.get("/documents").status_code == 200
    assert Browser({SESSION: before}).get("/documents").status_code == 303


def test_the_session_still_ends_twelve_hours_after_login(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    sign(browser, password=PASSWORD)
    stay_active(portal, browser, 12 * 60 - 16)
    assert browser.get("/documents").status_code == 200
    stay_active(portal, browser, 1)
    assert browser.get("/documents").status_code == 303


def test_wrong_passwords_at_signing_and_at_login_of_one_browser_count_together(
    portal: Portal, browser: Browser
) -> None:
    stay_active(portal, browser, 15)
    answers = [sign(browser, password="wrong").status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert browser.log_in(EMAIL, PASSWORD).status_code == 429
    assert document(portal).status is Status.PENDING


def test_wrong_passwords_from_unknown_browsers_stop_nobody_from_signing(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    stranger = portal.browser()
    while stranger.log_in(EMAIL, "wrong").status_code != 429:
        pass
    assert sign(browser, password=PASSWORD).status_code == 303
    assert document(portal).status is Status.APPROVED


def test_a_session_without_its_device_cookie_counts_as_a_known_browser(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    browser.cookies.pop("__Host-device")
    stranger = portal.browser()
    while stranger.log_in(EMAIL, "wrong").status_code != 429:
        pass
    answers = [sign(browser, password="wrong").status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    portal.time.pass_time(seconds=1)
    assert sign(browser, password=PASSWORD).status_code == 303


def test_another_accounts_password_is_wrong(portal: Portal, browser: Browser) -> None:
    stay_active(portal, browser, 15)
    other = replace(PROVIDER, id="prv_3", email="other@example.com", password_hash=hash_password("copper"))
    claim = Claim(key="email#other@example.com", owner="prv_3")
    portal.store.commit(Change(at=START, providers=(other,), claims=(claim,)))
    assert sign(browser, password="copper").status_code == 422


def test_an_already_signed_document_needs_no_password(portal: Portal, browser: Browser) -> None:
    sign(browser)
    stay_active(portal, browser, 15)
    assert sign(browser).status_code == 303


# Consent


def test_consent_is_stored_once_with_its_version(portal: Portal, browser: Browser) -> None:
    assert "counts as my handwritten signature" in text(browser.get(REVIEW))
    sign(browser)
    assert (stored_provider(portal).consent_version, stored_provider(portal).consented_at) == (CONSENT_VERSION, START)
    portal.store.commit(Change(at=START, documents=(a_document(id="doc_next"),)))
    page = text(browser.get("/documents/doc_next"))
    assert "as I agreed on Nov 22, 2026" in page
    assert "counts as my handwritten signature" not in page
    version = stored_provider(portal).version
    browser.post("/documents/doc_next/approve", typed_name="Luis Rivera", pages_shown="1,2,3")
    assert stored_provider(portal).version == version


@pytest.mark.parametrize("version", ["", "2020-01"])
def test_an_unknown_consent_version_signs_nothing(portal: Portal, browser: Browser, version: str) -> None:
    refused = sign(browser, consent=version)
    assert refused.status_code == 422
    assert "read what you agree to" in text(refused)
    assert document(portal).status is Status.PENDING
    assert stored_provider(portal).consent_version is None


def test_a_new_consent_text_needs_a_new_consent(portal: Portal, browser: Browser) -> None:
    before = replace(stored_provider(portal), version=3, consent_version="2020-01", consented_at=START)
    portal.store.commit(Change(at=START, providers=(before,)))
    assert "counts as my handwritten signature" in text(browser.get(REVIEW))
    assert sign(browser, consent="").status_code == 422
    assert sign(browser).status_code == 303
    assert stored_provider(portal).consent_version == CONSENT_VERSION


def test_a_concurrent_change_of_the_account_does_not_stop_the_signature(portal: Portal, browser: Browser) -> None:
    def link() -> None:
        now = stored_provider(portal)
        portal.store.commit(Change(at=START, providers=(replace(now, version=now.version + 1),)))

    browser.get("/documents")
    portal.fake_store.before_commit = link
    assert sign(browser).status_code == 303
    assert stored_provider(portal).consent_version == CONSENT_VERSION


# Who may sign


@pytest.mark.parametrize("another", [{"npi": "1000000004"}, {"npi": None, "first_name": "Jane", "last_name": "Okafor"}])
def test_a_document_that_names_another_person_opens_nothing(
    portal: Portal, browser: Browser, another: dict[str, Any]
) -> None:
    addressee = replace(a_document().addressee, **another)
    portal.store.commit(Change(at=START, documents=(a_document(version=2, addressee=addressee),)))
    assert a_document().patient.name not in text(browser.get("/documents"))
    assert browser.get(REVIEW).status_code == 404
    assert sign(browser).status_code == 404
    assert document(portal).status is Status.PENDING


def test_another_signer_is_reported_to_the_clinic_by_name_if_known(portal: Portal, browser: Browser) -> None:
    answer = browser.post(
        f"{REVIEW}/decline",
        reason="someone_else_signs",
        decline_note="I cover for her.",
        other_name="Jane\nOkafor, NP",
        other_address="jane@example.com",
    )
    assert answer.status_code == 303
    decision = document(portal).decision
    assert decision is not None
    assert decision.note == "I cover for her.\n\nWho signs instead: Jane Okafor, NP, jane@example.com"


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"reason": "someone_else_signs"}, None),
        ({"reason": "someone_else_signs", "other_address": "+15125550177"}, "Who signs instead: +15125550177"),
        ({"reason": "not_my_patient", "other_name": "Jane Okafor"}, None),
    ],
)
def test_the_other_signers_name_is_optional_and_only_for_that_reason(
    portal: Portal, browser: Browser, fields: dict[str, str], note: str | None
) -> None:
    assert browser.post(f"{REVIEW}/decline", fields).status_code == 303
    decision = document(portal).decision
    assert decision is not None
    assert decision.note == note


# Sessions


def test_logging_in_again_ends_the_previous_session(portal: Portal, browser: Browser) -> None:
    before = browser.cookies[SESSION]
    browser.log_in(EMAIL, PASSWORD)
    assert Browser({SESSION: before}).get("/documents").status_code == 303
    assert portal.browser().get("/documents").status_code == 303


def test_a_planted_session_cookie_is_replaced_at_login(portal: Portal) -> None:
    """An attacker may plant a known cookie in a browser before a login (session fixation), so a login sets a new
    cookie."""
    attacker = portal.browser()
    attacker.log_in(EMAIL, PASSWORD)
    victim = Browser({SESSION: attacker.cookies[SESSION]})
    victim.log_in(EMAIL, PASSWORD)
    assert victim.cookies[SESSION] != attacker.cookies[SESSION]
    assert attacker.get("/documents").status_code == 303


def test_logging_out_clears_the_browsers_stored_data(browser: Browser) -> None:
    assert browser.post("/logout").headers["Clear-Site-Data"] == '"cache", "storage"'
