"""Test the times of reminders that a provider has chosen."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.follow_up.calendar import EMAIL_HOURS, WORK_WEEK, Hours, Window, is_working_day
from chalicelib.domain.follow_up.preferences import CHOICE_OF_HOURS, ReminderChannel, ReminderPreferences, find_window

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
FRIDAYS = ReminderPreferences(time_zone=CHICAGO, hour=8, weekdays=(4,))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_a_choice_reminders_come_in_the_afternoon_where_the_provider_may_be() -> None:
    assert find_window(None, [NEW_YORK, CHICAGO]) == Window(hours=EMAIL_HOURS, zones=(NEW_YORK, CHICAGO))
    assert Window(hours=EMAIL_HOURS, zones=(NEW_YORK,)).weekdays == WORK_WEEK == (0, 1, 2, 3, 4)


def test_a_choice_replaces_the_time_zone_that_was_guessed() -> None:
    assert find_window(FRIDAYS, [NEW_YORK]) == Window(hours=Hours(time(8), time(9)), zones=(CHICAGO,), weekdays=(4,))
    afternoon = ReminderPreferences(time_zone=CHICAGO)
    assert (afternoon.window, afternoon.channel) == (Window(hours=EMAIL_HOURS, zones=(CHICAGO,)), ReminderChannel.BOTH)


def test_every_hour_of_the_choice_is_an_office_hour() -> None:
    assert CHOICE_OF_HOURS == (8, 9, 10, 11, 12, 13, 14, 15, 16)
    hours = [ReminderPreferences(time_zone=CHICAGO, hour=hour).window.hours for hour in CHOICE_OF_HOURS]
    assert (hours[0], hours[-1]) == (Hours(time(8), time(9)), Hours(time(16), time(17)))


@pytest.mark.parametrize(
    ("now", "leaves"),
    [
        ("2026-12-04T13:59:59", "2026-12-04T14:00"),
        ("2026-12-04T14:00", "2026-12-04T14:00"),
        ("2026-12-04T14:59:59", "2026-12-04T14:59:59"),
        ("2026-12-04T15:00", "2026-12-11T14:00"),
        ("2026-12-07T14:30", "2026-12-11T14:00"),
        ("2026-12-18T15:00", "2027-01-08T14:00"),
    ],
    ids=["before", "opens", "in", "closed", "another day", "Christmas and New Year's Day are Fridays"],
)
def test_a_reminder_waits_for_the_chosen_hour_of_a_chosen_working_day(now: str, leaves: str) -> None:
    assert FRIDAYS.window.next_time(utc(now)) == utc(leaves)


def test_the_next_reminder_comes_on_another_day() -> None:
    window = Window(hours=EMAIL_HOURS, zones=(CHICAGO,), weekdays=(0, 4))
    assert window.next_time_after_today(utc("2026-12-04T19:00")) == utc("2026-12-07T19:00")
    assert window.next_time_after_today(utc("2026-12-05T03:00")) == utc("2026-12-07T19:00"), "still Friday in Chicago"
    assert window.day_of(utc("2026-12-05T03:00")) == date(2026, 12, 4)


@pytest.mark.parametrize(
    ("before", "not_before", "found"),
    [
        (date(2026, 12, 12), date(2026, 12, 4), "2026-12-11T14:00"),
        (date(2026, 12, 11), date(2026, 12, 4), "2026-12-04T14:00"),
        (date(2026, 12, 11), date(2026, 12, 5), None),
        (date(2027, 1, 8), date(2026, 12, 12), "2026-12-18T14:00"),
        (date(2026, 12, 4), date(2026, 12, 4), None),
    ],
)
def test_the_last_chosen_day_before_a_day_is_found(before: date, not_before: date, found: str | None) -> None:
    assert FRIDAYS.window.last_time_before(before, not_before=not_before) == (utc(found) if found else None)


@pytest.mark.parametrize("weekdays", [(0,), (2, 3), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize("hour", [8, None, 16])
def test_in_every_hour_of_a_year_the_next_reminder_is_at_a_chosen_time(
    weekdays: tuple[int, ...], hour: int | None
) -> None:
    chosen = ReminderPreferences(time_zone=NEW_YORK, hour=hour, weekdays=weekdays).window
    for number in range(0, 366 * 24, 7):
        leaves = chosen.next_time(utc("2026-01-01T00:30") + timedelta(hours=number))
        local = leaves.astimezone(ZoneInfo(NEW_YORK))
        assert local.weekday() in weekdays
        assert is_working_day(local.date())
        assert chosen.hours.opens <= local.time() < chosen.hours.closes
