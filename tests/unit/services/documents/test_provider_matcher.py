"""Test the search for the provider to whom a document is addressed: each place searched, and the rows that it
stores."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.claim_keys import email_claim, first_addressee_claim, known_claims, person_claims
from chalicelib.domain.documents import Addressee
from chalicelib.domain.providers import Provider, separation_key
from chalicelib.services.documents.provider_matching import ProviderMatch, ProviderMatcher, match_again, unlink
from chalicelib.services.transaction import Change, Claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds
from tests.support.provider_fixtures import a_document

ME, OTHER = "prc_1", "prc_2"
EMAIL, ELSEWHERE = "dr.rivera@example.com", "luis@clinic.example"
LUIS = Addressee(first_name="Luis", last_name="Rivera", npi="1234567893", email=EMAIL, credential="MD")
FAXED = replace(LUIS, email=None, fax="+15125550199")
PERSON = Provider(id="prv_1", version=3, first_name="Luis", last_name="Rivera", npi=LUIS.npi, mailed_to=EMAIL)
ACCOUNT = replace(PERSON, password_hash="h", email=EMAIL, emails=(EMAIL, ELSEWHERE))
JANE = Provider(id="prv_2", version=1, first_name="Jane", last_name="Okafor", npi="1000000004", mailed_to=EMAIL)


def match(addressee: Addressee, owners: dict[str, str], *rows: Provider, is_newest: bool = True) -> ProviderMatch:
    store = FakeStore()
    if rows:
        store.commit(Change(at=START, providers=tuple(replace(row, version=1) for row in rows)))
    matcher = ProviderMatcher(store, FakeIds(), ME, addressee, owners, is_newest=is_newest)
    return matcher.match()


def owned(keys: tuple[str, ...], owner: str) -> dict[str, str]:
    return dict.fromkeys(keys, owner)


def test_an_unknown_addressee_becomes_a_new_provider_with_what_the_clinic_stated() -> None:
    found = match(LUIS, {})
    assert found.stored is None
    assert found.provider == Provider(
        id=found.provider.id,
        version=1,
        first_name="Luis",
        last_name="Rivera",
        credential="MD",
        npi=LUIS.npi,
        mailed_to=EMAIL,
        practices=(ME,),
        npi_stated_by=(ME,),
        addressed_by={ME: (EMAIL,)},
    )
    assert found.changed_rows() == (found.provider,)
    assert (found.may_set_up, found.names_other_person, found.displaced) == (True, False, ())
    keys = [claim.key for claim in found.claims]
    assert keys == [*person_claims(LUIS)[:2], *known_claims(ME, LUIS), first_addressee_claim(ME, EMAIL)]
    assert {claim.owner for claim in found.claims[:-1]} == {found.provider.id}
    assert {claim.replaces for claim in found.claims} == {None}


def test_a_person_without_an_npi_is_claimed_by_name_alone() -> None:
    nameless = replace(LUIS, npi=None)
    found = match(nameless, {})
    assert [claim.key for claim in found.claims][:1] == list(person_claims(nameless)[:1])
    assert (found.provider.npi, found.provider.npi_stated_by) == (None, ())


@pytest.mark.parametrize(
    ("account", "addressee", "found"),
    [
        (ACCOUNT, LUIS, True),
        (ACCOUNT, replace(LUIS, first_name="Ann", last_name="Other"), True),
        (ACCOUNT, replace(LUIS, npi="1245319599"), False),
        (ACCOUNT, replace(LUIS, npi=None, last_name="Other"), False),
        (replace(ACCOUNT, npi_self_stated=True), replace(LUIS, last_name="Other"), False),
    ],
)
def test_an_account_at_the_address_is_found_if_the_document_names_its_person(
    *, account: Provider, addressee: Addressee, found: bool
) -> None:
    result = match(addressee, {email_claim(EMAIL): account.id}, account)
    assert (result.stored is not None) is found
    assert result.may_set_up is found


@pytest.mark.parametrize(
    ("person", "found"),
    [(PERSON, True), (replace(PERSON, mailed_to=ELSEWHERE), False), (JANE, False), (ACCOUNT, False)],
)
def test_a_person_without_an_account_is_found_at_the_address_of_any_practice(*, person: Provider, found: bool) -> None:
    result = match(LUIS, owned(person_claims(LUIS), person.id), person)
    assert (result.stored is not None) is found


@pytest.mark.parametrize(
    ("person", "addressee", "found"),
    [
        (replace(PERSON, mailed_to=None), FAXED, True),
        (replace(PERSON, addressed_by={ME: (EMAIL,)}), FAXED, True),
        (replace(PERSON, addressed_by={OTHER: (EMAIL,)}), FAXED, False),
        (replace(PERSON, addressed_by={ME: (EMAIL,)}), replace(LUIS, email=ELSEWHERE), False),
        (replace(PERSON, mailed_to=ELSEWHERE), replace(LUIS, email=ELSEWHERE), True),
        (replace(ACCOUNT, addressed_by={ME: (ELSEWHERE,)}), FAXED, True),
        (replace(ACCOUNT, addressed_by={ME: ("old@example.com",)}), FAXED, False),
        (replace(ACCOUNT, addressed_by={OTHER: (EMAIL,)}), FAXED, False),
        (replace(PERSON, mailed_to=None, npi="1245319599"), FAXED, False),
    ],
)
def test_a_fax_leads_only_to_a_person_whom_the_same_practice_addressed(
    *, person: Provider, addressee: Addressee, found: bool
) -> None:
    result = match(addressee, owned(known_claims(ME, addressee), person.id), person)
    assert (result.stored is not None) is found


def test_the_newest_document_of_a_practice_decides_to_whom_its_faxes_lead() -> None:
    owners = {email_claim(EMAIL): ACCOUNT.id, **owned(known_claims(ME, LUIS), "prv_9")}
    faxed = replace(PERSON, id="prv_9", mailed_to=None)
    newest = match(LUIS, owners, ACCOUNT, faxed)
    known = [claim for claim in newest.claims if claim.key in known_claims(ME, LUIS)]
    assert [(claim.owner, claim.replaces) for claim in known] == [(ACCOUNT.id, "prv_9")] * 2
    assert newest.displaced == ("prv_9",)
    older = match(LUIS, owners, ACCOUNT, faxed, is_newest=False)
    assert [claim for claim in older.claims if claim.key in known_claims(ME, LUIS)] == []
    assert older.displaced == ()


def test_a_new_search_for_a_stored_document_leaves_the_faxes_of_its_practice_where_they_are() -> None:
    store, faxed = FakeStore(), replace(PERSON, id="prv_9", version=1, mailed_to=None)
    claims = {email_claim(EMAIL): ACCOUNT.id, **owned(known_claims(ME, LUIS), faxed.id)}
    rows = tuple(Claim(key=key, owner=owner) for key, owner in claims.items())
    store.commit(Change(at=START, providers=(replace(ACCOUNT, version=1), faxed), claims=rows))
    found = match_again(store, FakeIds(), replace(a_document(), practice_id=ME, addressee=LUIS))
    assert (found.provider.id, found.displaced) == (ACCOUNT.id, ())
    assert [claim.key for claim in found.claims if claim.key in known_claims(ME, LUIS)] == []


@pytest.mark.parametrize("other", [{"mailed_to": ELSEWHERE}, {"mailed_to": None, "password_hash": "h"}])
def test_a_person_with_an_address_or_an_account_is_not_displaced(other: dict[str, Any]) -> None:
    owners = {email_claim(EMAIL): ACCOUNT.id, **owned(known_claims(ME, LUIS), "prv_9")}
    assert match(LUIS, owners, ACCOUNT, replace(PERSON, id="prv_9", **other)).displaced == ()


@pytest.mark.parametrize(
    ("holder", "replaced"), [(JANE, False), (replace(JANE, mailed_to=ELSEWHERE), True), (None, True)]
)
def test_a_claim_of_another_person_at_the_same_address_is_not_replaced(
    *, holder: Provider | None, replaced: bool
) -> None:
    owners = owned(person_claims(LUIS)[:1], "prv_2")
    found = match(LUIS, owners, *([holder] if holder else []))
    claims = {claim.key: claim.replaces for claim in found.claims}
    assert claims.get(person_claims(LUIS)[0], "kept") == ("prv_2" if replaced else "kept")


SEPARATED = replace(JANE, other_people=(separation_key(JANE, LUIS),))


@pytest.mark.parametrize(
    ("holder", "replaced"),
    [
        (replace(PERSON, id="prv_2", closed_at=START), ["npi", "name"]),
        (SEPARATED, ["npi", "name"]),
        (replace(SEPARATED, npi=LUIS.npi), ["name"]),
        (replace(SEPARATED, npi=LUIS.npi, closed_at=START), ["npi", "name"]),
    ],
)
def test_a_separated_person_keeps_the_own_claims_unless_the_account_was_closed(
    *, holder: Provider, replaced: list[str]
) -> None:
    keys = {"npi": person_claims(LUIS)[0], "name": person_claims(LUIS)[1]}
    found = match(LUIS, owned(tuple(keys.values()), holder.id), holder)
    taken = {claim.key for claim in found.claims if claim.replaces == holder.id}
    assert (found.stored, taken) == (None, {keys[name] for name in replaced})


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("1234567893|luisrivera", False),
        ("|luisrivera", False),
        ("1234567893|annother", False),
        ("1245319599|luisrivera", True),
        ("|janeokafor", True),
    ],
)
def test_a_practice_is_warned_of_another_person_whom_it_named_at_the_address(*, first: str, other: bool) -> None:
    found = match(LUIS, {first_addressee_claim(ME, EMAIL): first})
    assert found.names_other_person is other
    assert first_addressee_claim(ME, EMAIL) not in [claim.key for claim in found.claims]


@pytest.mark.parametrize(
    ("account", "addressee", "stated_by", "self_stated"),
    [
        (ACCOUNT, LUIS, (ME,), False),
        (ACCOUNT, replace(LUIS, npi=None), (), False),
        (replace(ACCOUNT, npi_self_stated=True), LUIS, (ME,), False),
        (replace(ACCOUNT, npi_self_stated=True), replace(LUIS, first_name="Ann"), (), True),
    ],
)
def test_a_practice_confirms_the_npi_of_an_account_and_changes_nothing_else(
    *, account: Provider, addressee: Addressee, stated_by: tuple[str, ...], self_stated: bool
) -> None:
    stated = replace(addressee, credential="DO")
    found = match(stated, {email_claim(EMAIL): account.id}, account)
    provider = found.provider
    assert found.stored is not None
    assert (provider.npi_stated_by, provider.npi_self_stated) == (stated_by, self_stated)
    assert (provider.npi, provider.credential, provider.mailed_to) == (account.npi, None, EMAIL)
    assert provider.addressed_by == {ME: (EMAIL,)}


def test_a_match_without_a_change_writes_no_provider() -> None:
    known = replace(PERSON, credential="MD", practices=(ME,), npi_stated_by=(ME,), addressed_by={ME: (EMAIL,)})
    found = match(LUIS, owned(person_claims(LUIS), known.id), known)
    assert found.changed_rows() == ()
    later = START + timedelta(minutes=1)
    (mailed,) = found.with_setup_email("doc_1", later).changed_rows()
    assert (mailed.setup_document, mailed.setup_mailed_at, mailed.version) == ("doc_1", later, 2)
    forgotten = replace(found, provider=mailed).without_setup_email().provider
    assert (forgotten.setup_document, forgotten.setup_mailed_at) == (None, None)


def test_a_known_person_keeps_the_facts_that_were_stated_first() -> None:
    known = replace(PERSON, credential="DO", npi=None, practices=(OTHER,), addressed_by={OTHER: (EMAIL,)})
    found = match(replace(LUIS, npi="1234567893"), owned(person_claims(LUIS), known.id), known)
    assert (found.provider.credential, found.provider.npi) == ("DO", "1234567893")
    assert found.provider.practices == (ME, OTHER)
    assert found.provider.addressed_by == {OTHER: (EMAIL,), ME: (EMAIL,)}


def test_unlinking_an_address_leaves_the_others() -> None:
    provider = replace(PERSON, addressed_by={ME: (EMAIL, ELSEWHERE), OTHER: (EMAIL,)})
    assert unlink(provider, ME, EMAIL).addressed_by == {ME: (ELSEWHERE,), OTHER: (EMAIL,)}
    assert unlink(provider, OTHER, EMAIL).addressed_by == {ME: (EMAIL, ELSEWHERE)}
    assert unlink(provider, "prc_9", EMAIL).addressed_by == provider.addressed_by
