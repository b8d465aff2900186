"""Test every condition under which a request for a setup or reset link sends an email, and what the email's row
says."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.services.delivery_rows import PORTAL_PRACTICE
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document
from tests.unit.services.accounts.test_link_requests import DOCUMENT, EMAIL, NEW, Desk

KEY = secret_key(SecretKind.FORGOTTEN, EMAIL)


def row(desk: Desk) -> Delivery:
    (delivery,) = desk.store.every(Delivery, "deliveries")
    return delivery


def ask(desk: Desk, document_id: str | None = None) -> list[tuple[str, str, str | None]]:
    desk.link_requests.ask(EMAIL, "198.51.100.7", START, document_id)
    desk.run_jobs()
    return desk.emails()


def test_a_setup_email_leads_to_the_document_of_the_address() -> None:
    desk = Desk(document=replace(DOCUMENT, access=4))
    ask(desk)
    assert (row(desk).document_id, row(desk).access, row(desk).leads_to) == (DOCUMENT.id, 4, None)
    assert (row(desk).provider_id, row(desk).practice_id) == (NEW.id, PORTAL_PRACTICE)


def test_a_reset_email_belongs_to_no_document_and_leads_to_the_one_on_whose_page_it_was_requested() -> None:
    desk = Desk(provider=PROVIDER, document=replace(DOCUMENT, access=4))
    assert ask(desk, DOCUMENT.id) == [("reset", EMAIL, None)]
    assert (row(desk).access, row(desk).leads_to, row(desk).provider_id) == (1, DOCUMENT.id, PROVIDER.id)


@pytest.mark.parametrize("document_id", [None, "doc_missing"])
def test_a_reset_email_without_an_own_document_leads_nowhere(document_id: str | None) -> None:
    desk = Desk(provider=PROVIDER)
    assert ask(desk, document_id) == [("reset", EMAIL, None)]
    assert row(desk).leads_to is None


@pytest.mark.parametrize(
    ("provider", "document"),
    [
        ({"closed_at": START}, {}),
        ({"id": "prv_gone"}, {}),
        ({"password_hash": "h", "email": "other@example.com"}, {}),
        ({}, {"status": DOCUMENT.status.RECALLED, "recalled_at": START}),
        ({}, {"addressee": replace(DOCUMENT.addressee, email=None)}),
        ({}, {"practice_id": "prc_without_the_switch"}),
    ],
)
def test_no_setup_email_is_sent_if_its_link_could_not_be_used(
    provider: dict[str, Any], document: dict[str, Any]
) -> None:
    desk = Desk(provider=replace(NEW, **provider), document=replace(DOCUMENT, **document))
    assert ask(desk) == []
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == []


def test_a_claim_of_an_account_that_does_not_exist_sends_no_email() -> None:
    desk = Desk()
    desk.store.commit(Change(at=START, claims=(Claim(key=email_claim(EMAIL), owner="prv_gone"),)))
    assert ask(desk) == []


def test_an_account_without_its_username_gets_no_link_on_the_page_of_a_document() -> None:
    desk = Desk(provider=replace(PROVIDER, email=None))
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == []


def test_the_page_of_a_document_sends_the_reset_link_to_the_username() -> None:
    desk = Desk(provider=PROVIDER)
    desk.link_requests.ask_for_document(DOCUMENT.id, START)
    assert desk.emails() == [("reset", EMAIL, None)]
    assert row(desk).leads_to == DOCUMENT.id


def test_a_recalled_document_leads_to_another_pending_one_at_the_address() -> None:
    recalled = replace(DOCUMENT, status=DOCUMENT.status.RECALLED, recalled_at=START)
    desk = Desk(document=recalled)
    desk.store.commit(Change(at=START, documents=(a_document(id="doc_2"),)))
    assert ask(desk) == [("setup", EMAIL, "doc_2")]


@pytest.mark.parametrize("missing", ["email", "link", "row"])
def test_an_incomplete_request_sends_nothing(missing: str) -> None:
    desk = Desk()
    desk.link_requests.ask(EMAIL, "198.51.100.7", START)
    request = desk.store.secret(KEY)
    assert request is not None
    assert (request.email, request.document_id, request.expires_at) == (EMAIL, None, START + timedelta(hours=1))
    if missing == "row":
        desk.store.commit(Change(at=START, dropped=(request,)))
    else:
        cleared: Secret = replace(request, version=request.version + 1, **{missing: None})  # type: ignore[arg-type]  # - a field of the table
        desk.store.commit(Change(at=START, secrets=(cleared,)))
    desk.link_requests.send_requested_link(KEY, START)
    assert desk.emails() == []


def test_a_conflict_that_is_no_repetition_is_raised() -> None:
    desk = Desk()
    desk.link_requests.ask(EMAIL, "198.51.100.7", START)

    def conflict() -> None:
        raise ConcurrentUpdate(["outbox"])

    desk.store.before_commit = conflict
    with pytest.raises(ConcurrentUpdate):
        desk.link_requests.send_requested_link(KEY, START)


def test_an_unknown_document_and_one_of_nobody_send_nothing() -> None:
    desk = Desk(provider=OTHER_PROVIDER)
    for document_id in ("doc_missing", DOCUMENT.id):
        desk.link_requests.ask_for_document(document_id, START)
    assert desk.emails() == []
