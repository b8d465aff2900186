"""Test the action of support that moves an account to another email address."""

from dataclasses import replace

import pytest

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.documents import Grant, GrantKind
from chalicelib.domain.errors import Invalid, InvalidCode
from chalicelib.services.accounts.new_logins import Submission
from chalicelib.services.accounts.setup_links import LinkExpired
from chalicelib.services.authentication.password_login import login_counters
from chalicelib.services.transaction import Change
from tests.support.emr_fixtures import OTHER_PRACTICE
from tests.support.worlds.administration_world import (
    DESK,
    FORM,
    JANE,
    JANES_NPI,
    LUIS,
    NEW,
    OTHER,
    Support,
    a_full_account,
)


@pytest.fixture
def support() -> Support:
    return Support()


def test_a_move_changes_nothing_before_the_new_address_is_proven(support: Support) -> None:
    document = support.mail(LUIS, "POC-1")
    account = a_full_account(support, document)
    assert support.run("move_account", provider_id=account.id, email=NEW) == {"id": account.id}
    unchanged = support.provider(account.id)
    assert replace(unchanged, version=account.version, move_link=None) == account
    assert email_claim(NEW) not in support.store.claims([email_claim(NEW)])
    assert support.is_shown(document)
    sent_to = [(mail.type, mail.recipient) for mail in support.deliveries()]
    assert sent_to[-3:] == [("move_started", DESK), ("move_started", OTHER), ("new_address", NEW)]
    (event,) = support.trail(account)
    assert (event.type, event.operator) == ("move_started", "Dana Ruiz")
    assert event.email is None, "a stranger who holds the account must not learn the new address"
    assert set(support.run("move_account", provider_id=account.id, email=NEW)) == {"id"}, "no link is returned"


def test_the_reader_of_the_new_address_takes_the_account_over_without_its_old_ways_in(support: Support) -> None:
    account = a_full_account(support, support.mail(LUIS, "POC-1"))
    support.run("move_account", provider_id=account.id, email=NEW)
    counters = login_counters(NEW, account.id, support.now)
    support.store.commit(Change(at=support.now, secrets=counters))
    token = support.new_address_link()
    assert support.provider(account.id).link == account.link, "a reset link that is on its way still works"
    moved = support.take_over(token)
    assert not any(support.store.secret(counter.key) for counter in counters)
    assert (moved.id, moved.email, moved.proven_emails) == (account.id, NEW, (NEW,))
    assert moved.password_hash != account.password_hash
    assert not moved.has_second_factor
    assert (moved.recovery, moved.saved_signature, moved.move_link, moved.consent_version) == ((), None, None, None)
    assert moved.session_generation == account.session_generation + 1
    keys = [email_claim(email) for email in (DESK, OTHER, NEW)]
    assert support.store.claims(keys) == {email_claim(NEW): account.id}
    moves = [recipient for kind, recipient in support.reports() if kind == "account_moved"]
    assert sorted(moves) == sorted([DESK, OTHER, NEW])
    assert [event.type for event in support.trail(account)] == ["move_started", "account_moved"]
    support.do("move_account", moved, email=NEW)
    assert support.provider(account.id) == moved


def test_a_moved_account_sees_only_what_clinics_have_sent_to_the_new_address(support: Support) -> None:
    """The old address may have been a stranger's, so the moved account cannot open documents that were sent only
    there."""
    old = support.mail(LUIS, "POC-1")
    account = support.account(old)
    waiting = support.mail(replace(LUIS, email=NEW), "POC-2", practice=OTHER_PRACTICE)
    assert waiting.provider_id != account.id
    support.run("move_account", provider_id=account.id, email=NEW)
    support.take_over(support.new_address_link())
    assert not support.is_shown(old)
    support.settle()
    assert support.owner(waiting).id == account.id
    assert [support.is_shown(document) for document in (waiting, old)] == [True, False]
    support.mail(replace(LUIS, email=NEW), "POC-3")
    assert support.is_shown(old), "the same practice has addressed the person at the new address"


def test_only_the_newest_link_to_a_new_address_works_and_a_closed_account_has_none(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.run("move_account", provider_id=account.id, email="mistyped@example.net")
    mistyped = support.new_address_link()
    support.run("move_account", provider_id=account.id, email=NEW)
    newest = support.new_address_link()
    with pytest.raises(LinkExpired):
        support.take_over(mistyped)
    support.run("close_account", provider_id=account.id)
    with pytest.raises(LinkExpired):
        support.take_over(newest)


def test_support_cancels_a_move_with_the_present_username(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.run("move_account", provider_id=account.id, email=NEW)
    token = support.new_address_link()
    for _ in range(2):
        support.run("move_account", provider_id=account.id, email=DESK)
    assert support.provider(account.id).move_link is None
    assert sorted(event.type for event in support.trail(account)) == ["move_cancelled", "move_started"]
    assert support.reports()[-1] == ("move_cancelled", DESK)
    with pytest.raises(LinkExpired):
        support.take_over(token)
    assert support.provider(account.id).email == DESK


def test_what_the_code_of_a_fax_opened_to_the_former_owner_stays_closed_to_the_next(support: Support) -> None:
    document = support.mail(LUIS, "POC-1")
    account = support.account(document)
    grant = Grant(kind=GrantKind.FAX_CODE, provider_id=account.id, email=DESK)
    faxed = replace(document, version=document.version + 1, granted=grant)
    support.store.commit(Change(at=support.now, documents=(faxed,)))
    assert support.is_shown(faxed)
    support.run("move_account", provider_id=account.id, email=NEW)
    support.take_over(support.new_address_link())
    assert not support.is_shown(faxed)


def test_a_reset_link_of_the_old_address_does_not_end_the_move(support: Support) -> None:
    """A stranger may hold the account until the move to its real owner, and must not be able to stop the move."""
    account = support.account(support.mail(LUIS, "POC-1"))
    support.run("move_account", provider_id=account.id, email=NEW)
    token = support.new_address_link()
    support.portal.link_requests.ask(DESK, "192.0.2.1", support.now)
    support.portal.work()
    reset = next(mail for mail in support.deliveries() if mail.type == "reset")
    support.take_over(support.portal.setup_links.create_token(reset, support.now))
    assert support.take_over(token).email == NEW


def test_the_reader_must_confirm_to_be_the_person_and_choose_a_long_password(support: Support) -> None:
    account = a_full_account(support, support.mail(LUIS, "POC-1"))
    support.run("move_account", provider_id=account.id, email=NEW)
    token, links = support.new_address_link(), support.portal.new_logins
    for form, wrong in (
        (replace(FORM, confirmed=False), "confirmed"),
        (replace(FORM, password="vxqtrakm"), "password"),
    ):
        with pytest.raises(Invalid, match="check the highlighted") as refused:
            links.choose(token, form, Submission(now=support.now))
        assert [error.field for error in refused.value.errors] == [wrong]
    assert support.take_over(token).email == NEW
    with pytest.raises(LinkExpired):
        support.take_over(token)


def test_the_link_to_a_new_address_expires(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.run("move_account", provider_id=account.id, email=NEW)
    token = support.new_address_link()
    support.clock.pass_time(minutes=90)
    with pytest.raises(LinkExpired):
        support.take_over(token)


def test_an_account_does_not_move_to_an_address_of_another_account(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    other = support.account(support.mail(replace(JANE, npi=JANES_NPI, email=NEW), "POC-2"), NEW)
    answer = support.run("move_account", provider_id=account.id, email=NEW)
    assert (answer["error"]["code"], answer["error"]["errors"][0]["field"]) == ("conflict", "email")
    assert support.provider(other.id) == other


def test_an_address_that_got_an_account_meanwhile_is_not_taken(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.run("move_account", provider_id=account.id, email=NEW)
    token = support.new_address_link()
    other = support.account(support.mail(replace(JANE, npi=JANES_NPI, email=NEW), "POC-2"), NEW)
    with pytest.raises(Invalid, match="already belongs") as refused:
        support.take_over(token)
    assert refused.value.code == InvalidCode.ADDRESS_TAKEN
    assert support.store.claims([email_claim(NEW)]) == {email_claim(NEW): other.id}
    assert support.provider(account.id).email == DESK
