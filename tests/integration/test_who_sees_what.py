"""Test that nobody sees another person's documents, on the deployed portal.

The cases are in `tests/support/who_sees_what.py`."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from chalicelib.services.delivery.faxes import short_code
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.review.hand_codes import fax_code_key, normalize_code
from chalicelib.web.http.request_parsing import make_form_token
from tests.support import more_addresses
from tests.support.repairs import REPAIRS
from tests.support.stack import Stack, wait_until
from tests.support.who_sees_what import CASES, FAXES, Answer, Clinic, Keys, Physician, Sent, Visitor, World


class StackVisitor(Visitor):
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str) -> Answer:
        return as_answer(self._client.get(path))

    def post(self, path: str, **fields: str) -> Answer:
        if "__Host-csrf" not in self._client.cookies:
            self.get("/login")
        token = make_form_token(self._client.cookies["__Host-csrf"], "pad")
        return as_answer(self._client.post(path, data={"csrf": token, **fields}))


class StackWorld(World):
    """The deployed portal, as the test cases about who sees what use it. Its own workers run the jobs."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._clients: list[httpx.Client] = []

    def keys(self) -> Keys:
        practice = self.stack.practice()
        return Keys(practice.id, practice.api_key, practice.webhook_secret)

    def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return as_answer(self.stack.http.request(method, path, headers=headers, content=body))

    def admin(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return self.stack.invoke_admin(payload)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def browser(self) -> Visitor:
        self._clients.append(self.stack.browser())
        return StackVisitor(self._clients[-1])

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def settle(self) -> None:
        self.stack.outbox_drained()

    def fax_code(self, document: Sent, number: str) -> str:
        covers = partial(self._covers, f"{number.removeprefix('+')}@fax.example.net", short_code(document.id))
        wait_until(covers, 60, "the fax of a document")
        return str(re.findall(r"\b(?:\w{4}-){2}\w{4}\b", covers()[0])[0])

    def _covers(self, address: str, mark: str) -> list[str]:
        """Return the texts of the cover pages of all faxes to this address that belong to one document.

        `mark` is the document's id in the form that the covers show."""
        parts = (part for mail in self.stack.mail(address) for part in mail.iter_attachments())
        covers = (PdfReader(io.BytesIO(part.get_content())).pages[0].extract_text() for part in parts)
        return [cover for cover in covers if mark in cover]

    def expire_code(self, code: str) -> None:
        dynamodb, table = self.stack.client("dynamodb"), self.stack.table_name("SecretsTable")
        key = {"id": {"S": fax_code_key(normalize_code(code))}}
        row = dynamodb.get_item(TableName=table, Key=key)["Item"]
        record = json.loads(row["record"]["S"])
        record["expires_at"] = record["created_at"]
        dynamodb.put_item(TableName=table, Item={**row, "record": {"S": json.dumps(record)}})

    def links(self, address: str) -> list[str]:
        return self._find(r"(/setup/[\w-]+)", address)

    def codes(self, address: str) -> list[str]:
        return self._find(r"Your code: (\d{6})", address)

    def is_informed_of_a_try(self, address: str) -> bool:
        return bool(self._find(r"(Someone asked to add)", address))

    def _find(self, pattern: str, address: str) -> list[str]:
        """Return the text that the pattern's group matches in each email to this address, oldest first."""
        texts = [mail.get_body(("plain",)) for mail in self.stack.mail(address)]
        matches = (re.search(pattern, text.get_content()) for text in texts if text is not None)
        return [match[1] for match in matches if match]

    def newest_link(self, address: str) -> str:
        return self.links(address)[-1]


def as_answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.text, response.headers.get("location", ""))


@pytest.fixture
def world(stack: Stack) -> Iterator[StackWorld]:
    made = StackWorld(stack)
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES)
def test_a_clinics_statement_opens_nothing_of_another_clinic(world: StackWorld, case: str) -> None:
    CASES[case](world)


# Of the cases below, `tests/unit/web/test_who_sees_what.py` runs all, and the stack runs those with the most parts.


@pytest.mark.parametrize("repair", [name for name in REPAIRS if name.startswith("repair_2")])
def test_support_repairs_what_a_clinic_has_led_to_a_wrong_person(world: StackWorld, repair: str) -> None:
    REPAIRS[repair](world)


@pytest.mark.parametrize("case", FAXES)
def test_the_code_of_a_fax_is_a_rule_of_its_own(world: StackWorld, case: str) -> None:
    FAXES[case](world)


@pytest.mark.parametrize("case", [name for name in more_addresses.CASES if name.startswith("case_1")])
def test_an_address_opens_documents_only_while_the_account_has_it(world: StackWorld, case: str) -> None:
    more_addresses.CASES[case](world)


def test_the_codes_of_faxes_sign_one_document_and_close_the_number_of_another(world: StackWorld) -> None:
    """Check by the deployed functions' own roles what a person without an account can do with the code of a fax."""
    clinic, signer, stranger = Clinic(world), Physician(), Physician()
    world.admin({"action": "set_switch", "practice_id": clinic.id, "sign_without_account": True})
    document, misdirected = clinic.send(signer.at(fax=True)), clinic.send(stranger.at(fax=True))

    guest = world.browser()
    opened = guest.post("/fax", code=world.fax_code(document, signer.fax)).location
    shown = ",".join(f"{token}.3" for token in re.findall(r'data-token="([^"]+)"', guest.get(opened).body))
    name = f"Luis {signer.last_name}"
    form = {"signer_name": name, "typed_name": name, "signature": "typed", "credential": "MD", "npi": signer.npi}
    consent = {"confirmed": "yes", "consent": CONSENT_VERSION, "pages_shown": shown}
    signed = guest.post(f"/by-hand/{document.id}/approve", **form, **consent)
    assert signed.status == 303, re.findall(r'class="field__error"[^>]*>([^<]+)', signed.body)
    world.settle()
    resource = clinic.read(document)
    assert (resource["status"], resource["signer"]["npi"]) == ("approved", signer.npi)
    assert resource["signed_pdf"]["sha256"]

    code = world.fax_code(misdirected, stranger.fax)
    reported = world.browser().post("/fax/report", code=code)
    assert (reported.status, reported.location) == (303, "/fax/reported")
    world.settle()
    assert clinic.read(misdirected)["attention"]["reason"] == "wrong_number"
    assert world.browser().post("/fax", code=code).status == 422
    refused = clinic.try_to_send(stranger.at(fax=True))
    assert (refused.status, json.loads(refused.body)["code"]) == (422, "fax-number-closed")
