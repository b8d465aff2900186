"""The sample clinic and the mailbox of `examples/`, running in this process beside the deployed portal."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from examples.clinic import forms
from examples.clinic.app import create_app as clinic_app
from examples.clinic.office import Addresses, Office
from examples.clinic.portal import Portal
from examples.clinic.sample_plans.pdfs import build_pdf
from examples.clinic.sample_plans.plans import PLANS
from examples.clinic.store import Store
from examples.mailbox import smtp
from examples.mailbox.app import create_app as mailbox_app
from examples.mailbox.box import Box
from examples.mailbox.emulator import Emulator
from examples.mailbox.reader import Reader
from infrastructure.local.localhost_http import LocalhostTransport
from infrastructure.local.stack import FIXED_PARAMETERS
from tests.support.browser.gateway import serving
from tests.support.browser.people import Person
from tests.support.free_ports import free_port
from tests.support.stack import SamplePractice, Stack, wait_until

PLAN = PLANS[0]
EMAILS_WITH_A_LINK = 2
"""The emails about a first document that have a setup link: the announcement and the setup email."""

SECONDS_FOR_A_MAIL = 30.0
SECONDS_FOR_A_WEBHOOK = 30.0


@dataclass(frozen=True)
class Clinic:
    """The running sample clinic (a small EMR), with a practice that no other clinic uses."""

    url: str
    practice: SamplePractice
    office: Office

    def send(self, person: Person, **changes: str) -> str:
        """Send a sample plan of care to this provider, as the clinic's send form does, and return the document's id.

        `changes` replace the proposed values of the form."""
        number = self.office.store.next_number()
        values = dict(forms.propose_values(PLAN, number=number, today=self.office.today()))
        values |= provider_values(person) | changes
        pdf = build_pdf(PLAN, forms.sample_facts(PLAN, values))
        data = forms.event_data(values) | {"signature_field": dict(pdf.signature_field)}
        return str(self.office.approve_and_send(data, pdf.content)["document_id"])

    def received(self, document_id: str) -> Mapping[str, Any]:
        """Return the document's JSON as the last webhook brought it to the clinic."""
        document = self.office.store.document(document_id)
        assert document is not None
        return document.resource

    def resource(self, document_id: str) -> Mapping[str, Any]:
        """Return the document's current JSON, read from the portal's API."""
        return self.office.portal.document(document_id)

    def messages(self, document_id: str) -> list[str]:
        """Return the types of all emails and faxes to the provider about this document, such as `ready`."""
        lines = self.resource(document_id)["deliveries"]
        return [line["type"] for line in lines if line["channel"] in {"email", "fax"}]

    def fetch(self, document_id: str, which: str) -> bytes:
        """Return the bytes of the document's `signed` or `original` PDF, read from the portal's API."""
        return httpx.get(self.office.portal.pdf_url(document_id, which)).raise_for_status().content

    def wait_for(self, document_id: str, condition: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        """Wait for a webhook with a document's JSON that meets `condition`, and return this JSON."""
        wait_until(lambda: condition(self.received(document_id)), SECONDS_FOR_A_WEBHOOK, "a webhook")
        return self.received(document_id)


@dataclass(frozen=True)
class Mailbox:
    """The running mailbox of `examples/mailbox`, which receives the emails to all providers."""

    url: str

    def mails(self, to: str) -> Sequence[Mapping[str, Any]]:
        """Return the emails to one address as JSON values, newest last."""
        answer = httpx.get(f"{self.url}/api/messages", params={"to": to}, timeout=SECONDS_FOR_A_MAIL)
        emails: Sequence[Mapping[str, Any]] = answer.raise_for_status().json()
        return emails

    def wait_for_text(self, to: str, text: str) -> str:
        """Wait for an email to this address that contains `text`, and return the whole text of the newest such
        email."""

        def matching_texts() -> list[str]:
            return [mail["text"] for mail in self.mails(to) if text in mail["text"]]

        wait_until(matching_texts, SECONDS_FOR_A_MAIL, f"an email that contains {text!r}")
        return matching_texts()[-1]

    def link(self, to: str, path: str, *, besides: Sequence[str] = ()) -> str:
        """Wait for an email to this address with a link whose path starts with `path`, and return the newest such link.

        The search ignores the links in `besides`."""
        wait_until(lambda: self._links(to, path, besides), SECONDS_FOR_A_MAIL, f"a link to {path} for {to}")
        return self._links(to, path, besides)[-1]

    def setup_link(self, to: str) -> str:
        """Wait for a setup email to this address, and return the newest link of one.

        The announcement of a document has a setup link too, whose query names the document."""
        wait_until(lambda: self._setup_links(to), SECONDS_FOR_A_MAIL, f"a setup email for {to}")
        return self._setup_links(to)[-1]

    def start_link(self, to: str) -> str:
        """Wait for the announcement of a document to a person without an account, and return its newest setup link."""

        def links() -> list[str]:
            return [link for link in self._links(to, "/setup/", ()) if urlsplit(link).query]

        wait_until(links, SECONDS_FOR_A_MAIL, f"an announcement with a setup link for {to}")
        return links()[-1]

    def _setup_links(self, to: str) -> list[str]:
        return [link for link in self._links(to, "/setup/", ()) if not urlsplit(link).query]

    def _links(self, to: str, path: str, besides: Sequence[str]) -> list[str]:
        links = [link for mail in self.mails(to) for link in mail["links"]]
        return [link for link in links if urlsplit(link).path.startswith(path) and link not in besides]

    def attachment(self, mail: Mapping[str, Any], number: int = 0) -> bytes:
        """Return the bytes of a file attached to an email. `number` counts the attachments from 0."""
        answer = httpx.get(f"{self.url}/api/messages/{mail['id']}/attachments/{number}")
        return answer.raise_for_status().content


def provider_values(person: Person) -> dict[str, str]:
    """Return the values for the fields of the clinic's send form that describe this provider."""
    names = ("first_name", "last_name", "credential", "npi", "email", "fax")
    return {f"provider.{name}": getattr(person, name) for name in names}


@contextlib.contextmanager
def running_mailbox(stack: Stack, data: Path) -> Iterator[Mailbox]:
    """Run the mailbox until the end of the block. It receives every email that the deployed portal sends."""
    box, smtp_port, port = Box(data), free_port(), free_port()
    intake = smtp.listen(box, port=smtp_port)
    with LocalhostTransport() as transport, stack.forwarding_mail(smtp_port):
        emulator = Emulator(stack.aws_endpoint_url, box, transport=transport)
        reader = Reader(box, emulator, FIXED_PARAMETERS["FaxDomain"], "http://localhost")
        with serving(mailbox_app(reader), port, "http"):
            yield Mailbox(f"http://localhost:{port}")
    intake.stop()


@contextlib.contextmanager
def running_clinic(stack: Stack, mailbox: Mailbox, data: Path, **settings: Any) -> Iterator[Clinic]:
    """Run the sample clinic with a new practice until the end of the block. The portal sends its webhooks there.

    `settings` are the settings of the practice, as for `Stack.practice`."""
    port, practice = free_port(), stack.practice(**settings)
    url = f"http://localhost:{port}"
    addresses = Addresses(clinic=url, mailbox=mailbox.url, portal=stack.portal_url)
    with LocalhostTransport() as transport:
        office = Office(
            portal=_portal(stack, practice, transport),
            store=Store(data / "clinic.sqlite3"),
            addresses=addresses,
            webhook_secret=practice.webhook_secret,
        )
        office.seed()
        with serving(clinic_app(office), port, "http"):
            office.register()
            yield Clinic(url, practice, office)


def _portal(stack: Stack, practice: SamplePractice, transport: LocalhostTransport) -> Portal:
    return Portal(
        url=stack.portal_url,
        practice_id=practice.id,
        api_key=practice.api_key,
        webhook_secret=practice.webhook_secret,
        transport=transport,
    )
