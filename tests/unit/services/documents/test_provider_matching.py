"""Test which provider a document is for: the person who is found by NPI, address, fax number and name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.documents import DeliveryChoice
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, Emr, sent, with_account


def other(**changes: Any) -> Any:
    """Return the data of a `document.sent` event for another document. `changes` replace fields of its addressee."""
    return sent(external_id="POC-2", addressee=replace(RIVERA, **changes))


def test_the_npi_matches_an_account_at_another_address() -> None:
    emr = Emr()
    provider = with_account(emr, emr.send(), "dr.rivera@example.com")
    assert emr.send(other(email="luis@clinic.example")).provider_id == provider.id


def test_without_an_account_another_address_with_the_npi_is_another_provider() -> None:
    emr = Emr()
    first, second = emr.send(), emr.send(other(email="mistyped@clinic.example"))
    assert second.provider_id != first.provider_id
    again = emr.send(sent(external_id="POC-3"))
    assert again.provider_id == first.provider_id


def test_a_faxed_provider_is_matched_by_npi_when_the_first_address_arrives() -> None:
    emr = Emr()
    faxed = emr.send(sent(addressee=replace(RIVERA, email=None), delivery=DeliveryChoice.FAX))
    assert emr.send(other(fax=None)).provider_id == faxed.provider_id


def test_the_same_name_at_the_same_address_is_the_same_person_without_an_npi() -> None:
    emr = Emr()
    event = other(npi=None, first_name="LUÍS", fax=None)
    assert emr.send(event).provider_id == emr.send().provider_id


def test_the_same_name_at_the_same_fax_is_the_same_person() -> None:
    emr = Emr()
    first = emr.send(sent(addressee=replace(RIVERA, npi=None, email=None), delivery=DeliveryChoice.FAX))
    assert emr.send(other(npi=None, email="new@clinic.example")).provider_id == first.provider_id


def test_two_people_who_share_an_address_without_an_account_are_two_providers() -> None:
    emr = Emr()
    assert emr.send(other(npi="1000000004", first_name="Jane")).provider_id != emr.send().provider_id


def test_the_npi_distinguishes_two_people_with_one_name_at_one_address() -> None:
    emr = Emr()
    assert emr.send(other(npi="1000000004")).provider_id != emr.send().provider_id


def test_an_npi_that_comes_later_completes_a_provider_without_an_account() -> None:
    emr = Emr()
    first = emr.send(sent(addressee=replace(RIVERA, npi=None, credential=None)))
    emr.send(other())
    provider = emr.store.provider(first.provider_id)
    assert provider is not None
    assert (provider.npi, provider.credential) == ("1234567893", "MD")
    assert provider.npi_stated_by == (PRACTICE.id,)


def test_no_clinic_can_give_an_account_an_npi() -> None:
    emr = Emr()
    provider = with_account(emr, emr.send(sent(addressee=replace(RIVERA, npi=None))), "dr.rivera@example.com")
    assert emr.send(other()).provider_id == provider.id
    assert emr.store.provider(provider.id) == provider


@pytest.mark.parametrize("changes", [{"npi": "1000000004"}, {"npi": None, "first_name": "Jane"}])
def test_another_person_at_an_accounts_address_is_accepted_and_kept_apart(changes: Mapping[str, Any]) -> None:
    emr = Emr()
    account = with_account(emr, emr.send(), "dr.rivera@example.com")
    document = emr.send(other(**changes, fax=None))
    assert document.provider_id != account.id
    assert emr.messages(document) == [("email", "ready", "dr.rivera@example.com")]
    again = emr.send(sent(external_id="POC-3", addressee=replace(RIVERA, **changes)))
    assert again.provider_id == document.provider_id


def test_a_warning_says_that_the_same_practice_named_another_person_at_the_address() -> None:
    emr = Emr()
    jane = other(npi="1000000004", first_name="Jane")
    first = emr.intake.receive(emr.inbound(), sent())
    second = emr.intake.receive(emr.inbound(), jane)
    elsewhere = emr.intake.receive(emr.inbound(practice=OTHER_PRACTICE), jane)
    spelled = emr.intake.receive(
        emr.inbound(), sent(external_id="POC-3", addressee=replace(RIVERA, last_name="Ribera"))
    )
    assert second["warnings"] == [{"code": "other-person-at-address"}]
    assert [set(response) for response in (first, elsewhere, spelled)] == [{"document_id", "status"}] * 3


def test_the_warning_says_nothing_about_accounts() -> None:
    """An account's owner has typed an NPI that no practice stated. No warning may reveal this to a practice."""
    emr = Emr()
    named = sent(addressee=replace(RIVERA, npi=None))
    account = with_account(emr, emr.send(named), "dr.rivera@example.com")
    typed = replace(account, version=account.version + 1, npi="1000000004", npi_self_stated=True)
    emr.store.commit(Change(at=emr.now, providers=(typed,)))
    document = emr.intake.receive(emr.inbound(), other())
    assert set(document) == {"document_id", "status"}
    assert emr.stored(document).provider_id != account.id


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
