"""Functions that bring a browser to a page of the portal in one state, such as a list without documents.

Tests of accessibility and `make screenshots` visit all states. There is one module per area of the portal."""

from tests.support.browser.states import (
    account,
    assistants,
    by_hand,
    colleagues,
    entry,
    faxes,
    guests,
    lists,
    outcomes,
    reminders,
    reviewing,
    second_factors,
    several,
    verify,
)
from tests.support.browser.states.scene import STATES

__all__ = [
    "STATES",
    "account",
    "assistants",
    "by_hand",
    "colleagues",
    "entry",
    "faxes",
    "guests",
    "lists",
    "outcomes",
    "reminders",
    "reviewing",
    "second_factors",
    "several",
    "verify",
]
