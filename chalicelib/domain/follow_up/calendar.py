"""The calendar for reminders of unsigned documents: working days, federal holidays, and the hours for messages.

All times are aware and in UTC. A working day is Monday to Friday without the federal holidays of the United States (5
U.S.C. 6103), in the local time of the recipient."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

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
    """Return the first time, not before `moment`, at which a message may be sent: within `hours` of a working day.

    This must hold in all of the time zones `zones`. If the recipient's time zone is not certain, these are all possible
    ones, so that no message comes at night. The hours must overlap in these zones."""
    while True:
        latest = max(_next_in(moment, hours, ZoneInfo(zone)) for zone in zones)
        if latest == moment:
            return moment
        moment = latest


def following_day(moment: datetime, hours: Hours, zones: Sequence[str]) -> datetime:
    """Return the first time on a later day than that of `moment` at which a message may be sent.

    The day is that of the first of the time zones `zones`, in which the recipient may be."""
    day = moment.astimezone(ZoneInfo(zones[0])).date() + _DAY
    return next_allowed(start_of(day, hours, zones[0]), hours, zones)


def start_of(day: date, hours: Hours, zone: str) -> datetime:
    """Return the time (UTC) at which the hours for messages begin on this day in a time zone."""
    return datetime.combine(day, hours.opens, ZoneInfo(zone)).astimezone(UTC)


def _next_in(moment: datetime, hours: Hours, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if is_working_day(local.date()) and hours.opens <= local.time() < hours.closes:
        return moment
    is_over = local.time() >= hours.closes
    day = next_working_day(local.date() + (_DAY if is_over else timedelta()))
    return datetime.combine(day, hours.opens, zone).astimezone(UTC)


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
