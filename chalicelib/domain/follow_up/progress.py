"""The steps of the follow-up of an unsigned document, their order, and the record of the steps that were taken.

The follow-up reminds the provider, and asks the clinic's staff to call, until the document is signed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.follow_up.preferences import ReminderPreferences


class FollowUpStep(StrEnum):
    """A step of the follow-up of a document that waits for a signature, such as a reminder. `STEPS` says what each
    does."""

    FAX = "fax"
    CALL = "call"
    REMINDER = "reminder"
    CALL_AGAIN = "call_again"
    DUE_SOON = "due_soon"
    LAST_REMINDER = "last_reminder"
    OVERDUE = "overdue"


@dataclass(frozen=True, kw_only=True)
class StepRule:
    """The rule of one step of the follow-up: its day, its messages, and the reason for which staff are asked to act.

    `day` counts from the sending of a plan that is due 30 days later. With `before_due`, the step comes as many days
    before the due date as this day is before day 30, because it speaks of the days that are left. A step with
    `only_unopened` is left out if the provider has opened the document or got it by fax."""

    step: FollowUpStep
    day: int
    before_due: bool = False
    sends_email: bool = False
    sends_fax: bool = False
    only_unopened: bool = False
    attention: AttentionReason | None = None

    @property
    def sends_messages(self) -> bool:
        return self.sends_email or self.sends_fax


STEPS: tuple[StepRule, ...] = (
    StepRule(step=FollowUpStep.FAX, day=3, sends_fax=True, only_unopened=True),
    StepRule(step=FollowUpStep.CALL, day=5, attention=AttentionReason.PLEASE_CALL),
    StepRule(step=FollowUpStep.REMINDER, day=10, sends_email=True, sends_fax=True),
    StepRule(step=FollowUpStep.CALL_AGAIN, day=14, attention=AttentionReason.CALL_AGAIN),
    StepRule(step=FollowUpStep.DUE_SOON, day=21, before_due=True, attention=AttentionReason.DUE_SOON),
    StepRule(step=FollowUpStep.LAST_REMINDER, day=27, before_due=True, sends_email=True, sends_fax=True),
    StepRule(step=FollowUpStep.OVERDUE, day=31, before_due=True, attention=AttentionReason.OVERDUE),
)
"""The follow-up of a document (docs/decisions/046). Day 0 is the sending. A later row is the more urgent one."""

PERIOD = 30
"""The days from the sending to the due date for which the days of `STEPS` are written."""

MOVABLE = tuple(rule for rule in STEPS if rule.day < PERIOD)
"""The steps whose days a practice can change. They come first in `STEPS`. The steps after the due date are fixed."""


@dataclass(frozen=True, kw_only=True)
class FollowUpPlan:
    """The settings for the follow-up of a practice's unsigned documents: the days of the steps and the messages.

    `days` has one day for each row of `MOVABLE`. `emails` allows reminders by email. `faxes` allows faxes that the
    follow-up sends: the fax of day 3 and repeats. These are the practice's settings. `preferences` are the provider's
    own choices, and `own_fax` is the provider's own fax number, or None."""

    days: tuple[int, ...] = tuple(rule.day for rule in MOVABLE)
    emails: bool = True
    faxes: bool = True
    preferences: ReminderPreferences | None = None
    own_fax: str | None = None

    @property
    def all_days(self) -> tuple[int, ...]:
        """The day of each row of `STEPS`: the practice's own days, and the fixed ones."""
        return (*self.days, *(rule.day for rule in STEPS[len(MOVABLE) :]))


def read_days(text: str) -> tuple[int, ...]:
    """Return the days of the follow-up's steps (reminders and calls) from the text of a practice's setting.

    An example is `3, 5, 10, 14, 21, 27`. Raises `ValueError` unless there is one whole number from 1 to 29 for each
    row of `MOVABLE`, each greater than the one before."""
    days = tuple(int(part) for part in text.split(","))
    is_rising = all(day < later for day, later in pairwise(days))
    if len(days) != len(MOVABLE) or not is_rising or days[0] < 1 or days[-1] >= PERIOD:
        raise ValueError(f"must be {len(MOVABLE)} rising days from 1 to {PERIOD - 1}")
    return days


@dataclass(frozen=True, kw_only=True)
class FollowUpProgress:
    """The record, on an unsigned document, of the follow-up's steps (reminders and calls) so far.

    `since` is the time from which the days are counted: the sending, or a later correction of the address. `done` are
    the steps that were taken or left out. `reminders` counts the reminder emails that listed the document. `is_stopped`
    is true if no reminder email reaches the recipient any more, which the clinic knows. `own_faxes` are the provider's
    own fax numbers to which reminders were faxed. The clinic did not state these numbers."""

    since: datetime
    done: tuple[FollowUpStep, ...] = ()
    reminders: int = 0
    is_stopped: bool = False
    own_faxes: tuple[str, ...] = ()
