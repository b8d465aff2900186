"""Every page of the portal in every state that people meet, reached in a browser: one module per area."""

from tests.browser.states import account, by_hand, checking, entry, factors, lists, outcomes, reviewing
from tests.browser.states.scene import STATES

__all__ = ["STATES", "account", "by_hand", "checking", "entry", "factors", "lists", "outcomes", "reviewing"]
