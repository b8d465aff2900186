"""Test that nobody sees another person's documents, on the web function in memory.

The cases are in `tests/support/who_sees_what.py`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse

from app import app
from chalicelib import bootstrap
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import MessageOutdated
from chalicelib.services.accounts.address_codes import AddressCodes
from chalicelib.services.ports import Files
from chalicelib.services.review.hand_codes import create_fax_code, fax_code_key, normalize_code
from chalicelib.services.transaction import Change
from tests.support import more_addresses
from tests.support.fakes import START, FakeInspector
from tests.support.portal import Browser, Portal, header
from tests.support.repairs import REPAIRS
from tests.support.who_sees_what import CASES, FAXES, Answer, Keys, Sent, Visitor, World


class ReadingInspector(FakeInspector):
    """A fake inspection of uploads that refuses a file unless it begins like a PDF."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        self.files = files

    def look_at(self, key: str) -> Mapping[str, Any]:
        if not self.files.get(key).startswith(b"%PDF"):
            return {"refused": {"code": "not_a_pdf", "detail": "The file is not a PDF."}}
        return super().look_at(key)


class MemoryVisitor(Visitor):
    def __init__(self) -> None:
        self._browser = Browser()

    def get(self, path: str) -> Answer:
        return as_answer(self._browser.get(path))

    def post(self, path: str, **fields: str) -> Answer:
        return as_answer(self._browser.post(path, fields))


class MemoryWorld(World):
    """The portal in memory, as the test cases about who sees what use it. Jobs run in this process."""

    def __init__(self) -> None:
        self.portal = Portal()
        self.portal.inspector = ReadingInspector(self.portal.files)
        self._done: set[str] = set()
        self._codes: dict[str, list[str]] = {}
        bootstrap.install(self.portal)

    def keys(self) -> Keys:
        new = self.portal.practices.create("Hill Country Therapy", {}, START)
        self.portal.switches.set_electronic_signature(new.practice.id, on=True)
        return Keys(new.practice.id, new.api_key, new.webhook_secret)

    def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return as_answer(Client(app).http.request(method, path, headers=dict(headers), body=body))

    def admin(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self.portal.admin_actions.run(payload))

    def now(self) -> datetime:
        return self.portal.clock.now()

    def browser(self) -> Visitor:
        return MemoryVisitor()

    def settle(self) -> None:
        while rows := [row for row in self.portal.fake_store.tables.get("outbox", {}) if row not in self._done]:
            for row_id in rows:
                self._done.add(row_id)
                for job in self._jobs(row_id):
                    if job.name == "move":
                        self.portal.document_moves.move(job)
                    elif job.name == "check":
                        self.portal.visibility_report.check(job)
                    elif job.name == "forgotten":
                        self.portal.link_requests.send_requested_link(job.event_id, self.now())
                    elif job.name == "deliver" and job.delivery_id:
                        self._send_code(job.delivery_id)

    def _send_code(self, delivery_id: str) -> None:
        mail = self.portal.store.delivery(delivery_id)
        if mail is not None and mail.type == "address_code":
            with suppress(MessageOutdated):
                code = AddressCodes(self.portal.store, self.portal.ids).create_code(mail, self.now())
                self._codes.setdefault(mail.recipient, []).append(code)

    def _jobs(self, row_id: str) -> Sequence[Any]:
        rows = self.portal.fake_store.outbox(datetime.max.replace(tzinfo=START.tzinfo), limit=10_000)
        return next(row.jobs for row in rows if row.id == row_id)

    def links(self, address: str) -> list[str]:
        return [mail.id for mail in self._link_mails(address)]

    def codes(self, address: str) -> list[str]:
        return self._codes.get(address, [])

    def is_informed_of_a_try(self, address: str) -> bool:
        return ("address_taken", address) in [(mail.type, mail.recipient) for mail in self.portal.mails()]

    def newest_link(self, address: str) -> str:
        return f"/setup/{self.portal.token(self._link_mails(address)[-1])}"

    def fax_code(self, document: Sent, number: str) -> str:
        stored = self.portal.store.document(document.id)
        (fax,) = (mail for mail in self.portal.mails() if (mail.document_id, mail.recipient) == (document.id, number))
        assert stored is not None
        return create_fax_code(self.portal.store, stored, fax, self.now(), self.portal.ids)

    def expire_code(self, code: str) -> None:
        row = self.portal.store.secret(fax_code_key(normalize_code(code)))
        assert row is not None
        expired = replace(row, version=row.version + 1, expires_at=self.now())
        self.portal.store.commit(Change(at=self.now(), secrets=(expired,)))

    def _link_mails(self, address: str) -> list[Delivery]:
        return [
            mail
            for mail in self.portal.mails()
            if mail.recipient == address and mail.type in ("setup", "reset", "new_address")
        ]


def as_answer(response: HTTPResponse) -> Answer:
    return Answer(response.status_code, response.body.decode(errors="replace"), header(response, "location"))


@pytest.mark.parametrize("case", CASES)
def test_a_clinics_statement_opens_nothing_of_another_clinic(case: str) -> None:
    CASES[case](MemoryWorld())


@pytest.mark.parametrize("repair", REPAIRS)
def test_support_repairs_what_a_clinic_has_led_to_a_wrong_person(repair: str) -> None:
    REPAIRS[repair](MemoryWorld())


@pytest.mark.parametrize("case", FAXES)
def test_the_code_of_a_fax_is_a_rule_of_its_own(case: str) -> None:
    FAXES[case](MemoryWorld())


@pytest.mark.parametrize("case", more_addresses.CASES)
def test_an_address_opens_documents_only_while_the_account_has_it(case: str) -> None:
    more_addresses.CASES[case](MemoryWorld())
