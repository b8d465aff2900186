"""The proof that a plan reached its provider (proof of transmission), as JSON with seven parts.

It is made from the audit trail and the carriers' reports on messages. The proof says what the portal knows, and nothing
more. A notice and *accepted by gateway* are never a transmission (docs/decisions/050)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.certification.facts import Certification
from chalicelib.domain.certification.rules import local_day
from chalicelib.domain.colleagues.hand_overs import as_addressed
from chalicelib.domain.documents import Document
from chalicelib.services.documents.document_resource import TrailPosition
from chalicelib.services.documents.reports import audit_trail
from chalicelib.services.json_schema import to_plain, to_response
from chalicelib.services.proof.evidence import Evidence
from chalicelib.services.proof.proof_attempts import GATEWAY, Carries, ProofAttempt, ProofResult, list_attempts
from chalicelib.services.proof.proof_schema import (
    ProofAddressee,
    ProofDecision,
    ProofOrder,
    ProofPlan,
    ProofResource,
    ProofTrail,
)
from chalicelib.services.proof.proof_transmission import prove_transmission


def proof_resource(evidence: Evidence, now: datetime) -> ProofResource:
    """Return the proof of transmission (that the plan reached its provider) as JSON values.

    `now` is the day of the proof, and decides whether a verbal certification still counts. The addressee is the one
    whom the clinic named, also after a hand-over, because only a transmission to this provider counts."""
    attempts = list_attempts(evidence.document, evidence.deliveries, evidence.events)
    evidence = replace(evidence, document=as_addressed(evidence.document))
    document = evidence.document
    return ProofResource(
        document_id=document.id,
        practice=document.practice.name,
        time_zone=document.practice.time_zone,
        as_of=local_day(now, document).isoformat(),
        status=document.status,
        order=_order(document),
        plan=_plan(document),
        addressee=_addressee(document),
        attempts=attempts,
        transmission=prove_transmission(evidence, attempts, now),
        decision=_decision(document),
        does_not_show=list(_limits(document, attempts)),
        trail=_trail(evidence),
    )


def _order(document: Document) -> ProofOrder | None:
    facts = document.certification
    if facts is None or not facts.has_order:
        return None
    return ProofOrder(
        signed_on=to_plain(facts.order_signed_on),
        name=facts.order_name,
        npi=facts.order_npi,
        discipline=facts.order_discipline,
    )


def _plan(document: Document) -> ProofPlan:
    facts, author = document.certification or Certification(), document.author
    therapist = ", ".join(part for part in (author.name, author.credential) if part) if author else None
    return ProofPlan(
        title=document.title,
        kind=document.kind,
        external_id=document.external_id,
        patient=document.patient.name,
        date_of_birth=to_plain(document.patient.date_of_birth),
        therapist=therapist,
        document_id=document.id,
        sha256=document.original.sha256,
        pages=document.original.pages,
        sent_at=to_plain(document.sent_at),
        first_visit_on=to_plain(facts.initial_visit_on),
        period_from=to_plain(facts.starts_on),
        period_to=to_plain(facts.ends_on),
    )


def _addressee(document: Document) -> ProofAddressee:
    addressee, facts = document.addressee, document.certification or Certification()
    are_known = addressee.npi is not None and facts.order_npi is not None
    return ProofAddressee(
        name=addressee.name_and_credential,
        npi=addressee.npi,
        npi_is_the_orders=addressee.npi == facts.order_npi if are_known else None,
    )


def _decision(document: Document) -> ProofDecision | None:
    if document.outcome is None:
        return None
    decision = document.decision
    signer = decision.signer if decision else None
    return ProofDecision(
        outcome=document.outcome,
        decided_at=to_plain(document.decided_at),
        name=signer.name if signer else None,
        credential=signer.credential if signer else None,
        npi=signer.npi if signer else None,
        signed_on=to_plain(document.hand_signed_on),
        decline_reason=decision.decline_reason if decision else None,
        note=decision.note if decision else None,
    )


_NOBODY_READ = "It does not show that anyone read or understood the plan."
_NO_SIGNATURE = "It is not a signature, and a transmission is not an approval of the plan."
_NOTICE = (
    "An email is only a notice that a document is waiting. A mail server that takes an email does not show that a "
    "person saw it."
)
_MACHINE = "A confirmed fax shows that a machine at the number took all pages. It does not show who picked them up."
_BY_GATEWAY = "A gateway that accepted a fax does not show that the fax arrived. The portal never counts it."
_REPORTED = "The recipient of a fax reported its number as wrong, so faxes to this number and their codes show nothing."
_STATED = (
    "The order, the first visit, the period, the addressee's address and number, and all calls are the clinic's own "
    "statements. The portal did not check them."
)
_IDENTITY = "A document that was opened with a code was opened by someone who had the code."


def _limits(document: Document, attempts: Sequence[ProofAttempt]) -> Iterator[str]:
    """Yield part 7 of the proof: sentences such as *It does not show that anyone read or understood the plan.*

    Some sentences belong to every proof. The others come only if they apply, such as the sentence about a confirmed fax
    only if a fax was confirmed. `attempts` are all attempts to reach the provider."""
    results = {attempt["result"] for attempt in attempts}
    yield _NOBODY_READ
    yield _NO_SIGNATURE
    if any(attempt["carries"] is Carries.NOTICE for attempt in attempts):
        yield _NOTICE
    if ProofResult.CONFIRMED in results:
        yield _MACHINE
    if any(attempt["carrier"] == GATEWAY for attempt in attempts):
        yield _BY_GATEWAY
    if document.closed_fax is not None:
        yield _REPORTED
    if document.viewed_at is not None:
        yield _IDENTITY
    yield _STATED


def _trail(evidence: Evidence) -> ProofTrail:
    trail = audit_trail(evidence.document, evidence.events, evidence.anchors)
    position = to_response(TrailPosition, evidence.document)
    return ProofTrail(**position, intact=trail["intact"], anchor=trail["anchor"])
