"""Functions that bring a browser to every page of the portal in every state, one module per area."""

from tests.support.browser.states import (
    account,
    by_hand,
    entry,
    faxes,
    lists,
    outcomes,
    reviewing,
    second_factors,
    verify,
)
from tests.support.browser.states.scene import STATES

__all__ = [
    "STATES",
    "account",
    "by_hand",
    "entry",
    "faxes",
    "lists",
    "outcomes",
    "reviewing",
    "second_factors",
    "verify",
]
