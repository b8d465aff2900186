"""Test that a physician adds the address of a second office to the account, and removes it again."""

import re
from dataclasses import replace

from playwright.sync_api import expect

from tests.support.browser.people import Person, someone
from tests.support.browser.stand_ins import Clinic
from tests.support.browser.visitor import Visitor
from tests.support.stack import wait_until

SECONDS_TO_MOVE = 30


def add_email(visitor: Visitor, email: str) -> None:
    """Add the email address to the account on the account page, with the code from the mailbox."""
    page = visitor.page
    visitor.open("/account")
    page.get_by_label("Add an email address").fill(email)
    page.get_by_role("button", name="Email me a code").click()
    expect(page.get_by_text("If the address can be added")).to_be_visible()
    code = re.search(r"Your code: (\d{6})", visitor.mailbox.wait_for_text(email, "Your code:"))
    assert code
    page.get_by_label("Code", exact=True).fill(code[1])
    page.get_by_role("button", name="Add this address").click()
    expect(page.get_by_text("Email address added.")).to_be_visible()


def remove_email(visitor: Visitor, email: str) -> None:
    visitor.open("/account")
    visitor.page.get_by_role("button", name=f"Remove {email}").click()
    expect(visitor.page.get_by_text("Email address removed.")).to_be_visible()


def is_there(visitor: Visitor, document_id: str) -> bool:
    """Return True if the provider may open the document, and False if its page is *not found*, as for a stranger."""
    visitor.open(f"/documents/{document_id}")
    missing = visitor.page.get_by_role("heading", name="Page not found")
    expect(visitor.page.get_by_role("heading", name="Ada Byron").or_(missing)).to_be_visible()
    return not missing.is_visible()


def test_a_physician_signs_at_two_addresses_until_one_is_removed(
    cedar: Clinic, own_clinic: Clinic, phone: Visitor
) -> None:
    person: Person = someone()
    office = replace(person, email=person.email.replace("dr.", "office."))
    cedar.send(person)
    phone.sign_up(person)
    document_id, other_id = own_clinic.send(office), own_clinic.send(office)
    phone.mailbox.wait_for_text(office.email, "waiting for your signature")
    assert not is_there(phone, document_id)
    add_email(phone, office.email)
    phone.mailbox.wait_for_text(person.email, f"Address: {office.email}")
    own = phone.page.get_by_role("listitem").filter(has_text=person.email)
    expect(own.filter(has_text="Username")).to_be_visible()
    wait_until(lambda: is_there(phone, document_id), SECONDS_TO_MOVE, "the document in the account")
    phone.read_and_sign(person)
    remove_email(phone, office.email)
    phone.mailbox.wait_for_text(office.email, "removed from your account")
    assert not is_there(phone, document_id)
    assert not is_there(phone, other_id)
    own_clinic.wait_for(document_id, lambda resource: bool(resource.get("signed_pdf")))
