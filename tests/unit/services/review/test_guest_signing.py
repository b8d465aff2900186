"""Test signing and declining on the screen by a person without an account who entered a code."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.deliveries import Delivery, MessageType
from chalicelib.domain.documents import Decision, Document, Sealing, SigningMethod
from chalicelib.domain.errors import Conflict, ConflictCode, Gone, Invalid
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.jobs import JobName
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.review.decisions import CONSENT_VERSION, ApprovalForm, DeclineForm, WaysToSign, ways_to_sign
from chalicelib.services.review.guest_signing import GuestForm, GuestSigning, is_by_visit
from chalicelib.services.review.scans import ScanForm
from chalicelib.services.transaction import Change
from tests.support.fakes import START, FakeSwitches
from tests.support.provider_fixtures import PRACTICE, PROVIDER, a_document, only_doing
from tests.support.worlds.by_hand_world import DOCUMENT_ID, KEY, World

VIEWED = a_document(viewed_at=START)
FORM = ApprovalForm(
    typed_name="Luis Rivera",
    note="Looks right.",
    pages_shown=dict.fromkeys((1, 2, 3), START),
    consents_to=CONSENT_VERSION,
)
GUEST = GuestForm(name=" Luis  Rivera ", credential=" MD ", npi=" 1234567893 ", confirmed=True)
DECLINE = DeclineForm(reason="not_my_patient")
CLINIC = PRACTICE.name
TICKED = "Statement ticked: I am Luis Rivera, MD, and I sign this myself."
CODE = "the code sent to dr.r…@example.com, an address"
SCREEN = f"on screen, without an account, by someone who entered {CODE} given by {CLINIC}."


class Desk(World):
    """A document that a code opens, and the services to sign it on the screen, in memory.

    Its practice allows electronic signatures, and signing without an account."""

    def __init__(self, document: Document = VIEWED) -> None:
        super().__init__(document)
        self.switches = FakeSwitches({PRACTICE.id}, {PRACTICE.id})
        writer = DocumentWriter(store=self.store, ids=self.ids, portal_url="https://portal.test")
        self.guests = GuestSigning(writer, self.switches)

    def sign(self, visit: Secret, form: ApprovalForm = FORM, guest: GuestForm = GUEST) -> Document:
        return self.guests.approve(self.document(), form, guest, visit, self.by())

    def decline(self, visit: Secret, form: DeclineForm = DECLINE, name: str = "Luis Rivera") -> Document:
        return self.guests.decline(self.document(), form, name, visit, self.by())

    def refused(self, action: Callable[[], object]) -> dict[str, str]:
        """Do an action that must be refused, and return the error messages by the form's field.

        Assert that nothing was stored."""
        commits = self.store.commits
        with pytest.raises(Invalid) as refusal:
            action()
        assert self.store.commits == commits
        return {error.field: error.message for error in refusal.value.errors}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def decision_of(document: Document) -> Decision:
    assert document.decision is not None
    return document.decision


def data_of(desk: Desk, type: str) -> dict[str, Any]:
    event = next(event for event in desk.store.events(DOCUMENT_ID) if event.type == type)
    data: dict[str, Any] = json.loads(event.body)["data"]
    return data


# Signing


def test_the_addressee_signs_with_the_emailed_code(desk: Desk) -> None:
    visit = desk.visit()
    desk.later(minutes=3)
    signed = desk.sign(visit)
    decision = decision_of(signed)
    assert (signed.status, signed.outcome, signed.sealing) == (Status.APPROVED, Outcome.APPROVED, Sealing.IN_PROGRESS)
    assert (decision.decided_at, decision.typed_name, decision.note) == (desk.now, "Luis Rivera", "Looks right.")
    assert (decision.pages_shown, decision.consent_version) == ((1, 2, 3), CONSENT_VERSION)
    signer = decision.signer
    assert (signer.name, signer.credential, signer.npi) == ("Luis Rivera", "MD", "1234567893")
    assert (signer.method, signer.provider_id, signer.is_without_account) == (SigningMethod.ELECTRONIC, None, True)
    assert signer.authentication == "code emailed to the address on file, entered 2026-11-22 19:00:00 UTC"
    identity = signer.identity
    assert identity is not None
    assert identity.statement == f"Signed {SCREEN} NPI stated by {CLINIC}. {TICKED}"
    assert (identity.method, identity.sent_to, identity.npi_source) == ("emailed_code", "dr.r…@example.com", "practice")


def test_the_trail_says_who_signed_and_how(desk: Desk) -> None:
    desk.sign(desk.visit())
    data = data_of(desk, "decision.approved")
    assert data["signer"] == {"name": "Luis Rivera", "credential": "MD", "npi": "1234567893"}
    assert data["identity"]["method"] == "emailed_code"
    assert data["pages_shown"] == [1, 2, 3]
    assert [job.name for job in desk.store.jobs()].count(JobName.SEAL) == 1


def test_a_fax_code_signs_too_and_names_the_number(desk: Desk) -> None:
    decision = decision_of(desk.sign(desk.enter(desk.fax_code())))
    assert decision.signer.identity is not None
    assert decision.signer.identity.method == "fax_code"
    assert "who entered the code on a fax to …0100, a number given by" in decision.signer.identity.statement


def test_a_drawn_signature_is_recorded(desk: Desk) -> None:
    drawing = '{"aspect": 2.5, "strokes": [[[0.1, 0.5], [0.9, 0.5]]]}'
    decision = decision_of(desk.sign(desk.visit(), replace(FORM, signature="drawn", drawing=drawing)))
    assert (decision.strokes, decision.strokes_aspect) == ((((0.1, 0.5), (0.9, 0.5)),), 2.5)
    assert decision.typed_name is None


def test_an_npi_that_the_clinic_did_not_state_is_the_signers_word() -> None:
    desk = Desk(replace(VIEWED, addressee=replace(VIEWED.addressee, npi=None)))
    signer = decision_of(desk.sign(desk.visit())).signer
    assert signer.identity is not None
    assert (signer.npi, signer.identity.npi_source) == ("1234567893", "signer")
    assert signer.identity.statement.endswith(f" NPI typed by the signer. {TICKED}")


def test_the_owner_of_an_account_hears_of_the_decision(desk: Desk) -> None:
    desk.sign(desk.visit())
    reports = [row for row in desk.store.every(Delivery, "deliveries") if row.type == MessageType.DECIDED_ELSEWHERE]
    event = next(event for event in desk.store.events(DOCUMENT_ID) if event.type == "decision.approved")
    assert [(report.recipient, report.event_id) for report in reports] == [("dr.rivera@example.com", event.id)]


def test_without_an_account_nobody_else_hears_of_the_decision(desk: Desk) -> None:
    desk.store.commit(Change(at=START, providers=(replace(PROVIDER, version=2, password_hash=None),)))
    desk.sign(desk.visit())
    types = {row.type for row in desk.store.every(Delivery, "deliveries")}
    assert MessageType.DECIDED_ELSEWHERE not in types


def test_a_recertification_is_certified_by_the_signature(desk: Desk) -> None:
    desk.sign(desk.visit())
    assert data_of(desk, "document.certified")["by"] == "signature"


# Refused forms


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"name": ""}, "signer_name", "addressed to Luis Rivera"),
        ({"name": "Jane Okafor"}, "signer_name", "Only Luis Rivera can sign it here."),
        ({"name": "Luis Rivera " + "x" * 89}, "signer_name", "addressed to Luis Rivera"),
        ({"credential": ""}, "credential", "such as MD"),
        ({"credential": "M" * 41}, "credential", "such as MD"),
        ({"credential": "M\nD"}, "credential", "such as MD"),
        ({"npi": ""}, "npi", "10-digit NPI"),
        ({"npi": "1234567890"}, "npi", "wrong digit"),
        ({"npi": "1000000004"}, "npi", f"{CLINIC} gave another NPI for Luis Rivera"),
        ({"confirmed": False}, "confirmed", "Confirm that you are Luis Rivera."),
    ],
)
def test_a_wrong_statement_of_the_person_is_refused(desk: Desk, change: Any, field: str, message: str) -> None:
    visit = desk.visit()
    errors = desk.refused(lambda: desk.sign(visit, guest=replace(GUEST, **change)))
    assert list(errors) == [field]
    assert message in errors[field]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "L. Rivera"},
        {"name": "Luis Miguel Rivera"},
        {"name": "Luis Rivera " + "x" * 88},
        {"credential": "M" * 40},
    ],
)
def test_a_statement_at_the_limit_is_accepted(desk: Desk, change: Any) -> None:
    assert desk.sign(desk.visit(), guest=replace(GUEST, **change)).status is Status.APPROVED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"typed_name": ""}, "typed_name"),
        ({"typed_name": "Jane Okafor"}, "typed_name"),
        ({"signature": "drawn"}, "drawing"),
        ({"signature": "saved"}, "drawing"),
        ({"pages_shown": {1: START, 3: START}}, "read_statement"),
        ({"consents_to": ""}, "consent"),
        ({"note": "x" * 2001}, "note"),
    ],
)
def test_the_rules_of_review_hold(desk: Desk, change: Any, field: str) -> None:
    visit = desk.visit()
    assert list(desk.refused(lambda: desk.sign(visit, replace(FORM, **change)))) == [field]


def test_a_document_that_was_never_shown_is_not_signed() -> None:
    desk = Desk(a_document())
    visit = desk.visit()
    assert list(desk.refused(lambda: desk.sign(visit))) == ["read_statement"]


# Declining


def test_a_decline_is_not_attributed_to_the_addressee(desk: Desk) -> None:
    declined = desk.decline(desk.visit(), DeclineForm(reason="change_the_plan", note="Twice a week."))
    decision = decision_of(declined)
    assert (declined.status, decision.decline_reason) == (Status.DECLINED, "change_the_plan")
    assert decision.note == "Twice a week."
    signer = decision.signer
    assert (signer.name, signer.credential, signer.npi) == ("Luis Rivera", None, None)
    assert (signer.provider_id, signer.is_without_account) == (None, True)
    assert signer.identity is not None
    statement = f"Declined {SCREEN.removesuffix('.')}, who gave the name Luis Rivera."
    assert (signer.identity.statement, signer.identity.npi_source) == (statement, None)
    assert data_of(desk, "document.declined")["reason"] == "change_the_plan"
    assert {"document.declined", "declined"} <= {row.type for row in desk.store.every(Delivery, "deliveries")}


def test_somebody_of_the_office_declines_in_their_own_name(desk: Desk) -> None:
    signer = decision_of(desk.decline(desk.visit(), name=" Susan  Ames ")).signer
    assert (signer.name, signer.credential, signer.npi) == ("Susan Ames", None, None)


@pytest.mark.parametrize(
    ("form", "name", "field"),
    [
        (DECLINE, "", "decliner"),
        (DECLINE, "x" * 101, "decliner"),
        (DeclineForm(reason=""), "Luis Rivera", "reason"),
        (DeclineForm(reason="change_the_plan"), "Luis Rivera", "note"),
    ],
)
def test_a_wrong_decline_is_refused(desk: Desk, form: DeclineForm, name: str, field: str) -> None:
    visit = desk.visit()
    assert list(desk.refused(lambda: desk.decline(visit, form, name))) == [field]


def test_a_name_of_a_hundred_characters_declines(desk: Desk) -> None:
    assert decision_of(desk.decline(desk.visit(), name="x" * 100)).signer.name == "x" * 100


# The switches


@pytest.mark.parametrize(
    ("electronic", "without_account", "ways"),
    [
        (True, True, WaysToSign(account=True, code=True)),
        (True, False, WaysToSign(account=True, code=False)),
        (False, True, WaysToSign(account=False, code=False)),
        (False, False, WaysToSign(account=False, code=False)),
    ],
)
def test_both_switches_must_be_on(desk: Desk, *, electronic: bool, without_account: bool, ways: WaysToSign) -> None:
    desk.switches.set_electronic_signature(PRACTICE.id, electronic)
    desk.switches.set_sign_without_account(PRACTICE.id, without_account)
    assert ways_to_sign(desk.switches, desk.document()) == ways
    assert ways_to_sign(desk.switches, None) == WaysToSign(account=True, code=False)
    visit = desk.visit()
    for action in (desk.sign, desk.decline):
        if ways.code:
            continue
        with pytest.raises(Conflict) as refusal:
            action(visit)
        assert refusal.value.code is ConflictCode.ELECTRONIC_SIGNATURE_OFF
        what = "signing without an account" if electronic else "electronic signatures"
        assert refusal.value.detail.startswith(f"{CLINIC} has switched {what} off, so nothing was")
        assert desk.document().status is Status.PENDING


# The visit


@pytest.mark.parametrize("action", ["sign", "decline"])
def test_a_visit_that_has_ended_decides_nothing(desk: Desk, action: str) -> None:
    visit = desk.visit()
    desk.later(minutes=59, seconds=59)
    assert desk.refused(lambda: desk.sign(visit, replace(FORM, consents_to="")))
    desk.later(seconds=1)
    with pytest.raises(Gone):
        getattr(desk, action)(visit)
    assert desk.document().status is Status.PENDING


@pytest.mark.parametrize("change", [{"document_id": "doc_other"}, {"access": 2}])
def test_a_visit_to_another_document_or_of_a_former_address_decides_nothing(desk: Desk, change: Any) -> None:
    with pytest.raises(Gone):
        desk.sign(replace(desk.visit(), **change))


def test_a_document_that_is_recalled_meanwhile_is_not_signed(desk: Desk) -> None:
    visit, document = desk.visit(), desk.document()
    desk.store.before_commit = only_doing(lambda: desk.change(lambda latest: latest.recall("Wrong patient", START)))
    with pytest.raises(Gone):
        desk.guests.approve(document, FORM, GUEST, visit, desk.by())
    assert desk.document().status is Status.RECALLED


def test_a_document_that_is_decided_meanwhile_keeps_its_decision(desk: Desk) -> None:
    visit = desk.visit()
    desk.decline(visit)
    with pytest.raises(Conflict) as refusal:
        desk.sign(visit)
    assert refusal.value.code is ConflictCode.DOCUMENT_DECLINED
    assert desk.document().status is Status.DECLINED


@pytest.mark.parametrize("action", ["sign", "decline"])
def test_a_second_submit_changes_nothing(desk: Desk, action: str) -> None:
    visit = desk.visit()
    first = getattr(desk, action)(visit)
    commits = desk.store.commits
    desk.later(seconds=5)
    assert getattr(desk, action)(visit) == first
    assert desk.store.commits == commits


def test_two_submits_at_the_same_time_sign_once(desk: Desk) -> None:
    visit = desk.visit()
    desk.store.before_commit = only_doing(lambda: desk.sign(visit))
    assert desk.sign(visit).status is Status.APPROVED
    assert desk.event_types().count("decision.approved") == 1


def test_the_account_cannot_repeat_the_decision_of_a_person_with_a_code(desk: Desk) -> None:
    decision = decision_of(desk.sign(desk.visit()))
    by_account = replace(decision, signer=replace(decision.signer, provider_id=PROVIDER.id))
    assert not by_account.repeats(decision)


def test_a_decision_belongs_to_the_visit_in_which_it_was_made(desk: Desk) -> None:
    visit = desk.visit()
    assert not is_by_visit(desk.document(), visit)
    desk.sign(visit)
    assert is_by_visit(desk.document(), visit)
    assert not is_by_visit(desk.document(), replace(visit, email=None))


def test_a_scan_is_no_decision_on_the_screen(desk: Desk) -> None:
    scanned = desk.by_hand.take_scan(
        desk.document(), ScanForm(key=KEY, signer_name="Luis Rivera"), desk.visit(), desk.by()
    )
    assert not decision_of(scanned).signer.is_without_account
