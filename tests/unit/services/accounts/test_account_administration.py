"""Test the actions of support on accounts: separate two people, release an address, close an account, move an
account."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.claim_keys import email_claim, known_claims, person_claims
from chalicelib.domain.documents import Addressee, DeliveryChoice, Grant, GrantKind
from chalicelib.services.accounts.setup_links import LinkExpired
from chalicelib.services.documents.document_moves import move_job
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.transaction import Change, Claim
from tests.support.assistants import ASSISTANT, assist
from tests.support.emr_fixtures import OTHER_PRACTICE, sent
from tests.support.provider_fixtures import only_doing
from tests.support.worlds.administration_world import DESK, JANE, JANES_NPI, LUIS, NEW, OTHER, Support, a_full_account


@pytest.fixture
def support() -> Support:
    return Support()


# Finding an account


def test_an_account_is_found_by_each_of_its_addresses(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"), emails=(DESK, OTHER))
    for email in (DESK, OTHER):
        found = support.portal.admin_actions.run({"action": "find_account", "email": email})
        assert found == {"id": account.id, "name": "Luis Rivera", "emails": [DESK, OTHER]}


def test_an_address_without_an_account_is_not_found(support: Support) -> None:
    support.mail(LUIS, "POC-1")
    refused = support.portal.admin_actions.run({"action": "find_account", "email": DESK})
    assert [error["field"] for error in refused["error"]["errors"]] == ["email"]


# Separating two people


def test_a_wrong_npi_that_came_first_is_removed_and_the_other_persons_documents_move(support: Support) -> None:
    """A clinic typed Jane's NPI for Luis before it sent Jane's documents, so the portal matched Jane's documents with
    Luis."""
    luis = support.mail(replace(LUIS, npi=JANES_NPI), "POC-1")
    jane = support.mail(replace(JANE, npi=JANES_NPI), "POC-2")
    assert jane.provider_id == luis.provider_id
    support.separate(support.owner(luis), replace(JANE, npi=JANES_NPI), remove_npi=True)
    assert (support.owner(luis).id, support.owner(luis).npi) == (luis.provider_id, None)
    assert support.owner(luis).npi_stated_by == ()
    assert (support.owner(jane).name, support.owner(jane).npi) == ("Jane Okafor", JANES_NPI)
    keys = known_claims("prc_1", replace(JANE, npi=JANES_NPI))
    assert support.store.claims(keys) == dict.fromkeys(keys, support.owner(jane).id)
    assert [event.type for event in support.store.events(jane.id)][-1] == "document.moved"
    assert [event.type for event in support.store.events(luis.id)][-1] != "document.moved"
    later = [
        support.mail(replace(JANE, npi=JANES_NPI), "POC-3"),
        support.mail(replace(JANE, first_name="Jane A.", npi=JANES_NPI), "POC-4"),
        support.send(
            sent(
                addressee=replace(JANE, npi=JANES_NPI, email=None, fax="+15125550100"),
                external_id="POC-5",
                delivery=DeliveryChoice.FAX,
            )
        ),
    ]
    assert {document.provider_id for document in later} == {support.owner(jane).id}
    assert support.mail(LUIS, "POC-6").provider_id == luis.provider_id
    assert support.mail(replace(LUIS, npi=JANES_NPI), "POC-7").provider_id != support.owner(jane).id


def test_a_wrong_npi_that_was_removed_does_not_come_back(support: Support) -> None:
    luis = support.mail(replace(LUIS, npi=JANES_NPI), "POC-1")
    support.separate(support.owner(luis), replace(JANE, npi=JANES_NPI), remove_npi=True)
    again = support.mail(replace(LUIS, npi=JANES_NPI), "POC-2")
    assert (again.provider_id, support.owner(again).npi) == (luis.provider_id, None)


def test_only_the_other_persons_npi_is_removed(support: Support) -> None:
    luis = support.mail(LUIS, "POC-1")
    support.separate(support.owner(luis), replace(JANE, npi=JANES_NPI), remove_npi=True)
    assert support.owner(luis).npi == LUIS.npi


def test_another_persons_documents_leave_an_account_at_once_and_nobody_else_can_open_them(support: Support) -> None:
    luis = support.mail(LUIS, "POC-1")
    account = support.account(luis)
    jane, foreign = support.mail(JANE, "POC-2"), support.mail(JANE, "POC-3", practice=OTHER_PRACTICE)
    assert support.is_shown(jane)
    assert support.is_shown(foreign)
    names = {"first_name": "Jane", "last_name": "Okafor", "npi": JANE.npi}
    assert support.run("separate_people", provider_id=account.id, **names) == {"id": account.id}
    assert not support.is_shown(jane), "the job has not run yet"
    support.settle()
    assert support.is_shown(luis)
    for document in (jane, foreign):
        assert not support.owner(document).has_account
        assert support.latest(document).provider_id != account.id
        assert not support.is_shown(document)
    later = [support.mail(replace(JANE, first_name=name), f"POC-{name}") for name in ("Jane", "Jane A.", "J.")]
    assert {document.provider_id for document in later} == {support.owner(jane).id}
    assert support.provider(account.id).session_generation == account.session_generation


def test_the_separation_is_reported_and_recorded_once_with_the_operator(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"), emails=(DESK, OTHER))
    support.separate(account, JANE)
    assert support.reports() == [("people_separated", DESK), ("people_separated", OTHER)]
    assert [(event.type, event.operator) for event in support.trail(account)] == [("people_separated", "Dana Ruiz")]


def test_two_people_of_one_name_are_separated_by_their_npi(support: Support) -> None:
    luis = support.mail(replace(LUIS, npi=None), "POC-1")
    account = support.account(luis)
    other = support.mail(LUIS, "POC-2")
    assert other.provider_id == luis.provider_id
    support.separate(account, LUIS)
    assert support.owner(other).id != account.id
    assert support.mail(LUIS, "POC-3").provider_id == support.owner(other).id
    assert support.mail(replace(LUIS, npi=None), "POC-4").provider_id == account.id


def test_two_people_with_one_last_name_are_separated_by_their_whole_names(support: Support) -> None:
    luis, maria = replace(LUIS, first_name="Luis"), replace(LUIS, first_name="Maria")
    account = support.account(support.mail(luis, "POC-1"))
    mistaken = support.mail(maria, "POC-2")
    assert mistaken.provider_id == account.id
    support.separate(account, maria)
    assert support.owner(mistaken).id != account.id
    assert support.mail(replace(luis, first_name="L."), "POC-3").provider_id == account.id


def test_what_the_code_of_a_fax_opened_moves_too(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    document = support.mail(JANE, "POC-2")
    grant = Grant(kind=GrantKind.FAX_CODE, provider_id=account.id)
    granted = replace(document, version=document.version + 1, granted=grant)
    support.store.commit(Change(at=support.now, documents=(granted,)))
    support.separate(account, JANE)
    assert not support.is_shown(document)
    moved = support.latest(document)
    assert (moved.provider_id == account.id, moved.granted) == (False, None)


def test_the_setup_link_that_was_emailed_before_a_separation_ends(support: Support) -> None:
    luis = support.mail(LUIS, "POC-1")
    setup = next(delivery for delivery in support.deliveries() if delivery.type == "setup")
    token = support.portal.setup_links.create_token(setup, support.now)
    support.portal.setup_links.open(token, support.now)
    support.separate(support.owner(luis), JANE)
    with pytest.raises(LinkExpired):
        support.portal.setup_links.open(token, support.now)
    owner = support.owner(luis)
    assert (owner.link, owner.setup_mailed_at, owner.setup_document) == (None, None, None)


def test_a_repeated_separation_starts_the_move_of_the_documents_again(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    names = {"first_name": "Jane", "last_name": "Okafor", "npi": None}
    for count in (1, 2):
        support.run("separate_people", provider_id=account.id, **names)
        assert [job.provider_id for job in support.store.jobs() if job.name == "move"] == [account.id] * count


@pytest.mark.parametrize(
    ("person", "more", "wrong"),
    [
        (LUIS, {}, "last_name"),
        (replace(LUIS, first_name="LUÍS"), {}, "last_name"),
        (JANE, {"remove_npi": True}, "remove_npi"),
        (replace(JANE, npi=None), {"remove_npi": True}, "remove_npi"),
        (replace(JANE, npi="1234567890"), {}, "npi"),
        (JANE, {"remove_npi": "yes"}, "remove_npi"),
        (JANE, {"provider_id": "prv_none"}, "provider_id"),
    ],
)
def test_a_separation_that_cannot_work_is_refused(
    support: Support, person: Addressee, more: dict[str, Any], wrong: str
) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    commits = support.store.commits
    names = {"first_name": person.first_name, "last_name": person.last_name, "npi": person.npi}
    answer = support.run("separate_people", **{"provider_id": account.id, **names, **more})
    assert [error["field"] for error in answer["error"]["errors"]] == [wrong]
    assert support.store.commits == commits


# Releasing an address


def test_a_released_address_belongs_to_nobody_and_its_documents_do_not_open(support: Support) -> None:
    first = support.mail(LUIS, "POC-1")
    account = support.account(first, emails=(DESK, OTHER))
    second = support.mail(replace(LUIS, email=OTHER), "POC-2", practice=OTHER_PRACTICE)
    assert support.is_shown(second)
    support.do("release_address", account, email=OTHER)
    assert support.provider(account.id).proven_emails == (DESK,)
    assert support.store.claims([email_claim(DESK), email_claim(OTHER)]) == {email_claim(DESK): account.id}
    assert support.is_shown(first)
    assert not support.is_shown(second)
    assert support.provider(account.id).session_generation == account.session_generation
    assert support.reports() == [("address_released", DESK), ("address_released", OTHER)]
    (event,) = support.trail(account)
    assert (event.type, event.operator, event.email) == ("address_released", "Dana Ruiz", OTHER)


def test_the_next_reader_of_a_released_address_sees_nothing_that_was_sent_there_before(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"), emails=(DESK, OTHER))
    before = support.mail(replace(LUIS, email=OTHER), "POC-2", practice=OTHER_PRACTICE)
    support.do("release_address", account, email=OTHER)
    support.portal.link_requests.ask(OTHER, "192.0.2.1", support.now)
    support.portal.work()
    assert not [mail for mail in support.deliveries() if mail.recipient == OTHER and mail.type in ("setup", "reset")]
    after = support.mail(replace(JANE, email=OTHER, npi=JANES_NPI), "POC-3", practice=OTHER_PRACTICE)
    support.account(after, OTHER)
    assert support.is_shown(after)
    assert not support.is_shown(before)


def test_no_reset_link_goes_to_an_address_that_can_be_released(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"), emails=(DESK, OTHER))
    support.portal.link_requests.ask(OTHER, "192.0.2.1", support.now)
    support.portal.work()
    assert [mail.recipient for mail in support.deliveries() if mail.type == "reset"] == [DESK]
    support.do("release_address", account, email=OTHER)
    support.clock.pass_time(minutes=2)
    support.portal.link_requests.ask(OTHER, "192.0.2.1", support.now)
    support.portal.work()
    assert [mail.recipient for mail in support.deliveries() if mail.type == "reset"] == [DESK]


def test_the_username_is_not_released_and_the_error_says_what_to_use(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"), emails=(DESK, OTHER))
    answer = support.run("release_address", provider_id=account.id, email=DESK)
    assert answer["error"]["code"] == "conflict"
    assert "move_account" in answer["error"]["detail"]
    assert "close_account" in answer["error"]["detail"]
    assert support.provider(account.id) == account


# Closing an account


def test_a_closed_account_has_nothing_that_logs_in_and_holds_no_address(support: Support) -> None:
    account = a_full_account(support, support.mail(LUIS, "POC-1"))
    support.do("close_account", account)
    closed = support.provider(account.id)
    assert (closed.has_account, closed.proven_emails, closed.closed_at) == (False, (), support.now)
    assert not closed.has_second_factor
    assert (closed.recovery, closed.saved_signature, closed.link) == ((), None, None)
    assert (closed.email, closed.emails) == (None, ())
    assert closed.session_generation == account.session_generation + 1
    assert support.store.claims([email_claim(DESK), email_claim(OTHER)]) == {}
    assert support.reports() == [("account_closed", DESK), ("account_closed", OTHER)]
    assert [(event.type, event.operator) for event in support.trail(account)] == [("account_closed", "Dana Ruiz")]


def test_a_new_account_at_the_address_is_another_person_and_does_not_see_the_past(support: Support) -> None:
    past = support.mail(LUIS, "POC-1")
    account = support.account(past)
    support.do("close_account", account)
    new = support.mail(LUIS, "POC-2")
    assert new.provider_id != account.id
    assert [mail.type for mail in support.deliveries() if mail.document_id == new.id] == ["ready", "setup"]
    support.account(new)
    support.settle()
    assert support.is_shown(new)
    assert support.latest(past).provider_id == account.id
    assert not support.is_shown(past)
    keys = (*person_claims(LUIS), *known_claims("prc_1", LUIS))
    assert set(support.store.claims(keys).values()) == {new.provider_id}


def test_the_documents_of_a_closed_account_do_not_move(support: Support) -> None:
    past = support.mail(LUIS, "POC-1")
    account = support.account(past)
    support.do("close_account", account)
    support.portal.document_moves.move(move_job(account.id))
    assert support.latest(past).provider_id == account.id


def test_no_link_leads_from_a_document_of_a_closed_account_to_an_account(support: Support) -> None:
    past = support.mail(LUIS, "POC-1")
    account = support.account(past)
    support.do("close_account", account)
    before = len(support.deliveries())
    support.portal.link_requests.ask_for_document(past.id, support.now)
    support.portal.link_requests.ask(DESK, "192.0.2.1", support.now)
    support.portal.work()
    assert len(support.deliveries()) == before


def test_a_setup_email_on_its_way_is_not_sent_after_the_account_was_closed(support: Support) -> None:
    document = support.mail(LUIS, "POC-1")
    setup = next(delivery for delivery in support.deliveries() if delivery.type == "setup")
    account = support.account(document)
    support.do("close_account", account)
    with pytest.raises(Exception, match="no longer needed"):
        support.portal.setup_links.create_token(setup, support.now)


def test_a_clinic_can_send_a_document_of_a_closed_account_again(support: Support) -> None:
    past = support.mail(LUIS, "POC-1")
    account = support.account(past)
    support.do("close_account", account)
    support.lifecycle.resend(support.inbound(), ResendCommand(document=DocumentRef(document_id=past.id)))
    assert support.latest(past).provider_id != account.id


def test_an_address_that_another_account_holds_by_now_stays_with_that_account(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    stale = replace(account, version=account.version + 1, emails=(DESK, OTHER))
    claim = Claim(key=email_claim(OTHER), owner="prv_other")
    support.store.commit(Change(at=support.now, providers=(stale,), claims=(claim,)))
    support.do("close_account", account)
    assert support.store.claims([email_claim(DESK), email_claim(OTHER)]) == {email_claim(OTHER): "prv_other"}


def test_closing_an_account_twice_does_not_touch_the_new_account_at_the_address(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.do("close_account", account)
    new = support.account(support.mail(LUIS, "POC-2"))
    support.do("close_account", account)
    assert support.provider(new.id) == new
    assert support.store.claims([email_claim(DESK)]) == {email_claim(DESK): new.id}


def test_closing_wins_over_a_password_that_is_set_at_the_same_time(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.portal.link_requests.ask(DESK, "192.0.2.1", support.now)
    support.portal.work()
    reset = next(mail for mail in support.deliveries() if mail.type == "reset")
    token = support.portal.setup_links.create_token(reset, support.now)
    support.store.before_commit = only_doing(lambda: support.run("close_account", provider_id=account.id))
    with pytest.raises(LinkExpired):
        support.take_over(token)
    assert not support.provider(account.id).has_account


def test_an_account_that_changes_during_the_action_is_closed_all_the_same(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    changed = replace(account, version=account.version + 1, emails=(DESK, OTHER))
    claim = Claim(key=email_claim(OTHER), owner=account.id)
    support.store.before_commit = lambda: support.store.commit(
        Change(at=support.now, providers=(changed,), claims=(claim,))
    )
    support.run("close_account", provider_id=account.id)
    assert support.store.claims([email_claim(DESK), email_claim(OTHER)]) == {}
    assert support.reports() == [("account_closed", DESK), ("account_closed", OTHER)]


# What every action refuses


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("find_account", {"email": DESK}),
        ("separate_people", {"provider_id": "prv_1", "first_name": "Jane", "last_name": "Okafor", "npi": None}),
        ("release_address", {"provider_id": "prv_1", "email": OTHER}),
        ("close_account", {"provider_id": "prv_1"}),
        ("move_account", {"provider_id": "prv_1", "email": NEW}),
    ],
)
def test_missing_and_unknown_keys_are_named_and_nothing_changes(
    support: Support, action: str, payload: dict[str, Any]
) -> None:
    if action != "find_account":
        payload = {"operator": "Dana Ruiz", **payload}
    commits = support.store.commits
    for key in payload:
        answer = support.portal.admin_actions.run({"action": action, **{k: v for k, v in payload.items() if k != key}})
        assert answer["error"]["errors"] == [{"field": key, "message": "is missing"}]
    answer = support.portal.admin_actions.run({"action": action, **payload, "e_mail": DESK, f"{DESK}": 1})
    assert [error["field"] for error in answer["error"]["errors"]] == ["e_mail", "payload"]
    assert DESK not in str(answer)
    assert support.store.commits == commits


@pytest.mark.parametrize("operator", ["", " ", 5, None, "a\nb", "x" * 101])
def test_an_action_without_the_name_of_its_operator_is_refused(support: Support, operator: Any) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    answer = support.run("close_account", provider_id=account.id, operator=operator)
    assert [error["field"] for error in answer["error"]["errors"]] == ["operator"]
    assert support.provider(account.id) == account


@pytest.mark.parametrize("action", ["release_address", "close_account", "move_account"])
def test_a_person_without_an_account_is_refused(support: Support, action: str) -> None:
    document = support.mail(LUIS, "POC-1")
    payload = {} if action == "close_account" else {"email": NEW}
    for provider_id in (document.provider_id, "prv_none"):
        answer = support.run(action, provider_id=provider_id, **payload)
        assert [error["field"] for error in answer["error"]["errors"]] == ["provider_id"]


@pytest.mark.parametrize("action", ["separate_people", "release_address", "move_account"])
def test_a_closed_account_is_refused(support: Support, action: str) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.do("close_account", account)
    names = {"first_name": "Jane", "last_name": "Okafor", "npi": None}
    payload = names if action == "separate_people" else {"email": NEW}
    answer = support.run(action, provider_id=account.id, **payload)
    assert [error["field"] for error in answer["error"]["errors"]] == ["provider_id"]


def test_an_action_whose_transaction_fails_does_nothing(support: Support) -> None:
    account = support.account(support.mail(LUIS, "POC-1"))
    support.store.failing = True
    answer = support.run("close_account", provider_id=account.id)
    assert answer["error"]["code"] == "unavailable"
    support.store.failing = False
    assert support.provider(account.id) == account
    assert support.reports() == []


def test_an_assistants_account_is_not_moved(support: Support) -> None:
    assistant = assist(support.portal, ASSISTANT)
    refused = support.portal.admin_actions.run(
        {"action": "move_account", "operator": "Kim", "provider_id": assistant.id, "email": NEW}
    )
    assert [error["field"] for error in refused["error"]["errors"]] == ["provider_id"]
    assert support.store.provider(assistant.id) == assistant
