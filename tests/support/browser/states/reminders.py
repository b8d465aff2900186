"""Functions that bring a browser to the page on which the reader of a mailbox stops reminders by email.

Each function shows the page in one state, for tests of accessibility and for screenshots."""

from chalicelib.services.reminders.reminder_rows import add_to_reminder
from tests.support.browser.states.scene import Scene, state


@state
def reminders_stop(scene: Scene) -> None:
    scene.open(f"/reminders/stop/{_token(scene)}")


@state
def reminders_stopped(scene: Scene) -> None:
    scene.open(f"/reminders/stop/{_token(scene)}")
    scene.press("Stop reminders")


def _token(scene: Scene) -> str:
    """Return the token of a link that stops reminders to the sample provider's mailbox."""
    portal, email = scene.memory.portal, "dr.rivera@example.com"
    now = portal.time.now()
    reminder = add_to_reminder(portal.store, (), email, None, leaves=now, zone="America/Chicago")
    if reminder is None:
        raise AssertionError("today's reminder has already left")
    return portal.reminder_stops.create_token(reminder, now)
