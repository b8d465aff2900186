"""A plan of care under Medicare with a signed order, and helpers that report calls and copies of the plan."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from chalicelib.domain.certification.facts import (
    CallResult,
    Certification,
    CopySeen,
    Payer,
    PayerKind,
    TransmissionChannel,
)
from chalicelib.domain.documents import Decision, Document, Signer, SigningMethod
from chalicelib.domain.status import Action
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.idempotent_events import EventResponse
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.documents.staff_reports import CallCommand, CopyCommand, StaffReports
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import RIVERA, Emr, sent

NAMED = DocumentRef(external_id="POC-1001")
MEDICARE = Payer(kind=PayerKind.MEDICARE)
ORDER = Certification(
    initial_visit_on=date(2026, 11, 20), order_signed_on=date(2026, 11, 10), order_discipline="PT", order_npi=RIVERA.npi
)
TODAY = date(2026, 11, 22)


def plan(emr: Emr, **changes: Any) -> Document:
    """Send an initial plan under Medicare with a signed order (a referral), and return the stored document.

    `changes` replace fields of the event's data."""
    return emr.send(sent(**{"payer": MEDICARE, "certification": ORDER, **changes}))


def call(emr: Emr, result: CallResult = CallResult.CERTIFIED_VERBALLY, **changes: Any) -> EventResponse:
    """Report a call to the provider with this result, and return the response. `changes` replace fields."""
    command = CallCommand(document=NAMED, at=emr.now, by="Sam Lee", result=result, note="Dr. Rivera agreed.")
    return StaffReports(emr.writer).note_call(emr.inbound(), replace(command, **changes))


def confirm(emr: Emr, seen: CopySeen, **changes: Any) -> EventResponse:
    """Report what staff saw on a returned copy, and return the response. `changes` replace fields of the report."""
    signed_on = TODAY if seen is CopySeen.SIGNED_AND_DATED else None
    command = CopyCommand(document=NAMED, seen=seen, signed_on=signed_on)
    if seen is CopySeen.DECLINED:
        command = replace(command, note="Not my patient")
    return StaffReports(emr.writer).confirm_copy(emr.inbound(), replace(command, **changes))


def latest(emr: Emr) -> Document:
    """Return the only stored document."""
    (document,) = emr.documents()
    return document


def data(emr: Emr, document: Document, number: int = -1) -> Mapping[str, Any]:
    """Return the data of one event of the document's audit trail, without a `number` of the last event."""
    found: Mapping[str, Any] = json.loads(emr.store.events(document.id)[number].body)["data"]
    return found


def types(emr: Emr, document: Document) -> list[str]:
    """Return the types of all events of the document's audit trail, the oldest first."""
    return [event.type for event in emr.store.events(document.id)]


def open_as_addressee(emr: Emr, document: Document, via: TransmissionChannel = TransmissionChannel.ACCOUNT) -> Document:
    """Record the first view of the document by its addressee, and return the document."""
    practice = emr.store.practice(document.practice_id)
    assert practice is not None
    actor = Actor("provider:prv_1")
    return emr.writer.record_first_view(latest(emr), practice, actor, emr.now, lambda _: None, via=via)


def decide(emr: Emr, action: Action, **changes: Any) -> Document:
    """Store the provider's decision on the document, made in the portal, and return the document.

    `changes` replace further fields of the document."""
    document = latest(emr)
    signer = Signer(name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.ELECTRONIC, authentication="p")
    after = document.decide(Decision(action=action, signer=signer, decided_at=emr.now))
    assert after is not None
    after = replace(after, version=document.version + 1, **changes)
    emr.store.commit(Change(at=emr.now, documents=(after,)))
    return after
