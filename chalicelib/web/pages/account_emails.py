"""The handlers of the forms for an account's email addresses: request a code, enter the code, remove an address."""

from chalice.app import Response

from chalicelib.domain.errors import FieldError, Invalid, PortalError
from chalicelib.domain.expiring_records import Secret
from chalicelib.services.accounts.account_changes import AccountOwner
from chalicelib.services.accounts.address_codes import CODES_PER_HOUR
from chalicelib.services.throttling import network
from chalicelib.web.http.error_mapping import error_messages
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.account_settings import ACCOUNT_PATH, change_account, show_account
from chalicelib.web.pages.reauthentication import is_recently_authenticated

_CODE_PATH = f"{ACCOUNT_PATH}/emails"
_EXPIRED = "The code has expired. Please request a new one."


def request_code(context: RequestContext) -> Response:
    """Queue an email with a code to the typed address, which the owner wants to add, and redirect to the code form.

    The response does not reveal whether another account has the address. If the request is refused, return a page with
    the error. If the owner's last login is too old, redirect to the account page, which asks for the password."""
    session, provider = context.session, context.require_provider()
    if session is None or not is_recently_authenticated(context):
        return redirect(ACCOUNT_PATH)
    owner, email = AccountOwner(session, provider, context.now, context.origin), context.form.get("email", "")
    emails = context.services.account_emails
    try:
        emails.ask_for_code(owner, email)
    except Invalid as error:
        is_repeated = emails.pending_email(provider, context.now) == email
        return _render_code_form(context, session, error) if is_repeated else show_account(context, error)
    return redirect(_CODE_PATH)


def show_code_form(context: RequestContext) -> Response:
    session = context.session
    if session is None or not is_recently_authenticated(context):
        return redirect(ACCOUNT_PATH)
    return _render_code_form(context, session)


def add_email(context: RequestContext) -> Response:
    code, source = context.form.get("code", "")[:20], network(context.address)
    emails = context.services.account_emails
    return change_account(
        context, lambda owner: emails.add(owner, code, source), "email-added", render_error=_render_code_form
    )


def remove_email(context: RequestContext) -> Response:
    email, emails = context.form.get("email", ""), context.services.account_emails
    return change_account(context, lambda owner: emails.remove(owner, email), "email-removed")


def _render_code_form(context: RequestContext, _session: Secret, error: PortalError | None = None) -> Response:
    """Return the page for the code that was emailed to an address, or the account page if the code has expired."""
    email = context.services.account_emails.pending_email(context.require_provider(), context.now)
    if email is None:
        expired = Invalid(_EXPIRED, errors=[FieldError("email", _EXPIRED)])
        return show_account(context, expired) if error else redirect(ACCOUNT_PATH)
    messages = error_messages(error)
    return render_page(
        context,
        "account_email_code.html",
        status=422 if error else 200,
        section="account",
        email=email,
        seconds_between_codes=CODES_PER_HOUR.min_interval.seconds,
        trouble=messages.get("form") or messages.get("email") or "",
        errors=messages,
        history_url=context.history_url(_CODE_PATH),
    )
