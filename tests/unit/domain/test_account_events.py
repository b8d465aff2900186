from datetime import UTC, datetime, timedelta

from chalicelib.domain.account_events import RETENTION, UNKNOWN, AccountEventType, account_event, is_logged

AT = datetime(2026, 3, 2, 15, 0, 0, 123_456, tzinfo=UTC)


def test_the_events_of_an_account_are_sorted_by_time_and_distinct_within_a_moment() -> None:
    keys = [account_event("pro_1", AccountEventType.LOGGED_IN, AT, UNKNOWN, unique=str(n)).sort_key for n in range(50)]
    microseconds = (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert {key // 1_000_000 for key in keys} == {microseconds}
    assert len(set(keys)) == 50
    assert max(key % 1_000_000 for key in keys) > 900_000
    other_type = account_event("pro_1", AccountEventType.LOGGED_OUT, AT, UNKNOWN, unique="0")
    assert other_type.sort_key not in keys


def test_of_a_long_series_of_wrong_passwords_only_doublings_are_logged() -> None:
    assert [tries for tries in range(1, 700) if is_logged(tries)] == [*range(1, 21), 40, 80, 160, 320, 640]


def test_events_are_kept_for_six_years() -> None:
    assert timedelta(days=6 * 365.25) < RETENTION <= timedelta(days=6 * 366)
