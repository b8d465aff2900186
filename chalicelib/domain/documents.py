from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Self

from chalicelib.domain.assistants import ReadyMark
from chalicelib.domain.carriers.document_copies import ConfirmedCopy, ReturnedCopy
from chalicelib.domain.certification.facts import (
    AttentionReason,
    Certification,
    ClosedFax,
    Payer,
    TransmissionChannel,
    VerbalCertification,
)
from chalicelib.domain.follow_up.progress import FollowUpProgress
from chalicelib.domain.practices import PracticeCard
from chalicelib.domain.registry.entries import RegistryCheck
from chalicelib.domain.status import Action, Outcome, Status, move


class Kind(StrEnum):
    PLAN_OF_CARE = "plan_of_care"
    RECERTIFICATION = "recertification"
    PROGRESS_NOTE = "progress_note"
    DISCHARGE_SUMMARY = "discharge_summary"
    ORDER = "order"
    OTHER = "other"


class DeliveryChoice(StrEnum):
    """The way of delivery that a practice chooses for a document. With `AUTO`, the portal chooses one of the others."""

    EMAIL = "email"
    FAX = "fax"
    BOTH = "both"
    AUTO = "auto"


class DeclineReason(StrEnum):
    NOT_MY_PATIENT = "not_my_patient"
    SOMEONE_ELSE_SIGNS = "someone_else_signs"
    CHANGE_THE_PLAN = "change_the_plan"
    NEEDS_A_VISIT = "needs_a_visit"
    OTHER = "other"


class SigningMethod(StrEnum):
    ELECTRONIC = "electronic"
    BY_HAND = "by_hand"


class ReturnedMethod(StrEnum):
    """The way in which a document came back to the clinic, according to the clinic's staff."""

    PORTAL = "portal"
    FAX = "fax"
    PAPER = "paper"


class Sealing(StrEnum):
    """The state of the signed PDF: not due, in progress, ready to fetch, or late (staff were notified)."""

    NONE = "none"
    IN_PROGRESS = "in_progress"
    SEALED = "sealed"
    DELAYED = "delayed"


@dataclass(frozen=True, kw_only=True)
class Patient:
    """The patient of a document. A person with a one-word name has an empty `first_name`."""

    external_id: str
    first_name: str
    last_name: str
    date_of_birth: date

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, kw_only=True)
class Addressee:
    """The provider to whom a document is addressed, as the clinic named the provider. `email` is in lower case.

    A person with a one-word name has an empty `first_name`.
    `fax` and `phone` are E.164. `phone` is the number of the provider's office, which the clinic's staff call."""

    first_name: str
    last_name: str
    credential: str | None = None
    npi: str | None = None
    email: str | None = None
    fax: str | None = None
    phone: str | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def name_and_credential(self) -> str:
        """The name with the credential, such as `Luis Rivera, MD`, or only the name if there is no credential."""
        return f"{self.name}, {self.credential}" if self.credential else self.name


@dataclass(frozen=True, kw_only=True)
class Author:
    name: str
    credential: str | None = None
    phone: str | None = None


@dataclass(frozen=True, kw_only=True)
class FieldBox:
    """The signature box on a page, in PDF points of the displayed page, from the bottom left. `page` counts from 1."""

    page: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The facts about the identity of the person who decided on a document, as the portal knew them at that time.

    `method` is `account`, `assistant`, `emailed_code`, `fax_code` or `returned_copy`. `sent_to` is the masked
    address or fax number of the account or code. `supplied_by` is `practice` if the document's practice gave the
    address or number, and `colleague` if the provider did who handed the document over. Both are None for an
    `assistant`, whose address no practice may see. `npi_source` says who stated the NPI: the document's `practice`,
    several `practices`, an `other_practice`, the `colleague`, the account's `owner`, or a `signer` without an account.
    `registry_on` is the day of the public NPI registry that has this NPI and name, or None if no registry has them.
    `statement` has the facts in words."""

    method: str
    sent_to: str | None
    supplied_by: str | None
    statement: str
    npi_source: str | None = None
    registry_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Signer:
    """The person who decided on a document. `authentication` describes how the portal authenticated this person."""

    name: str
    credential: str | None
    npi: str | None
    method: SigningMethod
    authentication: str
    provider_id: str | None = None
    identity: Identity | None = None

    @property
    def returned_by(self) -> str | None:
        """The sentence that names the assistant who returned the signed scan, or None if it was no assistant."""
        identity = self.identity
        return identity.statement if identity is not None and identity.method == "assistant" else None

    @property
    def is_without_account(self) -> bool:
        """Whether the signer decided on the screen, without an account, after entering a code."""
        method = self.identity.method if self.identity else None
        return self.method is SigningMethod.ELECTRONIC and method in ("emailed_code", "fax_code")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The provider's decision on a document, as recorded when the signer submitted it.

    `copy` has the sheets of a signed copy that came back by fax, and `scan_key` is the S3 key of an uploaded scan.
    `strokes` is the drawn signature: polylines of points from 0 to 1 of the signature pad, with y downward.
    `strokes_aspect` is the width of the pad divided by its height. `pages_shown` are the numbers of the pages that the
    browser showed. `read_statement` is true if the signer stated that they read every page, although the browser did
    not show all of them."""

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
    pages_shown_at: tuple[datetime, ...] = ()
    read_statement: bool = False
    scan_key: str | None = None
    scan_sha256: str | None = None
    copy: ConfirmedCopy | None = None

    def repeats(self, other: Self | None) -> bool:
        """Return True if both decisions have the same person, action, reason and note: the form was submitted twice."""
        content = attrgetter("action", "signer.provider_id", "decline_reason", "note")
        return other is not None and bool(content(self) == content(other))


@dataclass(frozen=True, kw_only=True)
class StoredPdf:
    """A PDF in the bucket: its key, the SHA-256 (hex) of its bytes, and its number of pages.

    `page_sizes` are the (width, height) of the displayed pages in points. `level` is the PAdES level of the
    seal: `B-B`, or `B-T` with a timestamp. `timestamp_due` is true if the timestamp authority failed and the
    portal will ask again."""

    key: str
    sha256: str
    pages: int
    page_sizes: tuple[tuple[float, float], ...] = ()
    level: str | None = None
    timestamp_due: bool = False


@dataclass(frozen=True, kw_only=True)
class DeliveryLine:
    """The summary of one message (delivery) about a document, as the list `deliveries` in its JSON shows the message.

    `type` says what the message is for, and `status` whether it has arrived."""

    id: str
    channel: str
    type: str
    recipient: str
    status: str
    at: datetime


class GrantKind(StrEnum):
    FAX_CODE = "fax_code"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The permission by which one account may open one document, given by a person's act on that document (DESIGN 2a).

    `fax_code`: the account's owner entered the code of the document's fax while logged in. `email` is the username of
    the owner who entered the code, because the account may move to another owner."""

    kind: GrantKind
    provider_id: str
    email: str | None = None


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """The act by which a document's addressee, the giver, handed the document over to a colleague (DESIGN 5.6).

    All fields except `at` are facts of the document before the act, by which the giver can take it back. `provider_id`
    is the giver's provider."""

    at: datetime
    giver: Addressee
    provider_id: str
    delivery: DeliveryChoice
    granted: Grant | None = None
    registry: RegistryCheck | None = None
    viewed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """One PDF sent to one provider for signature, with its facts.

    `signed` is the sealed PDF that the webhook announced, and never changes. If the timestamp came later, `timestamped`
    is the same PDF with the timestamp. `certificate` is set if the original already had signatures, because then no
    certificate page can be added to the PDF. `timestamped_certificate` is the certificate with a later timestamp.

    `version` is the optimistic lock: version n can be written only if the table has n-1. `sequence` and `head` are the
    number and hash of the last audit event, and `moved_on` is the day of that event in UTC. `access` counts the
    corrections and the recall. A link or a visit (the time after a code was entered) stores the `access` of its
    creation, and stops working when `access` changes.

    `sliced_pages` has a pair for each very long page: its number, and the number of images in which it is shown.
    `undrawn_pages` are the numbers of the pages with a font that is not in the PDF and cannot be drawn.

    `payer` is None for a document of an earlier release. `hand_signed_on` is the date that a person at the clinic read
    on a copy that was signed by hand. `calls` counts the calls that staff noted. At `follow_up_at`, the scheduled sweep
    checks whether a step of the follow-up is due or a verbal certification has lapsed. `follow_up` is None for a
    document of an earlier release, which nobody is reminded of. `closed_fax` is set while the addressee's fax number is
    closed, because the recipient of a fax reported it as wrong. `registry` is the check of the addressee against the
    public NPI registry, and None if the portal had no registry or the addressee has no NPI. `ready_for` reads `ready`.
    `is_auto` is true if the practice let the portal choose the way of delivery. `handed_over` are the hand-overs to
    colleagues, the first one first. After a hand-over, `addressee` and `provider_id` are the colleague's. `metadata`
    are the EMR's own texts, which the portal only returns. It is None for a document of an earlier release."""

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
    payer: Payer | None = None
    certification: Certification | None = None
    signature_field: FieldBox | None = None
    message: str | None = None
    supersedes: str | None = None
    superseded_by: str | None = None
    pages_ready: int | None = None
    broken_pages: tuple[int, ...] = ()
    sliced_pages: tuple[tuple[int, int], ...] = ()
    undrawn_pages: tuple[int, ...] = ()
    viewed_at: datetime | None = None
    transmitted_at: datetime | None = None
    transmitted_via: TransmissionChannel | None = None
    closed_fax: ClosedFax | None = None
    verbal: VerbalCertification | None = None
    calls: int = 0
    attention: AttentionReason | None = None
    follow_up_at: datetime | None = None
    follow_up: FollowUpProgress | None = None
    decision: Decision | None = None
    hand_signed_on: date | None = None
    signed: StoredPdf | None = None
    timestamped: StoredPdf | None = None
    certificate: StoredPdf | None = None
    timestamped_certificate: StoredPdf | None = None
    returned_at: datetime | None = None
    returned_method: ReturnedMethod | None = None
    recalled_reason: str | None = None
    recalled_at: datetime | None = None
    deliveries: tuple[DeliveryLine, ...] = ()
    copies: tuple[ReturnedCopy, ...] = ()
    registry: RegistryCheck | None = None
    is_auto: bool = False
    metadata: Mapping[str, str] | None = None
    granted: Grant | None = None
    ready: ReadyMark | None = None
    handed_over: tuple[HandOver, ...] = ()
    access: int = 1
    sequence: int = 0
    head: str = ""
    moved_on: date | None = None

    @property
    def decided_at(self) -> datetime | None:
        return self.decision.decided_at if self.decision else self.returned_at

    @property
    def are_pages_ready(self) -> bool:
        """Whether the images of all pages are made. A page that cannot be drawn counts as ready, although it has no
        image."""
        return (self.pages_ready or 0) >= self.original.pages

    @property
    def timestamp_due(self) -> bool:
        return any(pdf is not None and pdf.timestamp_due for pdf in (self.signed, self.certificate))

    @property
    def released_files(self) -> tuple[StoredPdf, ...]:
        """The sealed files that the portal has released: signed PDFs and certificates, in every version that exists."""
        files = (self.signed, self.timestamped, self.certificate, self.timestamped_certificate)
        return tuple(pdf for pdf in files if pdf is not None)

    def ready_for(self, provider_id: str) -> ReadyMark | None:
        """Return the mark of an assistant of this provider, or None.

        A mark that an earlier addressee's office made is for nobody else."""
        return self.ready if self.ready is not None and self.ready.provider_id == provider_id else None

    @property
    def giver(self) -> Addressee | None:
        """The provider who handed the document over to its present addressee, or None if nobody did."""
        return self.handed_over[-1].giver if self.handed_over else None

    @property
    def named_by_clinic(self) -> Addressee:
        """The provider to whom the clinic addressed the document, whoever has the document now."""
        return self.handed_over[0].giver if self.handed_over else self.addressee

    def decide(self, decision: Decision) -> Self | None:
        """Return the document with this decision, to be stored, or None if the same decision is already recorded.

        Raises `Conflict` if the status does not allow the decision."""
        same = decision.repeats(self.decision)
        changes = {"decision": decision, "sealing": Sealing.IN_PROGRESS, "attention": None}
        return self._move(decision.action, same=same, **changes)

    def recall(self, reason: str | None, at: datetime) -> Self | None:
        """Return the recalled document, whose links no longer work, or None if the document is already recalled.

        Raises `Conflict` if the status does not allow a recall."""
        return self._move(Action.RECALL, recalled_reason=reason, recalled_at=at, access=self.access + 1)

    def mark_returned(self, method: ReturnedMethod, at: datetime) -> Self | None:
        """Return the document marked as returned by staff, or None if the document is already marked.

        The return of a pending document says that staff hold the signed original, so its `attention` (the reason why
        staff should act) is removed. If the document was decided or a copy was uploaded, `attention` stays. Raises
        `Conflict` if the status does not allow a return."""
        attention = None if self.outcome is None else self.attention
        return self._move(Action.RETURN, returned_method=method, returned_at=at, attention=attention)

    def _move(self, action: Action, *, same: bool = False, **changes: Any) -> Self | None:
        to = move(self.status, self.outcome, action, same=same)
        return replace(self, status=to.status, outcome=to.outcome, **changes) if to else None

    def with_delivery(self, line: DeliveryLine) -> Self:
        """Return the document with this entry in `deliveries`. An older entry of the same delivery is replaced."""
        others = tuple(other for other in self.deliveries if other.id != line.id)
        return replace(self, deliveries=(*others, line))
