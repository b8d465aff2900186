"""The clinic and the mailbox of `examples/`, served beside the stack that the tests share."""

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
from examples.mailbox.app import Reader
from examples.mailbox.app import create_app as mailbox_app
from examples.mailbox.box import Box
from examples.mailbox.emulator import Emulator
from infrastructure.local.localhost_http import LocalhostTransport
from infrastructure.local.stack import FIXED_PARAMETERS
from tests.support.browser.gateway import serving
from tests.support.browser.people import Person
from tests.support.free_ports import free_port
from tests.support.stack import SamplePractice, Stack, wait_until

PLAN = PLANS[0]
SECONDS_FOR_A_MAIL = 30.0
SECONDS_FOR_A_WEBHOOK = 30.0


@dataclass(frozen=True)
class Clinic:
    """A stand-in EMR with a practice of its own."""

    url: str
    practice: SamplePractice
    office: Office

    def send(self, person: Person, **changes: str) -> str:
        """Approve and send a sample plan of care; answers the document's id. `changes` are form values."""
        number = self.office.store.next_number()
        values = dict(forms.proposed(PLAN, number=number, today=self.office.today()))
        values |= provider_values(person) | changes
        pdf = build_pdf(PLAN, forms.facts(PLAN, values))
        data = forms.event_data(values) | {"signature_field": dict(pdf.signature_field)}
        return self.office.approve_and_send(data, pdf.content)

    def knows(self, document_id: str) -> Mapping[str, Any]:
        """The document's resource, as the last webhook brought it."""
        found = self.office.store.document(document_id)
        assert found is not None
        return found.resource

    def resource(self, document_id: str) -> Mapping[str, Any]:
        """The document's resource, as the portal has it now."""
        return self.office.portal.document(document_id)

    def messages(self, document_id: str) -> list[str]:
        """Which messages to the provider this document has caused, sent or not, such as `ready`."""
        lines = self.resource(document_id)["deliveries"]
        return [line["type"] for line in lines if line["channel"] in {"email", "fax"}]

    def fetch(self, document_id: str, which: str) -> bytes:
        """The bytes of the `signed` or `original` PDF, by the portal's API."""
        return httpx.get(self.office.portal.pdf_url(document_id, which)).raise_for_status().content

    def wait_for(self, document_id: str, condition: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        """Wait until webhooks have brought a resource that fulfils `condition`."""
        wait_until(lambda: condition(self.knows(document_id)), SECONDS_FOR_A_WEBHOOK, "a webhook")
        return self.knows(document_id)


@dataclass(frozen=True)
class Mailbox:
    """What the provider receives."""

    url: str

    def mails(self, to: str) -> Sequence[Mapping[str, Any]]:
        """The mails to one address, newest last, as the mailbox's API tells of them."""
        answer = httpx.get(f"{self.url}/api/messages", params={"to": to})
        found: Sequence[Mapping[str, Any]] = answer.raise_for_status().json()
        return found

    def wait_for_text(self, to: str, text: str) -> str:
        """Wait for a mail that says this, and answer the text of the newest that does."""

        def found() -> list[str]:
            return [mail["text"] for mail in self.mails(to) if text in mail["text"]]

        wait_until(found, SECONDS_FOR_A_MAIL, f"a mail that says {text!r}")
        return found()[-1]

    def link(self, to: str, path: str, *, besides: Sequence[str] = ()) -> str:
        """Wait for a mail with a link to a path that starts so, and answer the newest such link."""
        wait_until(lambda: self._links(to, path, besides), SECONDS_FOR_A_MAIL, f"a link to {path} for {to}")
        return self._links(to, path, besides)[-1]

    def _links(self, to: str, path: str, besides: Sequence[str]) -> list[str]:
        links = [link for mail in self.mails(to) for link in mail["links"]]
        return [link for link in links if urlsplit(link).path.startswith(path) and link not in besides]

    def attachment(self, mail: Mapping[str, Any], number: int = 0) -> bytes:
        """The bytes of a mail's attachment."""
        answer = httpx.get(f"{self.url}/api/messages/{mail['id']}/attachments/{number}")
        return answer.raise_for_status().content


def provider_values(person: Person) -> dict[str, str]:
    """The send form's values for this provider."""
    names = ("first_name", "last_name", "credential", "npi", "email", "fax")
    return {f"provider.{name}": getattr(person, name) for name in names}


@contextlib.contextmanager
def running_mailbox(stack: Stack, data: Path) -> Iterator[Mailbox]:
    """The mailbox, with every mail of the stack in it from now on."""
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
    """A clinic of a fresh practice, with its webhook address registered. `settings`: see `Stack.practice`."""
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
