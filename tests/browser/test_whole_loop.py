"""Test the whole way of a document as people see it: clinic, mailbox, the provider's phone, and the clinic again."""

import hashlib
import io
import re

from playwright.sync_api import BrowserContext, Locator, Page, expect
from pypdf import PdfReader

from tests.support.browser.people import Person, someone
from tests.support.browser.stand_ins import Clinic, Mailbox, provider_values
from tests.support.browser.visitor import Visitor
from tests.support.stack import Stack, wait_until

NOTE = "Please start with the stairs."
DECLINED = "Twice a week is enough."


def approve_and_send(page: Page, clinic: Clinic, person: Person) -> str:
    """Send a document to this provider by the sample clinic's pages. Return the document's number in the EMR."""
    page.goto(clinic.url)
    page.get_by_role("navigation").get_by_role("link", name="Approve and send").click()
    for name, value in provider_values(person).items():
        page.locator(f"[name='{name}']").fill(value)
    number = page.get_by_label("Document number").input_value()
    page.get_by_role("button", name="Approve and send", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Sent.")
    return number


def on_account(page: Page, number: str, shown: str) -> Locator:
    """Reload the patient's page in the EMR until the document's row shows the text `shown`. Return the row."""
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=number, exact=True))

    def is_shown() -> bool:
        page.reload()
        return row.get_by_text(shown).count() > 0

    wait_until(is_shown, 30, f"{number} to be shown as {shown}")
    return row


def on_report(page: Page, clinic: Clinic, number: str) -> Locator:
    """Return the document's entry in the EMR's report of unsigned documents."""
    page.goto(clinic.url)
    page.get_by_role("link", name="Unsigned", exact=True).click()
    return page.get_by_role("article").filter(has_text=re.compile(rf"{number}\b"))


def open_mailed_link(phone: Visitor, mailbox: Mailbox, person: Person, subject: str, link: str) -> None:
    """Open the email with this subject in the mailbox, and follow its link on the phone.

    `link` is the text of the link."""
    phone.page.goto(f"{mailbox.url}/inbox?to={person.email}")
    phone.page.get_by_role("link", name=re.compile(subject)).first.click()
    frame = phone.page.frame_locator("iframe")
    with phone.context.expect_page() as opened:
        frame.get_by_role("link", name=link).first.click()
    phone.page = opened.value


def text_of(pdf: bytes) -> list[str]:
    """Return the text of each page of a PDF, in one line per page."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def is_signed(pdf: bytes, person: Person, document_id: str) -> None:
    """Assert that the PDF is the signed plan: a page shows the person's signature, and the certificate page follows."""
    *plan, certificate = text_of(pdf)
    signature = f"Electronically signed by {person.name}, {person.credential}"
    assert any(signature in text for text in plan)
    assert "Certificate of electronic signature" in certificate
    assert document_id in certificate


def test_a_plan_goes_out_and_comes_back_signed(
    stack: Stack, cedar: Clinic, mailbox: Mailbox, desk: BrowserContext, phone: Visitor
) -> None:
    person, office = someone(), desk.new_page()
    number = approve_and_send(office, cedar, person)

    # The provider gets two emails: the document and the account
    phone.page.goto(f"{mailbox.url}/inbox?to={person.email}")
    expect(phone.page.locator(".mails li")).to_have_count(2, timeout=30_000)
    open_mailed_link(phone, mailbox, person, "Set up your password", "Set up my password")
    expect(phone.page).to_have_url(f"{stack.portal_url}/setup")
    expect(phone.page.get_by_text(person.npi)).to_be_visible()
    phone.choose_password()

    # The setup leads to the document
    expect(phone.page).to_have_url(re.compile(f"^{stack.portal_url}/documents/[^/]+$"))
    phone.read()
    phone.approve(f"{person.name}, MD", NOTE)
    expect(phone.page.get_by_role("heading", name="You signed this plan of care")).to_be_visible()
    expect(phone.page.get_by_text(NOTE)).to_be_visible()

    # The clinic
    row = on_account(office, number, "Returned, signed")
    expect(row).to_contain_text(NOTE)
    entry = on_report(office, cedar, number)
    expect(entry).to_contain_text("mark it as returned")
    address = entry.get_by_role("link", name="Open signed PDF").get_attribute("href")
    pdf = office.request.get(f"{cedar.url}{address}").body()
    document_id = phone.page.url.rpartition("/")[2]
    resource = cedar.received(document_id)
    assert hashlib.sha256(pdf).hexdigest() == resource["signed_pdf"]["sha256"]
    assert resource["note"] == NOTE
    is_signed(pdf, person, document_id)

    entry.get_by_role("button", name="Mark as returned", exact=True).click()
    expect(office.get_by_role("status")).to_contain_text("Marked as returned")
    expect(on_report(office, cedar, number)).to_have_count(0)

    # The provider gets one email for the second document
    approve_and_send(office, cedar, person)
    known = f"{stack.portal_url}/documents/{document_id}"
    second = mailbox.link(person.email, "/documents/", besides=[known]).rpartition("/")[2]
    assert cedar.messages(second) == ["ready"]
    subjects = [mail["subject"] for mail in mailbox.mails(person.email)]
    assert sum("Set up your password" in subject for subject in subjects) == 1


def test_a_decline_reaches_the_clinic_and_logging_out_removes_all_data(
    cedar: Clinic, desk: BrowserContext, phone: Visitor
) -> None:
    person = someone()
    document_id = cedar.send(person)
    patient = cedar.received(document_id)["patient_external_id"]
    number = str(cedar.received(document_id)["external_id"])
    phone.sign_up(person)
    phone.wait_for_pages()
    name = phone.page.get_by_role("heading", level=1).inner_text()

    phone.decline("Request changes to the plan", DECLINED)

    office = desk.new_page()
    office.goto(f"{cedar.url}/patients/{patient}")
    expect(on_account(office, number, "Returned, declined")).to_contain_text(DECLINED)
    entry = on_report(office, cedar, number)
    expect(entry).to_contain_text("Change the plan")
    expect(entry).to_contain_text(DECLINED)

    phone.page.get_by_role("button", name="Log out", exact=True).click()
    expect(phone.page.get_by_text("You've been logged out.")).to_be_visible()
    phone.page.go_back()
    expect(phone.page.get_by_label("Password", exact=True)).to_be_visible()
    expect(phone.page.get_by_text(name)).to_have_count(0)
    phone.open(f"/documents/{document_id}")
    expect(phone.page.get_by_role("heading", name="You have a document to review")).to_be_visible()
    expect(phone.page.get_by_text(name)).to_have_count(0)
