"""The handlers by which a provider stops reminders by email, or chooses when and how reminders come.

One page is behind the link in a reminder and needs no login. The other forms are on the account page."""

from chalice.app import Response

from chalicelib.domain.errors import Invalid
from chalicelib.services.documents.identity import mask
from chalicelib.services.stopped_reminders import is_stopped
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.account_settings import ACCOUNT_PATH, change_account, show_account
from chalicelib.web.pages.reauthentication import is_recently_authenticated


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


def choose(context: RequestContext) -> Response:
    """Store when and how the owner of the account wants reminders, and return the next page."""
    settings = context.services.reminder_settings
    return change_account(context, lambda owner: settings.choose(owner, context.form), "reminders")


def set_emails(context: RequestContext) -> Response:
    """Stop reminders by email to one address of the account, or start them again, and return the next page."""
    email, stops = context.form.get("email", ""), context.form.get("change") != "start"
    settings, done = context.services.reminder_settings, "reminders-stopped" if stops else "reminders-started"
    return change_account(context, lambda owner: settings.set_emails(owner, email, stops=stops), done)


def set_fax(context: RequestContext) -> Response:
    """Handle the form for the owner's fax number: show a typed number, store a confirmed one, or remove the stored one.

    Pages about patients are faxed there, so a number is stored only after the owner has seen it."""
    settings, confirmed = context.services.reminder_settings, context.form.get("confirmed", "")
    if context.form.get("change") == "remove":
        return change_account(context, settings.remove_fax, "fax-removed")
    if confirmed:
        return change_account(context, lambda owner: settings.set_fax(owner, confirmed), "fax")
    if not is_recently_authenticated(context):
        return redirect(ACCOUNT_PATH)
    try:
        number = settings.check_fax(context.require_provider(), context.form.get("own_fax", ""))
    except Invalid as error:
        return show_account(context, error)
    return show_account(context, fax_to_confirm=number)
