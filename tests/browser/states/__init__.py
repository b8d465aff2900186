"""Every page of the portal in every state that people meet, reached in a browser: one module per area."""

from tests.browser.states import by_hand, checking, entry, lists, outcomes, reviewing
from tests.browser.states.scene import STATES

__all__ = ["STATES", "by_hand", "checking", "entry", "lists", "outcomes", "reviewing"]
