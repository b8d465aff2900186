"""Test that an account gains and loses email addresses, with the documents that were sent there (DESIGN 2a)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.claim_keys import email_claim, known_claims
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.providers import Provider, with_name
from chalicelib.services.accounts.account_emails import MAX_EMAILS
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.transaction import Change, Claim
from tests.support.emr_fixtures import OTHER_PRACTICE, PRACTICE, RIVERA, sent
from tests.support.provider_fixtures import only_doing
from tests.support.worlds.account_emails_world import HOME, PHONE, WORK, EmailWorld

THIRD = replace(OTHER_PRACTICE, id="prc_3", name="Third Therapy")
NO_NPI = replace(RIVERA, npi=None)
OKAFOR = replace(RIVERA, first_name="Jane", last_name="Okafor", npi="1000000004")
SOURCE = "198.51.100.7"


@pytest.fixture
def world() -> EmailWorld:
    return EmailWorld()


# The account


def test_a_proven_address_follows_the_username(world: EmailWorld) -> None:
    account = world.add(world.account())
    assert (account.email, account.proven_emails) == (HOME, (HOME, WORK))
    assert world.store.claims([email_claim(WORK)]) == {email_claim(WORK): account.id}


def test_every_proven_address_hears_of_an_added_address(world: EmailWorld) -> None:
    account = world.add(world.account())
    assert world.sent_mails("email_added") == [("email_added", HOME), ("email_added", WORK)]
    assert {mail.body for mail in world.mails() if mail.type == "email_added"} == {WORK}
    assert {mail.practice_id for mail in world.mails() if mail.type == "email_added"} == {"portal"}
    (event,) = world.events(account)
    assert (event.type, event.email, event.origin) == ("email_added", WORK, PHONE)


def test_the_removed_address_hears_of_the_removal_too(world: EmailWorld) -> None:
    account = world.remove(world.add(world.account()))
    assert world.sent_mails("email_removed") == [("email_removed", HOME), ("email_removed", WORK)]
    assert {(event.type, event.email) for event in world.events(account)} >= {("email_removed", WORK)}
    assert account.proven_emails == (HOME,)
    assert world.store.claims([email_claim(WORK)]) == {}


def test_a_change_of_the_addresses_ends_the_other_sessions(world: EmailWorld) -> None:
    account = world.account()
    generation = account.session_generation
    account = world.add(account)
    assert account.session_generation == generation + 1
    assert world.remove(account).session_generation == generation + 2


def test_the_username_and_a_foreign_address_are_not_removed(world: EmailWorld) -> None:
    account, other = world.add(world.account()), world.account("jane@example.com", OKAFOR)
    for email in (HOME, "jane@example.com", "nobody@example.com", ""):
        with pytest.raises(NotFound):
            world.remove(account, email)
    with pytest.raises(NotFound):
        world.remove(other, WORK)
    assert world.provider(account.id).proven_emails == (HOME, WORK)


def test_an_account_has_at_most_five_addresses(world: EmailWorld) -> None:
    account = world.account()
    for number in range(MAX_EMAILS - 1):
        account = world.add(account, f"luis{number}@example.com")
        world.clock.pass_time(hours=1)
    with pytest.raises(Invalid, match="5 email addresses"):
        world.ask(account)
    world.ask(world.remove(account, "luis0@example.com"))


@pytest.mark.parametrize("typed", [HOME, HOME.upper(), WORK, "", "luis", "luis@", "Luis <luis@x.example>"])
def test_an_address_that_the_account_has_or_that_is_none_gets_no_code(world: EmailWorld, typed: str) -> None:
    account = world.add(world.account())
    world.clock.pass_time(minutes=1)
    before = len(world.mails())
    with pytest.raises(Invalid):
        world.ask(account, typed)
    assert len(world.mails()) == before


def test_an_old_account_without_a_list_of_addresses_gets_one(world: EmailWorld) -> None:
    account = world.account()
    assert account.emails == ()
    assert world.add(account).emails == (HOME, WORK)


# Documents


def test_a_document_at_a_proven_address_opens_to_the_account(world: EmailWorld) -> None:
    account = world.account()
    earlier = world.send(WORK, practice=OTHER_PRACTICE)
    assert not world.is_open(account, earlier)
    account = world.add(account)
    later = world.send(WORK, practice=OTHER_PRACTICE)
    for document in (earlier, later):
        assert world.is_open(account, document)
    assert account.addressed_by[OTHER_PRACTICE.id] == (WORK,)
    assert OTHER_PRACTICE.id in account.practices
    assert [event.type for event in world.store.events(earlier.id)][-1] == "document.moved"


def test_the_faxes_of_a_practice_that_addressed_the_person_there_open_too(world: EmailWorld) -> None:
    account = world.account()
    world.send(WORK, practice=OTHER_PRACTICE)
    earlier = world.send(None, practice=OTHER_PRACTICE)
    account = world.add(account)
    assert world.is_open(account, earlier)
    assert world.is_open(account, world.send(None, practice=OTHER_PRACTICE))


def test_a_fax_before_the_documents_have_moved_goes_to_the_account(world: EmailWorld) -> None:
    account = world.account()
    world.send(WORK, practice=OTHER_PRACTICE)
    world.emails.add(world.owner(account), world.code(account), SOURCE)
    event_jobs = len(world.store.jobs())
    fax = world.send(None, practice=OTHER_PRACTICE)
    assert len(world.store.jobs()) > event_jobs
    assert fax.provider_id == account.id
    assert world.is_open(account, fax)


def test_faxes_of_a_practice_that_never_addressed_the_person_stay_closed(world: EmailWorld) -> None:
    account = world.account()
    fax = world.send(None, practice=OTHER_PRACTICE)
    account = world.add(account)
    assert not world.is_open(account, fax)
    assert not world.is_open(account, world.send(None, practice=OTHER_PRACTICE))


@pytest.mark.parametrize(
    "addressee",
    [OKAFOR, replace(RIVERA, npi="1000000004"), replace(NO_NPI, first_name="Ana"), replace(NO_NPI, last_name="Rivers")],
)
def test_another_person_at_the_address_stays_separate(world: EmailWorld, addressee: object) -> None:
    assert isinstance(addressee, type(RIVERA))
    account = world.account()
    earlier = world.send(WORK, addressee=addressee, practice=OTHER_PRACTICE)
    account = world.add(account)
    later = world.send(WORK, addressee=addressee, practice=OTHER_PRACTICE)
    for document in (earlier, later):
        assert not world.is_open(account, document)
        assert world.latest(document).provider_id != account.id
    assert OTHER_PRACTICE.id not in account.addressed_by
    assert world.provider(earlier.provider_id).merged_into is None


def test_people_with_and_without_an_npi_are_merged_if_they_have_the_name(world: EmailWorld) -> None:
    account = world.account()
    both = [world.send(WORK, addressee=named, practice=OTHER_PRACTICE) for named in (NO_NPI, RIVERA)]
    spelled = world.send(WORK, addressee=replace(RIVERA, first_name="L."))
    account = world.add(account)
    assert all(world.is_open(account, document) for document in (*both, spelled))


def test_the_same_npi_at_the_address_is_enough_to_merge_a_person(world: EmailWorld) -> None:
    account = world.account()
    document = world.send(WORK, addressee=replace(RIVERA, last_name="Riviera"), practice=OTHER_PRACTICE)
    world.add(account)
    assert world.provider(document.provider_id).merged_into == account.id


def test_a_merged_person_gives_a_stated_npi_to_nobody(world: EmailWorld) -> None:
    account = world.account(addressee=NO_NPI)
    world.send(WORK, practice=OTHER_PRACTICE)
    account = world.add(account)
    assert (account.npi, account.npi_stated_by) == (None, ())


def test_a_clinic_confirms_the_npi_that_the_owner_typed(world: EmailWorld) -> None:
    account = world.account(addressee=NO_NPI)
    typed = replace(account, version=account.version + 1, npi=RIVERA.npi, npi_self_stated=True)
    world.store.commit(Change(at=world.clock.now(), providers=(typed,)))
    world.send(WORK, practice=OTHER_PRACTICE)
    account = world.add(account)
    assert (account.npi_self_stated, account.npi_stated_by) == (False, (OTHER_PRACTICE.id,))


def test_what_only_the_removed_address_opened_closes_at_once(world: EmailWorld) -> None:
    account = world.add(world.account())
    document = world.send(WORK, practice=OTHER_PRACTICE)
    fax = world.send(None, practice=OTHER_PRACTICE)
    assert world.is_open(account, document)
    assert world.is_open(account, fax)
    world.emails.remove(world.owner(account), WORK)
    assert not world.is_open(account, document)
    assert not world.is_open(account, fax)
    world.settle()
    person = world.provider(world.latest(document).provider_id)
    assert person.id != account.id
    assert (person.mailed_to, person.has_account, person.npi) == (WORK, False, RIVERA.npi)
    assert world.latest(fax).provider_id == person.id
    assert person.addressed_by == {OTHER_PRACTICE.id: (WORK,)}


def test_a_removal_keeps_what_another_address_opens(world: EmailWorld) -> None:
    account = world.account()
    document, fax = world.send(WORK), world.send(None)
    account = world.remove(world.add(account))
    assert world.is_open(account, document)
    assert world.is_open(account, fax)
    assert account.addressed_by == {PRACTICE.id: (HOME,)}


def test_a_practice_that_addressed_both_addresses_still_reaches_the_account_by_fax(world: EmailWorld) -> None:
    account = world.add(world.account())
    world.send(WORK)
    account = world.remove(account)
    fax = world.send(None)
    assert fax.provider_id == account.id
    assert world.is_open(account, fax)


def test_an_npi_counts_as_stated_only_by_the_practices_that_stated_it(world: EmailWorld) -> None:
    account = world.account()
    world.store.commit(Change(at=world.clock.now(), practices=(THIRD,)))
    documents = [world.send(WORK, practice=OTHER_PRACTICE), world.send(WORK, addressee=NO_NPI, practice=THIRD)]
    account = world.add(account)
    assert account.npi_stated_by == (PRACTICE.id, OTHER_PRACTICE.id)
    world.remove(account)
    people = {world.latest(document).provider_id for document in documents}
    assert {stated for person in people for stated in world.provider(person).npi_stated_by} == {OTHER_PRACTICE.id}


def test_a_correction_while_the_account_has_the_address_stays_after_the_removal(world: EmailWorld) -> None:
    account = world.account()
    document = world.send(WORK, practice=OTHER_PRACTICE)
    person = document.provider_id
    account = world.add(account)
    command = ResendCommand(document=DocumentRef(document_id=document.id), email="other.rivera@example.net")
    world.emr.lifecycle.resend(world.emr.inbound(practice=OTHER_PRACTICE), command)
    world.settle()
    world.remove(account)
    assert world.provider(person).addressed_by == {}


def test_documents_move_both_ways_again_and_again(world: EmailWorld) -> None:
    account = world.account()
    documents = [world.send(email, practice=OTHER_PRACTICE) for email in (WORK, None)]
    people = []
    for _ in range(3):
        account = world.add(account)
        documents += [world.send(email, practice=OTHER_PRACTICE) for email in (WORK, None)]
        assert all(world.is_open(account, document) for document in documents)
        account = world.remove(account)
        assert not any(world.is_open(account, document) for document in documents)
        people += [world.latest(document).provider_id for document in documents]
        world.clock.pass_time(hours=24)
    assert len(set(people)) == 1


def test_a_removed_address_can_become_the_username_of_the_same_person(world: EmailWorld) -> None:
    account = world.add(world.account())
    document = world.send(WORK, practice=OTHER_PRACTICE)
    world.remove(account)
    person = world.provider(world.latest(document).provider_id)
    second = replace(person, version=person.version + 1, email=WORK, password_hash="(a hash)")
    claim = Claim(key=email_claim(WORK), owner=second.id)
    world.store.commit(Change(at=world.clock.now(), providers=(second,), claims=(claim,)))
    assert world.is_open(second, document)
    assert world.is_open(second, world.send(WORK, practice=OTHER_PRACTICE))
    assert not world.is_open(account, document)


def test_a_correction_to_another_address_ends_what_the_added_address_had_opened(world: EmailWorld) -> None:
    account = world.add(world.account())
    document, fax = world.send(WORK, practice=OTHER_PRACTICE), world.send(None, practice=OTHER_PRACTICE)
    command = ResendCommand(document=DocumentRef(document_id=document.id), email="other.rivera@example.net")
    world.emr.lifecycle.resend(world.emr.inbound(practice=OTHER_PRACTICE), command)
    assert not world.is_open(account, document)
    assert not world.is_open(account, fax)
    world.settle()
    assert world.latest(document).provider_id != account.id
    world.clock.pass_time(minutes=1)
    account = world.add(world.remove(account))
    assert not world.is_open(account, document)
    assert not world.is_open(account, fax)


def test_a_practice_that_had_addressed_both_addresses_counts_for_both(world: EmailWorld) -> None:
    account = world.account()
    first = world.latest(world.emr.documents()[0])
    second, fax = world.send(WORK), world.send(None)
    account = world.add(account)
    assert account.addressed_by == {PRACTICE.id: (HOME, WORK)}
    command = ResendCommand(document=DocumentRef(document_id=first.id), email="other.rivera@example.net")
    world.emr.lifecycle.resend(world.emr.inbound(), command)
    world.settle()
    assert world.provider(account.id).addressed_by == {PRACTICE.id: (WORK,)}
    assert all(world.is_open(account, document) for document in (second, fax))


def test_a_document_of_the_person_still_asks_for_no_second_account_at_the_address(world: EmailWorld) -> None:
    world.add(world.account())
    before = len(world.sent_mails("setup"))
    world.send(WORK, addressee=OKAFOR)
    world.send(WORK)
    assert len(world.sent_mails("setup")) == before


# Corrected names


def rename(world: EmailWorld, account: Provider, last_name: str, *, self_stated: bool = False) -> Provider:
    renamed = with_name(account, "Luis", last_name, self_stated=self_stated)
    world.store.commit(Change(at=world.clock.now(), providers=(replace(renamed, version=account.version + 1),)))
    return world.provider(account.id)


@pytest.mark.parametrize("self_stated", [False, True])
def test_an_added_address_opens_documents_with_a_name_before_a_correction(
    world: EmailWorld, *, self_stated: bool
) -> None:
    account = rename(world, world.account(addressee=NO_NPI), "Kim", self_stated=self_stated)
    earlier = world.send(WORK, addressee=NO_NPI, practice=OTHER_PRACTICE)
    kim = world.send(WORK, addressee=replace(NO_NPI, last_name="Kim"), practice=OTHER_PRACTICE)
    account = world.add(account)
    assert (world.is_open(account, earlier), world.is_open(account, kim)) == (True, not self_stated)


def test_a_removed_address_goes_to_a_person_with_the_name_that_the_clinic_gave(world: EmailWorld) -> None:
    account = rename(world, world.add(world.account()), "Okafor", self_stated=True)
    document = world.send(WORK, practice=OTHER_PRACTICE)
    account = world.remove(account)
    person = world.provider(world.latest(document).provider_id)
    assert (person.id != account.id, person.name, person.name_self_stated) == (True, "Luis Rivera", False)
    okafor = world.send(WORK, addressee=replace(NO_NPI, last_name="Okafor"), practice=OTHER_PRACTICE)
    assert okafor.provider_id not in (person.id, account.id)


# Races and crashes


def test_of_two_accounts_that_add_an_address_at_once_one_gets_it(world: EmailWorld) -> None:
    first, second = world.account(), world.account("jane@example.com", OKAFOR)
    code, other_code = world.code(first), world.code(second)
    other = world.owner(second)
    world.store.before_commit = only_doing(lambda: world.emails.add(other, other_code, SOURCE))
    with pytest.raises(Invalid, match="That code didn't work"):
        world.emails.add(world.owner(first), code, SOURCE)
    assert world.store.claims([email_claim(WORK)]) == {email_claim(WORK): second.id}
    assert world.provider(first.id).proven_emails == (HOME,)


def test_a_code_that_is_entered_twice_adds_the_address_once(world: EmailWorld) -> None:
    account = world.account()
    code, owner = world.code(account), world.owner(account)
    world.store.before_commit = only_doing(lambda: world.emails.add(owner, code, SOURCE))
    with pytest.raises(Invalid, match="changed in another place"):
        world.emails.add(owner, code, SOURCE)
    with pytest.raises(Invalid):
        world.emails.add(world.owner(account), code, SOURCE)
    assert world.provider(account.id).proven_emails == (HOME, WORK)
    assert len(world.sent_mails("email_added")) == 2


def test_two_removals_at_once_remove_the_address_once(world: EmailWorld) -> None:
    account = world.add(world.account())
    owner = world.owner(account)
    world.store.before_commit = only_doing(lambda: world.emails.remove(owner, WORK))
    with pytest.raises(Invalid, match="changed in another place"):
        world.emails.remove(owner, WORK)
    assert len(world.sent_mails("email_removed")) == 2


def test_a_change_that_nobody_in_a_session_made_does_not_stop_the_owner(world: EmailWorld) -> None:
    account = world.account()
    code, owner = world.code(account), world.owner(account)
    world.store.before_commit = only_doing(lambda: world.send(HOME, practice=OTHER_PRACTICE))
    world.emails.add(owner, code, SOURCE)
    account = world.provider(account.id)
    assert account.proven_emails == (HOME, WORK)
    assert OTHER_PRACTICE.id in account.addressed_by


def test_nothing_is_added_if_the_password_changed_meanwhile(world: EmailWorld) -> None:
    account = world.account()
    code, owner = world.code(account), world.owner(account)

    def change() -> None:
        latest = world.provider(account.id)
        ended = replace(latest, version=latest.version + 1, session_generation=latest.session_generation + 1)
        world.store.commit(Change(at=world.clock.now(), providers=(ended,)))

    world.store.before_commit = change
    with pytest.raises(Invalid, match="changed in another place"):
        world.emails.add(owner, code, SOURCE)
    assert world.provider(account.id).proven_emails == (HOME,)


@pytest.mark.parametrize("addressee", [RIVERA, NO_NPI, replace(RIVERA, first_name="L.")])
def test_a_document_that_arrives_while_the_address_is_added_goes_to_the_account(
    world: EmailWorld, addressee: object
) -> None:
    """The intake of the document has searched for the provider before the address was added, and commits afterwards."""
    assert isinstance(addressee, type(RIVERA))
    account = world.account()
    owner, code = world.owner(account), world.code(account)
    world.store.before_commit = only_doing(lambda: world.emails.add(owner, code, SOURCE))
    document = world.send(WORK, addressee=addressee, practice=OTHER_PRACTICE)
    assert document.provider_id == account.id
    assert world.is_open(account, document)


def test_a_document_that_arrives_while_the_address_is_removed_leaves_the_account(world: EmailWorld) -> None:
    account = world.add(world.account())
    first = world.send(WORK, practice=OTHER_PRACTICE)
    owner = world.owner(account)
    world.store.before_commit = only_doing(lambda: world.emails.remove(owner, WORK))
    document = world.send(WORK, practice=OTHER_PRACTICE)
    assert not world.is_open(account, document)
    assert world.latest(document).provider_id == world.latest(first).provider_id != account.id


def test_a_document_that_is_inspected_while_the_address_is_removed_does_not_reach_the_account(
    world: EmailWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The intake of the document reads who owns the address before it inspects the file, and the account afterwards."""
    account = world.add(world.account())
    world.send(WORK, practice=OTHER_PRACTICE)
    inspect = world.emr.inspector.inspect

    def slow(*args: Any, **named: Any) -> Mapping[str, Any]:
        world.remove(account)
        return inspect(*args, **named)

    monkeypatch.setattr(world.emr.inspector, "inspect", slow)
    document = world.emr.send(sent(external_id="POC-9", addressee=replace(RIVERA, email=WORK)), practice=OTHER_PRACTICE)
    assert document.provider_id != account.id
    assert not world.is_open(account, document)


def test_moves_that_run_twice_do_no_harm(world: EmailWorld) -> None:
    account = world.account()
    document = world.send(WORK, practice=OTHER_PRACTICE)
    account = world.add(account)
    world.done = 0
    world.settle()
    assert world.is_open(account, document)
    assert [event.type for event in world.store.events(document.id)].count("document.moved") == 1


def test_a_transfer_of_very_many_practices_fits_into_one_transaction(world: EmailWorld) -> None:
    account = world.account()
    person = world.provider(world.send(WORK, practice=OTHER_PRACTICE).provider_id)
    practices = {f"prc_{number}": (WORK,) for number in range(10, 210)}
    many = replace(person, version=person.version + 1, addressed_by={**person.addressed_by, **practices})
    world.store.commit(Change(at=world.clock.now(), providers=(many,)))
    account = world.add(account)
    assert set(practices) < set(account.addressed_by)
    for practice_id in practices:
        faxed = tuple(Claim(key=key, owner=account.id) for key in known_claims(practice_id, RIVERA))
        world.store.commit(Change(at=world.clock.now(), claims=faxed))
    assert set(world.remove(account).addressed_by) == {PRACTICE.id}
    assert set(practices) < set(world.provider(person.id).addressed_by)
