"""Test signing by hand without an account: after an email, after a fax, and with Electronic Signature off."""

import io
import re
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Page, expect
from pypdf import PdfReader

from tests.support.browser.people import Person, someone
from tests.support.browser.stand_ins import Clinic, Mailbox
from tests.support.browser.visitor import Visitor
from tests.support.stack import wait_until

SECONDS_FOR_THE_SWITCH = 60.0
THANKS = "Thank you. The signed copy has arrived."


def scan(folder: Path, kind: str) -> Path:
    """Save a picture of a page that was signed with a pen, as a `png` or `pdf` file, and return its path."""
    page = Image.new("RGB", (850, 1100), "white")
    drawing = ImageDraw.Draw(page)
    drawing.text((80, 80), "Plan of care", fill="black")
    drawing.line([(100, 900), (180, 860), (220, 930), (300, 880), (380, 910)], fill="navy", width=4)
    file = folder / f"signed.{kind}"
    page.save(file)
    return file


def enter_mailed_code(phone: Visitor, person: Person) -> None:
    """Request a code by email on the open page, and enter the code, which opens the document without an account."""
    phone.page.get_by_role("button", name="Email me a code", exact=True).click()
    expect(phone.page.get_by_text("Check your email")).to_be_visible()
    enter_code(phone, code_for(phone.mailbox, person))


def enter_code(phone: Visitor, code: str) -> None:
    phone.page.get_by_label("Code", exact=True).fill(code)
    phone.page.get_by_role("button", name="Open the document", exact=True).click()
    phone.wait_for_pages()


def code_for(mailbox: Mailbox, person: Person) -> str:
    """Return the code, which opens a document, from the newest email to this person that has one."""
    match = re.search(r"Your code: (\d{6})\b", mailbox.wait_for_text(person.email, "Your code:"))
    assert match
    return match.group(1)


def send_back(phone: Visitor, file: Path, signer: str) -> None:
    """Upload the scan of the signed page on the phone, type the signer's name and confirm."""
    phone.page.get_by_label("The signed document").set_input_files(file)
    phone.page.get_by_role("button", name="Upload", exact=True).click()
    expect(phone.page.get_by_role("heading", name="Is this the signed document?")).to_be_visible()
    phone.page.get_by_label("Who signed it?").fill(signer)
    phone.page.get_by_role("button", name="Yes, this is the signed document", exact=True).click()
    expect(phone.page.get_by_text(THANKS)).to_be_visible()


def test_a_plan_is_signed_by_hand_without_scripts(cedar: Clinic, plain_phone: Visitor, tmp_path: Path) -> None:
    phone, person = plain_phone, someone()
    document_id = cedar.send(person)
    phone.open(phone.mailbox.link(person.email, f"/by-hand/{document_id}"))
    enter_mailed_code(phone, person)

    address = phone.page.get_by_role("link", name="Print", exact=True).get_attribute("href")
    read = phone.fetch(address or "")
    assert person.npi in PdfReader(io.BytesIO(read)).pages[0].extract_text()
    with phone.page.expect_download() as started:
        phone.page.get_by_role("link", name="Download").click()
    assert started.value.path().read_bytes() == read

    send_back(phone, scan(tmp_path, "png"), f"Dr. {person.name}")
    resource = cedar.wait_for(document_id, lambda latest: bool(latest.get("signed_pdf")))
    assert (resource["status"], resource["outcome"]) == ("approved", "by_hand")
    assert (resource["signer"]["name"], resource["signer"]["method"]) == (f"Dr. {person.name}", "by_hand")


def test_a_wrong_code_opens_nothing(cedar: Clinic, phone: Visitor) -> None:
    person = someone()
    document_id = cedar.send(person)
    phone.open(f"/by-hand/{document_id}")
    phone.page.get_by_role("button", name="Email me a code", exact=True).click()
    code = code_for(phone.mailbox, person)
    phone.page.get_by_label("Code", exact=True).fill(f"{(int(code) + 1) % 1_000_000:06}")
    phone.page.get_by_role("button", name="Open the document", exact=True).click()
    expect(phone.page.get_by_text("That code did not open the document.")).to_be_visible()
    phone.open(f"/by-hand/{document_id}/document")
    expect(phone.page.locator("[data-page]")).to_have_count(0)
    phone.open(f"/by-hand/{document_id}")
    enter_code(phone, code)
    expect(phone.page.get_by_role("heading", name="Sign it on paper")).to_be_visible()


def test_the_code_on_a_fax_opens_the_document(cedar: Clinic, mailbox: Mailbox, phone: Visitor, tmp_path: Path) -> None:
    person = someone()
    document_id = cedar.send(person, delivery="fax")
    pages = fax_pages(phone.page, mailbox, person)
    assert mailbox.mails(person.email) == []

    code = code_on(pages[0])
    assert len(pages) == 1 + len(PdfReader(original_of(cedar, document_id)).pages)
    assert person.npi in pages[1]
    phone.open(f"/by-hand/{document_id}")
    enter_code(phone, code.lower())
    send_back(phone, scan(tmp_path, "pdf"), person.name)
    resource = cedar.wait_for(document_id, lambda latest: bool(latest.get("signed_pdf")))
    assert resource["outcome"] == "by_hand"


def test_the_code_on_a_fax_adds_the_document_to_the_account(
    cedar: Clinic, own_clinic: Clinic, mailbox: Mailbox, phone: Visitor, other_phone: Visitor
) -> None:
    """The physician has an account. A clinic that has never emailed the physician sends a fax with a code.

    The code lets the physician sign the document on a phone."""
    person, another = someone(), someone()
    for visitor, owner in ((phone, person), (other_phone, another)):
        cedar.send(owner)
        visitor.sign_up(owner)
    document_id = own_clinic.send(person, delivery="fax", **{"provider.email": ""})
    code = code_on(fax_pages(other_phone.page, mailbox, person)[0])

    other_phone.open("/fax")
    add_document(other_phone, code)
    expect(other_phone.page.get_by_role("heading", name="This document is for another person")).to_be_visible()

    phone.open("/documents")
    phone.page.get_by_role("link", name="Enter its code").click()
    add_document(phone, code.lower())
    phone.read_and_sign(person)
    resource = own_clinic.wait_for(document_id, lambda latest: bool(latest.get("signed_pdf")))
    assert (resource["outcome"], resource["signer"]["name"]) == ("approved", person.name)

    other_phone.page.get_by_role("button", name="Read and sign by hand", exact=True).click()
    expect(other_phone.page.get_by_text("This document has been signed")).to_be_visible()


def add_document(visitor: Visitor, code: str) -> None:
    visitor.page.get_by_label("Code", exact=True).fill(code)
    visitor.page.get_by_role("button", name="Add this document", exact=True).click()


def code_on(cover: str) -> str:
    """Return the code that the cover page of a fax shows. `cover` is the text of the page."""
    (code,) = re.findall(r"\b(?:[0-9A-Z]{4}-){2}[0-9A-Z]{4}\b", cover)
    return str(code)


def fax_pages(page: Page, mailbox: Mailbox, person: Person) -> list[str]:
    """Return the text of every page that the provider's fax machine (in the mailbox) received."""
    page.goto(f"{mailbox.url}/fax?to={person.fax.replace('+', '%2B')}")
    sheets = page.get_by_role("img", name=re.compile("Page 1 of"))

    def came() -> bool:
        page.reload()
        return sheets.count() == 1

    wait_until(came, 30, "a fax")
    address = page.get_by_role("link", name="as PDF").get_attribute("href")
    fax = page.request.get(f"{mailbox.url}{address}").body()
    texts = [" ".join(sheet.extract_text().split()) for sheet in PdfReader(io.BytesIO(fax)).pages]
    expect(page.get_by_role("img", name=re.compile(rf"Page \d+ of {len(texts)}"))).to_have_count(len(texts))
    return texts


def original_of(clinic: Clinic, document_id: str) -> io.BytesIO:
    return io.BytesIO(clinic.fetch(document_id, "original"))


def switch_off(page: Page, clinic: Clinic) -> None:
    """Forbid electronic signatures of the clinic's documents, on the page Customize of its EMR."""
    page.goto(clinic.url)
    page.get_by_role("link", name="Customize").click()
    page.get_by_role("switch", name=re.compile("Electronic Signature")).uncheck(force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.get_by_role("switch")).not_to_be_checked()


def test_no_pending_plan_can_be_signed_after_the_switch_is_off(
    own_clinic: Clinic, desk: BrowserContext, phone: Visitor
) -> None:
    person = someone()
    document_id = own_clinic.send(person)
    phone.sign_up(person)
    phone.read()

    switch_off(desk.new_page(), own_clinic)
    tab = phone.context.new_page()

    def is_off() -> bool:
        tab.goto(f"{phone.portal_url}/documents/{document_id}")
        return tab.get_by_role("heading", name="Sign it on paper").is_visible()

    wait_until(is_off, SECONDS_FOR_THE_SWITCH, "the switch to take effect")
    expect(tab.get_by_role("button", name="Approve and sign", exact=True)).to_have_count(0)
    phone.approve(person.name)
    expect(phone.page.get_by_text("has switched electronic signatures off").first).to_be_visible()
    assert own_clinic.resource(document_id)["status"] == "pending"


def test_with_the_switch_off_a_plan_is_emailed_and_signed_by_hand(
    own_clinic: Clinic, desk: BrowserContext, plain_phone: Visitor, tmp_path: Path
) -> None:
    phone = plain_phone
    switch_off(desk.new_page(), own_clinic)
    sent: list[tuple[Person, str]] = []

    def is_off() -> bool:
        person = someone()
        sent.append((person, own_clinic.send(person)))
        return own_clinic.messages(sent[-1][1]) == ["ready"]

    wait_until(is_off, SECONDS_FOR_THE_SWITCH, "the switch to take effect")
    person, document_id = sent[-1]
    phone.open(phone.mailbox.link(person.email, f"/by-hand/{document_id}"))
    (mail,) = phone.mailbox.mails(person.email)
    assert "sent you a document to sign by hand" in mail["text"]
    assert not [link for link in mail["links"] if f"/documents/{document_id}" in link]

    enter_mailed_code(phone, person)
    send_back(phone, scan(tmp_path, "pdf"), person.name)
    resource = own_clinic.wait_for(document_id, lambda latest: bool(latest.get("signed_pdf")))
    assert (resource["status"], resource["outcome"]) == ("approved", "by_hand")
