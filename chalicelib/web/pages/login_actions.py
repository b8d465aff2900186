"""The handlers of login, logout, the login's second step, *Forgot password*, and the page that sets a password."""

from collections.abc import Mapping
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.errors import Gone, Invalid, PortalError, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import LINK_LIFETIME, PENDING_LOGIN_LIFETIME
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.setup_links import LinkExpired, PasswordForm, ValidLink
from chalicelib.services.authentication.password_login import LoginAttempt, SecondFactorRequired
from chalicelib.services.authentication.second_factor import SecondFactorResponse
from chalicelib.services.normalization import describe_wrong_email, normalize_email, strip_invisible
from chalicelib.web.http.error_mapping import error_headers, error_messages, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect, render_page
from chalicelib.web.pages.login_form import (
    HOME,
    USERNAME_COOKIE,
    document_in,
    known_device_cookie,
    local_path,
    render_login,
)

SETUP_COOKIE = "__Host-setup"
PENDING_LOGIN_COOKIE = "__Host-half"
SETUP_SECONDS = int(LINK_LIFETIME.total_seconds())
USERNAME_SECONDS = 10 * 60


def log_in(context: RequestContext) -> Response:
    next_path, email = local_path(context.form.get("next")), context.form.get("email", "")
    previous = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    attempt = LoginAttempt(
        email=strip_invisible(email).lower()[:254],
        password=context.form.get("password", ""),
        source=context.address or "unknown",
        agent=context.device,
        now=context.now,
        previous_session=previous.session if previous else None,
        device=context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, "")),
    )
    try:
        provider, session = context.services.login.log_in(attempt)
    except SecondFactorRequired as pending:
        return _redirect_to_second_factor(pending, next_path)
    except (Unauthenticated, TooManyRequests) as error:
        return render_login(context, next_path, email, error)
    return _finish(context, next_path, provider, session)


def log_in_with_passkey(context: RequestContext) -> Response:
    next_path = local_path(context.form.get("next"))
    previous = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    try:
        provider, session = context.services.passkeys.log_in(
            context.form.get("passkey", ""),
            context.now,
            context.origin,
            previous_session=previous.session if previous else None,
        )
    except Unauthenticated as error:
        return render_login(context, next_path, "", error)
    return _finish(context, next_path, provider, session)


def show_second_factor(context: RequestContext) -> Response:
    return _render_second_factor(context, local_path(context.query.get("next")))


def finish_login(context: RequestContext) -> Response:
    """Check the passkey or code from the form at the login's second step, and redirect with the session cookie.

    If the check fails, return this page with the error. If the first step was too long ago, return the login page."""
    next_path = local_path(context.form.get("next"))
    response = SecondFactorResponse(
        code=context.form.get("code", "")[:100],
        passkey=context.form.get("passkey", ""),
        device=context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, "")),
    )
    try:
        provider, session = context.services.second_factor.finish(
            context.cookies.get(PENDING_LOGIN_COOKIE, ""), response, context.now, context.origin
        )
    except (Unauthenticated, TooManyRequests) as error:
        return _render_second_factor(context, next_path, error)
    except Gone as expired:
        return render_login(context, next_path, "", expired)
    return _finish(context, next_path, provider, session)


def log_out(context: RequestContext) -> Response:
    if context.session is not None:
        context.services.sessions.end(context.session, context.now, context.origin)
    response = redirect("/login?reason=logged-out", cookies=[format_cookie(SESSION_COOKIE, "", 0)])
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _finish(context: RequestContext, next_path: str, provider: Provider, session: str) -> Response:
    """Return the redirect to `next_path` after a login, with the session cookie (`session`).

    A second cookie makes the browser known to the account, so that strangers' wrong passwords cannot make it wait."""
    cookies = [
        format_cookie(SESSION_COOKIE, session),
        format_cookie(USERNAME_COOKIE, "", 0),
        format_cookie(PENDING_LOGIN_COOKIE, "", 0),
        known_device_cookie(context, provider.id, provider.session_generation),
    ]
    return redirect(next_path, cookies=cookies)


def _redirect_to_second_factor(pending: SecondFactorRequired, next_path: str) -> Response:
    seconds = int(PENDING_LOGIN_LIFETIME.total_seconds())
    cookies = [format_cookie(PENDING_LOGIN_COOKIE, pending.token, seconds), format_cookie(USERNAME_COOKIE, "", 0)]
    return redirect(_second_factor_url(next_path), cookies=cookies)


def _second_factor_url(next_path: str) -> str:
    return f"/login/second?next={quote(next_path, safe='/')}"


def _render_second_factor(context: RequestContext, next_path: str, error: PortalError | None = None) -> Response:
    """Return the page that asks for a passkey or code at the login's second step, with the error of a wrong one.

    If the first step was too long ago, return the login page."""
    token = context.cookies.get(PENDING_LOGIN_COOKIE, "")
    try:
        owner = context.services.second_factor.find_pending_login(token, context.now)
    except Gone as expired:
        return render_login(context, next_path, "", expired)
    options = context.services.passkey_options.for_login(context.now, owner) if owner.passkeys else None
    return render_page(
        context,
        "login_second_factor.html",
        status=present_error(error).status if error else 200,
        headers=error_headers(error) if isinstance(error, TooManyRequests) else {},
        next=next_path,
        refused=error.detail if error else None,
        by_app=owner.authenticator is not None,
        passkey_options=options,
        history_url=context.history_url(_second_factor_url(next_path)),
    )


def show_forgot_password(context: RequestContext) -> Response:
    next_path = local_path(context.query.get("next"))
    return render_page(
        context, "forgot_password.html", sent="sent" in context.query, email="", error=None, next=next_path
    )


def request_link(context: RequestContext) -> Response:
    """Queue an email with a setup or reset link to the typed address (*Forgot password*), and return a redirect.

    The response is the same for every address, so that it does not reveal whether the portal knows the address."""
    typed, next_path = context.form.get("email", ""), local_path(context.form.get("next"))
    try:
        email = normalize_email(typed)
    except ValueError:
        error = describe_wrong_email(typed)
        return render_page(
            context, "forgot_password.html", status=400, sent=False, email=typed, error=error, next=next_path
        )
    source = context.address or "unknown"
    context.services.link_requests.ask(email, source, context.now, document_in(next_path))
    return redirect("/forgot-password?sent=1" + ("" if next_path == HOME else f"&next={quote(next_path)}"))


def request_document_link(context: RequestContext, document_id: str) -> Response:
    """Queue an email with a setup or reset link to the document's provider, and return a redirect to the document."""
    context.services.link_requests.ask_for_document(document_id, context.now)
    return redirect(f"/documents/{document_id}?sent=1")


def accept_link(_context: RequestContext, token: str) -> Response:
    """Open a setup or reset link: return a redirect that moves the link's token from the URL to a cookie.

    Opening a link does not use it up, because programs that scan emails open links too."""
    return redirect("/setup", cookies=[format_cookie(SETUP_COOKIE, token, SETUP_SECONDS)])


def show_setup(context: RequestContext) -> Response:
    try:
        link = context.services.setup_links.open(context.cookies.get(SETUP_COOKIE, ""), context.now)
    except LinkExpired as expired:
        return _render_link_expired(context, expired)
    return _render_setup(context, link, {"credential": link.provider.credential or ""}, {})


def choose_password(context: RequestContext) -> Response:
    token, setup_links = context.cookies.get(SETUP_COOKIE, ""), context.services.setup_links
    form = PasswordForm(
        password=context.form.get("password", ""),
        credential=context.form.get("credential", ""),
        npi=context.form.get("npi", "").strip(),
        confirmed=context.form.get("confirmed") == "yes",
    )
    try:
        link = setup_links.choose_password(token, form, context.now, context.origin)
    except LinkExpired as expired:
        return _render_link_expired(context, expired)
    except Invalid as error:
        return _render_setup(context, setup_links.open(token, context.now), context.form, error_messages(error))
    return _redirect_to_first_login(context, link)


def _render_setup(
    context: RequestContext, link: ValidLink, typed: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    return render_page(
        context,
        "setup.html",
        status=400 if errors else 200,
        link=link,
        person=link.provider,
        typed=typed,
        errors=errors,
        least=link.least,
        own=" ".join(link.personal),
    )


def _render_link_expired(context: RequestContext, expired: LinkExpired) -> Response:
    return render_page(
        context,
        "link_expired.html",
        status=present_error(expired).status,
        document_id=expired.document_id,
        cookies=[format_cookie(SETUP_COOKIE, "", 0)],
    )


def _redirect_to_first_login(context: RequestContext, link: ValidLink) -> Response:
    """Return a redirect to the login page after a person has chosen a password with a link. Nobody is logged in yet.

    A cookie makes this browser known to the account, so that strangers' wrong passwords cannot make it wait. Another
    cookie fills in the email address."""
    next_path = f"/documents/{link.document.id}" if link.document else HOME
    reason = "password-set" if link.is_setup or link.is_move else "password-changed"
    cookies = [
        format_cookie(SETUP_COOKIE, "", 0),
        format_cookie(SESSION_COOKIE, "", 0),
        format_cookie(USERNAME_COOKIE, quote(link.secret.email or ""), USERNAME_SECONDS),
        known_device_cookie(context, link.provider.id, link.provider.session_generation),
    ]
    return redirect(f"/login?reason={reason}&next={next_path}", cookies=cookies)
