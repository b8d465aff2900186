"""The account page, and the handlers of its forms for passkeys, app, recovery codes, password and logout."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from chalice.app import Response

from chalicelib.domain.errors import FieldError, Invalid, PortalError, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import LINK_LIFETIME, Secret
from chalicelib.domain.follow_up.preferences import CHOICE_OF_HOURS
from chalicelib.services.accounts.account_changes import AccountChange, AccountOwner
from chalicelib.services.accounts.account_emails import MAX_EMAILS
from chalicelib.services.accounts.account_settings import authenticator_uri
from chalicelib.services.accounts.assistant_list import MAX_ASSISTANTS
from chalicelib.services.authentication.passwords import min_length
from chalicelib.services.labels import TIME_ZONES, WEEKDAYS, duration, hour_range
from chalicelib.services.normalization import display_phone
from chalicelib.services.qr_svg import qr_svg_path
from chalicelib.web.http.error_mapping import error_messages, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, json_response, redirect, render_page, session_seconds_left
from chalicelib.web.pages.login_form import known_browser_cookies, local_path
from chalicelib.web.pages.reauthentication import (
    is_recently_authenticated,
    login_attempt,
    passkey_options,
    reauthenticate,
)
from chalicelib.web.pages.second_factor_setup import path_after_setup, render_setup

ACCOUNT_PATH = "/account"
_DONE: Mapping[str, str] = {
    "passkey-removed": "Passkey removed.",
    "authenticator-removed": "Authenticator app removed.",
    "password": "Your password was changed. You've been logged out everywhere else.",
    "passkey-added": "Passkey added. You can now log in with it.",
    "name": "Your name was corrected. Your next signatures will show it.",
    "assistant-invited": f"Invitation sent. The link expires in {duration(LINK_LIFETIME)}.",
    "assistant-removed": "Assistant removed. This person can no longer open your documents.",
    "email-added": "Email address added. We've emailed all your addresses.",
    "email-removed": "Email address removed. We've emailed all your addresses.",
    "reminders": "Saved. Your next reminders will come at the times you chose.",
    "fax": "Fax number saved. Reminders by fax will go there.",
    "fax-removed": "Fax number removed. Reminders by fax will go to the number that each clinic has.",
    "reminders-stopped": "Reminder emails stopped. We've notified the clinics that wait for your signature.",
    "reminders-started": "Reminder emails will be sent again.",
    "authenticator-added": "Authenticator app added. You'll be asked for its code after your password.",
}


def extend_session(context: RequestContext) -> Response:
    """Return the seconds until the session ends, as JSON, for the page's button *Stay logged in*.

    Every request of a session extends it, so this handler has nothing to store."""
    return json_response({"seconds": session_seconds_left(context)})


def confirm_identity(context: RequestContext) -> Response:
    try:
        _, cookies = reauthenticate(context)
    except (Invalid, TooManyRequests) as error:
        return _render_error(context, error)
    return redirect(_next_path(context) or ACCOUNT_PATH, cookies=cookies)


def add_passkey(context: RequestContext) -> Response:
    response, name = context.form.get("passkey", ""), context.form.get("name", "")
    settings = context.services.account_settings
    return change_account(context, lambda owner: settings.add_passkey(owner, response, name), "passkey-added")


def remove_passkey(context: RequestContext) -> Response:
    passkey_id, settings = context.form.get("id", ""), context.services.account_settings
    return change_account(context, lambda owner: settings.remove_passkey(owner, passkey_id), "passkey-removed")


def show_authenticator_setup(context: RequestContext) -> Response:
    if context.session is None or not is_recently_authenticated(context):
        return redirect(ACCOUNT_PATH)
    return _render_authenticator_setup(context, context.session)


def add_authenticator(context: RequestContext) -> Response:
    code, settings = context.form.get("code", "")[:20], context.services.account_settings
    return change_account(
        context,
        lambda owner: settings.add_authenticator(owner, code),
        "authenticator-added",
        render_error=_render_authenticator_setup,
    )


def remove_authenticator(context: RequestContext) -> Response:
    return change_account(context, context.services.account_settings.remove_authenticator, "authenticator-removed")


def create_recovery_codes(context: RequestContext) -> Response:
    return change_account(context, context.services.account_settings.create_recovery_codes, "")


def correct_name(context: RequestContext) -> Response:
    first_name, last_name = context.form.get("first_name", ""), context.form.get("last_name", "")
    settings = context.services.account_settings
    return change_account(context, lambda owner: settings.correct_name(owner, first_name, last_name), "name")


def change_password(context: RequestContext) -> Response:
    """Store the new password of the form, if the form also has the current password, and return the response.

    The current password is required even right after a login (ASVS 6.2.3)."""
    password = context.form.get("new_password", "")

    def change(owner: AccountOwner) -> AccountChange:
        _check_current_password(context, owner.session)
        return context.services.account_settings.change_password(owner, password)

    return change_account(context, change, "password")


def log_out_everywhere(context: RequestContext) -> Response:
    if context.session is not None:
        owner = AccountOwner(context.session, context.require_provider(), context.now, context.origin)
        context.services.account_settings.log_out_everywhere(owner)
    return redirect("/login?reason=logged-out", cookies=[format_cookie(SESSION_COOKIE, "", 0)])


def change_account(
    context: RequestContext,
    change: Callable[[AccountOwner], AccountChange],
    done: str,
    *,
    render_error: Callable[..., Response] | None = None,
) -> Response:
    """Make a change to the account of the logged-in owner by a call of `change`, and return the next page.

    Normally this is a redirect to the account page, which shows the message with the name `done`. If the
    change made recovery codes, it is a page that shows the codes once. If the change is refused, it is a page with the
    error, from `render_error` if given. If the owner has not entered the password or a passkey recently, change nothing
    and redirect to the account page, which asks for one of the two."""
    session = context.session
    if session is None or not is_recently_authenticated(context):
        return redirect(ACCOUNT_PATH)
    try:
        changed = change(AccountOwner(session, context.require_provider(), context.now, context.origin))
    except (Invalid, Unauthenticated, TooManyRequests) as error:
        return render_error(context, session, error) if render_error else _render_error(context, error)
    return _show_change(context, changed, done)


def _show_change(context: RequestContext, changed: AccountChange, done: str) -> Response:
    """Return the page after a change, with the cookies of the renewed session.

    It is the page with the new recovery codes if there are any, and otherwise the account page with the message
    `done`."""
    owner = replace(changed.account, session_generation=context.require_provider().session_generation + 1)
    cookies = [format_cookie(SESSION_COOKIE, changed.cookie), *known_browser_cookies(context, owner)]
    if not changed.codes:
        return redirect(f"{ACCOUNT_PATH}?done={done}", cookies=cookies)
    return render_page(
        context,
        "recovery_codes.html",
        section="account",
        codes=changed.codes,
        cookies=cookies,
        next=_next_path(context) or ACCOUNT_PATH,
    )


def _next_path(context: RequestContext) -> str | None:
    """Return the path of the page that follows after the submitted form, or None if the form was on the account page.

    The page that sets up a second factor has such a path."""
    next_path = context.form.get("next")
    return local_path(next_path) if next_path else None


def _render_error(context: RequestContext, error: PortalError) -> Response:
    """Return the page that contained the refused form, with the error: the account page or the second-factor page."""
    next_path = _next_path(context)
    if next_path is None or context.require_provider().has_second_factor:
        return show_account(context, error)
    return render_setup(context, path_after_setup(next_path), error)


def show_account(
    context: RequestContext, error: PortalError | None = None, *, fax_to_confirm: str | None = None
) -> Response:
    """Return the account page, with the error of a refused form, if there is one.

    `fax_to_confirm` is the fax number (E.164) that the owner has typed, and that the page shows to be confirmed."""
    fresh, owner = is_recently_authenticated(context), context.require_provider()
    return render_page(
        context,
        "account.html",
        status=present_error(error).status if error else 200,
        section="account",
        fresh=fresh,
        trouble=error.detail if error else "",
        errors=error_messages(error),
        done=_DONE.get(context.query.get("done", ""), ""),
        passkey_options=passkey_options(context),
        enrolment=context.services.passkey_options.for_enrolment(owner, context.now) if fresh else None,
        least=min_length(second_factor=owner.has_second_factor),
        max_emails=MAX_EMAILS,
        max_assistants=MAX_ASSISTANTS,
        principals=context.services.assistance.principals(owner) if owner.is_assistant else (),
        reminders=None if owner.is_assistant else context.services.reminder_settings.describe(owner),
        fax=display_phone(owner.fax) if owner.fax else None,
        fax_to_confirm=fax_to_confirm,
        fax_shown=display_phone(fax_to_confirm) if fax_to_confirm else None,
        hours={hour: hour_range(hour) for hour in CHOICE_OF_HOURS},
        weekdays=WEEKDAYS,
        time_zones=TIME_ZONES,
        typed=context.form,
        history_url=context.history_url(ACCOUNT_PATH),
    )


def _render_authenticator_setup(context: RequestContext, session: Secret, error: PortalError | None = None) -> Response:
    provider = context.require_provider()
    secret = context.services.account_settings.authenticator_secret(session, context.now)
    uri = authenticator_uri(secret, provider.email or "")
    side, path = qr_svg_path(uri)
    return render_page(
        context,
        "authenticator_setup.html",
        status=present_error(error).status if error else 200,
        section="account",
        secret=secret,
        link=uri,
        side=side,
        path=path,
        errors=error_messages(error),
        next=context.form.get("next") or context.query.get("next", ""),
    )


def _check_current_password(context: RequestContext, session: Secret) -> None:
    attempt = login_attempt(context, session, context.form.get("password", ""))
    try:
        context.services.login.verify_password(context.require_provider(), attempt)
    except Unauthenticated as error:
        message = "Incorrect current password."
        raise Invalid(message, errors=[FieldError("password", message)]) from error
