"""The calendar for reminders of unsigned documents: working days, federal holidays, and the hours for messages.

All times are aware and in UTC. A working day is Monday to Friday without the federal holidays of the United States (5
U.S.C. 6103), in the local time of the recipient."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WORK_WEEK = (0, 1, 2, 3, 4)
"""Monday to Friday, by their numbers in Python."""

_DAY = timedelta(days=1)
_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6
_FIXED = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
"""New Year's Day, Juneteenth, Independence Day, Veterans Day and Christmas Day, as month and day."""

_FLOATING = ((1, _MONDAY, 3), (2, _MONDAY, 3), (9, _MONDAY, 1), (10, _MONDAY, 2), (11, _THURSDAY, 4))
"""Martin Luther King Day, Washington's Birthday, Labor Day, Columbus Day and Thanksgiving: month, weekday, number.

Memorial Day is the last Monday of May, so it is computed separately."""

_MEMORIAL_MONTH_END = (5, 31)


@dataclass(frozen=True)
class Hours:
    """The hours of a working day in which messages may be sent, in the recipient's local time.

    The hours include the time `opens`, and exclude the time `closes`."""

    opens: time
    closes: time


EMAIL_HOURS = Hours(time(13), time(17))
"""The hours of reminders by email. Messages in the afternoon get more answers (FACTS, *What moves physicians*)."""

OFFICE_HOURS = Hours(time(8), time(17))
"""The hours of faxes and of requests to the clinic's staff."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """The times at which messages may reach a recipient: some hours of some working days.

    A time must be in the `hours` in all of the time zones `zones`. There are several if the recipient's time zone is
    not certain, so that no message comes at night. The hours must overlap in these zones. `weekdays` are numbers from 0
    (Monday) to 4."""

    hours: Hours
    zones: tuple[str, ...]
    weekdays: tuple[int, ...] = WORK_WEEK

    def next_time(self, moment: datetime) -> datetime:
        """Return the first time (UTC), not before `moment`, at which a message may be sent."""
        while True:
            latest = max(self._next_in(moment, ZoneInfo(zone)) for zone in self.zones)
            if latest == moment:
                return moment
            moment = latest

    def next_time_on(self, day: date) -> datetime:
        """Return the first time (UTC) on this day, or on a later day, at which a message may be sent."""
        return self.next_time(start_of(day, self.hours, self.zones[0]))

    def next_time_after_today(self, moment: datetime) -> datetime:
        """Return the first time (UTC) on a later day than that of `moment` at which a message may be sent."""
        return self.next_time_on(self.day_of(moment) + _DAY)

    def last_time_before(self, day: date, *, not_before: date) -> datetime | None:
        """Return the first time (UTC) on the last day before `day` on which a message may be sent.

        Return None if there is no such day from the day `not_before` on."""
        moments = map(self.next_time_on, reversed(_days(not_before, day)))
        return next((moment for moment in moments if self.day_of(moment) < day), None)

    def day_of(self, moment: datetime) -> date:
        """Return the recipient's day at this moment, in the first of the time zones."""
        return moment.astimezone(ZoneInfo(self.zones[0])).date()

    def _next_in(self, moment: datetime, zone: ZoneInfo) -> datetime:
        local = moment.astimezone(zone)
        if self._has_day(local.date()) and self.hours.opens <= local.time() < self.hours.closes:
            return moment
        day = local.date() + (_DAY if local.time() >= self.hours.closes else timedelta())
        while not self._has_day(day):
            day += _DAY
        return datetime.combine(day, self.hours.opens, zone).astimezone(UTC)

    def _has_day(self, day: date) -> bool:
        return day.weekday() in self.weekdays and is_working_day(day)


def is_working_day(day: date) -> bool:
    """Return True for Monday to Friday, except for federal holidays and for the days on which these are observed."""
    return day.weekday() < _SATURDAY and day not in _holidays(day.year)


def next_working_day(day: date) -> date:
    """Return this day if it is a working day, or else the first working day after it."""
    while not is_working_day(day):
        day += _DAY
    return day


def nearest_working_day(day: date) -> date:
    """Return the working day that is nearest to this day. If an earlier and a later day are equally near, return the
    later."""
    earlier, later = day, next_working_day(day)
    while not is_working_day(earlier):
        earlier -= _DAY
    return later if later - day <= day - earlier else earlier


def next_allowed(moment: datetime, hours: Hours, zones: Collection[str]) -> datetime:
    """Return the first time, not before `moment`, in these hours of a working day in all of these time zones."""
    return Window(hours=hours, zones=tuple(zones)).next_time(moment)


def start_of(day: date, hours: Hours, zone: str) -> datetime:
    """Return the time (UTC) at which the hours for messages begin on this day in a time zone."""
    return datetime.combine(day, hours.opens, ZoneInfo(zone)).astimezone(UTC)


def _days(first: date, end: date) -> list[date]:
    """Return the days from `first` on, without the day `end`."""
    return [first + number * _DAY for number in range((end - first).days)]


@lru_cache(maxsize=8)
def _holidays(year: int) -> frozenset[date]:
    """Return the working days of a year on which federal offices are closed.

    A holiday on a Saturday is observed on the Friday before, and a holiday on a Sunday on the Monday after. So the New
    Year's Day of the next year can close the last day of this year."""
    fixed = [date(year, month, day) for month, day in _FIXED]
    floating = [_nth_weekday(year, month, weekday, number) for month, weekday, number in _FLOATING]
    memorial = date(year, *_MEMORIAL_MONTH_END)
    memorial -= timedelta(days=memorial.weekday())
    return frozenset(map(_observed, (*fixed, *floating, memorial, date(year + 1, 1, 1))))


def _nth_weekday(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _observed(day: date) -> date:
    return day + {_SATURDAY: -_DAY, _SUNDAY: _DAY}.get(day.weekday(), timedelta())
