"""The proof that a plan reached its provider (proof of transmission), as JSON with seven parts.

It is made from the audit trail and the carriers' reports on messages. The proof says what the portal knows, and nothing
more. A notice and *accepted by gateway* are never a transmission (docs/decisions/050)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from typing_extensions import TypedDict

from chalicelib.domain.audit import AccessEvent, DocumentEventType, Event
from chalicelib.domain.certification.facts import AttentionReason, Certification, TransmissionChannel
from chalicelib.domain.certification.rules import WINDOW, CertifiedBy, certify, local_day
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import DeclineReason, Document, GrantKind, Kind
from chalicelib.domain.status import Outcome, Status
from chalicelib.domain.timestamps import to_text
from chalicelib.services.documents.anchors import Anchor
from chalicelib.services.documents.document_resource import TrailPosition
from chalicelib.services.documents.reports import AnchorResource, audit_trail
from chalicelib.services.json_schema import Day, Timestamp, to_response
from chalicelib.services.proof.proof_attempts import Carries, ProofAttempt, ProofResult, list_attempts


class ProofOrder(TypedDict):
    """Part 1 of the proof of transmission: the signed order (the referral), as the clinic stated it."""

    signed_on: Day | None
    name: str | None
    npi: str | None
    discipline: str | None


class ProofPlan(TypedDict):
    """Part 2 of the proof of transmission: the plan that was sent.

    `sha256` is the hash of the PDF as the clinic sent it, and `pages` its number of pages."""

    title: str
    kind: Kind
    external_id: str
    patient: str
    date_of_birth: Day
    therapist: str | None
    document_id: str
    sha256: str
    pages: int
    sent_at: Timestamp
    first_visit_on: Day | None
    period_from: Day | None
    period_to: Day | None


class ProofAddressee(TypedDict):
    """Part 3 of the proof of transmission: the provider to whom the plan was sent.

    `npi_is_the_orders` is true if the order (the referral) has the same NPI, and null if one of the two NPIs is
    unknown."""

    name: str
    npi: str | None
    npi_is_the_orders: bool | None


class ProofTransmission(TypedDict):
    """Part 5 of the proof of transmission: whether the plan itself reached the addressee, and the facts that show this.

    `day` counts from the earlier of first visit and start of the period: the day of the transmission, or else the day
    of the proof. It is null if the first day is unknown. `of_days` is Medicare's limit. `notice_accepted_at` is the
    time at which an email carrier took a notice, and `notice_delivered_at` the time at which the addressee's mail
    server took it. Neither is a transmission."""

    transmitted_at: Timestamp | None
    transmitted_on: Day | None
    via: str | None
    day: int | None
    of_days: int
    notice_accepted_at: Timestamp | None
    notice_delivered_at: Timestamp | None
    opened_at: Timestamp | None
    downloaded_at: Timestamp | None
    fax_confirmed_at: Timestamp | None
    certified_by: CertifiedBy | None
    certified_on: Day | None


class ProofDecision(TypedDict):
    """Part 6 of the proof of transmission: the provider's decision.

    `signed_on` is the date that a person read on a copy signed by hand."""

    outcome: Outcome
    decided_at: Timestamp | None
    name: str | None
    credential: str | None
    npi: str | None
    signed_on: Day | None
    decline_reason: DeclineReason | None
    note: str | None


class ProofTrail(TrailPosition):
    """The state of the document's audit trail, from which the proof of transmission is made.

    `intact` is true if no event was changed or removed. `anchor` is the latest position of the trail under Object Lock,
    or null before the first anchor."""

    intact: bool
    anchor: AnchorResource | None


class ProofResource(TypedDict):
    """The proof of transmission of a document, as of a day in the practice's time zone.

    `order` and `decision` are null if there is none. `does_not_show` lists what the proof does not show."""

    document_id: str
    practice: str
    time_zone: str
    as_of: Day
    status: Status
    order: ProofOrder | None
    plan: ProofPlan
    addressee: ProofAddressee
    attempts: list[ProofAttempt]
    transmission: ProofTransmission
    decision: ProofDecision | None
    does_not_show: list[str]
    trail: ProofTrail


class ProofInPreparation(TypedDict):
    """The response to a request for the proof's PDF while the PDF is being made. Repeat the request after
    `Retry-After`."""

    status: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the portal has stored about a document and that the proof of transmission is made from.

    `deliveries` are the messages to the provider, `anchors` the positions of the audit trail under Object Lock, and
    `accesses` the oldest entries of the log of who read the document."""

    document: Document
    deliveries: Sequence[Delivery]
    events: tuple[Event, ...]
    anchors: tuple[Anchor, ...]
    accesses: Sequence[AccessEvent]


def proof_resource(evidence: Evidence, now: datetime) -> ProofResource:
    """Return the proof of transmission (that the plan reached its provider) as JSON values.

    `now` is the day of the proof, and decides whether a verbal certification still counts."""
    document = evidence.document
    attempts = list_attempts(document, evidence.deliveries, evidence.events)
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
        transmission=_transmission(evidence, attempts, now),
        decision=_decision(document),
        does_not_show=list(_limits(document, attempts)),
        trail=_trail(evidence),
    )


def _order(document: Document) -> ProofOrder | None:
    facts = document.certification
    if facts is None or not facts.has_order:
        return None
    return ProofOrder(
        signed_on=_day(facts.order_signed_on),
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
        date_of_birth=document.patient.date_of_birth.isoformat(),
        therapist=therapist,
        document_id=document.id,
        sha256=document.original.sha256,
        pages=document.original.pages,
        sent_at=to_text(document.sent_at),
        first_visit_on=_day(facts.initial_visit_on),
        period_from=_day(facts.starts_on),
        period_to=_day(facts.ends_on),
    )


def _addressee(document: Document) -> ProofAddressee:
    addressee, facts = document.addressee, document.certification or Certification()
    are_known = addressee.npi is not None and facts.order_npi is not None
    return ProofAddressee(
        name=addressee.name_and_credential,
        npi=addressee.npi,
        npi_is_the_orders=addressee.npi == facts.order_npi if are_known else None,
    )


# The verdict


def _transmission(evidence: Evidence, attempts: Sequence[ProofAttempt], now: datetime) -> ProofTransmission:
    document, certified = evidence.document, certify(evidence.document, now)
    at, begins_on = document.transmitted_at, (document.certification or Certification()).begins_on
    day = local_day(at or now, document)
    return ProofTransmission(
        transmitted_at=_time(at),
        transmitted_on=day.isoformat() if at else None,
        via=document.transmitted_via,
        day=(day - begins_on).days if begins_on else None,
        of_days=WINDOW.days,
        notice_accepted_at=_first(document, attempts, Carries.NOTICE, ProofResult.ACCEPTED),
        notice_delivered_at=_first(document, attempts, Carries.NOTICE, ProofResult.DELIVERED),
        opened_at=_time(_find_opening(document)),
        downloaded_at=_time(_find_download(evidence)),
        fax_confirmed_at=_first(document, attempts, Carries.DOCUMENT, ProofResult.CONFIRMED),
        certified_by=certified.by if certified else None,
        certified_on=certified.on.isoformat() if certified else None,
    )


def _first(document: Document, attempts: Sequence[ProofAttempt], carries: Carries, result: ProofResult) -> str | None:
    """Return when an attempt of this kind first had this result, as RFC 3339 text, or None if none had.

    Only attempts at the addressee's present address or number count, because an address that was corrected was somebody
    else's. A number that was reported as wrong does not count either."""
    closed = document.closed_fax.number if document.closed_fax else None
    present = {document.addressee.email, document.addressee.fax} - {None, closed}
    times = (
        attempt["ended_at"] or attempt["started_at"]
        for attempt in attempts
        if attempt["carries"] is carries and attempt["result"] is result and attempt["to"] in present
    )
    return min(times, default=None)


def _find_opening(document: Document) -> datetime | None:
    """Return when the addressee first opened the document, or None.

    An opening with the code of a fax does not count after the fax number was reported as wrong."""
    is_by_fax = document.transmitted_via is TransmissionChannel.FAX_CODE
    return None if document.closed_fax is not None and is_by_fax else document.viewed_at


def _find_download(evidence: Evidence) -> datetime | None:
    """Return when the addressee first downloaded the PDF, from the log of who read the document, or None.

    A reader with a code counts only after the last correction of the address or number, because an earlier code may
    have gone to somebody else. A report of the number as wrong has the same effect, until the clinic confirms it."""
    corrected_at = max((*_corrections(evidence.events), *_reports(evidence)), default=None)
    document = evidence.document
    accounts = {f"provider:{document.provider_id}"}
    if document.granted is not None and document.granted.kind is GrantKind.FAX_CODE:
        accounts.add(f"provider:{document.granted.provider_id}")
    for access in evidence.accesses:
        is_current = corrected_at is None or access.at > corrected_at
        has_code = access.actor == f"by_hand:{document.provider_id}" and is_current
        if access.what == "original" and (access.actor in accounts or has_code):
            return access.at
    return None


def _corrections(events: Sequence[Event]) -> Iterator[datetime]:
    """Yield the times at which the clinic corrected the addressee's email address or fax number."""
    for event in events:
        is_resent = event.type == DocumentEventType.RESENT
        if is_resent and {"email", "fax"} & set(event.data.get("corrected", ())):
            yield event.at


def _reports(evidence: Evidence) -> Iterator[datetime]:
    """Yield the times at which the fax number was reported as wrong, or nothing if the number is not closed now.

    The report may have come with a fax of another document. Then this document was marked, and asked staff to act."""
    if evidence.document.closed_fax is None:
        return
    for event in evidence.events:
        is_report = event.type == DocumentEventType.WRONG_NUMBER_REPORTED
        is_mark = event.type == DocumentEventType.NEEDS_ATTENTION
        if is_report or (is_mark and event.data.get("reason") == AttentionReason.WRONG_NUMBER):
            yield event.at


# The rest


def _decision(document: Document) -> ProofDecision | None:
    if document.outcome is None:
        return None
    decision = document.decision
    signer = decision.signer if decision else None
    return ProofDecision(
        outcome=document.outcome,
        decided_at=_time(document.decided_at),
        name=signer.name if signer else None,
        credential=signer.credential if signer else None,
        npi=signer.npi if signer else None,
        signed_on=_day(document.hand_signed_on),
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
_GATEWAY = "A gateway that accepted a fax does not show that the fax arrived. The portal never counts it."
_REPORTED = "The recipient of a fax reported its number as wrong, so faxes to this number and their codes show nothing."
_STATED = (
    "The order, the first visit, the period, the addressee's address and number, and all calls are the clinic's own "
    "statements. The portal did not check them."
)
_IDENTITY = "A document that was opened with a code was opened by someone who had the code."


def _limits(document: Document, attempts: Sequence[ProofAttempt]) -> Iterator[str]:
    """Yield the sentences that say what the proof does not show, for example that somebody has read the plan.

    A sentence about a kind of attempt, such as a fax, comes only if there was such an attempt."""
    results = {attempt["result"] for attempt in attempts}
    yield _NOBODY_READ
    yield _NO_SIGNATURE
    if any(attempt["carries"] is Carries.NOTICE for attempt in attempts):
        yield _NOTICE
    if ProofResult.CONFIRMED in results:
        yield _MACHINE
    if any(attempt["carrier"] == "Email-to-fax gateway" for attempt in attempts):
        yield _GATEWAY
    if document.closed_fax is not None:
        yield _REPORTED
    if document.viewed_at is not None:
        yield _IDENTITY
    yield _STATED


def _trail(evidence: Evidence) -> ProofTrail:
    trail = audit_trail(evidence.document, evidence.events, evidence.anchors)
    position = to_response(TrailPosition, evidence.document)
    return ProofTrail(**position, intact=trail["intact"], anchor=trail["anchor"])


def _time(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
