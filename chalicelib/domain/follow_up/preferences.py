"""A provider's own choices for reminders of unsigned documents: the hour, the days and the channel.

The owner of an account makes them on the account page. They hold for the documents of all clinics
(docs/decisions/055)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from chalicelib.domain.follow_up.calendar import EMAIL_HOURS, OFFICE_HOURS, WORK_WEEK, Hours, Window

CHOICE_OF_HOURS = tuple(range(OFFICE_HOURS.opens.hour, OFFICE_HOURS.closes.hour))
"""The hours of the day from which a provider can choose. Each is the start of an hour, such as 13 for 1 to 2 PM."""


class ReminderChannel(StrEnum):
    """The channel by which a provider wants reminders. It holds for a document only if the clinic uses the channel."""

    EMAIL = "email"
    FAX = "fax"
    BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class ReminderPreferences:
    """A provider's own choices for reminders of unsigned documents.

    `hour` is the hour of the day, of `CHOICE_OF_HOURS`, or None for the afternoon. `weekdays` are one or more numbers
    from 0 (Monday) to 4. `time_zone` is the zone of both, such as `America/Chicago`."""

    time_zone: str
    hour: int | None = None
    weekdays: tuple[int, ...] = WORK_WEEK
    channel: ReminderChannel = ReminderChannel.BOTH

    @property
    def window(self) -> Window:
        """The times at which the provider wants reminders."""
        hours = EMAIL_HOURS if self.hour is None else Hours(time(self.hour), time(self.hour + 1))
        return Window(hours=hours, zones=(self.time_zone,), weekdays=self.weekdays)


def find_window(preferences: ReminderPreferences | None, zones: Sequence[str]) -> Window:
    """Return the times at which reminders may reach a provider, who may have made no choice.

    `zones` are the time zones in which the provider may be. Without a choice, reminders come in the afternoon of a
    working day."""
    return preferences.window if preferences else Window(hours=EMAIL_HOURS, zones=tuple(zones))
