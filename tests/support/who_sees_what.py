"""Test cases in which somebody tries to see documents of another person. Two test modules run each case.

One runs the cases on the web function in memory, and the other on the packaged and deployed portal. The cases are ten
attacks, a hand-over to a colleague, and the code on a fax."""

import base64
import itertools
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from standardwebhooks import Webhook

from chalicelib.services.review.decisions import CONSENT_VERSION
from infrastructure.local.warm_up import ONE_PAGE

PASSWORD = "violet tractor onion"
PATIENT = {"external_id": "PT-1", "first_name": "Ada", "date_of_birth": "1950-12-10"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """The status, the body and the `Location` header of an HTTP response, from the portal in memory or the deployed
    one."""

    status: int
    body: str
    location: str = ""


@dataclass(frozen=True)
class Sent:
    """A document that a clinic sent: its id, and its patient's last name, which no other document contains."""

    id: str
    patient: str


@dataclass(frozen=True)
class Keys:
    """The id, the API key and the webhook secret of a clinic, with which its EMR sends events and reads the API."""

    id: str
    api_key: str
    webhook_secret: str


class Visitor(ABC):
    """A browser with its own cookies, of one person who visits the portal's pages."""

    @abstractmethod
    def get(self, path: str) -> Answer: ...

    @abstractmethod
    def post(self, path: str, **fields: str) -> Answer: ...

    def is_shown(self, document: Sent) -> bool:
        """Return True if the portal shows the document to the visitor.

        Assert that the lists, the search and the pages of the document agree."""
        pages = [self.get(f"/documents/{document.id}{rest}").status for rest in ("", "/text", "/original.pdf")]
        listed = [document.patient in self.get(path).body for path in ("/documents", "/documents/past")]
        found = document.patient in self.post("/documents/past", q=document.patient).body.replace(
            f'value="{document.patient}"', ""
        )
        opens = pages[0] == 200
        assert opens == any(listed)
        assert opens or (pages == [404, 404, 404] and not found)
        return opens

    def may_sign(self, document: Sent) -> bool:
        """Return False if the portal refuses to sign, mark and decline the document, as for an unknown document.

        Assert that a form which signs several documents does not name the document's patient."""
        fields = {"typed_name": "Luis Rivera", "pages_shown": "1", "read_statement": "yes"}
        answers = [
            self.post(f"/documents/{document.id}/mark", **fields),
            self.post(f"/documents/{document.id}/approve", **fields),
            self.post(f"/documents/{document.id}/decline", reason="not_my_patient"),
        ]
        is_allowed = any(answer.status != 404 for answer in answers)
        several = self.post("/documents/marked", documents=document.id, consent=CONSENT_VERSION, **fields)
        assert is_allowed or document.patient not in several.body
        return is_allowed


class World(ABC):
    """The portal as clinics and strangers reach it, in memory or deployed. The test cases run on both."""

    @abstractmethod
    def keys(self) -> Keys:
        """Create a clinic that allows electronic signatures, and return its id and keys."""

    @abstractmethod
    def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer: ...

    @abstractmethod
    def admin(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Run an action of administrators, such as `close_account`, in the admin function, and return its result."""

    @abstractmethod
    def now(self) -> datetime: ...

    @abstractmethod
    def browser(self) -> Visitor: ...

    @abstractmethod
    def settle(self) -> None:
        """Run all waiting background jobs of the portal, so that emails are sent and documents have moved."""

    @abstractmethod
    def links(self, address: str) -> list[str]:
        """Return a text for each setup or reset link that was emailed to this address, oldest first.

        A test compares two results, to see whether a new link was emailed."""

    @abstractmethod
    def newest_link(self, address: str) -> str:
        """Return the path of the newest setup or reset link emailed to this address."""

    @abstractmethod
    def fax_code(self, document: Sent, number: str) -> str:
        """Return the code that the cover page of the document's fax to this number shows. The code opens the
        document."""

    @abstractmethod
    def expire_code(self, code: str) -> None:
        """Make the code of a fax expire, by moving its expiry into the past."""

    @abstractmethod
    def codes(self, address: str) -> list[str]:
        """Return the codes emailed to this address, oldest first, with which an owner can add the address to an
        account."""

    @abstractmethod
    def is_informed_of_a_try(self, address: str) -> bool:
        """Return True if an email to this address warns that somebody tried to add it to another account."""

    def set_up(self, address: str) -> Visitor:
        """Set up an account with the newest link emailed to this address, and return the logged-in browser."""
        browser = self.browser()
        browser.get(self.newest_link(address))
        done = browser.post("/setup", credential="MD", confirmed="yes", password=PASSWORD)
        assert done.location.startswith("/documents"), done.body[:2000]
        self.settle()
        return browser


class Clinic:
    """The EMR of a new clinic, which sends documents to the portal and reads the portal's API."""

    def __init__(self, world: World) -> None:
        self._world, self._keys = world, world.keys()

    def event(self, kind: str, data: Mapping[str, Any]) -> Answer:
        text = json.dumps({"type": kind, "timestamp": "2026-11-22T19:00:00Z", "data": data})
        webhook_id, now = f"msg_{uuid4().hex}", self._world.now()
        headers = {
            "content-type": "application/json",
            "portal-practice": self._keys.id,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self._keys.webhook_secret).sign(webhook_id, now, text),
        }
        answer = self._world.call("POST", "/v1/events", headers, text.encode())
        self._world.settle()
        return answer

    def try_to_send(self, provider: Mapping[str, Any], *, pdf: bytes = ONE_PAGE, patient: str = "Byron") -> Answer:
        delivery = "email" if provider.get("email") else "fax"
        data = {
            "external_id": f"POC-{uuid4().hex[:12]}",
            "kind": "plan_of_care",
            "title": "Plan of Care",
            "patient": {
                "external_id": "PT-1",
                "first_name": "Ada",
                "last_name": patient,
                "date_of_birth": "1950-12-10",
            },
            "provider": provider,
            "delivery": "both" if provider.get("email") and provider.get("fax") else delivery,
            "content": {"base64": base64.b64encode(pdf).decode()},
        }
        return self.event("document.sent", data)

    def send(self, provider: Mapping[str, Any]) -> Sent:
        patient = f"Byron{uuid4().hex[:10]}"
        answer = self.try_to_send(provider, patient=patient)
        assert answer.status == 202, answer.body
        return Sent(json.loads(answer.body)["document_id"], patient)

    def recall(self, document: Sent) -> None:
        answer = self.event("document.recalled", {"document_id": document.id})
        assert answer.status == 202, answer.body

    def correct(self, document: Sent, email: str) -> None:
        answer = self.event("document.resend", {"document_id": document.id, "provider": {"email": email}})
        assert answer.status == 202, answer.body

    @property
    def id(self) -> str:
        return self._keys.id

    def read(self, document: Sent) -> dict[str, Any]:
        """Return the document's resource, as the portal's API returns it to the clinic's EMR."""
        bearer = {"authorization": f"Bearer {self._keys.api_key}"}
        answer = self._world.call("GET", f"/v1/documents/{document.id}", bearer, b"")
        assert answer.status == 200, answer.body
        resource: dict[str, Any] = json.loads(answer.body)
        return resource

    def everything_it_reads(self, document: Sent) -> str:
        """Return the text of all API responses about the document and the clinic's messages.

        A test searches the text for facts that the clinic must not learn, such as the username of an account."""
        bearer = {"authorization": f"Bearer {self._keys.api_key}"}
        paths = ("/v1/deliveries?status=all&limit=100", f"/v1/documents/{document.id}")
        answers = [self._world.call("GET", path, bearer, b"") for path in (*paths, f"{paths[1]}/events")]
        assert [answer.status for answer in answers] == [200, 200, 200]
        return "\n".join(answer.body for answer in answers)


class Physician:
    """A physician to whom clinics send documents in one test case.

    Strangers can know the physician's NPI and name. `own` and `second` are the physician's email addresses, and
    `strangers` is another person's. No other test case uses these addresses."""

    def __init__(self) -> None:
        whose = uuid4().hex[:10]
        self.last_name = f"Rivera{whose}"
        self.own, self.second = f"dr.{whose}@example.com", f"dr.{whose}@example.org"
        self.strangers = f"stranger.{whose}@example.net"
        self.fax = f"+1512555{next(_numbers) % 10000:04}"
        self.npi = an_npi()

    def at(self, email: str | None = None, *, npi: bool = True, fax: bool = False) -> dict[str, Any]:
        facts = {"email": email, "npi": self.npi if npi else None, "fax": self.fax if fax else None}
        named = {"first_name": "Luis", "last_name": self.last_name, "credential": "MD"}
        return {**named, **{name: value for name, value in facts.items() if value}}


def an_npi() -> str:
    """Return a valid NPI (National Provider Identifier, ten digits) that no other test case uses."""
    from chalicelib.domain.npi import is_valid

    start = f"1{uuid4().int % 10**8:08}"
    return next(start + digit for digit in "0123456789" if is_valid(start + digit))


def case_1_an_npi_at_an_address_of_the_clinic(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    other.send(person.at(person.strangers))
    stranger = world.set_up(person.strangers)
    document = honest.send(person.at(person.own))
    assert not stranger.is_shown(document)
    assert not stranger.may_sign(document)
    assert world.set_up(person.own).is_shown(document)


def case_2_an_npi_after_a_fax(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    document = honest.send(person.at(fax=True))
    other.send(person.at(person.strangers, fax=True))
    stranger = world.set_up(person.strangers)
    assert not stranger.is_shown(document)
    assert not stranger.may_sign(document)


def case_3_a_fax_number_and_name(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    document = honest.send(person.at(npi=False, fax=True))
    other.send(person.at(person.strangers, npi=False, fax=True))
    assert not world.set_up(person.strangers).is_shown(document)


def case_4_a_fax_number_and_name_before_the_fax(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    other.send(person.at(person.strangers, npi=False, fax=True))
    stranger = world.set_up(person.strangers)
    assert not stranger.is_shown(honest.send(person.at(npi=False, fax=True)))


def case_5_a_fax_after_the_npi_was_taken(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    emailed = honest.send(person.at(person.own))
    other.send(person.at(person.strangers))
    stranger = world.set_up(person.strangers)
    faxed = honest.send(person.at(fax=True))
    assert not stranger.is_shown(emailed)
    assert not stranger.is_shown(faxed)
    owner = world.set_up(person.own)
    assert owner.is_shown(emailed)
    assert owner.is_shown(faxed)


def case_6_a_fax_number_of_a_physician_with_an_account(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    honest.send(person.at(person.own))
    owner = world.set_up(person.own)
    other.send(person.at(person.strangers, npi=False, fax=True))
    stranger = world.set_up(person.strangers)
    faxed = honest.send(person.at(npi=False, fax=True))
    both = honest.send(person.at(person.second, npi=False, fax=True))
    for document in (faxed, both):
        assert not stranger.is_shown(document)
        assert owner.is_shown(document)


def case_7_a_corrected_address(world: World) -> None:
    person, first, second = Physician(), Clinic(world), Clinic(world)
    mistyped = first.send(person.at(person.strangers, fax=True))
    stranger = world.set_up(person.strangers)
    by_fax = first.send(person.at(fax=True))
    assert stranger.is_shown(mistyped)
    first.correct(mistyped, person.own)
    others = [second.send(person.at(fax=True)), second.send(person.at(person.own))]
    for document in (mistyped, by_fax, first.send(person.at(fax=True)), *others):
        assert not stranger.is_shown(document)
        assert not stranger.may_sign(document)
    owner = world.set_up(person.own)
    for document in (mistyped, by_fax, others[1]):
        assert owner.is_shown(document)


def case_8_a_link_for_the_real_physician(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    other.send(person.at(person.strangers))
    world.set_up(person.strangers)
    document = honest.send(person.at(person.own))
    strangers, own = world.links(person.strangers), world.links(person.own)
    world.browser().post(f"/documents/{document.id}/setup-link")
    world.browser().post("/forgot-password", email=person.own)
    world.settle()
    assert world.links(person.strangers) == strangers
    assert len(world.links(person.own)) > len(own)
    assert world.set_up(person.own).is_shown(document)


def case_9_a_private_username(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    honest.send(person.at(person.own))
    world.set_up(person.own)
    faxed = other.send(person.at(fax=True))
    world.browser().post(f"/documents/{faxed.id}/setup-link")
    world.settle()
    assert person.own not in other.everything_it_reads(faxed)
    emailed = other.send(person.at(person.second))
    world.browser().post(f"/documents/{emailed.id}/setup-link")
    world.settle()
    assert person.own not in other.everything_it_reads(emailed)


def case_10_a_probe_for_accounts(world: World) -> None:
    person, another, honest, prober = Physician(), Physician(), Clinic(world), Clinic(world)
    honest.send(person.at(person.own))
    world.set_up(person.own)
    answers = [
        prober.try_to_send({**another.at(address), "email": address}, pdf=pdf)
        for pdf in (b"not a PDF", ONE_PAGE)
        for address in (person.own, another.strangers)
    ]
    assert [answer.status for answer in answers] == [422, 422, 202, 202]
    refused = [json.loads(answer.body)["code"] for answer in answers[:2]]
    assert refused == ["not-a-pdf", "not-a-pdf"]
    assert [set(json.loads(answer.body)) for answer in answers[2:]] == [{"document_id", "status"}] * 2


def case_11_a_document_that_was_handed_over(world: World) -> None:
    """Check that a hand-over opens one document to the colleague's account, and only at the address that was typed."""
    person, colleague = Physician(), Physician()
    clinic, other = Clinic(world), Clinic(world)
    document, kept = clinic.send(person.at(person.own)), clinic.send(person.at(person.own))
    owner = world.set_up(person.own)
    other.send(colleague.at(colleague.strangers))
    namesake = world.set_up(colleague.strangers)

    named = {"first_name": "Luis", "last_name": colleague.last_name, "credential": "DO", "npi": colleague.npi}
    page = f"/documents/{document.id}"
    assert owner.post(f"{page}/hand-over", **named, email=colleague.own).location == f"{page}/handed-over"
    world.browser().post(f"{page}/setup-link")
    world.settle()
    receiver = world.set_up(colleague.own)
    faxed = clinic.send(colleague.at(fax=True))
    assert receiver.is_shown(document)
    for hidden in (kept, faxed, clinic.send(person.at(person.own))):
        assert not receiver.is_shown(hidden)
        assert not receiver.may_sign(hidden)
    assert not namesake.is_shown(document)
    assert not namesake.may_sign(document)

    owner.post(f"{page}/approve", typed_name="Luis Rivera", pages_shown="1", read_statement="yes")
    assert [owner.get(path).location for path in (page, f"{page}/original.pdf")] == [f"{page}/handed-over"] * 2
    assert clinic.read(document)["status"] == "pending"
    assert clinic.read(document)["handed_over_to"]["email"] == colleague.own
    assert namesake.post(f"{page}/take-back").status == 404
    assert owner.post(f"{page}/take-back").location == page
    assert owner.is_shown(document)
    assert not receiver.is_shown(document)


def fax_case_1_the_code_of_a_fax(world: World) -> None:
    """Check that the code on a fax opens only the document of this fax, and only for the person whom the document
    names."""
    person, another = Physician(), Physician()
    clinic, other = Clinic(world), Clinic(world)
    other.send(person.at(person.own))
    owner = world.set_up(person.own)
    other.send(another.at(another.own))
    stranger = world.set_up(another.own)
    document, unopened = clinic.send(person.at(fax=True)), clinic.send(person.at(fax=True))
    code, theirs = world.fax_code(document, person.fax), world.fax_code(other.send(another.at(fax=True)), another.fax)
    assert not owner.is_shown(document)

    for_another = stranger.post("/fax/add", code=code)
    assert for_another.status == 409
    assert "This document is for another person" in for_another.body
    assert document.patient not in for_another.body
    assert owner.post("/fax/add", code=theirs).status == 409
    assert not stranger.is_shown(document)

    added = owner.post("/fax/add", code=code.lower().replace("-", " "))
    assert (added.status, added.location) == (303, f"/documents/{document.id}")
    assert owner.is_shown(document)
    assert not owner.is_shown(unopened)
    assert owner.post("/fax/add", code=code).location == f"/documents/{document.id}"
    assert stranger.post("/fax/add", code=code).status == 409
    reader = world.browser()
    assert reader.post("/fax", code=code).location == f"/by-hand/{document.id}/document"
    assert owner.may_sign(document)


def fax_case_2_the_codes_of_faxes_that_open_nothing(world: World) -> None:
    person, clinic = Physician(), Clinic(world)
    clinic.send(person.at(person.own))
    owner = world.set_up(person.own)
    sender = Clinic(world)
    recalled, expired, corrected = (sender.send(person.at(fax=True)) for _ in range(3))
    codes = [world.fax_code(document, person.fax) for document in (recalled, expired, corrected)]
    sender.recall(recalled)
    world.expire_code(codes[1])
    sender.correct(corrected, person.strangers)
    pages = set()
    for typed in (*codes, "AAAA-AAAA-AAAA", "ABCD-EFGH"):
        for visitor, path in ((owner, "/fax/add"), (world.browser(), "/fax")):
            answer = visitor.post(path, code=typed)
            assert answer.status == 422
            pages.add((path, re.sub(r' value="[^"]*"|data-idle="\d+"', "", answer.body)))
    assert len(pages) == 2, "all codes that open nothing get the same page"
    for document in (recalled, expired, corrected):
        assert not owner.is_shown(document)


CASES: Mapping[str, Callable[[World], None]] = {
    name: case for name, case in sorted(globals().items()) if name.startswith("case_")
}
FAXES: Mapping[str, Callable[[World], None]] = {
    name: case for name, case in sorted(globals().items()) if name.startswith("fax_case_")
}
