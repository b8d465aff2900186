"""Test everything that can go wrong for a clinic's front desk, through the pages of the sample EMR.

The front desk uses a client without scripts (`httpx`), which sends forms and follows links. Providers use a phone."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.browser.people import Person, someone
from tests.support.browser.stand_ins import Clinic, Mailbox, provider_values
from tests.support.browser.visitor import Visitor
from tests.support.stack import Stack, wait_until

BOUNCES = "bounce@simulator.amazonses.com"
SECONDS_FOR_NEWS = 30.0
# A receipt that arrives before the record of its email is retried after 5 s, and 90 s after that.
SECONDS_FOR_A_RECEIPT = 120.0
SETUP_FORM = 'action="/setup'
PAGES = "data-page"
CORRECT_AND_RESEND = "Correct the address or number and resend."
WAITING = "Waiting for the provider. Call the office, resend, or recall it."
DECLINED = "Read the reason. Then send a new version, recall it, or mark it as returned."
OPEN_SIGNED = "Open the signed PDF, then mark it as returned."


@dataclass(frozen=True)
class Desk:
    """The clinic's front desk: an HTTP client without scripts that sends the forms of the sample EMR's pages."""

    http: httpx.Client

    def page(self, path: str) -> str:
        return plain_text(self.http.get(path).raise_for_status().text)

    def row(self, number: str) -> str | None:
        """Return the text of a document's row in the EMR's report of unsigned documents, or None if there is no row."""
        text = self.http.get("/documents/reports/unsigned").raise_for_status().text
        rows = [plain_text(article) for article in re.findall(r"<article.*?</article>", text, re.DOTALL)]
        return next((row for row in rows if re.search(rf"\b{number}\b", row)), None)

    def wait_for_row(self, number: str, *shown: str, seconds: float = SECONDS_FOR_NEWS) -> str:
        """Wait until the document's row in the report of unsigned documents contains the texts `shown`. Return the
        row's text."""
        seen = ""

        def is_shown() -> bool:
            nonlocal seen
            seen = self.row(number) or ""
            return all(text in seen for text in shown)

        wait_until(is_shown, seconds, f"the row of {number} to say {shown}")
        return seen

    def send(self, path: str, changes: Mapping[str, str], *, form: str) -> httpx.Response:
        """Submit a form of the EMR's page at `path`, filled in as the page proposes, with the given `changes`.

        `form` is the form's action, the path to which it is posted."""
        text = self.http.get(path).raise_for_status().text
        forms = re.findall(r"<form[^>]*>.*?</form>", text, re.DOTALL)
        (match, *_) = (text for text in forms if f'action="{form}"' in text or f'action="{form}' in text)
        return self.http.post(form, data={**fields(match), **changes}, follow_redirects=True)


def fields(form: str) -> dict[str, str]:
    """Return the field values that a browser would submit if a person changed nothing in this form (HTML)."""
    values: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        given = dict(re.findall(r'([\w.-]+)="([^"]*)"', tag))
        picks = given.get("type") in {"radio", "checkbox"}
        if "name" in given and (not picks or re.search(r"\schecked", tag)):
            values[given["name"]] = html.unescape(given.get("value", ""))
    for name, inner in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]*\sselected', inner)
        values[name] = html.unescape(chosen.group(1)) if chosen else ""
    for name, inner in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        values[name] = html.unescape(inner)
    return values


def plain_text(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@dataclass(frozen=True)
class Week:
    """The front desk, its clinic and the steps that several tests share, such as to send a document."""

    desk: Desk
    clinic: Clinic
    mailbox: Mailbox
    stack: Stack

    def approve_and_send(self, person: Person, path: str = "/send", **changes: str) -> tuple[str, str]:
        """Send a document to a provider by the EMR's form. Return the document's id at the portal and its number in the
        EMR."""
        known = {document.document_id for document in self.clinic.office.store.documents()}
        answer = self.desk.send(path, provider_values(person) | changes, form="/send")
        assert answer.status_code == httpx.codes.OK, plain_text(answer.text)
        (new,) = (document for document in self.clinic.office.store.documents() if document.document_id not in known)
        return new.document_id, new.external_id

    def resend(self, document_id: str, **changes: str) -> httpx.Response:
        page = f"/documents/{document_id}"
        return self.desk.send(page, changes, form=f"{page}/resend")

    def recall(self, document_id: str, reason: str) -> httpx.Response:
        page = f"/documents/{document_id}"
        return self.desk.send(page, {"reason": reason}, form=f"{page}/recall")

    def mark_as_returned(self, document_id: str, method: str) -> httpx.Response:
        page = f"/documents/{document_id}"
        return self.desk.send(page, {"method": method}, form=f"{page}/returned")

    def links(self, person: Person, document_id: str) -> list[str]:
        """Wait for the emails with the setup link and the document's link, and return all links emailed to this
        person."""
        self.mailbox.link(person.email, "/setup/")
        self.mailbox.link(person.email, f"/documents/{document_id}")
        return [link for mail in self.mailbox.mails(person.email) for link in mail["links"]]

    def opened(self, link: str) -> str:
        """Follow a link in a browser without cookies, and return the HTML of the last page."""
        with self.stack.browser() as browser:
            answer = browser.get(urlsplit(link).path)
            while answer.is_redirect:
                answer = browser.get(answer.headers["location"])
            return answer.text

    def expect_nothing_opens(self, links: list[str], number: str) -> None:
        """Assert that no emailed link sets a password or reveals anything about the document or the patient.

        `number` is the document's number in the EMR."""
        patient = self.clinic.office.store.documents()[0].sent["patient"]
        assert links
        for link in links:
            text = self.opened(link)
            for secret in (SETUP_FORM, PAGES, number, patient["first_name"], patient["last_name"]):
                assert secret not in text, link

    def let_in(self, phone: Visitor, person: Person, document_id: str) -> str:
        """Open a document on the phone without an account, with the code emailed to this person. Return the page's
        URL."""
        phone.open(self.mailbox.link(person.email, f"/by-hand/{document_id}"))
        phone.page.get_by_role("button", name="Email me a code").click()
        phone.page.get_by_label("Code", exact=True).fill(code_mailed(self.mailbox, person))
        phone.page.get_by_role("button", name="Open the document").click()
        phone.wait_for_pages()
        return phone.page.url

    def expect_closed(self, number: str) -> None:
        assert self.desk.row(number) is None


@pytest.fixture
def week(stack: Stack, own_clinic: Clinic, mailbox: Mailbox) -> Iterator[Week]:
    with httpx.Client(base_url=own_clinic.url, timeout=30) as http:
        yield Week(Desk(http), own_clinic, mailbox, stack)


def test_a_mistyped_address_bounces_and_is_corrected(week: Week) -> None:
    person = replace(someone(), email=BOUNCES)
    document_id, number = week.approve_and_send(person)
    setup = [link for link in week.links(person, document_id) if "/setup/" in link]
    # The setup email bounces too, but an email about an account belongs to no clinic (DESIGN 2a).
    bounced = f"Email to {BOUNCES}: Document ready, failed"
    row = week.desk.wait_for_row(number, "Not delivered", CORRECT_AND_RESEND, bounced, seconds=SECONDS_FOR_A_RECEIPT)
    assert "Set up your password" not in row

    right = replace(person, email=someone().email)
    assert week.resend(document_id, **{"provider.email": right.email}).status_code == httpx.codes.OK
    week.links(right, document_id)
    week.desk.wait_for_row(number, WAITING)
    week.expect_nothing_opens(setup[-1:], number)

    # The provider's office signs the printed page and sends it by mail
    assert "Marked as returned" in plain_text(week.mark_as_returned(document_id, "paper").text)
    week.expect_closed(number)
    resource = week.clinic.resource(document_id)
    assert (resource["status"], resource["outcome"]) == ("returned", "by_hand")
    week.expect_nothing_opens([link for link in week.links(right, document_id) if "/setup/" not in link], number)


def test_after_a_correction_the_wrong_person_can_open_nothing(week: Week, phone: Visitor, other_phone: Visitor) -> None:
    person, stranger = someone(), someone()
    document_id, number = week.approve_and_send(replace(person, email=stranger.email))
    links = week.links(stranger, document_id)
    setup = [link for link in links if "/setup/" in link]
    assert SETUP_FORM in week.opened(setup[0])
    here = week.let_in(phone, stranger, document_id)

    week.resend(document_id, **{"provider.email": person.email})
    phone.open(here)
    expect(phone.page.locator(f"[{PAGES}]")).to_have_count(0)
    week.expect_nothing_opens(setup, number)
    other_phone.sign_up(person)
    other_phone.open(f"/documents/{document_id}")
    other_phone.read_and_sign(person)
    row = week.desk.wait_for_row(number, "Returned, signed", OPEN_SIGNED)
    assert person.last_name in row
    week.mark_as_returned(document_id, "portal")
    week.expect_closed(number)


def code_mailed(mailbox: Mailbox, person: Person) -> str:
    def codes() -> list[str]:
        texts = [mail["text"] for mail in mailbox.mails(person.email)]
        return [match.group(1) for text in texts if (match := re.search(r"Your code: (\d{6})\b", text))]

    wait_until(codes, SECONDS_FOR_NEWS, "a code by mail")
    return codes()[-1]


def test_a_declined_plan_is_replaced_by_a_new_version(week: Week, phone: Visitor) -> None:
    person = someone()
    document_id, number = week.approve_and_send(person)
    phone.sign_up(person)
    phone.open(f"/documents/{document_id}")
    decline(phone, "Request changes to the plan", "Twice a week is enough.")
    row = week.desk.wait_for_row(number, DECLINED, "Change the plan", "Twice a week is enough.")
    assert "Send a new version" in row

    new, new_number = week.approve_and_send(
        person, f"/send?after={document_id}", message="Twice a week now, as you asked."
    )
    week.expect_closed(number)
    assert week.clinic.resource(document_id)["superseded_by"] in {new, new_number}
    phone.open(f"/documents/{new}")
    expect(phone.page.get_by_text("Twice a week now, as you asked.")).to_be_visible()
    phone.read_and_sign(person)
    week.desk.wait_for_row(new_number, OPEN_SIGNED)
    week.mark_as_returned(new, "portal")
    week.expect_closed(new_number)


def test_a_decline_is_marked_as_returned(week: Week, phone: Visitor) -> None:
    person = someone()
    document_id, number = week.approve_and_send(person)
    phone.sign_up(person)
    phone.open(f"/documents/{document_id}")
    decline(phone, "Not my patient", "Dr. Okafor sees this patient now.")
    week.desk.wait_for_row(number, DECLINED, "Not my patient", "Dr. Okafor sees this patient now.")
    week.mark_as_returned(document_id, "portal")
    week.expect_closed(number)
    resource = week.clinic.resource(document_id)
    assert (resource["status"], resource["outcome"]) == ("returned", "declined")


def decline(phone: Visitor, reason: str, note: str) -> None:
    phone.wait_for_pages()
    phone.page.get_by_text("Decline instead").click()
    phone.page.get_by_label(reason).check()
    phone.page.locator("#decline_note").fill(note)
    phone.page.get_by_role("button", name="Decline this document").click()
    expect(phone.page.get_by_role("heading", name=re.compile("You declined this"))).to_be_visible()


def test_a_recall_closes_the_document_in_an_open_browser(week: Week, phone: Visitor) -> None:
    person = someone()
    document_id, number = week.approve_and_send(person)
    links = week.links(person, document_id)
    here = week.let_in(phone, person, document_id)
    assert "Recalled" in plain_text(week.recall(document_id, "Sent by mistake").text)
    phone.open(here)
    expect(phone.page.locator(f"[{PAGES}]")).to_have_count(0)
    week.expect_closed(number)
    week.expect_nothing_opens([link for link in links if "/setup/" not in link], number)
    refused = week.desk.http.post(f"/documents/{document_id}/resend", data={})
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_a_fax_comes_back_by_fax(week: Week) -> None:
    person = someone()
    document_id, number = week.approve_and_send(person, delivery="fax")
    week.desk.wait_for_row(number, "Received by fax or on paper")
    week.mark_as_returned(document_id, "fax")
    week.expect_closed(number)
    assert week.clinic.resource(document_id)["outcome"] == "by_hand"
