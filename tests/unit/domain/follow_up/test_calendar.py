from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.follow_up.calendar import (
    EMAIL_HOURS,
    OFFICE_HOURS,
    Hours,
    is_working_day,
    nearest_working_day,
    next_allowed,
    next_working_day,
    start_of,
)

HOLIDAYS_OF_2026 = ["01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "09-07", "10-12", "11-11", "11-26", "12-25"]
"""The calendar of the Office of Personnel Management. Independence Day is a Saturday, and observed on the Friday."""

HOLIDAYS_OF_2027 = ["01-01", "01-18", "02-15", "05-31", "06-18", "07-05", "09-06", "10-11", "11-11", "11-25", "12-24"]
"""Juneteenth and Christmas are Saturdays, and Independence Day is a Sunday. New Year's Day of 2028 adds December 31."""

NEW_YORK, CHICAGO, LOS_ANGELES = "America/New_York", "America/Chicago", "America/Los_Angeles"
DAY = timedelta(days=1)


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + number * DAY for number in range((date(year + 1, 1, 1) - first).days)]


@pytest.mark.parametrize(("year", "holidays"), [(2026, HOLIDAYS_OF_2026), (2027, [*HOLIDAYS_OF_2027, "12-31"])])
def test_working_days_are_weekdays_without_federal_holidays(year: int, holidays: list[str]) -> None:
    closed = [f"{day:%m-%d}" for day in days_of(year) if day.weekday() < 5 and not is_working_day(day)]
    assert closed == holidays
    assert not any(is_working_day(day) for day in days_of(year) if day.weekday() >= 5)


@pytest.mark.parametrize(
    ("day", "following", "nearest"),
    [
        ("2026-12-02", "2026-12-02", "2026-12-02"),
        ("2026-12-05", "2026-12-07", "2026-12-04"),
        ("2026-12-06", "2026-12-07", "2026-12-07"),
        ("2026-11-26", "2026-11-27", "2026-11-27"),
        ("2026-12-25", "2026-12-28", "2026-12-24"),
        ("2026-09-06", "2026-09-08", "2026-09-08"),
        ("2026-09-05", "2026-09-08", "2026-09-04"),
    ],
)
def test_a_closed_day_moves_to_a_working_day(day: str, following: str, nearest: str) -> None:
    assert next_working_day(date.fromisoformat(day)) == date.fromisoformat(following)
    assert nearest_working_day(date.fromisoformat(day)) == date.fromisoformat(nearest)


def test_the_nearest_working_day_is_never_more_than_two_days_late() -> None:
    days = [day for year in (2025, 2026, 2027, 2028) for day in days_of(year)]
    assert max(nearest_working_day(day) - day for day in days) == 2 * DAY


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zones", "hours", "leaves"),
    [
        ("2026-12-02T18:00", [NEW_YORK], EMAIL_HOURS, "2026-12-02T18:00"),
        ("2026-12-02T17:59:59", [NEW_YORK], EMAIL_HOURS, "2026-12-02T18:00"),
        ("2026-12-02T21:59:59", [NEW_YORK], EMAIL_HOURS, "2026-12-02T21:59:59"),
        ("2026-12-02T22:00", [NEW_YORK], EMAIL_HOURS, "2026-12-03T18:00"),
        ("2026-12-04T22:00", [NEW_YORK], OFFICE_HOURS, "2026-12-07T13:00"),
        ("2026-12-06T15:00", [NEW_YORK], OFFICE_HOURS, "2026-12-07T13:00"),
        ("2026-11-26T15:00", [NEW_YORK], OFFICE_HOURS, "2026-11-27T13:00"),
        ("2026-12-02T14:00", [NEW_YORK, LOS_ANGELES], OFFICE_HOURS, "2026-12-02T16:00"),
        ("2026-12-02T22:30", [NEW_YORK, LOS_ANGELES], OFFICE_HOURS, "2026-12-03T16:00"),
        ("2026-12-03T03:00", [LOS_ANGELES], OFFICE_HOURS, "2026-12-03T16:00"),
    ],
)
def test_a_message_leaves_at_the_next_allowed_moment(now: str, zones: Sequence[str], hours: Hours, leaves: str) -> None:
    assert next_allowed(utc(now), hours, zones) == utc(leaves)


@pytest.mark.parametrize(
    ("friday", "hour_before", "hour_after"), [("2026-03-06", 19, 18), ("2026-10-30", 18, 19)], ids=["spring", "autumn"]
)
def test_the_afternoon_follows_the_change_of_daylight_saving_time(
    friday: str, hour_before: int, hour_after: int
) -> None:
    day = date.fromisoformat(friday)
    assert start_of(day, EMAIL_HOURS, CHICAGO) == datetime.combine(day, time(hour_before), UTC)
    after_friday = datetime.combine(day, time(23), UTC)
    assert next_allowed(after_friday, EMAIL_HOURS, [CHICAGO]) == datetime.combine(day + 3 * DAY, time(hour_after), UTC)


@pytest.mark.parametrize("zone", [NEW_YORK, CHICAGO, "America/Phoenix", LOS_ANGELES, "Pacific/Honolulu"])
@pytest.mark.parametrize("hours", [EMAIL_HOURS, OFFICE_HOURS])
def test_in_every_hour_of_a_year_the_next_moment_is_allowed(zone: str, hours: Hours) -> None:
    for number in range(0, 366 * 24, 5):
        moment = utc("2026-01-01T00:30") + timedelta(hours=number)
        leaves = next_allowed(moment, hours, [zone])
        local = leaves.astimezone(ZoneInfo(zone))
        assert moment <= leaves < moment + 5 * DAY
        assert is_working_day(local.date())
        assert hours.opens <= local.time() < hours.closes
