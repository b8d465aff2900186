"""Functions that bring a browser to the pages for visitors who are not logged in, such as login, setup and errors.

Each function shows a page in one state, for tests of accessibility and for screenshots."""

import io
import re
from dataclasses import replace

from PIL import Image, ImageDraw
from playwright.sync_api import CDPSession, Page

from chalicelib.domain.practices import Logo
from tests.support.browser.states.scene import REVIEW, Scene, state
from tests.support.provider_fixtures import PRACTICE, PROVIDER

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""A fingerprint reader that stores passkeys, in the terms of Chromium's virtual authenticators."""


@state
def login(scene: Scene) -> None:
    scene.open("/login")


@state
def login_after_the_session_ended(scene: Scene) -> None:
    scene.open("/login?reason=ended")


@state
def login_refused(scene: Scene) -> None:
    scene.open("/login")
    scene.page.locator("#email").fill("dr.rivera@example.com")
    scene.page.locator("#password").fill("not the password")
    scene.press("Log in")


@state
def login_with_a_new_password(scene: Scene) -> None:
    scene.open("/login?reason=password-set")


@state
def login_in_a_known_browser(scene: Scene) -> None:
    scene.cookie("__Host-username", "luis.rivera%40lakeside-family-medicine.example.org")
    scene.open("/login")


@state
def login_with_a_passkey_first(scene: Scene) -> None:
    add_authenticator(scene.page)
    scene.cookie("__Host-username", "passkey:luis.rivera%40lakeside-family-medicine.example.org")
    scene.open("/login")
    scene.page.get_by_role("button", name="Use a passkey").wait_for()


@state
def forgot_password(scene: Scene) -> None:
    scene.open("/forgot-password")


@state
def forgot_password_wrong(scene: Scene) -> None:
    scene.open("/forgot-password")
    scene.page.locator("form[action='/forgot-password']").evaluate("form => { form.noValidate = true; }")
    scene.page.locator("#email").fill("nobody")
    scene.press("Email me a link")


@state
def forgot_password_sent(scene: Scene) -> None:
    scene.open("/forgot-password?sent=1")


@state
def link_expired(scene: Scene) -> None:
    scene.open("/setup/long-gone")


@state
def setup(scene: Scene) -> None:
    scene.provider(password_hash=None, email=None)
    scene.put()
    scene.open(REVIEW)
    scene.press("Email me a link")
    portal = scene.memory.portal
    scene.open(f"/setup/{portal.token(portal.mails()[-1])}")


@state
def setup_on_a_device_with_passkeys(scene: Scene) -> None:
    add_authenticator(scene.page)
    setup(scene)
    scene.page.get_by_role("button", name="Face ID, fingerprint or PIN").wait_for()


@state
def setup_with_a_short_password(scene: Scene) -> None:
    setup(scene)
    scene.page.locator("#password").fill("short")
    scene.page.locator("form[action^='/setup']").evaluate("form => { form.noValidate = true; }")
    scene.page.get_by_role("button", name=re.compile("password")).last.click()
    scene.page.wait_for_load_state()


@state
def setup_at_a_new_address(scene: Scene) -> None:
    portal = scene.memory.portal
    payload = {"action": "move_account", "operator": "Dana Ruiz", "provider_id": PROVIDER.id}
    portal.admin_actions.run({**payload, "email": "luis.rivera@lakeside-family-medicine.example.org"})
    scene.open(f"/setup/{portal.token(portal.mails()[-1])}")


@state
def setup_at_a_new_address_without_a_name(scene: Scene) -> None:
    setup_at_a_new_address(scene)
    scene.page.locator("#password").fill("short")
    scene.page.locator("form[action^='/setup']").evaluate("form => { form.noValidate = true; }")
    scene.press("Set password")


@state
def document_landing(scene: Scene) -> None:
    scene.put()
    scene.open(REVIEW)


@state
def document_landing_in_a_known_browser(scene: Scene) -> None:
    scene.put()
    scene.cookie("__Host-username", "dr.rivera%40example.com")
    scene.open(REVIEW)


@state
def document_landing_after_a_dead_link(scene: Scene) -> None:
    scene.put()
    scene.open(f"{REVIEW}?expired=1")


@state
def document_landing_with_a_logo(scene: Scene) -> None:
    logo = Logo(key="logos/prc_1/logo", width=480, height=120)
    scene.memory.files.put(logo.key, a_png(logo), "image/png")
    scene.put(practice=replace(PRACTICE.card(), logo=logo))
    scene.open(REVIEW)


@state
def document_landing_after_asking_for_a_link(scene: Scene) -> None:
    scene.put()
    scene.open(f"{REVIEW}?sent=1")


@state
def document_landing_with_signing_switched_off(scene: Scene) -> None:
    scene.put()
    scene.memory.portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    scene.open(REVIEW)


@state
def nothing_here(scene: Scene) -> None:
    scene.open("/problems/no-such-problem")


@state
def no_such_address(scene: Scene) -> None:
    scene.open("/nothing")


@state
def problem_type(scene: Scene) -> None:
    scene.open("/problems/xfa")


@state
def form_expired(scene: Scene) -> None:
    scene.open("/login")
    scene.page.locator("input[name=csrf]").first.evaluate("field => { field.value = 'old'; }")
    scene.page.locator("#email").fill("dr.rivera@example.com")
    scene.page.locator("#password").fill("whatever it is")
    scene.press("Log in")


def add_authenticator(page: Page) -> CDPSession:
    """Give the browser's device a fingerprint reader for passkeys, as long as the returned session is open."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return devtools


def a_png(logo: Logo) -> bytes:
    picture = Image.new("RGB", (logo.width, logo.height), "#ffffff")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((0, 0, logo.height, logo.height), fill="#17613a")
    draw.text((logo.height + 20, 30), "Hill Country", fill="#13242f", font_size=52)
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()
