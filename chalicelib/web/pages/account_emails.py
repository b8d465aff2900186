"""The forms for the email addresses of an account: request a code, enter the code, remove an address."""

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
    """Email a code to the address. The response is the same whether or not the address belongs to an account."""
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
    """Return the page with the code form, or the account page if the account's request has expired."""
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
    )
