"""Test corrections that an EMR sends with `document.resend`: what each of them changes, and what follows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.certification.rules import certify
from chalicelib.domain.documents import DeliveryChoice, Grant, GrantKind
from chalicelib.domain.errors import Invalid
from chalicelib.services.documents import lifecycle_events as module
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import ResendCommand, correct
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import Emr, sent
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document
from tests.support.worlds.plans import MEDICARE, ORDER

GRANT = Grant(kind=GrantKind.FAX_CODE, provider_id=PROVIDER.id)
BEFORE = a_document(access=2, delivery=DeliveryChoice.EMAIL, granted=GRANT)

EMAIL, FAX = "new@example.com", "+15125550199"
NEW = replace(PROVIDER, password_hash=None, email=None)


def corrected(**changes: Any) -> Any:
    return correct(BEFORE, ResendCommand(document=DocumentRef(document_id=BEFORE.id), **changes))


@pytest.mark.parametrize(
    ("changes", "names", "access", "granted"),
    [
        ({}, [], 2, True),
        ({"email": BEFORE.addressee.email}, [], 2, True),
        ({"email": EMAIL}, ["email"], 3, False),
        ({"fax": FAX}, ["fax"], 3, False),
        ({"fax": FAX, "delivery": DeliveryChoice.BOTH}, ["delivery", "fax"], 3, False),
        ({"email": EMAIL, "fax": FAX}, ["email", "fax"], 3, False),
    ],
)
def test_a_correction_ends_the_links_and_a_new_address_ends_a_grant(
    *, changes: dict[str, Any], names: list[str], access: int, granted: bool
) -> None:
    after = corrected(**changes)
    assert (after.access, after.granted) == (access, GRANT if granted else None)
    assert module._corrections(BEFORE, after) == {"corrected": names}
    assert after.addressee.email == changes.get("email", BEFORE.addressee.email)
    assert after.addressee.fax == changes.get("fax", BEFORE.addressee.fax)
    assert after.delivery == changes.get("delivery", BEFORE.delivery)


def test_another_delivery_alone_ends_the_links_and_no_grant() -> None:
    before = replace(BEFORE, addressee=replace(BEFORE.addressee, fax=FAX))
    command = ResendCommand(document=DocumentRef(document_id=BEFORE.id), delivery=DeliveryChoice.FAX)
    after = correct(before, command)
    assert (after.access, after.granted, after.delivery) == (3, GRANT, DeliveryChoice.FAX)


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_a_confirmed_number_begins_a_follow_up_that_has_ended(*, is_confirmed: bool) -> None:
    emr = Emr()
    sent_before = emr.send(sent(delivery=DeliveryChoice.BOTH))
    ended = replace(sent_before, version=sent_before.version + 1, follow_up_at=None)
    emr.store.commit(Change(at=emr.now, documents=(ended,)))
    command = ResendCommand(document=DocumentRef(document_id=ended.id), fax_confirmed=is_confirmed)
    resent = emr.stored(emr.lifecycle.resend(emr.inbound(), command))
    assert (resent.follow_up_at is not None) == is_confirmed
    assert resent.access == sent_before.access


def test_a_confirmed_number_leaves_a_running_follow_up_alone() -> None:
    emr = Emr()
    sent_before = emr.send(sent(delivery=DeliveryChoice.BOTH))
    emr.clock.at += timedelta(days=1)
    command = ResendCommand(document=DocumentRef(document_id=sent_before.id), fax_confirmed=True)
    resent = emr.stored(emr.lifecycle.resend(emr.inbound(), command))
    assert resent.follow_up == sent_before.follow_up


@pytest.mark.parametrize("is_dropped", [False, True])
def test_a_dropped_certification_begins_a_follow_up_that_has_ended(*, is_dropped: bool) -> None:
    certified = a_document(
        payer=MEDICARE, certification=ORDER, transmitted_at=START, transmitted_via=TransmissionChannel.ACCOUNT
    )
    assert certify(certified, START) is not None
    after = replace(certified, transmitted_at=None) if is_dropped else certified
    command = ResendCommand(document=DocumentRef(document_id=certified.id))
    assert module._restarts(certified, after, command, START) is is_dropped


def test_a_correction_must_leave_an_address_for_the_delivery() -> None:
    before = replace(BEFORE, addressee=replace(BEFORE.addressee, fax=None))
    command = ResendCommand(document=DocumentRef(document_id=BEFORE.id), delivery=DeliveryChoice.BOTH)
    with pytest.raises(Invalid) as refused:
        correct(before, command)
    assert [error.field for error in refused.value.errors] == ["data.provider.fax"]


@pytest.mark.parametrize(
    ("provider", "changes", "stays"),
    [
        (PROVIDER, {}, True),
        (NEW, {}, True),
        (NEW, {"delivery": DeliveryChoice.EMAIL}, True),
        (PROVIDER, {"email": EMAIL}, False),
        (NEW, {"email": EMAIL}, False),
        (NEW, {"fax": FAX}, False),
        (replace(NEW, closed_at=START), {}, False),
        (replace(OTHER_PROVIDER, emails=()), {}, False),
    ],
)
def test_a_document_stays_with_its_provider_while_the_mailbox_is_the_same(
    *, provider: Any, changes: dict[str, Any], stays: bool
) -> None:
    assert module._stays(BEFORE, corrected(**changes), provider) is stays


@pytest.mark.parametrize(
    ("provider", "before", "changes", "invalidates"),
    [
        (NEW, BEFORE, {}, False),
        (NEW, BEFORE, {"email": EMAIL}, True),
        (NEW, BEFORE, {"fax": FAX}, True),
        (PROVIDER, BEFORE, {"email": EMAIL}, False),
        (replace(NEW, setup_document=BEFORE.id), BEFORE, {}, False),
        (replace(NEW, setup_document=BEFORE.id), BEFORE, {"fax": FAX}, True),
        (replace(PROVIDER, setup_document=BEFORE.id), BEFORE, {"fax": FAX}, False),
    ],
)
def test_a_new_address_invalidates_the_setup_link(
    *, provider: Any, before: Any, changes: dict[str, Any], invalidates: bool
) -> None:
    assert module._invalidates_setup_link(before, corrected(**changes), provider) is invalidates


@pytest.mark.parametrize(("setup_document", "invalidates"), [(BEFORE.id, True), ("doc_other", False), (None, False)])
def test_another_delivery_invalidates_only_the_setup_link_of_this_document(
    *, setup_document: str | None, invalidates: bool
) -> None:
    after = replace(BEFORE, access=BEFORE.access + 1)
    provider = replace(NEW, setup_document=setup_document)
    assert module._invalidates_setup_link(BEFORE, after, provider) is invalidates


def test_the_practices_record_of_the_old_address_is_removed_with_the_address() -> None:
    old = BEFORE.addressee.email or ""
    provider = replace(NEW, addressed_by={BEFORE.practice_id: (old, "kept@example.com"), "prc_2": (old,)})
    unlinked = module._without_old_address(provider, BEFORE, corrected(email=EMAIL))
    assert unlinked is not None
    assert unlinked.addressed_by == {BEFORE.practice_id: ("kept@example.com",), "prc_2": (old,)}
    assert module._without_old_address(provider, BEFORE, corrected(fax=FAX)) == provider
    assert module._without_old_address(None, BEFORE, corrected(email=EMAIL)) is None
    only = replace(NEW, addressed_by={BEFORE.practice_id: (old,)})
    emptied = module._without_old_address(only, BEFORE, corrected(email=EMAIL))
    assert emptied is not None
    assert emptied.addressed_by == {}
