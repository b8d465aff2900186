"""Test passkeys in a real browser: adding one, logging in, signing, and wrong origins.

The browser has a virtual authenticator, which replaces a fingerprint reader."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Status
from chalicelib.services.transaction import Change
from tests.browser.conftest import NewContext
from tests.support.accounts import give_account
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.entry import AUTHENTICATOR
from tests.support.browser.visitor import PHONE
from tests.support.fakes import START
from tests.support.portal import Portal
from tests.support.provider_fixtures import PROVIDER, a_document

EMAIL, PASSWORD = "dr.rivera@example.com", "violet tractor onion"

WITHOUT_AUTOFILL = "PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
"""A script for a browser whose autofill offers no passkeys. A virtual authenticator would choose one at once."""


@dataclass
class Phone:
    """A provider's phone browser with a virtual authenticator, which replaces a fingerprint reader and stores
    passkeys."""

    memory: MemoryPortal
    page: Page
    devtools: CDPSession
    """Keep this session open: the authenticator ends with the session that made it."""
    authenticator: str

    @property
    def portal(self) -> Portal:
        return self.memory.portal

    def open(self, path: str) -> None:
        self.page.goto(f"{self.memory.url}{path}")

    def log_in(self) -> None:
        self.open("/login")
        self.page.get_by_label("Email address").fill(EMAIL)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Log in", exact=True).click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def add_passkey(self) -> None:
        self.open("/account")
        self.page.get_by_label("Name of this device").fill("My phone")
        self.press("Add a passkey")
        expect(self.page.get_by_role("heading", name="Your recovery codes")).to_be_visible()

    def credentials(self) -> list[dict[str, Any]]:
        """Return the passkeys of the virtual authenticator, as a person's devices share them."""
        found = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})
        return list(found["credentials"])

    def add_credential(self, credential: dict[str, Any]) -> None:
        sent = {"authenticatorId": self.authenticator, "credential": credential}
        self.devtools.send("WebAuthn.addCredential", sent)

    def provider(self) -> Provider:
        provider = self.portal.store.provider(PROVIDER.id)
        assert provider is not None
        return provider

    def log_out(self) -> None:
        self.press("Log out")
        expect(self.page.get_by_text("You've been logged out.")).to_be_visible()


@pytest.fixture
def phone(memory: MemoryPortal, new_context: NewContext) -> Phone:
    portal = memory.portal
    portal.settings = replace(portal.settings, portal_url=memory.url)
    give_account(portal, PROVIDER, PASSWORD)
    portal.store.commit(Change(at=START, documents=(a_document(),)))
    context = new_context(**PHONE)
    context.add_init_script(WITHOUT_AUTOFILL)
    return a_phone(memory, context)


def a_phone(memory: MemoryPortal, context: BrowserContext) -> Phone:
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    added = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return Phone(memory, page, devtools, added["authenticatorId"])


def test_a_passkey_is_added_and_logs_in_without_a_password(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    assert [passkey.name for passkey in phone.provider().passkeys] == ["My phone"]
    assert [message.type for message in phone.portal.mails()] == ["passkey_added"]
    phone.log_out()
    phone.press("Use a passkey")
    expect(phone.page).to_have_url(f"{phone.memory.url}/documents")
    assert phone.provider().passkeys[0].last_used_at == START


def test_the_autofill_of_the_browser_logs_in_with_a_passkey(phone: Phone, new_context: NewContext) -> None:
    phone.log_in()
    phone.add_passkey()
    phone.log_out()
    (credential,) = phone.credentials()
    other = a_phone(phone.memory, new_context(**PHONE))
    other.add_credential(credential)
    other.open("/documents/past")
    expect(other.page).to_have_url(f"{phone.memory.url}/documents/past")
    expect(other.page.get_by_role("button", name="Log out", exact=True)).to_be_visible()


def test_login_with_a_passkey_returns_to_the_requested_page(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    phone.log_out()
    phone.open("/documents/past")
    phone.press("Use a passkey")
    expect(phone.page).to_have_url(f"{phone.memory.url}/documents/past")


def test_with_a_passkey_the_password_alone_is_not_enough(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    phone.log_out()
    phone.log_in()
    expect(phone.page.get_by_role("heading", name="One more step")).to_be_visible()
    phone.open("/documents")
    expect(phone.page.get_by_role("heading", name="Log in")).to_be_visible()
    phone.log_in()
    phone.press("Use your passkey")
    expect(phone.page).to_have_url(f"{phone.memory.url}/documents")


def test_a_passkey_signs_long_after_the_login(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    for _ in range(15):
        phone.portal.time.pass_time(minutes=1)
        phone.open("/documents")
    phone.open("/documents/doc_abcdef123456")
    phone.page.get_by_label("I have read").check()
    phone.press("Sign with your passkey instead")
    expect(phone.page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    document = phone.portal.store.document("doc_abcdef123456")
    assert document is not None
    assert document.decision is not None
    assert document.status is Status.APPROVED
    authentication = "passkey, asked again to sign and used Nov 22, 2026, 7:15 PM UTC"
    assert document.decision.signer.authentication == authentication


def test_a_replayed_passkey_response_is_refused(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    phone.log_out()
    with phone.page.expect_request("**/login/passkey") as asked:
        phone.press("Use a passkey")
    expect(phone.page).to_have_url(f"{phone.memory.url}/documents")
    sent = dict(asked.value.post_data_json or {})
    browser = phone.portal.browser()
    assert browser.post("/login/passkey", passkey=sent["passkey"]).status_code == 401


def test_a_passkey_response_from_another_origin_is_refused(phone: Phone) -> None:
    """A phishing page cannot use a passkey, because the browser signs the true origin of the page."""
    phone.log_in()
    phone.add_passkey()
    phone.log_out()
    phone.portal.settings = replace(phone.portal.settings, portal_url="https://portal.test")
    phone.portal.passkeys._origin = "https://portal.test"
    phone.press("Use a passkey")
    expect(phone.page.get_by_text("We couldn't verify this passkey")).to_be_visible()


def test_login_fails_if_the_device_does_not_recognize_the_person(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    phone.log_out()
    phone.devtools.send("WebAuthn.disable")
    phone.devtools.send("WebAuthn.enable")
    phone.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**AUTHENTICATOR, "isUserVerified": False}})
    phone.press("Use a passkey")
    expect(phone.page.get_by_text("That didn't work or was canceled.")).to_be_visible()


def test_a_removed_passkey_no_longer_works(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    phone.open("/account")
    phone.press("Remove My phone")
    expect(phone.page.get_by_text("Passkey removed.")).to_be_visible()
    phone.log_out()
    expect(phone.page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    phone.page.context.clear_cookies(name="__Host-username")
    phone.open("/login")
    phone.press("Use a passkey")
    expect(phone.page.get_by_text("We couldn't verify this passkey")).to_be_visible()
    phone.log_in()
    expect(phone.page).to_have_url(f"{phone.memory.url}/documents")


def test_only_public_data_of_a_passkey_is_stored(phone: Phone) -> None:
    phone.log_in()
    phone.add_passkey()
    kept = json.loads(phone.portal.fake_store.tables["providers"][PROVIDER.id].record)["passkeys"][0]
    assert set(kept) == {"id", "public_key", "count", "name", "created_at"}
