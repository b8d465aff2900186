"""Every page of the portal in every state that people meet, reached in a browser: one module per area."""

from tests.support.browser.states import (
    account,
    by_hand,
    entry,
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
    "lists",
    "outcomes",
    "reviewing",
    "second_factors",
    "verify",
]
