"""Test the sentences that say how a signer's identity was established, on certificates, in the audit trail and for
EMRs."""

from dataclasses import replace
from datetime import date

import pytest

from chalicelib.domain.documents import Identity
from chalicelib.domain.follow_up.progress import FollowUpProgress
from chalicelib.domain.providers import with_name
from chalicelib.domain.registry.entries import RegistryCheck
from chalicelib.services.documents.identity import code_data, identify_account, identify_visitor, identity_data, mask
from tests.support.provider_fixtures import PROVIDER, a_document

DOCUMENT = a_document()
ADDRESS = "Account of a person who proved to read email at dr.r…@example.com, an address given by Hill Country Therapy."


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("dr.rivera@example.com", "dr.r…@example.com"),
        ("luis@example.com", "lu…@example.com"),
        ("a@example.com", "…@example.com"),
        ("+15125550100", "…0100"),
    ],
)
def test_an_address_is_masked(address: str, masked: str) -> None:
    assert mask(address) == masked


@pytest.mark.parametrize(
    ("stated_by", "self_stated", "in_document", "source", "words"),
    [
        ((), False, True, "practice", "NPI stated by Hill Country Therapy."),
        (("prc_1", "prc_2"), False, True, "practices", "NPI confirmed by 2 clinics."),
        (("prc_2",), False, False, "other_practice", "NPI stated by another clinic."),
        ((), True, False, "owner", "NPI typed by the owner of the account."),
        ((), True, True, "practice", "NPI stated by Hill Country Therapy."),
    ],
)
def test_the_source_of_an_npi_is_named(
    stated_by: tuple[str, ...],
    self_stated: bool,  # noqa: FBT001 - a case of the table
    in_document: bool,  # noqa: FBT001 - a case of the table
    source: str,
    words: str,
) -> None:
    provider = replace(PROVIDER, npi_stated_by=stated_by, npi_self_stated=self_stated)
    addressee = DOCUMENT.addressee if in_document else replace(DOCUMENT.addressee, npi=None)
    identity = identify_account(provider, replace(DOCUMENT, addressee=addressee))
    assert (identity.method, identity.npi_source, identity.supplied_by) == ("account", source, "practice")
    assert identity.statement == f"{ADDRESS} {words}"


def test_a_name_that_only_the_owner_gave_is_said_to_be_typed() -> None:
    typed = with_name(replace(PROVIDER, npi=None), "Luis", "Kim", self_stated=True)
    assert identify_account(typed, DOCUMENT).statement == f"{ADDRESS} Name typed by the owner of the account."
    named = replace(DOCUMENT, addressee=replace(DOCUMENT.addressee, last_name="Kim"))
    for provider, document in ((typed, named), (with_name(typed, "Luis", "Kim"), DOCUMENT)):
        assert identify_account(provider, document).statement == ADDRESS


def test_an_account_without_an_npi_says_nothing_about_one() -> None:
    identity = identify_account(replace(PROVIDER, npi=None), DOCUMENT)
    assert (identity.npi_source, identity.statement) == (None, ADDRESS)


@pytest.mark.parametrize("email", [None, "luis@clinic.example"])
def test_an_address_that_the_practice_did_not_give_or_the_account_did_not_prove_is_not_shown(email: str | None) -> None:
    elsewhere = replace(DOCUMENT, addressee=replace(DOCUMENT.addressee, email=email))
    identity = identify_account(PROVIDER, elsewhere)
    assert (identity.sent_to, identity.supplied_by) == (None, None)
    assert "at another address than this document's" in identity.statement
    assert "@" not in identity.statement


@pytest.mark.parametrize(
    ("email", "method", "sent_to", "words"),
    [
        (
            "dr.rivera@example.com",
            "emailed_code",
            "dr.r…@example.com",
            "the code sent to dr.r…@example.com, an address",
        ),
        (None, "fax_code", "…0100", "the code on a fax to …0100, a number"),
    ],
)
def test_a_visitor_is_somebody_with_a_code(email: str | None, method: str, sent_to: str, words: str) -> None:
    identity = identify_visitor(DOCUMENT, email)
    assert (identity.method, identity.sent_to, identity.supplied_by) == (method, sent_to, "practice")
    assert identity.statement == f"Without an account, by someone who entered {words} given by Hill Country Therapy."


CHECKED = replace(DOCUMENT, registry=RegistryCheck(dated=date(2026, 11, 2), agrees=True))
REGISTRY = "NPI and name agree with the public NPI registry of 2026-11-02."
NPI = DOCUMENT.addressee.npi


def test_an_account_with_the_npi_and_name_in_the_registry_is_registry_checked() -> None:
    identity = identify_account(PROVIDER, CHECKED)
    assert identity.registry_on == date(2026, 11, 2)
    assert identity.statement == f"{ADDRESS} NPI stated by Hill Country Therapy. {REGISTRY}"
    assert identity_data(identity)["identity"] == {
        "method": "account",
        "sent_to": "dr.r…@example.com",
        "supplied_by": "practice",
        "npi_source": "practice",
        "registry_on": "2026-11-02",
    }


def test_a_visitor_who_types_the_addressees_npi_is_registry_checked() -> None:
    identity = identify_visitor(CHECKED, None, act="Signed on screen", npi=NPI)
    assert identity.registry_on == date(2026, 11, 2)
    assert identity.statement.endswith(f"NPI stated by Hill Country Therapy. {REGISTRY}")


@pytest.mark.parametrize(
    "identity",
    [
        identify_account(PROVIDER, DOCUMENT),
        identify_account(PROVIDER, replace(CHECKED, registry=RegistryCheck(dated=date(2026, 11, 2), agrees=False))),
        identify_account(replace(PROVIDER, npi="1000000012"), CHECKED),
        identify_account(replace(PROVIDER, last_name="Gomez"), CHECKED),
        identify_account(with_name(PROVIDER, "Luis", "Gomez"), CHECKED),
        identify_account(with_name(PROVIDER, "Luis", "Gomez", self_stated=True), CHECKED),
        identify_account(replace(PROVIDER, npi=None), replace(CHECKED, addressee=replace(CHECKED.addressee, npi=None))),
        identify_visitor(CHECKED, None, npi="1000000012"),
        identify_visitor(CHECKED, None),
        identify_visitor(replace(CHECKED, addressee=replace(CHECKED.addressee, npi=None)), None),
    ],
    ids=[
        "no-registry",
        "disagrees",
        "other-npi",
        "other-name",
        "corrected-name",
        "typed-name",
        "no-npi",
        "other-typed-npi",
        "scan",
        "scan-no-npi",
    ],
)
def test_nobody_else_is_registry_checked(identity: Identity) -> None:
    assert identity.registry_on is None
    assert "registry" not in identity.statement


def test_an_audit_event_has_every_fact_about_the_signer_except_the_sentence() -> None:
    assert identity_data(identify_visitor(DOCUMENT, "dr.rivera@example.com")) == {
        "identity": {
            "method": "emailed_code",
            "sent_to": "dr.r…@example.com",
            "supplied_by": "practice",
            "npi_source": None,
        }
    }
    assert identity_data(None) == {}


def test_a_reminder_to_the_providers_own_number_is_named_beside_the_clinics_number() -> None:
    progress = FollowUpProgress(since=DOCUMENT.sent_at, own_faxes=("+15125550148",))
    faxed = identify_visitor(replace(DOCUMENT, follow_up=progress), None)
    assert faxed.sent_to == "…0100 or …0148"
    start = "the code on a fax to …0100, a number given by Hill Country Therapy, or to …0148, a number given in the"
    assert start in faxed.statement
    assert code_data(replace(DOCUMENT, follow_up=progress), "dr.rivera@example.com")["sent_to"] == "dr.r…@example.com"
    without = replace(DOCUMENT, follow_up=FollowUpProgress(since=DOCUMENT.sent_at))
    assert identify_visitor(without, None) == identify_visitor(DOCUMENT, None)
