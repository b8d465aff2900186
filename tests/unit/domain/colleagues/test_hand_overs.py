"""Test the rules by which a document is handed over to a colleague, and is taken back."""

from dataclasses import replace

import pytest

from chalicelib.domain.certification.facts import Payer, PayerKind
from chalicelib.domain.certification.rules import CertificationWarning, certify, find_colleague_warnings
from chalicelib.domain.colleagues.hand_overs import (
    as_addressed,
    find_act,
    find_colleague,
    find_represented,
    had_before,
    hand_over,
    is_giver,
    name_possible_signers,
    take_back,
)
from chalicelib.domain.documents import (
    Addressee,
    Decision,
    DeliveryChoice,
    Document,
    Grant,
    GrantKind,
    Identity,
    Signer,
    SigningMethod,
)
from chalicelib.domain.errors import NotFound
from chalicelib.domain.follow_up.progress import FollowUpProgress
from chalicelib.domain.status import Action, Status
from chalicelib.domain.visibility import opens_to
from tests.support.fakes import START
from tests.support.provider_fixtures import COLLEAGUE, OTHER_PROVIDER, PROVIDER, a_document, handed_over
from tests.unit.domain.test_certification import NPI, ORDER

GRANT = Grant(kind=GrantKind.FAX_CODE, provider_id=PROVIDER.id, email=PROVIDER.email)
BEFORE = a_document(
    access=4,
    delivery=DeliveryChoice.BOTH,
    granted=GRANT,
    viewed_at=START,
    follow_up=FollowUpProgress(since=START, reminders=2, is_stopped=True),
    addressee=replace(a_document().addressee, phone="+15125550133"),
)
HANDED = handed_over(BEFORE)
THIRD = replace(PROVIDER, id="prv_3", first_name="Ana", last_name="Silva", npi="1003000126", email="ana@example.com")
ON = replace(COLLEAGUE, first_name="Ana", last_name="Silva", npi=THIRD.npi, email=THIRD.email)
TWICE = handed_over(HANDED, ON, to=THIRD.id)


def test_a_colleague_gets_the_same_document_with_the_same_due_date() -> None:
    assert HANDED.status is Status.PENDING
    assert replace(HANDED.addressee, phone=None) == COLLEAGUE
    assert (HANDED.provider_id, HANDED.delivery) == (OTHER_PROVIDER.id, DeliveryChoice.EMAIL)
    assert (HANDED.granted, HANDED.viewed_at, HANDED.access) == (None, None, 5)
    assert (HANDED.due_on, HANDED.follow_up_at) == (BEFORE.due_on, BEFORE.follow_up_at)


def test_the_clinic_calls_the_colleague_at_the_givers_office() -> None:
    assert HANDED.addressee.phone == "+15125550133"


def test_reminders_that_the_giver_stopped_reach_the_colleague() -> None:
    assert HANDED.follow_up == replace(BEFORE.follow_up or FollowUpProgress(since=START), is_stopped=False)
    assert hand_over(replace(BEFORE, follow_up=None), COLLEAGUE, "prv_2", START).follow_up is None


def test_a_document_that_is_taken_back_is_as_before_except_for_its_links() -> None:
    back = take_back(HANDED, PROVIDER)
    assert back == replace(BEFORE, access=6, follow_up=HANDED.follow_up)


def test_the_document_opens_to_the_colleague_only() -> None:
    assert opens_to(OTHER_PROVIDER, HANDED)
    assert not opens_to(PROVIDER, HANDED)


@pytest.mark.parametrize("document", [BEFORE, HANDED, TWICE])
def test_the_document_as_the_clinic_addressed_it_has_no_hand_over(document: Document) -> None:
    addressed = as_addressed(document)
    assert addressed == replace(BEFORE, access=document.access, follow_up=document.follow_up)
    assert document.named_by_clinic == BEFORE.addressee


def test_the_last_giver_is_named_to_the_colleague() -> None:
    assert BEFORE.giver is None
    assert HANDED.giver == BEFORE.addressee
    assert TWICE.giver == HANDED.addressee


def test_every_giver_sees_the_colleague_to_whom_they_handed_it() -> None:
    assert find_colleague(PROVIDER, HANDED) == HANDED.addressee
    assert find_colleague(PROVIDER, TWICE) == HANDED.addressee
    assert find_colleague(OTHER_PROVIDER, TWICE) == TWICE.addressee
    assert find_act(OTHER_PROVIDER, TWICE) == TWICE.handed_over[1]
    with pytest.raises(LookupError):
        find_act(THIRD, TWICE)


def test_only_a_giver_takes_a_document_back() -> None:
    assert [is_giver(person, TWICE) for person in (PROVIDER, OTHER_PROVIDER, THIRD)] == [True, True, False]
    assert not is_giver(PROVIDER, BEFORE)
    assert take_back(TWICE, OTHER_PROVIDER) == replace(HANDED, access=7)
    assert take_back(TWICE, PROVIDER).handed_over == ()
    with pytest.raises(NotFound):
        take_back(TWICE, THIRD)


def test_a_giver_whom_the_document_would_not_open_to_any_more_has_no_part_in_it() -> None:
    moved = replace(PROVIDER, email="new@example.com")
    assert not is_giver(moved, HANDED)
    with pytest.raises(NotFound):
        take_back(HANDED, moved)


@pytest.mark.parametrize(
    ("person", "had"),
    [
        (ON, True),
        (replace(ON, npi=None, email="elsewhere@example.com"), True),
        (replace(ON, first_name="A.", email="elsewhere@example.com"), True),
        (BEFORE.addressee, True),
        (replace(COLLEAGUE, email="elsewhere@example.com"), True),
        (replace(ON, first_name="Jo", last_name="Lund", npi=None), True),
        (replace(ON, npi="1679576722", email="elsewhere@example.com"), False),
        (replace(ON, first_name="Jo", npi=None, email="elsewhere@example.com"), False),
    ],
    ids=["has it", "by name", "by NPI", "the first", "the giver", "by address", "a namesake", "another"],
)
def test_a_document_does_not_return_to_a_person_who_had_it(person: Addressee, *, had: bool) -> None:
    assert had_before(TWICE, person) is had


def test_a_person_without_an_address_is_compared_by_name_only() -> None:
    faxed = replace(BEFORE, addressee=replace(BEFORE.addressee, email=None))
    stranger = replace(ON, email=None)
    assert not had_before(faxed, stranger)


# The certification


def ordered(**changes: object) -> Document:
    medicare = Payer(kind=PayerKind.MEDICARE)
    return a_document(**{"certification": ORDER, "payer": medicare, **changes})


def test_a_plan_that_reached_the_orders_provider_stays_certified_after_a_hand_over() -> None:
    plan = ordered(transmitted_at=START)
    before = certify(plan, START)
    assert before is not None
    assert certify(handed_over(plan), START) == before


def test_an_order_of_the_colleague_does_not_certify_by_transmission() -> None:
    plan = ordered(transmitted_at=START, addressee=replace(a_document().addressee, npi="1679576722"))
    assert certify(plan, START) is None
    assert certify(handed_over(plan, replace(COLLEAGUE, npi=NPI)), START) is None


@pytest.mark.parametrize(
    ("npi", "credential", "warnings"),
    [
        (NPI, "NP", ()),
        ("1000000004", "NP", (CertificationWarning.ORDER_NPI_DIFFERS,)),
        (None, "NP", (CertificationWarning.ORDER_NPI_MISSING,)),
        (NPI, "DC", (CertificationWarning.CREDENTIAL_CANNOT_CERTIFY,)),
    ],
)
def test_the_clinic_is_warned_about_a_colleague(
    npi: str | None, credential: str, warnings: tuple[CertificationWarning, ...]
) -> None:
    undated = ordered(certification=replace(ORDER, order_signed_on=None))
    handed = handed_over(undated, replace(COLLEAGUE, npi=npi, credential=credential))
    assert find_colleague_warnings(handed) == warnings
    assert find_colleague_warnings(replace(handed, payer=Payer(kind=PayerKind.OTHER))) == ()


@pytest.mark.parametrize(
    ("name", "method", "represented"),
    [
        ("Ana Silva", "account", TWICE.named_by_clinic),
        ("Jane Okafor", None, TWICE.named_by_clinic),
        ("luis rivera", None, None),
        ("Luis Rivera or Jane Okafor or Ana Silva", "returned_copy", None),
    ],
)
def test_a_colleague_decides_on_behalf_of_the_clinics_addressee(
    name: str, method: str | None, represented: Addressee | None
) -> None:
    identity = Identity(method=method, sent_to=None, supplied_by=None, statement="") if method else None
    signer = Signer(
        name=name, credential=None, npi=None, method=SigningMethod.BY_HAND, authentication="", identity=identity
    )
    decision = Decision(action=Action.SIGN_BY_HAND, signer=signer, decided_at=START)
    assert find_represented(TWICE, decision) == represented
    assert find_represented(BEFORE, decision) is None


def test_everybody_who_had_the_document_may_have_signed_a_copy() -> None:
    assert name_possible_signers(TWICE) == "Luis Rivera or Jane Okafor or Ana Silva"
    assert name_possible_signers(BEFORE) == "Luis Rivera"
