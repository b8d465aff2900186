"""Test how many taps a provider needs from the emailed link to the next document, and how large the pages are.

The test uses the deployed portal."""

import base64
import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from chalicelib.domain.practices import Logo
from tests.browser.conftest import NewContext
from tests.browser.test_passkeys import WITHOUT_AUTOFILL
from tests.support.browser.gateway import running_gateway
from tests.support.browser.people import PASSWORD, someone
from tests.support.browser.stand_ins import Clinic, Mailbox
from tests.support.browser.states.entry import a_png, add_authenticator
from tests.support.browser.traffic import check_load, open_fresh_page
from tests.support.browser.visitor import PHONE, Visitor
from tests.support.stack import Stack

MOST_TAPS_TO_SIGN_FIRST, MOST_TAPS_TO_RETURN = 6, 3
"""The most taps from the announcement of a document to its signature: the first time with one secret, and later."""


@dataclass
class Taps:
    """The taps of a person on a phone. To type into a field takes one tap, on the field."""

    phone: Visitor
    count: int = 0

    def open(self, link: str) -> None:
        self.count += 1
        self.phone.open(link)

    def press(self, control: Locator) -> None:
        self.count += 1
        control.click()

    def type(self, field: Locator, text: str) -> None:
        self.count += 1
        field.fill(text)

    def approve(self) -> None:
        self.press(self.phone.page.get_by_role("button", name="Approve and sign", exact=True))
        expect(self.phone.page.get_by_role("heading", name=re.compile("You signed this"))).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_taps_from_the_emailed_link_to_the_next_document(
    stack: Stack, cedar: Clinic, mailbox: Mailbox, new_context: NewContext, *, scripts: bool
) -> None:
    person = someone()
    documents = {cedar.send(person), cedar.send(person)}
    phone = Visitor(new_context(java_script_enabled=scripts, **PHONE), stack.portal_url, mailbox)
    page, taps = phone.page, Taps(phone)
    taps.open(mailbox.start_link(person.email))
    taps.press(page.get_by_role("checkbox"))
    taps.type(page.locator("#password"), PASSWORD)
    taps.press(page.get_by_role("button", name="Set password"))
    if page.get_by_role("heading", name="Pending", exact=True).count():
        page.get_by_role("link", name=re.compile("^Review the")).first.click()
    phone.wait_for_pages()
    first = page.url.rpartition("/")[2]
    expect(page.locator("[data-page] img")).to_have_count(3)
    if scripts:
        phone.read()
    else:
        page.get_by_role("checkbox", name="I have read all 3 pages.").check()
    taps.type(page.get_by_label("Your signature", exact=True), person.name)
    taps.press(page.get_by_role("button", name="Approve and sign, then next", exact=True))
    assert taps.count <= MOST_TAPS_TO_SIGN_FIRST

    expect(page.get_by_text("The document you just signed is on its way to the clinic.")).to_be_visible()
    (second,) = documents - {first}
    expect(page).to_have_url(re.compile(f"/documents/{second}"))
    phone.wait_for_pages()
    resource = cedar.wait_for(first, lambda latest: bool(latest.get("signed_pdf")))
    assert (resource["status"], resource["outcome"]) == ("approved", "approved")
    assert cedar.resource(second)["status"] == "pending"


def test_deployed_pages_are_small_stable_and_load_from_the_portal_only(
    stack: Stack, cedar: Clinic, phone: Visitor, new_context: NewContext
) -> None:
    person = someone()
    document_id = cedar.send(person)
    phone.sign_up(person)
    phone.open(f"/documents/{document_id}")
    phone.wait_for_pages()
    with running_gateway(stack.portal_url) as gateway:
        for path in ("/login", "/documents", "/documents/past", f"/documents/{document_id}"):
            page = open_fresh_page(phone.context, new_context(**PHONE))
            check_load(page, f"{gateway.url}{path}", (gateway.url, stack.aws_endpoint_url))
            expect(page.get_by_role("contentinfo")).to_be_visible()


def test_the_landing_page_shows_the_practice_logo(stack: Stack, own_clinic: Clinic, phone: Visitor) -> None:
    image = base64.b64encode(a_png(Logo(key="", width=240, height=60))).decode()
    asked = {"action": "set_logo", "practice_id": own_clinic.practice.id, "image": image}
    assert stack.invoke_admin(asked) == {"id": own_clinic.practice.id, "width": 240, "height": 60}
    phone.open(f"/documents/{own_clinic.send(someone())}")
    logo = phone.page.locator("img.logo")
    expect(logo).to_be_visible()
    assert logo.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }") == 240


def test_first_signature_with_a_passkey_and_return_with_it(
    stack: Stack, cedar: Clinic, mailbox: Mailbox, new_context: NewContext
) -> None:
    person, phone = someone(), Visitor(new_context(**PHONE), stack.portal_url, mailbox)
    page = phone.page
    page.add_init_script(WITHOUT_AUTOFILL)
    devtools = add_authenticator(page)
    cedar.send(person)
    taps = Taps(phone)
    taps.open(mailbox.start_link(person.email))
    taps.press(page.get_by_role("checkbox"))
    taps.press(page.get_by_role("button", name="Face ID, fingerprint or PIN"))
    phone.read()
    taps.type(page.get_by_label("Your signature", exact=True), person.name)
    taps.approve()
    assert taps.count <= MOST_TAPS_TO_SIGN_FIRST - 1  # no secret

    second = cedar.send(person)
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_text("You've been logged out.")).to_be_visible()
    again = Taps(phone)
    again.open(mailbox.link(person.email, f"/documents/{second}"))
    again.press(page.get_by_role("button", name="Use a passkey"))
    phone.read()
    again.approve()
    assert again.count <= MOST_TAPS_TO_RETURN
    devtools.detach()
