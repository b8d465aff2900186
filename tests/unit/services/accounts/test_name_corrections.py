"""Test the correction of an account owner's name by support, and what happens to documents with either name."""

from dataclasses import replace

import pytest

from chalicelib.domain.providers import with_name
from chalicelib.services.transaction import Change
from tests.support.worlds.administration_world import JANE, LUIS, Support


@pytest.fixture
def support() -> Support:
    return Support()


def test_support_corrects_a_name_and_the_trail_keeps_both(support: Support) -> None:
    luis = support.mail(replace(LUIS, npi=None), "POC-1")
    account = support.account(luis)
    names = {"first_name": "Luis", "last_name": "Rivera-Kim"}
    for _ in range(2):
        assert support.run("correct_name", provider_id=account.id, **names) == {"id": account.id}
    owner = support.owner(luis)
    assert (owner.name, owner.former_names, owner.version) == (
        "Luis Rivera-Kim",
        (("Luis", "Rivera"),),
        account.version + 1,
    )
    (event,) = support.trail(account)
    assert (event.type, event.names) == ("name_corrected", ("Luis Rivera", "Luis Rivera-Kim"))
    assert [kind for kind, _ in support.reports()] == ["name_corrected"] * len(account.proven_emails)
    support.settle()
    assert support.is_shown(luis), "a document with the name before"
    later = support.mail(replace(LUIS, npi=None, last_name="Rivera Kim"), "POC-2")
    assert (later.provider_id, support.is_shown(later)) == (account.id, True)


def test_documents_that_had_the_corrected_name_before_move_into_the_account(support: Support) -> None:
    luis = support.mail(replace(LUIS, npi=None), "POC-1")
    account = support.account(luis)
    earlier = support.mail(replace(LUIS, npi=None, last_name="Kim"), "POC-2")
    assert not support.is_shown(earlier)
    support.do("correct_name", account, first_name="Luis", last_name="Kim")
    assert (support.latest(earlier).provider_id, support.is_shown(earlier)) == (account.id, True)
    assert support.is_shown(luis)


def test_documents_that_come_during_a_correction_move_when_it_is_run_again(support: Support) -> None:
    account = support.account(support.mail(replace(LUIS, npi=None), "POC-1"))
    during = support.mail(replace(LUIS, npi=None, last_name="Kim"), "POC-2")
    renamed = replace(with_name(account, "Luis", "Kim"), version=account.version + 1)
    support.store.commit(Change(at=support.now, providers=(renamed,)))
    assert not support.is_shown(during)
    support.do("correct_name", account, first_name="Luis", last_name="Kim")
    assert support.is_shown(during)
    assert support.trail(account) == []


def test_a_name_that_the_owner_typed_prevents_no_separation(support: Support) -> None:
    jane = replace(JANE, npi=None)
    account = support.account(support.mail(LUIS, "POC-1"))
    typed = replace(with_name(account, "Jane", "Okafor", self_stated=True), version=account.version + 1)
    support.store.commit(Change(at=support.now, providers=(typed,)))
    support.separate(typed, jane)
    assert support.provider(account.id).other_people == ("|okafor",)


@pytest.mark.parametrize("last_name", ["Rivera", "Kim"])
def test_nobody_with_a_present_or_former_name_is_separated(support: Support, last_name: str) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.do("correct_name", account, first_name="Luis", last_name="Kim")
    names = {"first_name": "Luis", "last_name": last_name, "npi": None}
    refused = support.run("separate_people", provider_id=account.id, **names)
    assert [error["field"] for error in refused["error"]["errors"]] == ["last_name"]


def test_support_corrects_a_name_to_one_word(support: Support) -> None:
    luis = support.mail(LUIS, "POC-1")
    support.run("correct_name", provider_id=support.account(luis).id, first_name=None, last_name="Rivera")
    assert (support.owner(luis).first_name, support.owner(luis).name) == ("", "Rivera")


def test_only_the_name_of_an_account_is_corrected(support: Support) -> None:
    luis = support.mail(LUIS, "POC-1")
    answer = support.run("correct_name", provider_id=luis.provider_id, first_name="Luis", last_name="Kim")
    assert answer["error"]["errors"] == [{"field": "provider_id", "message": "names no account"}]
    assert support.owner(luis).name == "Luis Rivera"
