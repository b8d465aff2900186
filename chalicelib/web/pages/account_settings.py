"""The page of one's own account: second factors, password, logging out everywhere."""

from collections.abc import Callable, Mapping

from chalice.app import Response

from chalicelib.domain.errors import FieldError, Invalid, PortalError, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import Secret
from chalicelib.services.accounts.account_settings import AccountSettings, enrolment_code
from chalicelib.services.authentication.passwords import least_length
from chalicelib.web.http.error_mapping import present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.http.responses import (
    format_cookie,
    json_response,
    redirect,
    render_page,
    session_seconds_left,
)
from chalicelib.web.pages.login_form import known_from_now_on, local_path
from chalicelib.web.pages.reauthentication import (
    attempt_of,
    confirmed,
    is_recently_authenticated,
    passkey_options,
)
from chalicelib.web.pages.second_factor_setup import enrol, wanted_after

HERE = "/account"
_DONE: Mapping[str, str] = {
    "passkey-removed": "The passkey is removed.",
    "authenticator-removed": "The authenticator app is removed.",
    "password": "Your password is changed. You were logged out everywhere else.",
    "passkey-added": "The passkey is added. You can log in with it from now on.",
    "authenticator-added": "The authenticator app is added. It is asked for after your password from now on.",
}

Changed = str | tuple[str, tuple[str, ...]]


def account(context: RequestContext) -> Response:
    return _account(context)


def stay(context: RequestContext) -> Response:
    """For the script that warns of the end: being asked has put it off."""
    return json_response({"seconds": session_seconds_left(context)})


def confirm(context: RequestContext) -> Response:
    try:
        _, cookies = confirmed(context)
    except (Invalid, TooManyRequests) as trouble:
        return _where_one_was(context, trouble)
    return redirect(_next(context) or HERE, cookies=cookies)


def add_passkey(context: RequestContext) -> Response:
    answer, name = context.form.get("passkey", ""), context.form.get("name", "")

    def change(own: AccountSettings, session: Secret) -> Changed:
        return own.add_passkey(session, context.require_provider(), answer, name, context.now)

    return _changed(context, change, "passkey-added")


def remove_passkey(context: RequestContext) -> Response:
    def change(own: AccountSettings, session: Secret) -> Changed:
        return own.remove_passkey(
            session, context.require_provider(), context.form.get("id", ""), context.now
        )

    return _changed(context, change, "passkey-removed")


def authenticator(context: RequestContext) -> Response:
    if context.session is None or not is_recently_authenticated(context):
        return redirect(HERE)
    return _authenticator(context, context.session)


def add_authenticator(context: RequestContext) -> Response:
    def change(own: AccountSettings, session: Secret) -> Changed:
        return own.add_authenticator(
            session, context.require_provider(), context.form.get("code", "")[:20], context.now
        )

    return _changed(context, change, "authenticator-added", again=_authenticator)


def remove_authenticator(context: RequestContext) -> Response:
    def change(own: AccountSettings, session: Secret) -> Changed:
        return own.remove_authenticator(session, context.require_provider(), context.now)

    return _changed(context, change, "authenticator-removed")


def new_recovery_codes(context: RequestContext) -> Response:
    def change(own: AccountSettings, session: Secret) -> Changed:
        return own.new_recovery_codes(session, context.require_provider(), context.now)

    return _changed(context, change, "")


def change_password(context: RequestContext) -> Response:
    """The current password is asked for even right after a login (ASVS 6.2.3)."""
    typed = context.form.get("new_password", "")

    def change(own: AccountSettings, session: Secret) -> Changed:
        _check_password(context, session)
        return own.change_password(session, context.require_provider(), typed, context.now)

    return _changed(context, change, "password")


def log_out_everywhere(context: RequestContext) -> Response:
    if context.session is not None:
        own = context.services.account_settings.seen_from(context.origin)
        own.log_out_everywhere(context.session, context.require_provider(), context.now)
    return redirect("/login?reason=logged-out", cookies=[format_cookie(SESSION_COOKIE, "", 0)])


def _changed(
    context: RequestContext,
    change: Callable[[AccountSettings, Secret], Changed],
    done: str,
    *,
    again: Callable[..., Response] | None = None,
) -> Response:
    """Makes the change if the owner was authenticated just now, and shows new recovery codes once.

    It ends the other sessions, and with them what their browsers are known by; this one stays known.
    """
    if context.session is None or not is_recently_authenticated(context):
        return redirect(HERE)
    try:
        made = change(context.services.account_settings.seen_from(context.origin), context.session)
    except (Invalid, Unauthenticated, TooManyRequests) as trouble:
        return again(context, context.session, trouble) if again else _where_one_was(context, trouble)
    token, codes = made if isinstance(made, tuple) else (made, ())
    owner = context.require_provider()
    device = known_from_now_on(context, owner.id, owner.session_generation + 1)
    cookies = [format_cookie(SESSION_COOKIE, token), device]
    if codes:
        on = _next(context) or HERE
        return render_page(
            context, "recovery_codes.html", section="account", codes=codes, cookies=cookies, next=on
        )
    return redirect(f"{HERE}?done={done}", cookies=cookies)


def _next(context: RequestContext) -> str | None:
    """Where to go on to, for who came from elsewhere to set a second factor up."""
    given = context.form.get("next")
    return local_path(given) if given else None


def _where_one_was(context: RequestContext, trouble: PortalError) -> Response:
    wanted = _next(context)
    if wanted is None or context.require_provider().has_second_factor:
        return _account(context, trouble)
    return enrol(context, wanted_after(wanted), trouble)


def _account(context: RequestContext, trouble: PortalError | None = None) -> Response:
    fresh, owner = is_recently_authenticated(context), context.require_provider()
    return render_page(
        context,
        "account.html",
        status=present_error(trouble).status if trouble else 200,
        section="account",
        fresh=fresh,
        trouble=trouble.detail if trouble else "",
        errors=_messages(trouble),
        done=_DONE.get(context.query.get("done", ""), ""),
        passkey_options=passkey_options(context),
        enrolment=context.services.passkey_options.for_enrolment(owner, context.now) if fresh else None,
        least=least_length(second_factor=owner.has_second_factor),
    )


def _authenticator(context: RequestContext, session: Secret, trouble: PortalError | None = None) -> Response:
    secret = context.services.account_settings.authenticator_secret(
        session, context.require_provider(), context.now
    )
    text, side, path = enrolment_code(secret, context.require_provider().email or "")
    return render_page(
        context,
        "authenticator_setup.html",
        status=present_error(trouble).status if trouble else 200,
        section="account",
        secret=secret,
        link=text,
        side=side,
        path=path,
        errors=_messages(trouble),
        next=context.form.get("next") or context.query.get("next", ""),
    )


def _check_password(context: RequestContext, session: Secret) -> None:
    typed = context.form.get("password", "")
    try:
        context.services.login.verify_password(
            context.require_provider(), attempt_of(context, session, typed)
        )
    except Unauthenticated as wrong:
        text = "This is not your current password."
        raise Invalid(text, errors=[FieldError("password", text)]) from wrong


def _messages(trouble: PortalError | None) -> dict[str, str]:
    return {each.field: each.message for each in trouble.errors} if trouble else {}
