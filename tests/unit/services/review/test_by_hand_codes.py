from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import Invalid
from chalicelib.domain.expiring_records import SecretKind
from chalicelib.services.review.hand_codes import normalize_code, reuse_fax_code
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.provider_fixtures import a_document, only_doing
from tests.support.worlds.by_hand_world import DOCUMENT_ID, World


@pytest.fixture
def world() -> World:
    return World()


# Asking for a code


def test_a_code_is_emailed_to_the_address_on_file(world: World) -> None:
    world.ask()
    (delivery,) = world.store.every(Delivery, "deliveries")
    assert (delivery.channel, delivery.type, delivery.recipient) == ("email", "code", "dr.rivera@example.com")
    assert [(job.queue, job.delivery_id) for job in world.store.jobs()] == [("deliveries", delivery.id)]
    assert world.event_types() == ["code.requested"]


def test_one_code_a_minute_is_emailed(world: World) -> None:
    world.ask()
    world.later(seconds=59)
    world.ask()
    assert world.mails() == 1
    world.later(seconds=1)
    world.ask()
    assert world.mails() == 2


def test_five_codes_an_hour_are_emailed(world: World) -> None:
    for _ in range(8):
        world.ask()
        world.later(minutes=2)
    assert world.mails() == 5
    world.later(minutes=44)
    world.ask()
    assert world.mails() == 6


def test_twenty_codes_a_day_are_emailed(world: World) -> None:
    for _ in range(60):
        world.ask()
        world.later(minutes=20)
    assert world.mails() == 20
    assert world.event_types() == ["code.requested"] * 20
    world.later(hours=4)
    world.ask()
    assert world.mails() == 21


def test_emails_with_codes_add_no_lines_to_the_document(world: World) -> None:
    world.ask()
    assert world.mails() == 1
    assert world.document().deliveries == ()


def test_two_concurrent_requests_email_one_code(world: World) -> None:
    world.store.before_commit = world.ask
    world.ask()
    assert world.mails() == 1


def test_asking_for_an_unknown_document_writes_nothing(world: World) -> None:
    before = world.store.commits
    world.by_hand.ask_for_code("doc_unknown", world.by())
    assert world.store.commits == before


def test_a_document_without_an_address_gets_no_email() -> None:
    document = a_document()
    world = World(replace(document, addressee=replace(document.addressee, email=None)))
    world.ask()
    assert world.mails() == 0


def test_a_recalled_document_gets_no_email(world: World) -> None:
    world.change(lambda document: document.recall(None, START))
    world.ask()
    assert world.mails() == 0


# Entering it


def test_the_code_opens_a_visit_of_an_hour(world: World) -> None:
    visit = world.visit()
    assert visit.kind is SecretKind.BY_HAND
    assert (visit.document_id, visit.access) == (DOCUMENT_ID, 1)
    assert visit.expires_at - START == timedelta(minutes=60)
    assert world.event_types() == ["code.accepted"]


def test_a_code_may_be_typed_with_blanks_and_works_once(world: World) -> None:
    code = world.code()
    assert not world.refuses(f" {code[:3]} {code[3:]} ")
    assert world.refuses(code)


def test_a_code_is_valid_for_exactly_ten_minutes(world: World) -> None:
    code = world.code()
    world.later(minutes=10)
    assert world.refuses(code)
    world.later(seconds=-1)
    assert not world.refuses(code)


def test_only_the_newest_code_works(world: World) -> None:
    first, second = world.code(), world.code()
    assert world.refuses(first)
    assert not world.refuses(second)


def test_five_wrong_tries_invalidate_a_code(world: World) -> None:
    code = world.code()
    for _ in range(5):
        assert world.refuses("999999")
    assert world.refuses(code)


@pytest.mark.parametrize("kind", ["code", "fax_code"])
def test_wrong_codes_of_one_source_do_not_stop_another(world: World, kind: str) -> None:
    code = getattr(world, kind)()
    world.address = "198.51.100.66"
    for _ in range(40):
        assert world.refuses("999999" if kind == "code" else "AAAA-AAAA")
    world.address = "203.0.113.9"
    assert not world.refuses(code)


def test_a_source_that_used_up_its_tries_needs_a_new_code(world: World) -> None:
    code = world.code()
    for _ in range(5):
        assert world.refuses("999999")
    assert world.refuses(code)
    assert not world.refuses(world.code())


def test_an_ipv6_network_is_one_source(world: World) -> None:
    code = world.code()
    for number in range(5):
        world.address = f"2001:db8:1:2::{number:x}"
        assert world.refuses("999999")
    assert world.refuses(code)
    world.address = "2001:db8:1:3::1"
    assert not world.refuses(code)


def test_fifty_wrong_tries_of_many_sources_invalidate_a_code(world: World) -> None:
    code = world.code()
    for number in range(10):
        world.address = f"198.51.100.{number}"
        for _ in range(5):
            assert world.refuses("999999")
    world.address = "203.0.113.9"
    assert world.refuses(code)


def test_a_code_works_after_forty_nine_wrong_tries_of_many_sources(world: World) -> None:
    code = world.code()
    for number in range(49):
        world.address = f"198.51.100.{number}"
        assert world.refuses("999999")
    assert not world.refuses(code)


def test_a_code_still_works_after_four_wrong_tries(world: World) -> None:
    code = world.code()
    for _ in range(4):
        assert world.refuses("999999")
    assert not world.refuses(code)


@pytest.mark.parametrize("wrong", ["999999", "AAAA-AAAA"])
def test_a_new_code_works_after_any_wrong_tries(world: World, wrong: str) -> None:
    for _ in range(20):
        world.code()
        for _ in range(10):
            assert world.refuses(wrong)
    assert not world.refuses(world.code())


def test_guesses_at_emailed_codes_do_not_delay_fax_codes(world: World) -> None:
    code = world.fax_code()
    for _ in range(50):
        assert world.refuses("999999")
    assert not world.refuses(code)


def test_guesses_at_fax_codes_wait_longer_and_longer_up_to_half_a_minute(world: World) -> None:
    code = world.fax_code()
    for _ in range(10):
        assert world.refuses("AAAA-AAAA")
    assert world.refuses(code)
    for _ in range(8):
        world.later(seconds=30)
        assert world.refuses("AAAA-AAAA")
    world.later(seconds=29)
    assert world.refuses(code)
    world.later(seconds=1)
    assert not world.refuses(code)


def test_a_guess_during_the_wait_does_not_prolong_the_wait(world: World) -> None:
    code = world.fax_code()
    for _ in range(20):
        assert world.refuses("AAAA-AAAA")
    before = world.store.commits
    for _ in range(20):
        assert world.refuses("AAAA-AAAA")
    assert world.store.commits == before
    world.later(seconds=1)
    assert not world.refuses(code)


def test_the_right_fax_code_resets_the_count_of_wrong_tries(world: World) -> None:
    code = world.fax_code()
    for _ in range(10):
        for _ in range(9):
            assert world.refuses("AAAA-AAAA")
        assert not world.refuses(code)


def test_one_code_entered_twice_concurrently_opens_one_visit(world: World) -> None:
    code = world.code()
    world.store.before_commit = only_doing(lambda: world.enter(code))
    assert world.refuses(code)
    assert world.event_types() == ["code.accepted"]


def test_two_concurrent_wrong_guesses_are_both_counted(world: World) -> None:
    code = world.code()
    for _ in range(4):
        world.refuses("999999")
    world.store.before_commit = only_doing(lambda: world.refuses("999998"))
    assert world.refuses(code)


def test_a_code_opens_no_other_document(world: World) -> None:
    other = a_document(id="doc_other")
    world.store.commit(Change(at=START, documents=(other,)))
    code = world.code()
    with pytest.raises(Invalid):
        world.by_hand.enter_code("doc_other", code, world.by())
    assert not world.refuses(code)


def test_an_unknown_document_gives_the_same_error(world: World) -> None:
    with pytest.raises(Invalid) as unknown:
        world.by_hand.enter_code("doc_unknown", "123456", world.by())
    with pytest.raises(Invalid) as wrong:
        world.by_hand.enter_code(DOCUMENT_ID, "123456", world.by())
    assert (unknown.value.detail, unknown.value.errors) == (wrong.value.detail, wrong.value.errors)


def test_a_correction_of_the_address_invalidates_earlier_codes(world: World) -> None:
    code, fax_code = world.code(), world.fax_code()
    world.change(lambda document: replace(document, access=document.access + 1))
    assert world.refuses(code)
    assert world.refuses(fax_code)


def test_no_code_opens_a_recalled_document(world: World) -> None:
    code = world.code()
    world.change(lambda document: document.recall(None, START))
    assert world.refuses(code)
    assert world.refuses(world.code()), "nor to one that was on its way meanwhile"


def test_the_code_itself_is_stored_nowhere(world: World) -> None:
    code = "271828"
    world.ids.code = lambda: code  # type: ignore[method-assign]  # - the same code twice
    assert world.code() == code
    assert all(code not in row.record for row in world.store.tables["secrets"].values())


# The code of a fax


def test_a_fax_code_is_valid_for_thirty_days_and_repeatedly(world: World) -> None:
    code = world.fax_code()
    world.later(days=30, seconds=-1)
    assert not world.refuses(code.lower())
    assert not world.refuses(code.replace("-", " "))
    world.later(seconds=1)
    assert world.refuses(code)


def test_the_code_of_an_earlier_fax_stays_valid(world: World) -> None:
    first, second = world.fax_code(), world.fax_code()
    assert first != second
    assert not world.refuses(first)
    assert not world.refuses(second)


def test_a_fax_code_has_no_characters_that_look_alike(world: World) -> None:
    for _ in range(50):
        code = normalize_code(world.fax_code())
        assert len(code) == 12
        assert not set(code) & set("B8IL1O0S5Z2")


# The code of a reminder

ORIGINAL = b"%PDF-1.7 the original"


def reminder_code(world: World, original: bytes = ORIGINAL) -> str:
    return reuse_fax_code(world.store, world.document(), world.delivery(), world.now, world.ids, original=original)


def test_all_faxes_of_a_document_have_one_code(world: World) -> None:
    first = reminder_code(world)
    world.later(days=7)
    assert reminder_code(world) == first
    assert not world.refuses(first)


def test_a_reminder_makes_its_code_valid_for_thirty_days(world: World) -> None:
    code = reminder_code(world)
    world.later(days=30, seconds=-1)
    assert reminder_code(world) == code
    world.later(days=30, seconds=-1)
    assert not world.refuses(code)
    assert reminder_code(world) == code


def test_a_code_that_has_expired_is_replaced(world: World) -> None:
    first = reminder_code(world)
    world.later(days=30)
    second = reminder_code(world)
    assert second != first
    assert world.refuses(first)
    assert not world.refuses(second)
    assert reminder_code(world) == second


def test_a_correction_of_the_address_replaces_the_code(world: World) -> None:
    first = reminder_code(world)
    world.change(lambda document: replace(document, access=document.access + 1))
    second = reminder_code(world)
    assert second != first
    assert world.refuses(first)
    assert not world.refuses(second)


def test_the_code_of_a_reminder_is_not_readable_in_the_database(world: World) -> None:
    code = reminder_code(world)
    records = [row.record for row in world.store.tables["secrets"].values()]
    assert not any(form in record for record in records for form in (code, normalize_code(code), code.encode().hex()))


def test_a_reader_of_the_database_cannot_decrypt_the_code_without_the_original(world: World) -> None:
    code = reminder_code(world)
    assert reminder_code(world, b"another original") != code


def test_two_faxes_at_the_same_time_get_one_code(world: World) -> None:
    first = reminder_code(world)
    other: list[str] = []
    world.store.before_commit = only_doing(lambda: other.append(reminder_code(world)))
    assert [reminder_code(world), *other] == [first, first]
