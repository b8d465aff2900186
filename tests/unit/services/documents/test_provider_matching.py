from dataclasses import replace

import pytest

from chalicelib.domain.documents import DeliveryChoice
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent, with_account


def with_typed_npi(emr: Emr) -> Provider:
    """Return a provider with an account who typed the own NPI at the setup, because the clinic had stated none."""
    own = sent(addressee=replace(RIVERA, npi=None, fax=None))
    provider = with_account(emr, emr.send(own), "dr.rivera@example.com")
    typed = replace(provider, version=provider.version + 1, npi=RIVERA.npi, npi_self_stated=True)
    emr.store.commit(Change(at=emr.now, providers=(typed,)))
    return typed


@pytest.mark.parametrize(("last_name", "practice"), [("Rivera", OTHER_PRACTICE), ("Okafor", PRACTICE)])
def test_a_self_stated_npi_does_not_match_documents(last_name: str, practice: Practice) -> None:
    """Anyone can look up another provider's NPI and name and type them, so they prove nothing."""
    emr = Emr()
    provider = with_typed_npi(emr)
    addressee = replace(RIVERA, email="dr@clinic.example", fax=None, last_name=last_name)
    document = emr.send(sent(external_id="POC-2", addressee=addressee), practice=practice)
    theirs = emr.store.provider(document.provider_id)
    assert theirs is not None
    assert theirs.id != provider.id
    assert theirs.npi == RIVERA.npi


def test_a_clinic_that_gives_the_same_npi_at_the_accounts_address_confirms_it() -> None:
    emr = Emr()
    provider = with_typed_npi(emr)
    emr.send(sent(external_id="POC-2"))
    elsewhere = replace(RIVERA, email="luis@clinic.example", fax=None)
    assert emr.send(sent(external_id="POC-3", addressee=elsewhere)).provider_id == provider.id


def test_an_npi_with_another_last_name_matches_nobody() -> None:
    emr = Emr()
    provider = with_account(emr, emr.send(), "dr.rivera@example.com")
    okafor = replace(RIVERA, email="luis@clinic.example", fax=None, last_name="Okafor")
    assert emr.send(sent(external_id="POC-2", addressee=okafor)).provider_id != provider.id


@pytest.mark.parametrize(
    "delivery", [{"email": "eva@clinic.example", "fax": None}, {"email": None, "fax": "+15125550100"}]
)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Müller", "Mueller"),
        ("Mueller", "Müller"),
        ("O'Brien", "OBrien"),
        ("Rivera", "Rivera Jr., MD"),
        ("Sørensen", "Soerensen"),
        ("Weiß", "Weiss"),
    ],
)
def test_another_spelling_of_the_name_finds_the_same_person_without_an_npi(
    delivery: dict[str, str | None], first: str, second: str
) -> None:
    emr = Emr()
    people = [
        emr.send(
            sent(
                external_id=f"POC-{number}",
                delivery=DeliveryChoice.EMAIL if delivery["email"] else DeliveryChoice.FAX,
                addressee=replace(RIVERA, npi=None, first_name="Samuel", last_name=last_name, **delivery),
            )
        ).provider_id
        for number, last_name in enumerate((first, second, first))
    ]
    assert len(set(people)) == 1


def test_a_similar_name_is_another_person() -> None:
    emr = Emr()
    people = [
        emr.send(
            sent(external_id=name, addressee=replace(RIVERA, npi=None, first_name=name, last_name="Kim"))
        ).provider_id
        for name in ("Michael", "Michal")
    ]
    assert len(set(people)) == 2
