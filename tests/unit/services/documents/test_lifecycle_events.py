import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.audit import find_break
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import DeliveryChoice, Document, ReturnedMethod
from chalicelib.domain.errors import Conflict, FieldError, Invalid, NotFound
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.idempotent_events import EventResponse
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand, ReturnCommand
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent, with_account
from tests.support.provider_fixtures import only_doing

NAMED = DocumentRef(external_id="POC-1001")


def resend(emr: Emr, **corrections: Any) -> Document:
    return emr.stored(emr.lifecycle.resend(emr.inbound(), ResendCommand(document=NAMED, **corrections)))


def new_messages(emr: Emr, before: list[Any], document: Document) -> list[tuple[str, str, str]]:
    return emr.messages(document)[len(before) :]


# Naming


def test_either_name_finds_a_document() -> None:
    emr = Emr()
    document = emr.send()
    for named in (
        DocumentRef(external_id="POC-1001"),
        DocumentRef(document_id=document.id),
        replace(NAMED, document_id=document.id),
    ):
        answer = emr.lifecycle.recall(emr.inbound(), RecallCommand(document=named))
        assert answer == {"document_id": document.id, "status": "recalled"}


@pytest.mark.parametrize(
    "named",
    [
        DocumentRef(external_id="POC-9"),
        DocumentRef(document_id="doc_9"),
        DocumentRef(external_id="POC-1001", document_id="doc_9"),
    ],
)
def test_an_unknown_document_is_not_found(named: DocumentRef) -> None:
    emr = Emr()
    emr.send()
    with pytest.raises(NotFound):
        emr.lifecycle.recall(emr.inbound(), RecallCommand(document=named))


def test_another_practices_document_is_not_found_by_either_name() -> None:
    emr = Emr()
    document = emr.send()
    for named in (DocumentRef(external_id="POC-1001"), DocumentRef(document_id=document.id)):
        with pytest.raises(NotFound) as refused:
            emr.lifecycle.recall(emr.inbound(practice=OTHER_PRACTICE), RecallCommand(document=named))
        assert refused.value.detail == "There is no such document."


# Recall and return


def test_a_recall_invalidates_links_and_sends_a_webhook() -> None:
    emr = Emr()
    before = emr.send()
    answer = emr.lifecycle.recall(emr.inbound(), RecallCommand(document=NAMED, reason="Wrong patient"))
    after = emr.stored(answer)

    assert (after.status, after.access, after.recalled_reason) == (Status.RECALLED, 2, "Wrong patient")
    assert [(kind, data["status"]) for kind, data in emr.webhooks(before)] == [("document.recalled", "recalled")]


def test_the_reason_of_a_recall_stays_outside_the_hashed_bytes() -> None:
    emr = Emr()
    document = emr.stored(emr.lifecycle.recall(emr.inbound(), RecallCommand(document=_sent(emr), reason="Ada moved")))
    event = emr.store.events(document.id)[-1]
    assert event.private["reason"] == "Ada moved"
    assert "Ada" not in event.body
    assert find_break(emr.store.events(document.id)) is None


def _sent(emr: Emr) -> DocumentRef:
    emr.send()
    return NAMED


def test_recalling_twice_does_nothing_the_second_time() -> None:
    emr = Emr()
    document = emr.send()
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=NAMED))
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=NAMED))
    assert len(emr.webhooks(document)) == 1
    assert len(emr.store.events(document.id)) == 2


@pytest.mark.parametrize("method", ReturnedMethod)
def test_marking_a_pending_document_as_returned_means_signed_by_hand(method: ReturnedMethod) -> None:
    emr = Emr()
    emr.send()
    after = emr.stored(emr.lifecycle.mark_returned(emr.inbound(), ReturnCommand(document=NAMED, method=method)))
    assert (after.status, after.outcome, after.returned_method) == (Status.RETURNED, Outcome.BY_HAND, method)
    _, returned, certified = emr.store.events(after.id)
    assert json.loads(returned.body)["data"] == {"method": method}
    assert json.loads(certified.body)["data"] == {"by": "signature", "on": "2026-11-22"}


def test_the_account_hears_of_a_document_returned_by_the_clinic() -> None:
    emr = Emr()
    document = emr.send()
    with_account(emr, document, "dr.rivera@example.com")
    for method in (ReturnedMethod.FAX, ReturnedMethod.PAPER):
        emr.lifecycle.mark_returned(emr.inbound(), ReturnCommand(document=NAMED, method=method))
    reports = [mail for mail in emr.store.every(Delivery, "deliveries") if mail.type == "decided_elsewhere"]
    assert [(mail.recipient, mail.practice_id) for mail in reports] == [("dr.rivera@example.com", "portal")]


def test_a_returned_document_cannot_be_recalled() -> None:
    emr = Emr()
    emr.send()
    emr.lifecycle.mark_returned(emr.inbound(), ReturnCommand(document=NAMED, method=ReturnedMethod.PAPER))
    with pytest.raises(Conflict) as refused:
        emr.lifecycle.recall(emr.inbound(), RecallCommand(document=NAMED))
    assert refused.value.code == "document-returned"


def test_a_repeated_webhook_id_gets_the_same_response() -> None:
    emr = Emr()
    emr.send()
    answers: list[EventResponse] = [
        emr.lifecycle.mark_returned(emr.inbound("msg_1"), ReturnCommand(document=NAMED, method=ReturnedMethod.FAX))
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    with pytest.raises(Conflict):
        emr.lifecycle.mark_returned(
            emr.inbound("msg_1", body=b"other"), ReturnCommand(document=NAMED, method=ReturnedMethod.PAPER)
        )


def test_a_recall_decides_again_after_a_conflict() -> None:
    emr = Emr()
    document = emr.send()
    viewed = replace(document, version=2, viewed_at=emr.now)
    emr.store.before_commit = only_doing(lambda: emr.store.commit(Change(at=emr.now, documents=(viewed,))))
    after = emr.stored(emr.lifecycle.recall(emr.inbound(), RecallCommand(document=NAMED)))
    assert (after.status, after.viewed_at) == (Status.RECALLED, emr.now)


# Sending again


def test_a_resend_without_a_correction_sends_another_email_and_keeps_links() -> None:
    emr = Emr()
    before = emr.send()
    known = emr.messages(before)
    after = resend(emr)
    assert new_messages(emr, known, after) == [("email", "ready", "dr.rivera@example.com")]
    assert after.access == before.access
    assert emr.store.events(after.id)[-1].type == "document.resent"


def test_a_resend_with_the_same_address_is_not_a_correction() -> None:
    emr = Emr()
    before = emr.send()
    after = resend(emr, email="dr.rivera@example.com", delivery=DeliveryChoice.EMAIL)
    assert after.access == before.access


def test_a_corrected_address_gets_both_emails_and_old_links_stop_working() -> None:
    emr = Emr()
    before = emr.send()
    known = emr.messages(before)
    after = resend(emr, email="luis@clinic.example")

    assert new_messages(emr, known, after) == [
        ("email", "ready", "luis@clinic.example"),
        ("email", "setup", "luis@clinic.example"),
    ]
    assert after.access == before.access + 1
    assert after.addressee == replace(RIVERA, email="luis@clinic.example")
    assert json.loads(emr.store.events(after.id)[-1].body)["data"] == {"corrected": ["email"]}


def test_a_setup_link_to_the_old_address_stops_working_even_without_a_new_one() -> None:
    emr = Emr()
    document = emr.send()
    provider = emr.store.provider(document.provider_id)
    assert provider is not None
    linked = replace(provider, version=provider.version + 1, link="dlv_old")
    emr.store.commit(Change(at=emr.now, providers=(linked,)))
    emr.switches.set_electronic_signature(PRACTICE.id, on=False)

    after = resend(emr, email="luis@clinic.example")
    assert after.access != document.access
    corrected = emr.store.provider(after.provider_id)
    assert corrected is not None
    assert corrected.link is None
    assert corrected.npi == RIVERA.npi


def test_an_account_made_at_the_wrong_address_loses_the_document() -> None:
    emr = Emr()
    stranger = with_account(emr, emr.send(), "dr.rivera@example.com")
    after = resend(emr, email="luis@clinic.example")
    assert after.provider_id != stranger.id
    assert ("email", "setup", "luis@clinic.example") in emr.messages(after)


def test_a_correction_to_an_address_of_another_person_is_accepted_with_a_warning() -> None:
    emr = Emr()
    other = replace(RIVERA, first_name="Jane", npi="1000000004", email="jane@clinic.example", fax=None)
    jane = with_account(emr, emr.send(sent(external_id="POC-2", addressee=other)), "jane@clinic.example")
    document = emr.send()
    command = ResendCommand(document=DocumentRef(document_id=document.id), email="jane@clinic.example")
    response = emr.lifecycle.resend(emr.inbound(), command)
    assert response["warnings"] == [{"code": "other-person-at-address"}]
    assert emr.stored(response).provider_id not in (jane.id, document.provider_id)


IGNORED = (FieldError("data.provider.fax", "must be a fax number"),)


def test_a_resend_by_email_with_an_unusable_fax_number_is_accepted_with_a_warning() -> None:
    emr = Emr()
    document = emr.send()
    command = ResendCommand(document=DocumentRef(document_id=document.id), ignored=IGNORED)
    response = emr.lifecycle.resend(emr.inbound(), command)
    assert response["warnings"] == [{"code": "provider-fax-ignored"}]
    assert emr.stored(response).addressee.fax == document.addressee.fax


@pytest.mark.parametrize("delivery", [DeliveryChoice.FAX, DeliveryChoice.BOTH])
def test_a_resend_of_a_faxed_document_with_an_unusable_number_is_refused(delivery: DeliveryChoice) -> None:
    emr = Emr()
    document = emr.send(sent(delivery=delivery))
    command = ResendCommand(document=DocumentRef(document_id=document.id), ignored=IGNORED)
    with pytest.raises(Invalid) as refused:
        emr.lifecycle.resend(emr.inbound(), command)
    assert tuple(refused.value.errors) == IGNORED
    assert refused.value.detail == "data.provider.fax must be a fax number."


def test_a_correction_to_the_providers_own_account_sends_no_setup_email() -> None:
    emr = Emr()
    event = sent(external_id="POC-2", addressee=replace(RIVERA, email="luis@clinic.example"))
    provider = with_account(emr, emr.send(event), "luis@clinic.example")
    known = emr.messages(emr.send())
    after = resend(emr, email="luis@clinic.example")
    assert after.provider_id == provider.id
    assert new_messages(emr, known, after) == [("email", "ready", "luis@clinic.example")]


def test_a_change_to_fax_sends_a_fax_and_invalidates_links_in_emails() -> None:
    emr = Emr()
    before = emr.send()
    known = emr.messages(before)
    after = resend(emr, delivery=DeliveryChoice.FAX)
    assert new_messages(emr, known, after) == [("fax", "fax", "+15125550100")]
    assert after.access == before.access + 1


def test_delivery_needs_an_address_or_number() -> None:
    emr = Emr()
    emr.send(sent(addressee=replace(RIVERA, fax=None)))
    with pytest.raises(Invalid) as refused:
        resend(emr, delivery=DeliveryChoice.BOTH)
    assert [error.field for error in refused.value.errors] == ["data.provider.fax"]


def test_only_a_pending_document_can_be_sent_again() -> None:
    emr = Emr()
    emr.send()
    emr.lifecycle.recall(emr.inbound(), RecallCommand(document=NAMED))
    with pytest.raises(Conflict) as refused:
        resend(emr, email="luis@clinic.example")
    assert refused.value.code == "document-recalled"


def test_a_repeat_of_the_first_data_after_a_correction_is_accepted() -> None:
    emr = Emr()
    first = emr.send()
    resend(emr, email="luis@clinic.example")
    corrected: Mapping[str, Any] = {"addressee": replace(RIVERA, email="luis@clinic.example")}
    assert emr.send().id == first.id
    assert emr.send(sent(**corrected)).id == first.id
