"""A document and the facts that travel with it. Plain values; changed only by making new ones."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self

from chalicelib.domain.status import Action, Outcome, Status, move


class Kind(StrEnum):
    PLAN_OF_CARE = "plan_of_care"
    RECERTIFICATION = "recertification"
    PROGRESS_NOTE = "progress_note"
    DISCHARGE_SUMMARY = "discharge_summary"
    ORDER = "order"
    OTHER = "other"


class DeliveryChoice(StrEnum):
    EMAIL = "email"
    FAX = "fax"
    BOTH = "both"


class DeclineReason(StrEnum):
    """DESIGN 5.4."""

    NOT_MY_PATIENT = "not_my_patient"
    SOMEONE_ELSE_SIGNS = "someone_else_signs"
    CHANGE_THE_PLAN = "change_the_plan"
    NEEDS_A_VISIT = "needs_a_visit"
    OTHER = "other"


class SigningMethod(StrEnum):
    ELECTRONIC = "electronic"
    BY_HAND = "by_hand"


class ReturnedMethod(StrEnum):
    """The way by which a document came back to the clinic, as staff state it."""

    PORTAL = "portal"
    FAX = "fax"
    PAPER = "paper"


class Sealing(StrEnum):
    """Where the signed PDF stands: none is due, being made, ready to fetch, or late (an alarm went out)."""

    NONE = "none"
    IN_PROGRESS = "in_progress"
    SEALED = "sealed"
    DELAYED = "delayed"


@dataclass(frozen=True, kw_only=True)
class Patient:
    external_id: str
    first_name: str
    last_name: str
    date_of_birth: date

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, kw_only=True)
class Addressee:
    """The provider as the clinic named them on this document. `fax` is E.164; `email` is lower case."""

    first_name: str
    last_name: str
    credential: str | None = None
    npi: str | None = None
    email: str | None = None
    fax: str | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, kw_only=True)
class Author:
    name: str
    credential: str | None = None
    phone: str | None = None


@dataclass(frozen=True, kw_only=True)
class Certification:
    """Days as the EMR sent them; `starts_on` and `ends_on` are its `from` and `to`."""

    initial_visit_on: date | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    order_signed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class FieldBox:
    """Where the signature goes: PDF points, origin bottom left, of the page as displayed; `page` from 1."""

    page: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Logo:
    """A practice's logo: where the bucket has it, and its size in pixels."""

    key: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class PracticeCard:
    """The practice as it stood when the document was sent, so that a list needs no second read."""

    name: str
    phone: str | None = None
    fax: str | None = None
    time_zone: str = "America/New_York"
    logo: Logo | None = None


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who decided, and how: `method` is `electronic` or `by_hand`; `authentication` a plain phrase."""

    name: str
    credential: str | None
    npi: str | None
    method: SigningMethod
    authentication: str
    provider_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The decision as recorded the moment it was sent. Strokes are polylines in 0..1 of the pad, y down,
    and `strokes_aspect` is the pad's width / height.

    `read_statement` tells that the signer stated to have read every page, where not all were seen shown.
    """

    action: Action
    signer: Signer
    decided_at: datetime
    note: str | None = None
    decline_reason: DeclineReason | None = None
    typed_name: str | None = None
    strokes: tuple[tuple[tuple[float, float], ...], ...] = ()
    strokes_aspect: float = 3.0
    consent_version: str | None = None
    pages_shown: tuple[int, ...] = ()
    read_statement: bool = False
    scan_key: str | None = None
    scan_sha256: str | None = None

    def repeats(self, other: Self | None) -> bool:
        """Whether it says the same again: the same person, answer, reason and note (a repeated submit)."""
        return other is not None and (
            self.action,
            self.signer.provider_id,
            self.decline_reason,
            self.note,
        ) == (other.action, other.signer.provider_id, other.decline_reason, other.note)


@dataclass(frozen=True, kw_only=True)
class StoredPdf:
    """An object in the bucket: `key`, the SHA-256 (hex) of its bytes, and its pages.

    `page_sizes` are (width, height) in points as displayed, so that a page can hold a place for each.
    `level` is the level of a seal (PAdES): `B-B`, or `B-T` with a timestamp; `timestamp_due` tells that the
    authority failed to give one, so that it is asked again.
    """

    key: str
    sha256: str
    pages: int
    page_sizes: tuple[tuple[float, float], ...] = ()
    level: str | None = None
    timestamp_due: bool = False


@dataclass(frozen=True, kw_only=True)
class DeliveryLine:
    """One line of `deliveries` in the document resource: a message to the provider and where it stands."""

    id: str
    channel: str
    type: str
    recipient: str
    status: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Document:
    """One PDF sent to one provider for signature, with its facts.

    `signed` is the file that was announced, and never another. `timestamped` is the same under the same seal,
    with a timestamp that the authority gave only later; its bytes differ, so it stands beside. `certificate`
    is the certificate of a document that others had signed before, to which no page can be added; its late
    timestamp stands beside it likewise.

    `version` is the optimistic lock: writing version n requires n-1 in the table. `sequence` and `head`
    are the number and hash of the last event of its audit chain. `access` counts corrections and the recall:
    links and by-hand visits carry the number they were made under and die when it changes.
    """

    id: str
    version: int
    practice_id: str
    practice: PracticeCard
    external_id: str
    content_sha256: str
    facts_sha256: str
    kind: Kind
    title: str
    patient: Patient
    addressee: Addressee
    provider_id: str
    delivery: DeliveryChoice
    original: StoredPdf
    sent_at: datetime
    due_on: date
    status: Status = Status.PENDING
    outcome: Outcome | None = None
    sealing: Sealing = Sealing.NONE
    author: Author | None = None
    certification: Certification | None = None
    signature_field: FieldBox | None = None
    message: str | None = None
    supersedes: str | None = None
    superseded_by: str | None = None
    pages_ready: int | None = None
    broken_pages: tuple[int, ...] = ()
    viewed_at: datetime | None = None
    transmitted_at: datetime | None = None
    decision: Decision | None = None
    signed: StoredPdf | None = None
    timestamped: StoredPdf | None = None
    certificate: StoredPdf | None = None
    timestamped_certificate: StoredPdf | None = None
    returned_at: datetime | None = None
    returned_method: ReturnedMethod | None = None
    recalled_reason: str | None = None
    recalled_at: datetime | None = None
    deliveries: tuple[DeliveryLine, ...] = ()
    access: int = 1
    sequence: int = 0
    head: str = ""

    @property
    def decided_at(self) -> datetime | None:
        return self.decision.decided_at if self.decision else self.returned_at

    @property
    def timestamp_due(self) -> bool:
        """Whether a seal of it still lacks its timestamp."""
        return any(pdf is not None and pdf.timestamp_due for pdf in (self.signed, self.certificate))

    def decide(self, decision: Decision) -> Self | None:
        """The document with this decision on it, or None when it is already so; `Conflict` otherwise."""
        to = move(self.status, self.outcome, decision.action, same=decision.repeats(self.decision))
        if to is None:
            return None
        return replace(
            self, status=to.status, outcome=to.outcome, decision=decision, sealing=Sealing.IN_PROGRESS
        )

    def recall(self, reason: str | None, at: datetime) -> Self | None:
        """The document recalled, its links dead; None when it already is."""
        to = move(self.status, self.outcome, Action.RECALL)
        if to is None:
            return None
        return replace(
            self,
            status=to.status,
            outcome=to.outcome,
            recalled_reason=reason,
            recalled_at=at,
            access=self.access + 1,
        )

    def mark_returned(self, method: ReturnedMethod, at: datetime) -> Self | None:
        """The document closed by staff; None when it already is."""
        to = move(self.status, self.outcome, Action.RETURN)
        if to is None:
            return None
        return replace(self, status=to.status, outcome=to.outcome, returned_method=method, returned_at=at)

    def with_delivery(self, line: DeliveryLine) -> Self:
        """The document with this delivery's line put in, replacing an older line of the same delivery."""
        others = tuple(each for each in self.deliveries if each.id != line.id)
        return replace(self, deliveries=(*others, line))
