from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.domain.timestamps import epoch_seconds, from_text, sort_key, to_text

AT = datetime(2026, 11, 22, 14, 0, 0, 123_999, tzinfo=timezone(-timedelta(hours=5)))


def test_a_time_is_stored_in_utc_with_milliseconds() -> None:
    assert to_text(AT) == "2026-11-22T19:00:00.123Z"
    assert from_text("2026-11-22T14:00:00.123-05:00") == AT.replace(microsecond=123_000)
    assert from_text("2026-11-22T19:00:00Z").tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        to_text(AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="without a zone"):
        from_text("2026-11-22T19:00:00")


def test_the_format_of_a_ttl_is_whole_seconds() -> None:
    assert epoch_seconds(datetime(1970, 1, 1, 0, 1, 0, 999_999, tzinfo=UTC)) == 60


def test_a_sort_key_is_the_microseconds_and_six_digits_of_the_text() -> None:
    assert sort_key(AT, "123456789") == 1_795_374_000_123_999_780_262
