from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret, secret_key
from chalicelib.services.review.unsent_drafts import MAX_LENGTH, UnsentDrafts
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document

DOCUMENT, OTHER_DOCUMENT = a_document(), a_document(id="doc_other")
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
SESSION = new_secret(SecretKind.SESSION, "s", START, HOUR, provider_id=PROVIDER.id)


class World:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.drafts = UnsentDrafts(self.store, FakeIds())

    def save(self, *, replaces: str = "", **fields: str) -> str:
        token = self.drafts.save(SESSION, DOCUMENT, fields, START, replaces=replaces)
        assert token is not None
        return token

    def load(self, token: str) -> dict[str, str]:
        return dict(self.drafts.load(token, PROVIDER, DOCUMENT, START))


@pytest.fixture
def world() -> World:
    return World()


def test_a_draft_holds_the_written_fields_and_neither_consent_nor_password(world: World) -> None:
    token = world.save(note="Soon.", reason="other", typed_name="Luis Rivera", consents_to="2026-11", password="secret")
    assert world.load(token) == {"note": "Soon.", "reason": "other", "typed_name": "Luis Rivera"}


@pytest.mark.parametrize("field", ["note", "decline_note", "other_name", "other_address"])
def test_a_form_with_a_written_field_is_worth_a_draft(world: World, field: str) -> None:
    assert world.load(world.save(**{field: "x" * (MAX_LENGTH + 1)})) == {field: "x" * MAX_LENGTH}


@pytest.mark.parametrize("fields", [{}, {"note": ""}, {"reason": "other", "typed_name": "Luis Rivera"}])
def test_a_form_without_a_written_field_leaves_no_draft(world: World, fields: dict[str, str]) -> None:
    assert world.drafts.save(SESSION, DOCUMENT, fields, START) is None
    assert world.store.commits == 0


def test_only_its_author_reads_or_deletes_a_draft_on_its_document(world: World) -> None:
    token = world.save(note="Soon.")
    for provider, document in ((OTHER_PROVIDER, DOCUMENT), (PROVIDER, OTHER_DOCUMENT)):
        assert world.drafts.load(token, provider, document, START) == {}
        world.drafts.delete(token, provider, document, START)
    for nothing in ("", "unknown"):
        assert world.load(nothing) == {}
        world.drafts.delete(nothing, PROVIDER, DOCUMENT, START)
    assert world.load(token) == {"note": "Soon."}
    world.drafts.delete(token, PROVIDER, DOCUMENT, START)
    assert world.load(token) == {}


def test_a_draft_expires_after_an_hour(world: World) -> None:
    token = world.save(note="Soon.")
    assert world.drafts.load(token, PROVIDER, DOCUMENT, START + HOUR - SECOND) == {"note": "Soon."}
    assert world.drafts.load(token, PROVIDER, DOCUMENT, START + HOUR) == {}


def test_a_newer_draft_replaces_the_older_one_of_the_same_author(world: World) -> None:
    older = world.save(note="One.")
    newer = world.save(note="Two.", replaces=older)
    assert (world.load(older), world.load(newer)) == ({}, {"note": "Two."})
    foreign = replace(SESSION, provider_id=OTHER_PROVIDER.id)
    assert world.drafts.save(foreign, DOCUMENT, {"note": "Three."}, START, replaces=newer) is not None
    assert world.load(newer) == {"note": "Two."}


def test_a_row_without_text_is_no_draft(world: World) -> None:
    owner = {"provider_id": PROVIDER.id, "document_id": DOCUMENT.id}
    empty: Secret = new_secret(SecretKind.DRAFT, "t", START, HOUR, **owner)
    world.store.commit(Change(at=START, secrets=(empty,)))
    assert empty.key == secret_key(SecretKind.DRAFT, "t")
    assert world.load("t") == {}
