"""Test a passkey in a real browser, against the packaged and deployed portal."""

from playwright.sync_api import expect

from tests.browser.test_passkeys import WITHOUT_AUTOFILL
from tests.support.browser.people import someone
from tests.support.browser.stand_ins import Clinic
from tests.support.browser.states.entry import AUTHENTICATOR
from tests.support.browser.visitor import Visitor


def test_a_passkey_is_added_and_logs_in_on_the_deployed_portal(cedar: Clinic, phone: Visitor) -> None:
    person = someone()
    cedar.send(person)
    phone.sign_up(person)
    page = phone.page
    page.add_init_script(WITHOUT_AUTOFILL)
    devtools = phone.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    phone.open("/account")
    page.get_by_label("Name of this device").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_text("You've been logged out.")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Pending", exact=True)).to_be_visible()

    phone.open("/account/activity")
    trail = page.locator("main li")
    expect(trail.first).to_contain_text("Logged in with a passkey")
    expect(trail.nth(1)).to_contain_text("Logged out")
    expect(trail.nth(2)).to_contain_text("Passkey added")
    expect(trail.first).to_contain_text("Chrome")
