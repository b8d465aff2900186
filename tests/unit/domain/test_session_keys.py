from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.session_keys import CACHE_LIFETIME, MIN_KEY_BYTES, SIGNING_DELAY, SessionKeys, key_id

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("age", "previous", "signs"),
    [
        (timedelta(), OLD, OLD),
        (timedelta(minutes=10) - TICK, OLD, OLD),
        (timedelta(minutes=10), OLD, NEW),
        (timedelta(), None, NEW),
    ],
)
def test_a_new_key_signs_only_when_every_function_has_read_it(
    age: timedelta, previous: bytes | None, signs: bytes
) -> None:
    assert SessionKeys(current=NEW, made_at=NOW, previous=previous).signing_key(NOW + age) == signs


def test_the_signatures_of_both_keys_are_valid() -> None:
    keys = SessionKeys(current=NEW, made_at=NOW, previous=OLD)
    assert keys.known == (NEW, OLD)
    assert [keys.find(key_id(key)) for key in (NEW, OLD, b"x")] == [NEW, OLD, None]
    assert SessionKeys(current=NEW, made_at=NOW).known == (NEW,)


def test_a_key_is_as_long_as_its_hash_and_signs_only_after_every_cache_has_ended() -> None:
    assert MIN_KEY_BYTES * 8 == 256
    assert timedelta(minutes=5) == CACHE_LIFETIME
    assert SIGNING_DELAY == 2 * CACHE_LIFETIME
    assert len(key_id(NEW)) == 8
