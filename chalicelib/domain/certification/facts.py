"""The facts that decide whether a plan of care is certified, as immutable values."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class PayerKind(StrEnum):
    MEDICARE = "medicare"
    MEDICARE_ADVANTAGE = "medicare_advantage"
    MEDICAID = "medicaid"
    COMMERCIAL = "commercial"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Payer:
    """The payer of the treatment. If the EMR named no payer, `stated` is false and `kind` is the practice's default."""

    kind: PayerKind
    stated: bool = True


@dataclass(frozen=True, kw_only=True)
class Certification:
    """The facts about a plan of care that decide its certification, as the EMR sent them.

    `starts_on` and `ends_on` are the first and last day of the plan's period (`from` and `to` in JSON). `order_…` are
    the facts of the signed order (the referral) that the clinic has on file. `order_name` is the name of the person who
    signed the order."""

    initial_visit_on: date | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    order_signed_on: date | None = None
    order_discipline: str | None = None
    order_npi: str | None = None
    order_name: str | None = None
    due_on: date | None = None

    @property
    def begins_on(self) -> date | None:
        """The day from which Medicare counts 30 days for the certification of the plan, or None if it is unknown.

        It is the day of the patient's first visit or the start of the plan's period, whichever is earlier."""
        return min((day for day in (self.initial_visit_on, self.starts_on) if day), default=None)

    @property
    def has_order(self) -> bool:
        facts = (self.order_signed_on, self.order_discipline, self.order_npi, self.order_name)
        return any(fact is not None for fact in facts)


class TransmissionChannel(StrEnum):
    """The way in which a plan of care reached its addressee.

    A plan that reached its addressee (a transmission) can be certified without a signature, if the clinic has a signed
    order (a referral) on file. `ACCOUNT`: the addressee opened the plan in their account. `EMAILED_CODE` and
    `FAX_CODE`: the plan was opened with a code that was sent to the addressee's email address or fax number. `FAX`: the
    receiving machine confirmed all pages of the faxed plan."""

    ACCOUNT = "account"
    EMAILED_CODE = "emailed_code"
    FAX_CODE = "fax_code"
    FAX = "fax"


@dataclass(frozen=True, kw_only=True)
class ClosedFax:
    """A document's fax number that was reported as wrong, and the facts that do not count while the number is closed.

    `number` is the reported fax number. `transmitted_at`, `transmitted_via` and `viewed_at` are the document's fields
    before the report. They are None if the document had not been transmitted by fax."""

    number: str
    transmitted_at: datetime | None = None
    transmitted_via: TransmissionChannel | None = None
    viewed_at: datetime | None = None


class CallResult(StrEnum):
    """The result of a call of the clinic's staff to the provider's office."""

    NO_ANSWER = "no_answer"
    LEFT_A_MESSAGE = "left_a_message"
    WILL_SIGN = "will_sign"
    CERTIFIED_VERBALLY = "certified_verbally"
    WRONG_PROVIDER = "wrong_provider"
    OTHER = "other"


class CopySeen(StrEnum):
    """What a person at the clinic saw on a copy of the document that the provider sent back, such as a dated
    signature."""

    SIGNED_AND_DATED = "signed_and_dated"
    SIGNED_UNDATED = "signed_undated"
    DECLINED = "declined"
    NOT_READABLE = "not_readable"


@dataclass(frozen=True, kw_only=True)
class VerbalCertification:
    """A provider's certification of a plan on the telephone: its time, the time at which staff noted it, and its end.

    It lapses (ends) after 14 days, so that a signature must follow."""

    at: datetime
    noted_at: datetime
    lapses_at: datetime


class AttentionReason(StrEnum):
    """The reason why a person at the clinic should act on a document.

    `PLEASE_CALL`, `CALL_AGAIN`, `DUE_SOON` (few days are left, and a verbal certification may be possible) and
    `OVERDUE` (the due date has passed) come from the follow-up of a document that waits for a signature."""

    VERBAL_LAPSED = "verbal_certification_lapsed"
    ADDRESS_CORRECTED = "address_corrected"
    SIGNED_UNDATED = "signed_undated"
    COPY_NOT_READABLE = "copy_not_readable"
    COPY_RECEIVED = "copy_received"
    PLEASE_CALL = "please_call"
    CALL_AGAIN = "call_again"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    WRONG_NUMBER = "wrong_number"
    REMINDERS_STOPPED = "reminders_stopped"


COPY_REASONS = frozenset(
    {AttentionReason.COPY_RECEIVED, AttentionReason.SIGNED_UNDATED, AttentionReason.COPY_NOT_READABLE}
)
"""The reasons to act that lie in a copy that came back. Only what people read on a copy can resolve them."""


def more_urgent(present: AttentionReason | None, new: AttentionReason) -> AttentionReason:
    """Return the reason to act that a document shows after a new one: the new one, unless the present one says more.

    A wrong fax number is the most urgent, and a copy that came back is more urgent than a call. Both stay until they
    are resolved."""

    def rank(reason: AttentionReason) -> tuple[bool, bool]:
        return reason is AttentionReason.WRONG_NUMBER, reason in COPY_REASONS

    return present if present is not None and rank(present) > rank(new) else new
