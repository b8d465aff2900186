"""Test the hour in which a person without an account sees one document after entering its code (a visit)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audit import Event
from chalicelib.domain.errors import Gone
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.services.review.hand_codes import is_usable, normalize_code
from chalicelib.services.review.scans import ScanForm
from tests.support.fakes import START
from tests.support.worlds.by_hand_world import DOCUMENT_ID, KEY, World

ONE_LETTER = ScanForm(key=KEY, signer_name="X")


@pytest.fixture
def world() -> World:
    return World()


def last_event(world: World) -> Event:
    return world.store.events(DOCUMENT_ID)[-1]


@pytest.mark.parametrize("action", ["open", "record_download"])
def test_a_visit_that_timed_out_opens_no_document_that_was_read_before(world: World, action: str) -> None:
    visit = world.visit()
    viewed = world.by_hand.open(world.document(), visit, world.by())
    world.later(minutes=59, seconds=59)
    assert getattr(world.by_hand, action)(viewed, visit, world.by()) == viewed
    world.later(seconds=1)
    with pytest.raises(Gone):
        getattr(world.by_hand, action)(viewed, visit, world.by())


def test_a_visit_that_timed_out_is_refused_before_the_scan_is_read(world: World) -> None:
    visit = world.visit()
    world.later(minutes=60)
    with pytest.raises(Gone):
        world.by_hand.take_scan(world.document(), replace(ONE_LETTER, signer_name=""), visit, world.by())
    assert world.inspector.asked == []
    assert world.files.keys("evidence/") == []


def test_opening_a_document_without_page_images_is_no_view(world: World) -> None:
    visit = world.visit()
    waiting = replace(world.document(), pages_ready=None)
    assert world.by_hand.open(waiting, visit, world.by()) == waiting
    assert world.event_types() == ["code.accepted"]


def test_downloading_the_pdf_is_a_first_view_even_without_page_images(world: World) -> None:
    world.change(lambda document: replace(document, pages_ready=None))
    viewed = world.by_hand.record_download(world.document(), world.visit(), world.by())
    assert (viewed.viewed_at, viewed.transmitted_at) == (START, START)
    assert world.event_types() == ["code.accepted", "document.viewed", "document.transmitted"]


def test_a_first_view_leaves_the_time_of_an_earlier_transmission(world: World) -> None:
    world.change(lambda document: replace(document, transmitted_at=document.sent_at))
    viewed = world.by_hand.open(world.document(), world.visit(), world.by())
    assert (viewed.viewed_at, viewed.transmitted_at) == (START, viewed.sent_at)


@pytest.mark.parametrize(("kind", "channel"), [("code", "email"), ("fax_code", "fax")])
def test_an_accepted_code_is_recorded_with_its_channel(world: World, kind: str, channel: str) -> None:
    visit = world.enter(getattr(world, kind)())
    assert f'"channel":"{channel}"' in last_event(world).body
    assert '"supplied_by":"practice"' in last_event(world).body
    assert (visit.email is not None) is (channel == "email")
    assert (visit.kind, visit.document_id, visit.access) == (SecretKind.BY_HAND, DOCUMENT_ID, world.document().access)


def test_a_name_may_be_one_letter(world: World) -> None:
    signed = world.by_hand.take_scan(world.document(), ONE_LETTER, world.visit(), world.by())
    assert signed.decision is not None
    assert signed.decision.signer.name == "X"
    assert (signed.decision.decided_at, signed.decision.consent_version) == (START, None)


def test_only_a_key_with_the_documents_prefix_and_a_plain_name_is_an_upload(world: World) -> None:
    world.files.put("scn_1", b"%PDF", "application/pdf")
    world.files.put(f"uploads/scans/{DOCUMENT_ID}/a/b", b"%PDF", "application/pdf")
    keys = (KEY, "scn_1", f"uploads/scans/{DOCUMENT_ID}/a/b", f"uploads/scans/{DOCUMENT_ID}/scn_2")
    assert [world.scans.has_upload(DOCUMENT_ID, key) for key in keys] == [True, False, False, False]


@pytest.mark.parametrize(("kind", "shape"), [("fax_code", "XXXX-XXXX-XXXX"), ("code", "XXXXXX")])
def test_a_code_has_its_shape(world: World, kind: str, shape: str) -> None:
    code = getattr(world, kind)()
    assert "".join("-" if character == "-" else "X" for character in code) == shape


@pytest.mark.parametrize(("typed", "normalized"), [(" ab-12 é_c ", "AB12C"), ("x" * 21, "X" * 20), ("", "")])
def test_a_typed_code_is_read_without_blanks_and_up_to_twenty_characters(typed: str, normalized: str) -> None:
    assert normalize_code(typed) == normalized


def test_a_code_is_usable_until_its_time_its_tries_or_its_address_change(world: World) -> None:
    world.code()
    code = next(row for row in world.store.every(Secret, "secrets") if row.kind is SecretKind.CODE)
    document = world.document()
    assert is_usable(code, document, START + timedelta(minutes=10, microseconds=-1)) is True
    assert is_usable(code, document, START + timedelta(minutes=10)) is False
    assert is_usable(replace(code, tries=49), document, START) is True
    assert is_usable(replace(code, tries=50), document, START) is False
    assert is_usable(code, replace(document, access=document.access + 1), START) is False
