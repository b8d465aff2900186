"""Test the keys of claims (rows that reserve a unique value). Stored rows have these keys, so a key must never
change."""

from dataclasses import replace

from chalicelib.domain.claim_keys import (
    addressee_claim,
    api_key_claim,
    email_claim,
    external_claim,
    first_addressee_claim,
    known_claims,
    matching_claims,
    person_claims,
    sealed_claim,
)
from chalicelib.domain.documents import Addressee

ANA = Addressee(first_name="Ana", last_name="De Luca", npi="1234567893", email="ana@example.com")


def test_the_keys_of_stored_claims_never_change() -> None:
    assert email_claim("a@b.org") == "email#a@b.org"
    assert addressee_claim("a@b.org") == "addressee#a@b.org"
    assert first_addressee_claim("prc_1", "a@b.org") == "known#prc_1|email#a@b.org"
    assert external_claim("prc_1", "x-1") == "external#prc_1|x-1"
    assert api_key_claim("ab") == "apikey#ab"
    assert sealed_claim("ab") == "sealed#ab"


def test_a_person_is_found_by_npi_first_and_then_by_both_spellings() -> None:
    by_npi, *by_name = person_claims(ANA)
    assert by_npi == "person#ana@example.com|npi#1234567893"
    assert by_name == list(person_claims(replace(ANA, npi=None)))
    assert len(set(by_name)) == 2
    assert len(person_claims(replace(ANA, npi=None, last_name="Luca"))) >= 1
    assert person_claims(replace(ANA, email=None)) == ()


def test_a_practice_knows_a_person_by_npi_first_and_then_by_name() -> None:
    by_npi, by_name = known_claims("prc_1", ANA)
    assert by_npi == "known#prc_1|npi#1234567893"
    assert by_name.startswith("known#prc_1|name#")
    assert known_claims("prc_1", replace(ANA, npi=None)) == (by_name,)
    assert known_claims("prc_2", ANA) != (by_npi, by_name)


def test_all_claims_of_an_addressee_decide_who_the_provider_is() -> None:
    by_email = ("email#ana@example.com", "addressee#ana@example.com", "known#prc_1|email#ana@example.com")
    assert matching_claims("prc_1", ANA) == (*by_email, *person_claims(ANA), *known_claims("prc_1", ANA))
    faxed = replace(ANA, email=None)
    assert matching_claims("prc_1", faxed) == known_claims("prc_1", faxed)
