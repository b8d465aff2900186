"""Test the rule that says when a plan of care is certified (safe to bill), for all combinations of a document's facts.

Each boundary is also tested alone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from chalicelib.domain.certification.facts import (
    AttentionReason,
    Certification,
    Payer,
    PayerKind,
    TransmissionChannel,
    VerbalCertification,
)
from chalicelib.domain.certification.rules import (
    CertificationState,
    CertificationWarning,
    CertifiedBy,
    certify,
    certify_verbally,
    close_fax,
    drop_transmission,
    due_date,
    find_warnings,
    has_lapsed,
    needs_attention,
    reopen_fax,
    transmit,
)
from chalicelib.domain.documents import (
    Decision,
    Document,
    Grant,
    GrantKind,
    Kind,
    ReturnedMethod,
    Signer,
    SigningMethod,
)
from chalicelib.domain.status import Action
from tests.support.provider_fixtures import a_document, handed_over

Change = Callable[[Document], Document]

NPI = "1234567893"
FIRST = date(2026, 11, 20)
NOW = datetime(2026, 12, 28, 18, tzinfo=UTC)
SIGNED_AT = datetime(2026, 12, 24, 18, tzinfo=UTC)
READ_ON = date(2026, 12, 23)
RETURNED_AT = datetime(2026, 12, 26, 18, tzinfo=UTC)
ORDER = Certification(initial_visit_on=FIRST, order_signed_on=date(2026, 11, 10), order_discipline="PT", order_npi=NPI)
SIGNER = Signer(name="Luis Rivera", credential="MD", npi=NPI, method=SigningMethod.ELECTRONIC, authentication="p")

ORDERS: Mapping[str, Mapping[str, object]] = {
    "full": {},
    "none": {"order_signed_on": None, "order_discipline": None, "order_npi": None},
    "undated": {"order_signed_on": None},
    "no_discipline": {"order_discipline": None},
    "no_npi": {"order_npi": None},
    "other_npi": {"order_npi": "1000000004"},
}
# Day 30 ends at midnight in Chicago, which is 06:00 UTC.
TRANSMISSIONS: Mapping[str, datetime | None] = {
    "none": None,
    "day_30": datetime(2026, 12, 21, 5, 59, tzinfo=UTC),
    "day_31": datetime(2026, 12, 21, 6, 0, tzinfo=UTC),
}


def verbal(at: datetime, noted_at: datetime, lapses_at: datetime) -> VerbalCertification:
    return VerbalCertification(at=at, noted_at=noted_at, lapses_at=lapses_at)


CALLED_AT = datetime(2026, 12, 20, 18, tzinfo=UTC)
VERBALS: Mapping[str, VerbalCertification | None] = {
    "none": None,
    "holds": verbal(CALLED_AT, CALLED_AT, NOW + timedelta(seconds=1)),
    "lapsed": verbal(CALLED_AT, CALLED_AT, NOW),
    "noted_late": verbal(CALLED_AT, datetime(2026, 12, 21, 6, tzinfo=UTC), NOW + timedelta(days=1)),
}


def decided(action: Action) -> Decision:
    return Decision(action=action, signer=SIGNER, decided_at=SIGNED_AT)


def as_returned(document: Document) -> Document:
    returned = document.mark_returned(ReturnedMethod.PAPER, RETURNED_AT)
    assert returned is not None
    return returned


def as_decided(action: Action) -> Change:
    def change(document: Document) -> Document:
        after = document.decide(decided(action))
        assert after is not None
        return after

    return change


def as_recalled(document: Document) -> Document:
    recalled = document.recall(None, RETURNED_AT)
    assert recalled is not None
    return recalled


by_hand = as_decided(Action.SIGN_BY_HAND)


def undated(document: Document) -> Document:
    return replace(by_hand(document), attention=AttentionReason.SIGNED_UNDATED)


STATES: Mapping[str, tuple[Change, date | None]] = {
    "pending": (lambda document: document, None),
    "signed": (as_decided(Action.APPROVE), date(2026, 12, 24)),
    "signed_and_returned": (lambda d: as_returned(as_decided(Action.APPROVE)(d)), date(2026, 12, 24)),
    "scan": (by_hand, None),
    "scan_confirmed": (lambda d: replace(by_hand(d), hand_signed_on=READ_ON), READ_ON),
    "scan_confirmed_and_returned": (lambda d: as_returned(replace(by_hand(d), hand_signed_on=READ_ON)), READ_ON),
    "scan_returned": (lambda d: as_returned(by_hand(d)), date(2026, 12, 24)),
    "scan_undated": (undated, None),
    "scan_undated_and_returned": (lambda d: as_returned(undated(d)), None),
    "paper": (as_returned, date(2026, 12, 26)),
    "declined": (as_decided(Action.DECLINE), None),
    "declined_and_returned": (lambda d: as_returned(as_decided(Action.DECLINE)(d)), None),
    "declined_and_recalled": (lambda d: as_recalled(as_decided(Action.DECLINE)(d)), None),
    "recalled": (as_recalled, None),
}
"""The states of a document, each with the day of the signature that certifies it, or None."""

NEVER = {"declined", "declined_and_returned", "declined_and_recalled", "recalled"}


def expected(
    payer: PayerKind | None, kind: Kind, order: str, sent: str, called: str, state: str, *, dated: bool
) -> CertificationState | None:
    """Return the certification that DESIGN section 4a requires for these facts.

    The rule is written here a second time, in the words and order of that text, and independently of the code."""
    if kind not in (Kind.PLAN_OF_CARE, Kind.RECERTIFICATION) or state in NEVER:
        return None
    signed_on = STATES[state][1]
    if signed_on is not None:
        return CertificationState(CertifiedBy.SIGNATURE, signed_on)
    if payer is not PayerKind.MEDICARE or kind is not Kind.PLAN_OF_CARE or not dated:
        return None
    if order == "full" and sent == "day_30":
        return CertificationState(CertifiedBy.ORDER_AND_TRANSMISSION, date(2026, 12, 20))
    return CertificationState(CertifiedBy.VERBAL_PENDING, date(2026, 12, 20)) if called == "holds" else None


TYPES = ((PayerKind.MEDICARE, Kind.PLAN_OF_CARE), (PayerKind.MEDICARE, Kind.RECERTIFICATION), (None, Kind.PLAN_OF_CARE))
FACTS = tuple(product(ORDERS, TRANSMISSIONS, VERBALS))
BEST = (("full", "day_30", "holds"), ("none", "none", "none"))


def cases() -> Iterator[tuple[PayerKind | None, Kind, str, str, str, str]]:
    """Yield the combinations of facts to test.

    The types of documents that have a rule of their own get every fact in every state. Every type also gets the facts
    that would certify it most easily, and no facts."""
    for (payer, kind), facts, state in product(TYPES, FACTS, STATES):
        yield payer, kind, *facts, state
    for payer, kind, facts, state in product((*PayerKind, None), Kind, BEST, STATES):
        yield payer, kind, *facts, state


@pytest.mark.parametrize("dated", [True, False])
def test_the_full_product_of_the_facts_is_certified_as_the_contract_says(*, dated: bool) -> None:
    wrong = []
    for payer, kind, order, sent, called, state in cases():
        facts = replace(ORDER, **ORDERS[order], initial_visit_on=FIRST if dated else None)  # type: ignore[arg-type]  # - the fields of the table
        document = a_document(
            payer=payer and Payer(kind=payer),
            kind=kind,
            certification=facts,
            transmitted_at=TRANSMISSIONS[sent],
            verbal=VERBALS[called],
        )
        found = certify(STATES[state][0](document), NOW)
        if found != expected(payer, kind, order, sent, called, state, dated=dated):
            wrong.append((payer, kind, order, sent, called, state, found))
    assert wrong == []


def plan(**changes: object) -> Document:
    return a_document(payer=Payer(kind=PayerKind.MEDICARE), **{"certification": ORDER, **changes})


@pytest.mark.parametrize(
    ("visit", "start", "last_day"),
    [
        (date(2026, 11, 20), None, date(2026, 12, 20)),
        (None, date(2026, 11, 18), date(2026, 12, 18)),
        (date(2026, 11, 20), date(2026, 11, 18), date(2026, 12, 18)),
        (date(2026, 11, 18), date(2026, 11, 20), date(2026, 12, 18)),
    ],
)
def test_medicare_counts_30_days_from_the_earlier_day(visit: date, start: date, last_day: date) -> None:
    facts = replace(ORDER, initial_visit_on=visit, starts_on=start)
    noon = datetime(last_day.year, last_day.month, last_day.day, 18, tzinfo=UTC)
    assert certify(plan(certification=facts, transmitted_at=noon), NOW) is not None
    assert certify(plan(certification=facts, transmitted_at=noon + timedelta(days=1)), NOW) is None
    assert due_date(Kind.PLAN_OF_CARE, facts, Payer(kind=PayerKind.MEDICARE), NOW.date()) == last_day


SENT = date(2026, 11, 22)
STATED = date(2026, 12, 5)


@pytest.mark.parametrize("payer", PayerKind)
@pytest.mark.parametrize("kind", Kind)
def test_a_stated_due_date_comes_first(kind: Kind, payer: PayerKind) -> None:
    facts = replace(ORDER, starts_on=FIRST, due_on=STATED)
    assert due_date(kind, facts, Payer(kind=payer), SENT) == STATED


@pytest.mark.parametrize("payer", PayerKind)
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("facts", [None, Certification(), Certification(starts_on=date(2026, 12, 1))])
def test_the_day_a_signature_is_due(kind: Kind, payer: PayerKind, facts: Certification | None) -> None:
    begins = facts.starts_on if facts else None
    due = SENT + timedelta(days=30)
    if payer is PayerKind.MEDICARE and begins and kind is Kind.PLAN_OF_CARE:
        due = begins + timedelta(days=30)
    if payer is PayerKind.MEDICARE and begins and kind is Kind.RECERTIFICATION:
        due = begins
    assert due_date(kind, facts, Payer(kind=payer), SENT) == due


def test_a_recertification_is_never_due_before_it_was_sent() -> None:
    facts = Certification(starts_on=date(2026, 11, 1))
    assert due_date(Kind.RECERTIFICATION, facts, Payer(kind=PayerKind.MEDICARE), SENT) == SENT


# Transmission


def test_a_second_transmission_changes_nothing() -> None:
    first = transmit(plan(), TransmissionChannel.FAX, NOW)
    assert (first.transmitted_at, first.transmitted_via) == (NOW, TransmissionChannel.FAX)
    assert transmit(first, TransmissionChannel.ACCOUNT, NOW + timedelta(days=1)) == first


def test_a_colleague_who_reads_a_handed_over_plan_is_not_its_addressee() -> None:
    added = plan(granted=Grant(kind=GrantKind.FAX_CODE, provider_id="prv_2"))
    assert transmit(added, TransmissionChannel.ACCOUNT, NOW).transmitted_at == NOW
    assert transmit(handed_over(added), TransmissionChannel.ACCOUNT, NOW).transmitted_at is None


CORRECTIONS: Mapping[str, Callable[[Document], Document]] = {
    "email": lambda d: replace(d, addressee=replace(d.addressee, email="new@example.com")),
    "fax": lambda d: replace(d, addressee=replace(d.addressee, fax="+15125550199")),
    "provider": lambda d: replace(d, provider_id="prv_9"),
    "nothing": lambda d: d,
}
DROPS = {
    (TransmissionChannel.ACCOUNT, "provider"),
    (TransmissionChannel.EMAILED_CODE, "email"),
    (TransmissionChannel.FAX_CODE, "fax"),
    (TransmissionChannel.FAX, "fax"),
}


@pytest.mark.parametrize("via", [*TransmissionChannel, None])
@pytest.mark.parametrize("corrected", CORRECTIONS)
def test_a_transmission_to_a_wrong_address_is_dropped(via: TransmissionChannel | None, corrected: str) -> None:
    before = plan(transmitted_at=NOW, transmitted_via=via, viewed_at=NOW)
    after = drop_transmission(before, CORRECTIONS[corrected](before))
    is_dropped = (via, corrected) in DROPS
    assert (after.transmitted_at, after.transmitted_via, after.viewed_at) == (
        (None, None, None) if is_dropped else (NOW, via, NOW)
    )


@pytest.mark.parametrize("via", [None, *TransmissionChannel])
def test_a_transmission_by_fax_does_not_count_while_the_number_is_closed(via: TransmissionChannel | None) -> None:
    before = plan(transmitted_at=NOW, transmitted_via=via, viewed_at=NOW)
    after = close_fax(before, "+15125550100")
    is_dropped = via in (TransmissionChannel.FAX, TransmissionChannel.FAX_CODE)
    assert (after.transmitted_at, after.transmitted_via, after.viewed_at) == (
        (None, None, None) if is_dropped else (NOW, via, NOW)
    )
    assert after.closed_fax is not None
    assert reopen_fax(after) == before
    assert reopen_fax(before) == before


def test_a_confirmed_number_restores_the_earlier_transmission_and_settles_only_the_report() -> None:
    before = plan(transmitted_at=NOW, transmitted_via=TransmissionChannel.FAX)
    later = NOW + timedelta(days=1)
    closed = replace(close_fax(before, "+15125550100"), viewed_at=later, attention=AttentionReason.WRONG_NUMBER)
    opened = transmit(closed, TransmissionChannel.ACCOUNT, later)
    assert opened.transmitted_via is TransmissionChannel.ACCOUNT
    assert reopen_fax(opened) == replace(before, viewed_at=later)
    called = replace(opened, attention=AttentionReason.PLEASE_CALL)
    assert reopen_fax(called).attention is AttentionReason.PLEASE_CALL


@pytest.mark.parametrize("corrected", CORRECTIONS)
def test_a_corrected_number_drops_what_was_kept_of_the_closed_number(corrected: str) -> None:
    before = close_fax(plan(transmitted_at=NOW, transmitted_via=TransmissionChannel.FAX), "+15125550100")
    after = drop_transmission(before, CORRECTIONS[corrected](before))
    assert (after.closed_fax is None) is (after.addressee.fax != before.addressee.fax)


# Verbal certification


def test_a_verbal_certification_holds_to_the_end_of_the_14th_day_at_the_practice() -> None:
    called = certify_verbally(plan(), CALLED_AT, CALLED_AT)
    assert called is not None
    # January 3 is day 14, and ends at 06:00 UTC in Chicago.
    lapse = datetime(2027, 1, 4, 6, tzinfo=UTC)
    assert called.follow_up_at == lapse
    assert certify(called, lapse - timedelta(seconds=1)) == CertificationState(
        CertifiedBy.VERBAL_PENDING, date(2026, 12, 20)
    )
    assert certify(called, lapse) is None
    assert not has_lapsed(called, lapse - timedelta(seconds=1))
    assert has_lapsed(called, lapse)


NOTES: Mapping[str, tuple[Document, datetime, datetime, bool]] = {
    "on day 30": (plan(), CALLED_AT, datetime(2026, 12, 21, 5, 59, tzinfo=UTC), True),
    "noted on day 31": (plan(), CALLED_AT, datetime(2026, 12, 21, 6, tzinfo=UTC), False),
    "noted after 14 days": (
        plan(certification=replace(ORDER, initial_visit_on=date(2026, 12, 20))),
        CALLED_AT,
        datetime(2027, 1, 4, 6, tzinfo=UTC),
        False,
    ),
    "recertification": (plan(kind=Kind.RECERTIFICATION), CALLED_AT, CALLED_AT, False),
    "other payer": (a_document(payer=Payer(kind=PayerKind.COMMERCIAL)), CALLED_AT, CALLED_AT, False),
    "no payer": (a_document(), CALLED_AT, CALLED_AT, False),
    "no first day": (plan(certification=Certification()), CALLED_AT, CALLED_AT, False),
    "no facts": (plan(certification=None), CALLED_AT, CALLED_AT, False),
    "a second time": (plan(verbal=VERBALS["lapsed"]), CALLED_AT, CALLED_AT, False),
}


@pytest.mark.parametrize("case", NOTES)
def test_only_a_note_within_the_30_days_of_an_initial_medicare_plan_counts(case: str) -> None:
    document, at, noted_at, counts = NOTES[case]
    assert (certify_verbally(document, at, noted_at) is not None) == counts


@pytest.mark.parametrize("state", STATES)
def test_a_lapse_asks_for_action_only_while_a_signature_is_missing(state: str) -> None:
    lapsed = STATES[state][0](plan(verbal=VERBALS["lapsed"]))
    assert has_lapsed(lapsed, NOW) == (state in ("pending", "scan", "scan_undated"))
    assert not has_lapsed(replace(lapsed, verbal=None), NOW)


def test_a_lapse_asks_for_nothing_if_the_plan_was_transmitted_in_time() -> None:
    lapsed = plan(verbal=VERBALS["lapsed"], transmitted_at=TRANSMISSIONS["day_30"])
    assert not has_lapsed(lapsed, NOW)


# Attention


@pytest.mark.parametrize("state", STATES)
def test_a_decided_or_closed_document_needs_no_attention(state: str) -> None:
    document = replace(STATES[state][0](plan()), attention=AttentionReason.COPY_NOT_READABLE)
    expected_reason = AttentionReason.COPY_NOT_READABLE
    is_open = state in ("pending", "scan", "scan_undated", "scan_confirmed")
    assert needs_attention(document) == (expected_reason if is_open else None)


def test_a_transmitted_plan_needs_no_attention_and_a_verbal_certification_still_does() -> None:
    document = plan(attention=AttentionReason.SIGNED_UNDATED)
    transmitted = replace(document, transmitted_at=TRANSMISSIONS["day_30"])
    assert needs_attention(transmitted) is None
    assert needs_attention(replace(document, verbal=VERBALS["holds"])) is AttentionReason.SIGNED_UNDATED


def test_a_decision_and_the_paper_itself_settle_what_a_copy_left_open() -> None:
    document = plan(attention=AttentionReason.SIGNED_UNDATED)
    assert as_decided(Action.APPROVE)(document).attention is None
    assert as_returned(document).attention is None


# Warnings

_W = CertificationWarning


@pytest.mark.parametrize(
    ("order", "warnings"),
    [
        ("full", ()),
        ("none", ()),
        ("undated", (_W.ORDER_UNDATED,)),
        ("no_discipline", (_W.ORDER_WITHOUT_DISCIPLINE,)),
        ("no_npi", (_W.ORDER_NPI_MISSING,)),
        ("other_npi", (_W.ORDER_NPI_DIFFERS,)),
    ],
)
def test_an_order_that_cannot_certify_is_warned_about(order: str, warnings: tuple[_W, ...]) -> None:
    facts = replace(ORDER, **ORDERS[order])  # type: ignore[arg-type]  # - the fields of the table
    document = plan(certification=facts)
    assert find_warnings(document) == warnings
    assert find_warnings(replace(document, kind=Kind.RECERTIFICATION)) == ()
    assert find_warnings(replace(document, payer=Payer(kind=PayerKind.MEDICARE_ADVANTAGE))) == ()
    assert find_warnings(replace(document, payer=None)) == ()


def test_an_order_without_a_first_day_or_without_the_addressees_npi_is_warned_about() -> None:
    assert find_warnings(plan(certification=replace(ORDER, initial_visit_on=None))) == (_W.START_DATE_MISSING,)
    nameless = replace(plan().addressee, npi=None)
    assert find_warnings(plan(addressee=nameless)) == (_W.ORDER_NPI_MISSING,)
    only_a_name = Certification(initial_visit_on=FIRST, order_name="Luis Rivera, MD")
    assert _W.ORDER_UNDATED in find_warnings(plan(certification=only_a_name))


@pytest.mark.parametrize(
    ("credential", "warns"),
    [
        ("DC", True),
        ("D.C.", True),
        ("DDS, MS", True),
        ("dmd", True),
        ("MD", False),
        ("MD, DDS", False),
        ("DMD/MD", False),
        ("DCN", False),
        ("DPM", False),
        (None, False),
    ],
)
def test_a_chiropractor_or_dentist_is_warned_about(credential: str | None, *, warns: bool) -> None:
    document = plan(addressee=replace(plan().addressee, credential=credential))
    found = (_W.CREDENTIAL_CANNOT_CERTIFY,) if warns else ()
    assert find_warnings(document) == found
    assert find_warnings(replace(document, kind=Kind.RECERTIFICATION)) == found
    assert find_warnings(replace(document, kind=Kind.PROGRESS_NOTE)) == ()
    assert find_warnings(replace(document, payer=Payer(kind=PayerKind.OTHER))) == ()
