"""The seven parts of the proof that a plan reached its provider (proof of transmission), as `TypedDict` classes.

The list of attempts (part 4) has its class in `proof_attempts.py`."""

from typing_extensions import TypedDict

from chalicelib.domain.certification.rules import CertifiedBy
from chalicelib.domain.documents import DeclineReason, Kind
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.document_resource import TrailPosition
from chalicelib.services.documents.reports import AnchorResource
from chalicelib.services.json_schema import Day, Timestamp
from chalicelib.services.proof.proof_attempts import ProofAttempt


class ProofOrder(TypedDict):
    """Part 1 of the proof of transmission: the signed order for therapy (the referral), as the clinic stated it.

    `name` and `npi` are those of the provider who signed the order. A null field was not stated."""

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
