"""Test that the portal chooses the way of delivery of a document that is sent with `auto`."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.certification.facts import Certification, TransmissionChannel
from chalicelib.domain.claim_keys import fax_number_claim
from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.errors import Conflict, Invalid, Unprocessable
from chalicelib.services.documents.closed_numbers import FaxNumberState
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand
from chalicelib.services.documents.provider_matching import check_reachable, resolve_choice
from chalicelib.services.documents.silent_providers import MAX_OF_PROVIDER, find_best_channel
from chalicelib.services.transaction import Change, Claim
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent

EMAIL, FAX, BOTH, AUTO = DeliveryChoice
BY_EMAIL_ONLY, BY_FAX_ONLY = replace(RIVERA, fax=None), replace(RIVERA, email=None)


@pytest.fixture
def emr() -> Emr:
    return Emr()


def auto(number: int = 1, **changes: Any) -> Any:
    return sent(**{"external_id": f"POC-{number}", "delivery": AUTO, **changes})


def messages(emr: Emr, document: Document) -> list[str]:
    own = [row.type for row in emr.deliveries() if row.document_id == document.id]
    return sorted(kind for kind in own if kind in (MessageType.READY, MessageType.FAX))


def open_by(emr: Emr, document: Document, channel: TransmissionChannel) -> None:
    """Store that the provider opened the document a day after it was sent."""
    viewed = replace(document, version=document.version + 1, viewed_at=document.sent_at + timedelta(days=1))
    emr.store.commit(Change(at=emr.now, documents=(replace(viewed, transmitted_via=channel),)))


def close_fax(emr: Emr) -> None:
    claim = Claim(key=fax_number_claim(PRACTICE.id, RIVERA.fax or ""), owner=FaxNumberState.CLOSED)
    emr.store.commit(Change(at=emr.now, claims=(claim,)))


def resend(emr: Emr, document: Document, **changes: Any) -> Document:
    command = ResendCommand(document=DocumentRef(document_id=document.id), **changes)
    return emr.stored(emr.lifecycle.resend(emr.inbound(), command))


@pytest.mark.parametrize(
    ("addressee", "may_fax", "best", "chosen"),
    [
        (RIVERA, True, None, BOTH),
        (RIVERA, True, Channel.EMAIL, BOTH),
        (RIVERA, True, Channel.FAX, FAX),
        (RIVERA, False, Channel.FAX, EMAIL),
        (RIVERA, False, None, EMAIL),
        (BY_EMAIL_ONLY, True, Channel.FAX, EMAIL),
        (BY_FAX_ONLY, True, Channel.EMAIL, FAX),
        (BY_FAX_ONLY, False, None, FAX),
    ],
)
def test_the_choice(addressee: Addressee, best: Channel | None, chosen: DeliveryChoice, *, may_fax: bool) -> None:
    assert resolve_choice(AUTO, addressee, may_fax=may_fax, best=best) is chosen


@pytest.mark.parametrize("stated", [EMAIL, FAX, BOTH])
def test_a_stated_way_of_delivery_is_not_changed(stated: DeliveryChoice) -> None:
    assert resolve_choice(stated, RIVERA, may_fax=False, best=Channel.FAX) is stated


def test_auto_needs_an_address_or_a_number() -> None:
    with pytest.raises(Invalid) as refusal:
        check_reachable(replace(RIVERA, email=None, fax=None), AUTO)
    (error,) = refusal.value.errors
    assert str(refusal.value.detail) == "data.provider.email or data.provider.fax is needed for delivery by auto."
    assert error.field == "data.provider.email"
    for addressee in (BY_EMAIL_ONLY, BY_FAX_ONLY):
        check_reachable(addressee, AUTO)


def test_a_new_provider_gets_an_email_and_the_fax_waits(emr: Emr) -> None:
    document = emr.send(auto())
    assert (document.delivery, document.is_auto) == (BOTH, True)
    assert messages(emr, document) == [MessageType.READY]


def test_with_an_order_the_fax_goes_out_at_once(emr: Emr) -> None:
    order = Certification(order_signed_on=date(2026, 11, 10), order_discipline="PT", order_npi=RIVERA.npi)
    document = emr.send(auto(certification=order))
    assert messages(emr, document) == [MessageType.FAX, MessageType.READY]


@pytest.mark.parametrize(
    ("channel", "chosen", "kinds"),
    [(TransmissionChannel.FAX_CODE, FAX, [MessageType.FAX]), (TransmissionChannel.ACCOUNT, BOTH, [MessageType.READY])],
)
def test_the_best_channel_is_used(
    emr: Emr, channel: TransmissionChannel, chosen: DeliveryChoice, kinds: list[str]
) -> None:
    open_by(emr, emr.send(auto(delivery=BOTH)), channel)
    document = emr.send(auto(2))
    assert (document.delivery, document.is_auto, messages(emr, document)) == (chosen, True, kinds)


def test_a_stated_choice_does_not_look_at_the_best_channel(emr: Emr) -> None:
    open_by(emr, emr.send(auto(delivery=BOTH)), TransmissionChannel.FAX_CODE)
    document = emr.send(auto(2, delivery=BOTH))
    assert (document.delivery, document.is_auto) == (BOTH, False)


def test_reactions_to_other_practices_do_not_count(emr: Emr) -> None:
    document = emr.send(auto(delivery=BOTH))
    open_by(emr, document, TransmissionChannel.FAX_CODE)
    assert find_best_channel(emr.store, PRACTICE.id, document.provider_id, RIVERA) is Channel.FAX
    assert find_best_channel(emr.store, OTHER_PRACTICE.id, document.provider_id, RIVERA) is None
    assert MAX_OF_PROVIDER == 50


@pytest.mark.parametrize(
    ("changes", "best"),
    [
        ({"email": "other@example.com"}, None),
        ({"npi": None, "last_name": "Chen"}, None),
        ({"phone": "+15125550111"}, Channel.FAX),
    ],
)
def test_the_choice_does_not_tell_which_addresses_lead_to_one_account(
    emr: Emr, changes: dict[str, Any], best: Channel | None
) -> None:
    document = emr.send(auto(delivery=BOTH))
    open_by(emr, document, TransmissionChannel.FAX_CODE)
    addressee = replace(RIVERA, **changes)
    assert find_best_channel(emr.store, PRACTICE.id, document.provider_id, addressee) is best


def test_faxes_before_the_practice_stated_an_address_count(emr: Emr) -> None:
    document = emr.send(auto(addressee=BY_FAX_ONLY))
    open_by(emr, document, TransmissionChannel.FAX_CODE)
    assert find_best_channel(emr.store, PRACTICE.id, document.provider_id, RIVERA) is Channel.FAX


def test_a_new_setup_link_is_sent_after_the_first_document_is_recalled(emr: Emr) -> None:
    for number in (1, 2):
        document = emr.send(auto(number))
        own = [row.type for row in emr.deliveries() if row.document_id == document.id]
        assert own.count(MessageType.SETUP) == 1
        emr.lifecycle.recall(emr.inbound(), RecallCommand(document=DocumentRef(document_id=document.id)))


def test_a_closed_number_is_left_out(emr: Emr) -> None:
    close_fax(emr)
    document = emr.send(auto())
    assert (document.delivery, document.is_auto) == (EMAIL, True)
    assert emr.send(auto(2, fax_confirmed=True)).delivery is BOTH


def test_a_closed_number_without_an_address_is_refused(emr: Emr) -> None:
    close_fax(emr)
    with pytest.raises(Unprocessable):
        emr.send(auto(addressee=BY_FAX_ONLY))


def test_the_same_event_is_the_same_document(emr: Emr) -> None:
    document = emr.send(auto())
    assert emr.send(auto()).id == document.id
    stored = replace(document, version=document.version + 1, facts_sha256="")
    emr.store.commit(Change(at=emr.now, documents=(stored,)))
    assert emr.send(auto()).id == document.id
    with pytest.raises(Conflict) as conflict:
        emr.send(auto(delivery=BOTH))
    assert [error.field for error in conflict.value.errors] == ["data.delivery"]


# Sent again


def test_a_correction_chooses_again(emr: Emr) -> None:
    document = emr.send(auto(addressee=BY_FAX_ONLY))
    assert document.delivery is FAX
    assert resend(emr, document, email="new@example.com").delivery is BOTH


def test_without_a_correction_the_choice_stays(emr: Emr) -> None:
    open_by(emr, emr.send(auto(delivery=BOTH)), TransmissionChannel.FAX_CODE)
    document = emr.send(auto(2))
    again = resend(emr, document)
    assert (again.delivery, again.is_auto, again.access) == (FAX, True, 1)


def test_auto_can_be_stated_later_and_be_replaced(emr: Emr) -> None:
    document = resend(emr, emr.send(sent()), delivery=AUTO)
    assert (document.delivery, document.is_auto) == (BOTH, True)
    fixed = resend(emr, document, delivery=EMAIL)
    assert (fixed.delivery, fixed.is_auto) == (EMAIL, False)


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({}, EMAIL),
        ({"email": "new@example.com"}, EMAIL),
        ({"fax": RIVERA.fax, "fax_confirmed": True}, BOTH),
        ({"fax": "+15125550199"}, BOTH),
    ],
)
def test_a_closed_number_stays_left_out(emr: Emr, changes: dict[str, Any], chosen: DeliveryChoice) -> None:
    close_fax(emr)
    assert resend(emr, emr.send(auto()), **changes).delivery is chosen
