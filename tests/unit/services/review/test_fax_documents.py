"""Test the code on a fax, which finds its document without any other input, for visitors and for accounts."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.documents import DeliveryChoice, Document, Grant, GrantKind
from chalicelib.domain.errors import Invalid, TooManyRequests
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Status
from chalicelib.domain.visibility import opens_to
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.review.fax_documents import WRONG_CODES, Addition, FaxDocuments
from chalicelib.services.review.hand_codes import create_fax_code
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document, only_doing
from tests.support.worlds.by_hand_world import DOCUMENT_ID, World

FAXED = a_document(
    provider_id="prv_faxed", addressee=replace(a_document().addressee, email=None), delivery=DeliveryChoice.FAX
)
"""A document that was faxed to the person of `PROVIDER`, and is in the lists of a person without an account."""

ADDRESSEE_ONLY_FAXED = replace(PROVIDER, id="prv_faxed", email=None, password_hash=None)
NAMESAKE = replace(PROVIDER, id="prv_8", email="luis@elsewhere.example")
WRONG = "AAAA-AAAA-AAAA"


class FaxWorld(World):
    def __init__(self, document: Document = FAXED) -> None:
        super().__init__(document)
        self.store.commit(Change(at=START, providers=(ADDRESSEE_ONLY_FAXED, NAMESAKE)))
        writer = DocumentWriter(store=self.store, ids=self.ids, portal_url="https://portal.test")
        self.fax_documents = FaxDocuments(writer, self.by_hand)

    def open(self, code: str) -> str:
        return self.fax_documents.open(code, self.by())[0]

    def add(self, code: str, provider: Provider = PROVIDER) -> Addition:
        return self.fax_documents.add(code, provider, self.by().actor, self.now).addition

    def put(self, document: Document) -> str:
        """Store another document and a fax of it. Return the fax's code."""
        self.store.commit(Change(at=self.now, documents=(document,)))
        return create_fax_code(self.store, document, self.delivery(), self.now, self.ids)


@pytest.fixture
def world() -> FaxWorld:
    return FaxWorld()


def refused(action: Callable[[], object]) -> tuple[str, object]:
    with pytest.raises(Invalid) as error:
        action()
    return error.value.detail, error.value.errors


# Without an account


def test_the_code_alone_opens_its_own_document(world: FaxWorld) -> None:
    other = world.put(a_document(id="doc_other"))
    code = world.fax_code()
    assert world.open(code.lower().replace("-", " ")) == DOCUMENT_ID
    assert world.open(other) == "doc_other"
    assert world.open(code) == DOCUMENT_ID, "the code of a fax stays valid"
    assert world.event_types() == ["code.accepted"] * 2


def test_the_visit_opens_the_document_and_no_other(world: FaxWorld) -> None:
    world.store.commit(Change(at=world.now, documents=(a_document(id="doc_other"),)))
    document_id, token = world.fax_documents.open(world.fax_code(), world.by())
    opened = world.by_hand.find_visit(token, document_id, world.now)
    assert opened is not None
    assert opened[0].email is None
    assert world.by_hand.find_visit(token, "doc_other", world.now) is None


def test_every_code_that_opens_nothing_gets_the_same_error_after_the_same_calls(world: FaxWorld) -> None:
    expired = world.fax_code()
    world.later(days=30)
    corrected = world.fax_code()
    world.change(lambda document: replace(document, access=document.access + 1))
    recalled = world.put(a_document(id="doc_recalled"))
    document = world.store.document("doc_recalled")
    assert document is not None
    gone = document.recall(None, world.now)
    assert gone is not None
    world.store.commit(Change(at=world.now, documents=(replace(gone, version=2),)))
    emailed = world.code()
    codes = [expired, corrected, recalled, emailed, WRONG, "ABCD-EFGH", "", "AAAA-AAAA-AAAA-AAAA-AAAA", "🙂"]
    answers, writes = [], []
    actions: list[Callable[[str], object]] = [world.open, world.add]
    for action, code in itertools.product(actions, codes):
        before = world.store.commits
        answers.append(refused(partial(action, code)))
        writes.append(world.store.commits - before)
    assert answers == answers[:1] * len(answers)
    assert writes == [1] * len(writes)


def test_a_code_of_the_former_length_works_on_the_page_of_its_document_only(world: FaxWorld) -> None:
    digest = secret_key(SecretKind.CODE, f"{DOCUMENT_ID}:ABCDEFGH")
    row = new_secret(
        SecretKind.FAX_CODE, f"{DOCUMENT_ID}:ABCDEFGH", START, timedelta(days=30), document_id=DOCUMENT_ID, link=digest
    )
    world.store.commit(Change(at=START, secrets=(row,)))
    assert world.enter("abcd-efgh").document_id == DOCUMENT_ID
    refused(lambda: world.open("ABCD-EFGH"))


def test_the_code_opens_no_other_document_on_that_documents_page(world: FaxWorld) -> None:
    other = world.put(a_document(id="doc_other"))
    assert world.refuses(other)


def test_a_code_and_its_document_are_stored_only_as_hashes_and_ids(world: FaxWorld) -> None:
    code = world.fax_code().replace("-", "")
    assert all(code not in row.record for row in world.store.tables["secrets"].values())


# Guesses


def count(world: FaxWorld, group: str, tries: int) -> None:
    key = secret_key(SecretKind.THROTTLE, f"fax-page:{group}")
    row = Secret(
        key=key,
        version=1,
        kind=SecretKind.THROTTLE,
        created_at=START,
        expires_at=START + WRONG_CODES.period,
        tries=tries,
    )
    world.store.commit(Change(at=START, secrets=(row,)))


@pytest.mark.parametrize(("group", "other"), [("visitors", "accounts"), ("accounts", "visitors")])
def test_after_a_thousand_wrong_codes_of_all_sources_no_code_is_checked_for_an_hour(
    world: FaxWorld, group: str, other: str
) -> None:
    actions: Mapping[str, Callable[[str], object]] = {"visitors": world.open, "accounts": world.add}
    code = world.fax_code()
    count(world, group, 999)
    refused(lambda: actions[group](WRONG))
    for typed in (code, WRONG):
        with pytest.raises(TooManyRequests) as busy:
            actions[group](typed)
        assert busy.value.retry_after == 900
    actions[other](code)
    world.later(hours=1)
    actions[group](code)


def test_concurrent_wrong_codes_are_all_counted(world: FaxWorld) -> None:
    count(world, "visitors", 998)
    world.store.before_commit = only_doing(lambda: refused(lambda: world.open(WRONG)))
    refused(lambda: world.open(WRONG))
    with pytest.raises(TooManyRequests):
        world.open(WRONG)


# Add this document


def test_the_owner_adds_the_document_by_its_code(world: FaxWorld) -> None:
    code = world.fax_code()
    assert not opens_to(PROVIDER, world.document())
    assert world.add(code) is Addition.ADDED
    document = world.document()
    assert opens_to(PROVIDER, document)
    assert document.granted == Grant(kind=GrantKind.FAX_CODE, provider_id=PROVIDER.id, email=PROVIDER.email)
    (event,) = world.store.events(DOCUMENT_ID)
    assert (event.type, event.sequence, document.sequence, document.head) == ("document.added", 1, 1, event.hash)
    assert json.loads(event.body)["data"] == {
        "channel": "fax",
        "sent_to": "…0100",
        "supplied_by": "practice",
        "from": "prv_faxed",
        "to": PROVIDER.id,
    }
    owner = world.store.provider(PROVIDER.id)
    assert owner is not None
    assert (owner.practices, owner.addressed_by) == (("prc_1",), {}), "rule (b) opens nothing more"


def test_only_that_document_is_opened(world: FaxWorld) -> None:
    world.store.commit(Change(at=START, documents=(replace(FAXED, id="doc_other"),)))
    world.add(world.fax_code())
    owner, other = world.store.provider(PROVIDER.id), world.store.document("doc_other")
    assert owner is not None
    assert other is not None
    assert not opens_to(owner, replace(other, provider_id=owner.id))


def test_adding_twice_changes_nothing(world: FaxWorld) -> None:
    code = world.fax_code()
    assert world.add(code) is Addition.ADDED
    before = world.document()
    assert world.add(code) is Addition.ALREADY_LISTED
    assert world.document() == before


def test_a_document_in_the_list_by_another_rule_is_just_opened() -> None:
    world = FaxWorld(a_document())
    assert world.add(world.fax_code()) is Addition.ALREADY_LISTED
    assert world.document() == a_document()


@pytest.mark.parametrize(
    "provider",
    [
        OTHER_PROVIDER,
        replace(PROVIDER, npi="1000000012"),
        replace(PROVIDER, last_name="Riveros"),
        replace(PROVIDER, npi=None, first_name="Lucia"),
        replace(PROVIDER, password_hash=None),
    ],
    ids=["another person", "another NPI", "another last name", "another first name", "no account"],
)
def test_a_document_for_another_person_is_not_added(world: FaxWorld, provider: Provider) -> None:
    code = world.fax_code()
    stored = world.store.provider(provider.id)
    assert stored is not None
    world.store.commit(Change(at=START, providers=(replace(provider, version=stored.version + 1),)))
    before = world.document()
    assert world.add(code, provider) is Addition.NAMES_OTHER_PERSON
    assert world.document() == before


@pytest.mark.parametrize("kind", ["its address", "a code"])
def test_a_document_in_the_list_of_another_account_stays_there(kind: str) -> None:
    code = Grant(kind=GrantKind.FAX_CODE, provider_id=PROVIDER.id, email=PROVIDER.email)
    granted = None if kind == "its address" else code
    addressee = replace(FAXED.addressee, email=PROVIDER.email if kind == "its address" else None)
    document = replace(FAXED, provider_id=PROVIDER.id, granted=granted, addressee=addressee)
    world = FaxWorld(document)
    assert world.add(world.fax_code(), NAMESAKE) is Addition.IN_OTHER_ACCOUNT
    assert world.document() == document


def test_a_document_hidden_from_its_account_can_be_added_there_and_elsewhere() -> None:
    for provider in (PROVIDER, NAMESAKE):
        world = FaxWorld(replace(FAXED, provider_id=PROVIDER.id))
        assert world.add(world.fax_code(), provider) is Addition.ADDED
        assert opens_to(provider, world.document())


def test_a_signed_document_can_still_be_added(world: FaxWorld) -> None:
    code = world.fax_code()
    world.change(lambda document: replace(document, status=Status.APPROVED))
    assert world.add(code) is Addition.ADDED
    assert world.document().status is Status.APPROVED


# Races


def test_of_two_accounts_that_add_a_document_at_once_the_first_has_it(world: FaxWorld) -> None:
    code = world.fax_code()
    world.store.before_commit = only_doing(lambda: world.add(code, NAMESAKE))
    assert world.add(code) is Addition.IN_OTHER_ACCOUNT
    assert world.document().provider_id == NAMESAKE.id
    assert world.event_types() == ["document.added"]


def test_two_clicks_at_once_add_the_document_once(world: FaxWorld) -> None:
    code = world.fax_code()
    world.store.before_commit = only_doing(lambda: world.add(code))
    assert world.add(code) is Addition.ALREADY_LISTED
    assert world.event_types() == ["document.added"]


def test_a_decision_made_meanwhile_stays(world: FaxWorld) -> None:
    code = world.fax_code()
    world.store.before_commit = only_doing(lambda: world.change(lambda now: replace(now, status=Status.DECLINED)))
    assert world.add(code) is Addition.ADDED
    assert world.document().status is Status.DECLINED
    assert world.document().provider_id == PROVIDER.id


def test_a_change_of_the_account_made_meanwhile_stays(world: FaxWorld) -> None:
    code = world.fax_code()
    signed = replace(PROVIDER, version=2, saved_signature="saved")
    world.store.before_commit = only_doing(lambda: world.store.commit(Change(at=START, providers=(signed,))))
    assert world.add(code) is Addition.ADDED
    assert world.store.provider(PROVIDER.id) == replace(signed, version=3, practices=("prc_1",))


def test_a_document_recalled_meanwhile_is_not_added(world: FaxWorld) -> None:
    code = world.fax_code()
    world.store.before_commit = only_doing(lambda: world.change(lambda now: now.recall(None, START)))
    refused(lambda: world.add(code))
    assert world.document().granted is None


def test_a_name_corrected_meanwhile_ends_the_addition(world: FaxWorld) -> None:
    code = world.fax_code()
    other = replace(FAXED.addressee, last_name="Okafor", npi=None)
    world.store.before_commit = only_doing(lambda: world.change(lambda now: replace(now, addressee=other)))
    assert world.add(code) is Addition.NAMES_OTHER_PERSON
