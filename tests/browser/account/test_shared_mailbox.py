"""Test one mailbox that two doctors, a nurse practitioner and an assistant share, from the first email to the end.

The test runs on the packaged template with the deployed functions and their roles. So it also proves on the stack that
an assistant reads and marks documents, and that a provider signs several at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewClinic
from tests.support.browser.people import PASSWORD, Person, someone
from tests.support.browser.stand_ins import SECONDS_FOR_A_MAIL, SECONDS_FOR_A_WEBHOOK, Clinic, Mailbox
from tests.support.browser.visitor import Visitor
from tests.support.stack import Stack, wait_until

REMARK = "Three times a week, as you discussed."
REASON = "Request changes to the plan"
NOTE = "Twice a week is enough."


@dataclass(frozen=True)
class SharedMailbox:
    """The providers who share an office's email address, with the ids of the documents that the clinic sent to each."""

    documents: Mapping[Person, Sequence[str]]

    @property
    def address(self) -> str:
        return next(iter(self.documents)).email

    def others_than(self, person: Person) -> list[str]:
        """Return the ids of the documents that were sent to the others."""
        return [document_id for other, ids in self.documents.items() if other != person for document_id in ids]


@pytest.fixture
def clinic(new_clinic: NewClinic) -> Clinic:
    return new_clinic("Willow Rehab", sign_without_account=True)


@pytest.fixture
def office(clinic: Clinic, stack: Stack) -> SharedMailbox:
    """Send six documents through the API to two doctors and a nurse practitioner at their one address.

    Each is sent after the work for the one before, because a burst would start many processes of each function."""
    anna = replace(someone(), first_name="Anna")
    ben = replace(someone(), first_name="Benjamin", credential="DO", email=anna.email)
    nora = replace(someone(), first_name="Nora", credential="NP", email=anna.email)
    sent = ((anna, 3), (ben, 2), (nora, 1))

    def send(person: Person) -> str:
        document_id = clinic.send(person)
        stack.outbox_drained()
        return document_id

    return SharedMailbox({person: [send(person) for _ in range(count)] for person, count in sent})


def test_two_doctors_a_nurse_practitioner_and_an_assistant_share_a_mailbox(
    office: SharedMailbox,
    clinic: Clinic,
    mailbox: Mailbox,
    phone: Visitor,
    other_phone: Visitor,
    assistants_phone: Visitor,
) -> None:
    (anna, annas), (ben, bens), (nora, _) = office.documents.items()
    signed, also_signed, handed_over = annas
    expect_emails_to_name_the_addressee(office, mailbox)

    # Anna sets up an account with her setup link, and invites the assistant.
    phone.set_up(setup_link(office, mailbox, anna))
    assert listed(phone, "/documents") == set(annas)
    invite_assistant(phone, assistants_phone)

    # The assistant prepares a document. Neither opens a document of the others.
    assert listed(assistants_phone, "/assistant/documents") == set(annas)
    mark_ready(assistants_phone, signed)
    for document_id in office.others_than(anna):
        expect_not_found(assistants_phone, f"/assistant/documents/{document_id}")
        expect_not_found(phone, f"/documents/{document_id}")

    # Anna hands a document over to Nora's own mailbox, and signs the others with one signature.
    nora_at_home = replace(nora, email=someone().email)
    hand_over(phone, handed_over, nora_at_home)
    sign_several(phone, anna, (signed, also_signed))

    # Ben signs and declines with codes. A code opens one document.
    open_with_code(other_phone, ben, bens[0])
    sign_as_guest(other_phone, ben)
    for document_id in (bens[1], *office.others_than(ben)):
        expect_a_code_is_needed(other_phone, document_id)
    open_with_code(other_phone, ben, bens[1])
    decline_as_guest(other_phone, ben)

    # Nora signs on behalf of Anna. What the clinic sent to Nora still waits.
    assert f"{anna.name}, MD handed over" in mailbox.wait_for_text(nora_at_home.email, f"For {nora.name}, NP")
    open_with_code(other_phone, nora_at_home, handed_over)
    sign_as_guest(other_phone, nora_at_home)
    expect_results_at_the_clinic(office, clinic)


def expect_emails_to_name_the_addressee(office: SharedMailbox, mailbox: Mailbox) -> None:
    """Assert that the newest email about each document says for whom it is, and names none of the others."""
    for person, document_ids in office.documents.items():
        others = {other.name for other in office.documents if other != person}
        for document_id in document_ids:
            text = mailbox.wait_for_text(office.address, document_id)
            assert any(line.startswith(f"For {person.name}, {person.credential}") for line in text.splitlines())
            assert not any(name in text for name in others)


def setup_link(office: SharedMailbox, mailbox: Mailbox, person: Person) -> str:
    """Return the newest setup link in the emails that say they are for this person."""
    mailbox.link(office.address, "/setup/")
    named = (mail for mail in mailbox.mails(office.address) if f"For {person.name}," in mail["text"])
    return [str(link) for mail in named for link in mail["links"] if "/setup/" in link][-1]


def listed(visitor: Visitor, path: str) -> set[str]:
    """Return the ids of the documents in the list at this path."""
    visitor.open(path)
    links = visitor.page.locator("a.entry__open")
    expect(links.first).to_be_visible()
    addresses = (link.get_attribute("href") or "" for link in links.all())
    return {address.rpartition("/")[2] for address in addresses}


def expect_not_found(visitor: Visitor, path: str) -> None:
    visitor.open(path)
    expect(visitor.page.get_by_role("heading", name="Page not found")).to_be_visible()


def invite_assistant(provider: Visitor, assistant: Visitor) -> None:
    """Invite an assistant on the provider's account page. The assistant accepts with a login of their own."""
    susan = replace(someone(), first_name="Susan", last_name="Park")
    provider.open("/account")
    provider.page.get_by_label("Name of the assistant").fill(susan.name)
    provider.page.get_by_label("Email address of the assistant").fill(susan.email)
    provider.page.get_by_role("button", name="Send an invitation", exact=True).click()
    assistant.open(provider.mailbox.link(susan.email, "/invitation/"))
    assistant.page.get_by_role("checkbox", name="no one else will use this account").check()
    assistant.page.locator("#password").fill(PASSWORD)
    assistant.page.get_by_role("button", name="Accept and set password", exact=True).click()
    assistant.log_in(susan)
    expect(assistant.page.get_by_role("heading", name="Pending")).to_be_visible()


def mark_ready(assistant: Visitor, document_id: str) -> None:
    """Read the document as an assistant, and mark it as ready for the provider with a remark."""
    assistant.open(f"/assistant/documents/{document_id}")
    assistant.wait_for_pages()
    assert assistant.page.get_by_role("button", name="Approve and sign").count() == 0
    assistant.page.get_by_label("Remark").fill(REMARK)
    assistant.page.get_by_role("button", name="Mark as ready", exact=True).click()
    expect(assistant.page.get_by_text(REMARK).first).to_be_visible()


def hand_over(giver: Visitor, document_id: str, colleague: Person) -> None:
    giver.open(f"/documents/{document_id}/hand-over")
    page = giver.page
    page.get_by_label("Colleague's first name").fill(colleague.first_name)
    page.get_by_label("Colleague's last name").fill(colleague.last_name)
    page.get_by_label("Credential").fill(colleague.credential)
    page.get_by_label("Email address").fill(colleague.email)
    page.get_by_label("NPI").fill(colleague.npi)
    page.get_by_role("button", name="Hand over", exact=True).click()
    expect(page.get_by_role("heading", name=f"Handed over to {colleague.name}")).to_be_visible()


def sign_several(provider: Visitor, person: Person, document_ids: tuple[str, str]) -> None:
    """Mark both documents as read, and sign them with one signature. The assistant's remark is on the first."""
    first, second = document_ids
    page = provider.page
    provider.open("/documents")
    expect(page.get_by_text(REMARK)).to_have_count(1)
    provider.open(f"/documents/{first}")
    expect(page.get_by_text(REMARK)).to_be_visible()
    provider.read()
    page.get_by_role("button", name="Mark as read, then next", exact=True).click()
    expect(page).to_have_url(re.compile(f"/documents/{second}$"))
    provider.read()
    page.get_by_role("button", name="Mark as read, then sign all", exact=True).click()
    page.get_by_label("Your signature", exact=True).fill(person.name)
    page.get_by_role("button", name="Approve and sign 2 documents", exact=True).click()
    expect(page.get_by_role("heading", name="Signed: 2 documents")).to_be_visible()


def open_with_code(visitor: Visitor, person: Person, document_id: str) -> None:
    """Request a code for the document at the person's address, and open the document with the code."""
    page, mailbox = visitor.page, visitor.mailbox
    before = len(codes_emailed(mailbox, person))
    visitor.open(f"/by-hand/{document_id}")
    page.get_by_role("button", name="Email me a code", exact=True).click()
    expect(page.get_by_text("Check your email")).to_be_visible()
    wait_until(lambda: len(codes_emailed(mailbox, person)) > before, SECONDS_FOR_A_MAIL, "a code by email")
    page.get_by_label("Code", exact=True).fill(codes_emailed(mailbox, person)[-1])
    page.get_by_role("button", name="Open the document", exact=True).click()
    visitor.wait_for_pages()
    expect(page.get_by_text(f"for {person.name}")).to_be_visible()


def codes_emailed(mailbox: Mailbox, person: Person) -> list[str]:
    """Return the codes that were emailed to the person's address, oldest first."""
    texts = (mail["text"] for mail in mailbox.mails(person.email))
    return [code for text in texts for code in re.findall(r"Your code: (\d{6})\b", text)]


def expect_a_code_is_needed(visitor: Visitor, document_id: str) -> None:
    visitor.open(f"/by-hand/{document_id}/document")
    expect(visitor.page.get_by_label("Code", exact=True)).to_be_visible()
    expect(visitor.page.locator("[data-page]")).to_have_count(0)


def sign_as_guest(visitor: Visitor, person: Person) -> None:
    """Read the open document, and sign it without an account."""
    page: Page = visitor.page
    visitor.read()
    page.get_by_label("Type", exact=True).check()
    page.get_by_role("textbox", name="Your signature").fill(person.name)
    page.get_by_label("and I sign this myself").check()
    page.get_by_role("button", name="Approve and sign", exact=True).click()
    expect(page.get_by_text("Thank you. You signed this plan of care.")).to_be_visible()


def decline_as_guest(visitor: Visitor, person: Person) -> None:
    page = visitor.page
    page.get_by_text("Decline instead").click()
    page.get_by_label(REASON).check()
    page.locator("#decline_note").fill(NOTE)
    page.locator("#decliner").fill(person.name)
    page.get_by_role("button", name="Decline this document", exact=True).click()
    expect(page.get_by_text("You declined this plan of care")).to_be_visible()


def expect_results_at_the_clinic(office: SharedMailbox, clinic: Clinic) -> None:
    """Assert that the EMR's webhooks, records and list name for each document who decided and how."""
    (anna, annas), (ben, bens), (nora, noras) = office.documents.items()
    decided = {
        annas[0]: ("approved", anna.name, None),
        annas[1]: ("approved", anna.name, None),
        annas[2]: ("approved", nora.name, anna.npi),
        bens[0]: ("approved", ben.name, None),
        bens[1]: ("declined", ben.name, None),
    }
    for document_id, expected in decided.items():
        resource = wait_for_status(clinic, document_id, expected[0])
        assert (resource["outcome"], resource["signer"]["name"], npi_of(resource["signer"]["on_behalf_of"])) == expected
    assert clinic.received(bens[1])["note"] == NOTE
    outcomes = {(document_id, f"document.{outcome}") for document_id, (outcome, _, _) in decided.items()}
    wait_until(lambda: outcomes < received_by(clinic), SECONDS_FOR_A_WEBHOOK, "the webhooks about the outcomes")
    received = received_by(clinic)
    assert (annas[2], "document.handed_over") in received
    assert not received & {(noras[0], "document.viewed"), (noras[0], "document.approved")}
    on_list = {row["id"]: row["status"] for row in clinic.office.unsigned(None).rows}
    assert on_list == {
        **{document_id: outcome for document_id, (outcome, _, _) in decided.items()},
        noras[0]: "pending",
    }


def wait_for_status(clinic: Clinic, document_id: str, status: str) -> Mapping[str, Any]:
    return clinic.wait_for(document_id, lambda latest: bool(latest["status"] == status))


def received_by(clinic: Clinic) -> set[tuple[str, str]]:
    """Return the document and the type of each webhook that the EMR has received."""
    return {(webhook.document_id, webhook.event_type) for webhook in clinic.office.store.webhooks(100)}


def npi_of(represented: Mapping[str, str] | None) -> str | None:
    return represented["npi"] if represented else None
