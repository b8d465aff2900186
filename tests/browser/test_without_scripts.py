"""Test signing with JavaScript switched off."""

import re

from playwright.sync_api import expect

from tests.support.browser.people import someone
from tests.support.browser.stand_ins import Clinic
from tests.support.browser.visitor import Visitor

NOTE = "Seen on a very old phone."


def test_signing_requires_the_statement_that_all_pages_were_read(cedar: Clinic, plain_phone: Visitor) -> None:
    phone, person = plain_phone, someone()
    document_id = cedar.send(person)
    phone.sign_up(person)
    phone.wait_for_pages()
    page = phone.page

    phone.approve(person.name, NOTE)
    expect(page.get_by_role("alert")).to_contain_text("read")
    expect(page.locator("#note")).to_have_value(NOTE)
    page.get_by_role("checkbox", name=re.compile("I have read all")).check()
    page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()

    resource = cedar.wait_for(document_id, lambda latest: bool(latest.get("signed_pdf")))
    assert (resource["status"], resource["outcome"], resource["note"]) == ("approved", "approved", NOTE)
