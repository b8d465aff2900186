"""The page behind the link in a reminder that stops reminders by email, and starts them again."""

from chalice.app import Response

from chalicelib.services.documents.identity import mask
from chalicelib.services.reminders.reminder_stops import is_stopped
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page


def show_stop_form(context: RequestContext, token: str) -> Response:
    """Return the page that asks whether to stop reminders, or that says that they are stopped.

    The page changes nothing, because email scanners open links. Raises `Gone` for an expired link."""
    email = context.services.reminder_stops.find_email(token, context.now)
    stopped = is_stopped(context.services.store, email)
    return render_page(context, "reminders_stop.html", email=mask(email), stopped=stopped, token=token)


def stop_reminders(context: RequestContext, token: str) -> Response:
    """Stop reminders to the link's mailbox, or start them again, and return a redirect to the page that says so."""
    stops = context.services.reminder_stops
    change = stops.start_again if context.form.get("change") == "start" else stops.stop
    change(token, context.now)
    return redirect(f"/reminders/stop/{token}")
