"""The rules that decide when a plan of care is certified, that is, safe to bill (DESIGN 4a, docs/decisions/042).

The portal knows the rule of one payer, Medicare Part B (42 CFR 424.24(c), and 89 FR 97912 since 2025). For every
other payer, only the signature certifies. All days are counted in the time zone of the practice."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from chalicelib.domain.certification.facts import (
    AttentionReason,
    Certification,
    ClosedFax,
    Payer,
    PayerKind,
    TransmissionChannel,
    VerbalCertification,
)
from chalicelib.domain.documents import Document, Kind
from chalicelib.domain.status import Outcome, is_open, is_readable

WINDOW = timedelta(days=30)
"""The days to sign or to transmit an initial plan of care."""

VERBAL_WINDOW = timedelta(days=14)
"""The days in which a signature must follow a verbal certification."""

PLANS = frozenset({Kind.PLAN_OF_CARE, Kind.RECERTIFICATION})
"""The kinds of documents whose signature is a certification."""

COPY_REASONS = frozenset({AttentionReason.SIGNED_UNDATED, AttentionReason.COPY_NOT_READABLE})
"""The findings about a copy with which the copy is not a valid signature, and so does not certify the plan."""

_NOT_CERTIFYING = frozenset({"DC", "DDS", "DMD"})
_PHYSICIANS = frozenset({"MD", "DO"})


class CertifiedBy(StrEnum):
    SIGNATURE = "signature"
    ORDER_AND_TRANSMISSION = "order_and_transmission"
    VERBAL_PENDING = "verbal_pending"


class CertificationWarning(StrEnum):
    """A warning to the EMR: a reason why a plan cannot be certified without a signature.

    The reason is in the signed order (the referral), in the addressee's profession, or in a telephone call."""

    ORDER_UNDATED = "order-undated"
    ORDER_WITHOUT_DISCIPLINE = "order-without-discipline"
    ORDER_NPI_MISSING = "order-npi-missing"
    ORDER_NPI_DIFFERS = "order-npi-differs"
    START_DATE_MISSING = "start-date-missing"
    CREDENTIAL_CANNOT_CERTIFY = "credential-cannot-certify"
    VERBAL_DOES_NOT_COUNT = "verbal-certification-does-not-count"


_ABOUT_ADDRESSEE = frozenset(
    {
        CertificationWarning.ORDER_NPI_MISSING,
        CertificationWarning.ORDER_NPI_DIFFERS,
        CertificationWarning.CREDENTIAL_CANNOT_CERTIFY,
    }
)


@dataclass(frozen=True)
class CertificationState:
    """The way in which a plan of care is certified, and the day of the certification."""

    by: CertifiedBy
    on: date


def certify(document: Document, now: datetime) -> CertificationState | None:
    """Return how a plan of care is certified at the time `now`, or None if it is not certified and so not safe to bill.

    A document of another kind, a declined document and a recalled document are never certified."""
    if document.kind not in PLANS or document.outcome is Outcome.DECLINED or not is_readable(document.status):
        return None
    return _by_document(document) or _by_word(document, now)


def exception_ends_on(document: Document) -> date | None:
    """Return the last day on which a transmission or a verbal certification can certify a plan that is not signed.

    Return None if neither can: for a payer other than Medicare, for a recertification, and if the first day is
    unknown."""
    facts = document.certification
    if facts is None or facts.begins_on is None or not has_medicare_exception(document):
        return None
    return facts.begins_on + WINDOW


def has_medicare_exception(document: Document) -> bool:
    """Return True if a plan can be certified without a signature: an initial plan of care that Medicare pays for."""
    payer = document.payer
    return document.kind is Kind.PLAN_OF_CARE and payer is not None and payer.kind is PayerKind.MEDICARE


def due_date(kind: Kind, facts: Certification | None, payer: Payer, sent_on: date) -> date:
    """Return the day on which the signature on a document is due.

    A due day that the EMR stated comes first. Medicare wants an initial plan 30 days after the first visit or the start
    of the period, whichever is earlier, and a recertification at the start of its period. A recertification is never
    due before `sent_on`. Any other document is due 30 days after `sent_on`."""
    facts = facts or Certification()
    if facts.due_on is not None:
        return facts.due_on
    if payer.kind is PayerKind.MEDICARE and kind is Kind.PLAN_OF_CARE:
        return (facts.begins_on or sent_on) + WINDOW
    if payer.kind is PayerKind.MEDICARE and kind is Kind.RECERTIFICATION and facts.starts_on:
        return max(facts.starts_on, sent_on)
    return sent_on + WINDOW


# Transmission


def transmit(document: Document, channel: TransmissionChannel, at: datetime) -> Document:
    """Return the document marked as transmitted to its addressee at the time `at`. Only the first transmission counts.

    After the addressee handed the document to a colleague, the colleague's view transmits nothing to the addressee."""
    if document.transmitted_at is not None or document.handed_over:
        return document
    return replace(document, transmitted_at=at, transmitted_via=channel)


def drop_transmission(before: Document, after: Document) -> Document:
    """Return the corrected document, without the record that it reached a wrong address, fax number or account.

    `before` and `after` are the document before and after a correction of the addressee. If the correction changed the
    destination of the transmission, that destination was wrong, and the time of the first view is removed too."""
    email = before.addressee.email != after.addressee.email
    fax = before.addressee.fax != after.addressee.fax
    is_wrong = {
        TransmissionChannel.ACCOUNT: before.provider_id != after.provider_id,
        TransmissionChannel.EMAILED_CODE: email,
        TransmissionChannel.FAX_CODE: fax,
        TransmissionChannel.FAX: fax,
    }
    if fax:
        after = replace(after, closed_fax=None)
    if before.transmitted_via is None or not is_wrong[before.transmitted_via]:
        return after
    return _without_transmission(after)


def close_fax(document: Document, number: str) -> Document:
    """Return the document after its fax number was reported as wrong. A transmission by fax no longer counts.

    A view with the code of that fax is no transmission either. The document keeps these facts, so that `reopen_fax` can
    restore them. A transmission by email or account does not change."""
    if document.transmitted_via not in (TransmissionChannel.FAX, TransmissionChannel.FAX_CODE):
        return replace(document, closed_fax=ClosedFax(number=number))
    closed = ClosedFax(
        number=number,
        transmitted_at=document.transmitted_at,
        transmitted_via=document.transmitted_via,
        viewed_at=document.viewed_at,
    )
    return replace(_without_transmission(document), closed_fax=closed)


def reopen_fax(document: Document) -> Document:
    """Return the document after the practice confirmed its closed fax number. The facts from before the report count.

    Staff need not act on the report any more. A document whose number is not closed does not change."""
    closed = document.closed_fax
    if closed is None:
        return document
    opened = resolve_wrong_number(replace(document, closed_fax=None))
    if closed.transmitted_at is None:
        return opened
    return replace(
        opened,
        transmitted_at=closed.transmitted_at,
        transmitted_via=closed.transmitted_via,
        viewed_at=closed.viewed_at or document.viewed_at,
    )


def resolve_wrong_number(document: Document) -> Document:
    """Return the document whose wrong fax number is no reason to act any more, because the practice acted on it.

    If a copy of the document came back by fax, staff must still look at the copy. Another reason to act stays."""
    if document.attention is not AttentionReason.WRONG_NUMBER:
        return document
    return replace(document, attention=AttentionReason.COPY_RECEIVED if document.copies else None)


def _without_transmission(document: Document) -> Document:
    return replace(document, transmitted_at=None, transmitted_via=None, viewed_at=None)


# Verbal certification


def certify_verbally(document: Document, at: datetime, noted_at: datetime) -> Document | None:
    """Return the document with a verbal certification at the time `at`, or None if this certification does not count.

    A verbal certification counts for an initial plan under Medicare, if staff note it within the plan's 30 days and
    before it lapses. It lapses after 14 days, so that a signature must follow. Only the first verbal certification of a
    plan counts, because a second one would extend the 14 days."""
    last_day, lapses_at = exception_ends_on(document), _lapse_of(document, at)
    is_late = last_day is None or local_day(noted_at, document) > last_day or noted_at >= lapses_at
    if is_late or document.verbal is not None:
        return None
    verbal = VerbalCertification(at=at, noted_at=noted_at, lapses_at=lapses_at)
    return replace(document, verbal=verbal, follow_up_at=min(document.follow_up_at or lapses_at, lapses_at))


def has_lapsed(document: Document, now: datetime) -> bool:
    """Return True if the verbal certification ended without a signature, so that staff must ask for the signature."""
    verbal = document.verbal
    is_over = verbal is not None and verbal.lapses_at <= now
    return is_over and _may_need_staff(document) and certify(document, now) is None


def needs_attention(document: Document) -> AttentionReason | None:
    """Return the reason why the clinic's staff should act on the document, or None if nobody needs to act.

    The reason comes from the document's field `attention`, which may still have a value although nobody needs to act.
    Nobody needs to act on a document that is returned, recalled, signed electronically or declined, or on a plan of
    care that is certified by more than a telephone call."""
    if not _may_need_staff(document):
        return None
    is_settled = document.kind in PLANS and _by_document(document) is not None
    return None if is_settled else document.attention


def _may_need_staff(document: Document) -> bool:
    """Return False for a document that is returned, recalled, signed electronically or declined."""
    return is_open(document.status) and document.outcome in (None, Outcome.BY_HAND)


# Warnings


def find_warnings(document: Document) -> tuple[CertificationWarning, ...]:
    """Return the warnings for the EMR that sent a Medicare plan of care, or nothing if there is no reason to warn.

    A warning says that the plan's signed order (the referral) lacks a fact and cannot replace a signature, or that
    Medicare accepts no certification by the addressee's profession."""
    payer, facts = document.payer, document.certification or Certification()
    if document.kind not in PLANS or payer is None or payer.kind is not PayerKind.MEDICARE:
        return ()
    order = _order_warnings(document, facts) if document.kind is Kind.PLAN_OF_CARE and facts.has_order else ()
    is_wrong = _cannot_certify(document.addressee.credential or "")
    return (*order, *([CertificationWarning.CREDENTIAL_CANNOT_CERTIFY] if is_wrong else []))


def find_colleague_warnings(document: Document) -> tuple[CertificationWarning, ...]:
    """Return the warnings about the colleague to whom a Medicare plan of care was handed over, or nothing.

    They say that the colleague's NPI is unknown or is not the order's, or that the profession cannot certify."""
    return tuple(warning for warning in find_warnings(document) if warning in _ABOUT_ADDRESSEE)


def _order_warnings(document: Document, facts: Certification) -> tuple[CertificationWarning, ...]:
    npis = (facts.order_npi, document.addressee.npi)
    is_known = None not in npis
    found = {
        CertificationWarning.ORDER_UNDATED: facts.order_signed_on is None,
        CertificationWarning.ORDER_WITHOUT_DISCIPLINE: facts.order_discipline is None,
        CertificationWarning.ORDER_NPI_MISSING: not is_known,
        CertificationWarning.ORDER_NPI_DIFFERS: is_known and npis[0] != npis[1],
        CertificationWarning.START_DATE_MISSING: facts.begins_on is None,
    }
    return tuple(warning for warning, applies in found.items() if applies)


def _cannot_certify(credential: str) -> bool:
    """Return True if Medicare accepts no certification from a person with this credential.

    That is a credential of a chiropractor or dentist (DC, DDS, DMD) without MD or DO."""
    titles = set(credential.upper().replace(".", "").replace(",", " ").replace("/", " ").split())
    return not titles.isdisjoint(_NOT_CERTIFYING) and titles.isdisjoint(_PHYSICIANS)


# The parts of the rule


def _signed_on(document: Document) -> date | None:
    """Return the day of the signature, or None if no signature counts.

    A signature on paper counts after a person at the clinic confirmed the copy that came back. If this person read no
    date on the copy, the result is the day on which the copy came in, because the signature cannot be later."""
    decision = document.decision
    if document.outcome is Outcome.APPROVED and decision is not None:
        return local_day(decision.decided_at, document)
    if document.outcome is not Outcome.BY_HAND or document.attention in COPY_REASONS:
        return None
    if document.hand_signed_on is not None:
        return document.hand_signed_on
    came_in_at = document.decided_at if document.returned_at is not None else None
    return local_day(came_in_at, document) if came_in_at is not None else None


def _by_document(document: Document) -> CertificationState | None:
    """Return the certification by the signature, or by order and transmission. A telephone call does not count here."""
    signed_on = _signed_on(document)
    return _by_transmission(document) if signed_on is None else CertificationState(CertifiedBy.SIGNATURE, signed_on)


def _by_transmission(document: Document) -> CertificationState | None:
    last_day = exception_ends_on(document)
    if last_day is None or document.transmitted_at is None or not _has_full_order(document):
        return None
    transmitted_on = local_day(document.transmitted_at, document)
    is_in_time = transmitted_on <= last_day
    return CertificationState(CertifiedBy.ORDER_AND_TRANSMISSION, transmitted_on) if is_in_time else None


def _has_full_order(document: Document) -> bool:
    """Return True if the order (the referral) has the day of its signature, the discipline, and the addressee's NPI.

    The addressee is the provider whom the clinic named, also after a hand-over to a colleague with another NPI."""
    facts = document.certification
    if facts is None or facts.order_signed_on is None or facts.order_discipline is None:
        return False
    return facts.order_npi is not None and facts.order_npi == document.named_by_clinic.npi


def _by_word(document: Document, now: datetime) -> CertificationState | None:
    verbal, last_day = document.verbal, exception_ends_on(document)
    if verbal is None or last_day is None or now >= verbal.lapses_at:
        return None
    if local_day(verbal.noted_at, document) > last_day:
        return None
    return CertificationState(CertifiedBy.VERBAL_PENDING, local_day(verbal.at, document))


def _lapse_of(document: Document, at: datetime) -> datetime:
    """Return the time (UTC) at which a verbal certification lapses: the end of its 14th day at the practice."""
    midnight = datetime.combine(local_day(at, document) + VERBAL_WINDOW + timedelta(days=1), time.min)
    return midnight.replace(tzinfo=ZoneInfo(document.practice.time_zone)).astimezone(UTC)


def local_day(moment: datetime, document: Document) -> date:
    """Return the date of a time in the time zone of the document's practice, by which all rules count days."""
    return moment.astimezone(ZoneInfo(document.practice.time_zone)).date()
