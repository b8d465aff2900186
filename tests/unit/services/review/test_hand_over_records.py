"""Test what certificates, seals, emails and the page by code say about a document that was handed over."""

from dataclasses import replace

import pytest

from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import Decision
from chalicelib.domain.registry.entries import RegistryCheck
from chalicelib.domain.status import Action, Status
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.documents.identity import code_data, identify_account, identify_visitor
from chalicelib.services.pdf_jobs.seal_contents import certificate_facts, seal_spec
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import COLLEAGUE, OTHER_PROVIDER, PROVIDER, a_document, handed_over
from tests.support.worlds.delivery_world import World
from tests.unit.services.delivery.test_emails import both
from tests.unit.services.pdf_jobs.test_seal_contents import decision
from tests.unit.services.review.test_guest_signing import FORM, GUEST, Desk

HANDED = handed_over(a_document())
SILVA = replace(COLLEAGUE, first_name="Ana", last_name="Silva", credential="DO", npi=None, email="ana@example.com")
TWICE = handed_over(HANDED, SILVA, to="prv_3")
RIVERA, OKAFOR = "Luis Rivera, MD, NPI 1234567893", "Jane Okafor, NP, NPI 1000000004"


def by_colleague(action: Action = Action.APPROVE) -> Decision:
    made = decision(action)
    signer = replace(made.signer, name="Jane Okafor", credential="NP", npi="1000000004")
    return replace(made, signer=signer)


# Certificate and seal


def test_the_certificate_names_the_addressee_and_every_colleague() -> None:
    page = certificate_facts(HANDED, by_colleague(), (), verify_url="https://portal.test/verify")
    assert (page.signer_name, page.npi) == ("Jane Okafor", "1000000004")
    assert page.addressed_to == f"{RIVERA}, as stated by Hill Country Therapy"
    assert page.handed_over == f"By {RIVERA}, to {OKAFOR}"
    twice = certificate_facts(TWICE, by_colleague(), (), verify_url="https://portal.test/verify")
    assert twice.handed_over == f"By {RIVERA}, and then by {OKAFOR}, to Ana Silva, DO"
    alone = certificate_facts(a_document(), decision(), (), verify_url="https://portal.test/verify")
    assert (alone.handed_over, alone.addressed_to) == (None, None)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Action.APPROVE, f"Signed electronically by {OKAFOR}, on behalf of {RIVERA}"),
        (Action.DECLINE, f"Declined by {OKAFOR}, on behalf of {RIVERA}"),
        (Action.SIGN_BY_HAND, f"Received as signed by hand; the uploader named Jane Okafor, on behalf of {RIVERA}"),
    ],
)
def test_the_seal_names_both_with_their_npis(action: Action, reason: str) -> None:
    assert seal_spec(HANDED, by_colleague(action), START, 100).reason == reason
    assert "on behalf of" not in seal_spec(a_document(), by_colleague(action), START, 100).reason


def test_the_seal_of_a_guest_says_on_whose_behalf_too() -> None:
    identity = identify_visitor(HANDED, "jane@example.com", act="Signed on screen", npi="1000000004")
    made = by_colleague()
    guest = replace(made, signer=replace(made.signer, identity=identity))
    assert seal_spec(HANDED, guest, START, 100).reason == (
        f"{OKAFOR}, on behalf of {RIVERA}. Signed on screen, without an account, by someone who entered the code sent "
        "to ja…@example.com, an address given by Luis Rivera, MD. NPI stated by Luis Rivera, MD."
    )


def test_the_resource_names_the_clinics_addressee_after_two_hand_overs() -> None:
    resource = document_resource(
        replace(TWICE, status=Status.APPROVED, decision=by_colleague()), "https://portal.test", START
    )
    signer, handed = resource["signer"], resource["handed_over_to"]
    assert signer is not None
    assert handed is not None
    assert signer["on_behalf_of"] == {"name": "Luis Rivera", "credential": "MD", "npi": "1234567893"}
    assert (handed["name"], handed["by"]["name"]) == ("Ana Silva", "Jane Okafor")
    alone = document_resource(replace(a_document(), decision=decision()), "https://portal.test", START)
    assert alone["signer"] is not None
    assert alone["signer"]["on_behalf_of"] is None
    assert alone["handed_over_to"] is None


# Identity


def test_a_colleague_states_no_npi_for_an_account() -> None:
    account = replace(OTHER_PROVIDER, npi_stated_by=("prc_2",))
    identity = identify_account(account, HANDED)
    assert (identity.npi_source, identity.supplied_by) == ("other_practice", "colleague")
    assert "an address given by Luis Rivera, MD." in identity.statement


def test_the_npi_that_the_giver_stated_is_the_colleagues_word() -> None:
    assert identify_visitor(HANDED, "jane@example.com", npi="1000000004").npi_source == "colleague"
    assert identify_visitor(HANDED, "jane@example.com", npi="1679576722").npi_source == "signer"
    assert identify_visitor(a_document(), PROVIDER.email, npi=PROVIDER.npi).npi_source == "practice"
    assert code_data(HANDED, "jane@example.com") == {"sent_to": "ja…@example.com", "supplied_by": "colleague"}


def test_the_registry_check_of_the_addressee_says_nothing_about_the_colleague() -> None:
    checked = a_document(registry=RegistryCheck(dated=START.date(), agrees=True))
    handed = handed_over(checked)
    assert (handed.registry, handed.handed_over[0].registry) == (None, checked.registry)


# The page by code


def test_the_colleague_signs_on_the_screen_with_a_code_as_themselves() -> None:
    desk = Desk(replace(HANDED, viewed_at=START))
    visit = desk.visit()
    guest = replace(GUEST, name="Jane Okafor", credential="NP", npi="1000000004")
    as_giver = desk.refused(lambda: desk.sign(visit))
    assert as_giver["signer_name"].startswith("This document is addressed to Jane Okafor.")
    assert as_giver["npi"].startswith("Luis Rivera, MD gave another NPI for Jane Okafor.")
    signed = desk.sign(visit, replace(FORM, typed_name="Jane Okafor"), guest)
    assert signed.status is Status.APPROVED


# The email


@pytest.fixture
def world() -> World:
    world = World()
    handed = handed_over(world.document, to=PROVIDER.id)
    world.store.commit(Change(at=START, documents=(replace(handed, version=handed.version + 1),)))
    return world


@pytest.mark.parametrize("is_electronic", [True, False])
def test_the_email_says_who_asks_and_for_whom_it_is(world: World, *, is_electronic: bool) -> None:
    row_id = world.message(Channel.EMAIL, MessageType.READY)
    if not is_electronic:
        world.switches.on.clear()
    world.deliver(row_id)
    mail = world.mail()
    assert mail["Subject"] == "Hill Country Therapy: Luis Rivera, MD asked you to sign a document"
    for text in both(mail):
        words = " ".join(text.split())
        assert "Luis Rivera, MD asked you to sign a document" in words
        assert "For Jane Okafor, NP" in words
        assert "Luis Rivera, MD handed over a document from Hill Country Therapy for you to" in words
        assert "Open our other email" not in words
        assert "Byron" not in words
