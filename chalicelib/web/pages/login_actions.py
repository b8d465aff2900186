"""The handlers of login, logout, the login's second step, *Forgot password*, and the page that sets a password."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.errors import Gone, Invalid, PortalError, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import LINK_LIFETIME, PENDING_LOGIN_LIFETIME
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.new_logins import NewLoginForm, Submission
from chalicelib.services.accounts.setup_links import LinkExpired, ValidLink
from chalicelib.services.authentication.password_login import LoginAttempt, SecondFactorRequired
from chalicelib.services.authentication.second_factor import SecondFactorResponse
from chalicelib.services.normalization import describe_wrong_email, normalize_email, strip_invisible
from chalicelib.web.http.error_mapping import error_headers, error_messages, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect, render_page
from chalicelib.web.pages.login_form import (
    HOME,
    document_in,
    is_logged_in,
    known_browser_cookies,
    local_path,
    render_login,
)

SETUP_COOKIE = "__Host-setup"
PENDING_LOGIN_COOKIE = "__Host-half"
SETUP_SECONDS = int(LINK_LIFETIME.total_seconds())


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
        return render_login(context, next_path, error=error)
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
        return render_login(context, next_path, error=expired)
    return _finish(context, next_path, provider, session)


def log_out(context: RequestContext) -> Response:
    if context.session is not None:
        context.services.sessions.end(context.session, context.now, context.origin)
    response = redirect("/login?reason=logged-out", cookies=[format_cookie(SESSION_COOKIE, "", 0)])
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _finish(context: RequestContext, next_path: str, provider: Provider, session: str) -> Response:
    """Return the redirect to `next_path` after a login or a setup, with the session cookie (`session`).

    Other cookies make the browser known to the account, so that strangers' wrong passwords cannot make it wait, and so
    that the login page fills in the email address."""
    cookies = [
        format_cookie(SESSION_COOKIE, session),
        format_cookie(SETUP_COOKIE, "", 0),
        format_cookie(PENDING_LOGIN_COOKIE, "", 0),
        *known_browser_cookies(context, provider),
    ]
    return redirect(next_path, cookies=cookies)


def _redirect_to_second_factor(pending: SecondFactorRequired, next_path: str) -> Response:
    seconds = int(PENDING_LOGIN_LIFETIME.total_seconds())
    cookies = [format_cookie(PENDING_LOGIN_COOKIE, pending.token, seconds)]
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
        return render_login(context, next_path, error=expired)
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


def accept_link(context: RequestContext, token: str) -> Response:
    """Open a setup or reset link: return a redirect that moves the link's token from the URL to a cookie.

    Opening a link does not use it up, because programs that scan emails open links too. The document in the link's
    query is where the reader goes if the link no longer works."""
    document_id = _document_in_query(context)
    query = f"?document={document_id}" if document_id else ""
    return redirect(f"/setup{query}", cookies=[format_cookie(SETUP_COOKIE, token, SETUP_SECONDS)])


def show_setup(context: RequestContext) -> Response:
    try:
        link = context.services.setup_links.open(context.cookies.get(SETUP_COOKIE, ""), context.now)
    except LinkExpired as expired:
        return _leave_setup(context, expired)
    return _render_setup(context, link, {"credential": link.provider.credential or ""}, {})


def choose_login(context: RequestContext) -> Response:
    """Store the password or passkey of the form behind an emailed link. A setup also logs its owner in."""
    token, submission = context.cookies.get(SETUP_COOKIE, ""), _read_submission(context)
    form = NewLoginForm(
        password=context.form.get("password", ""),
        passkey=context.form.get("passkey", ""),
        credential=context.form.get("credential", ""),
        npi=context.form.get("npi", "").strip(),
        confirmed=context.form.get("confirmed") == "yes",
    )
    try:
        chosen = context.services.new_logins.choose(token, form, submission)
    except LinkExpired as expired:
        return _leave_setup(context, expired)
    except Invalid as error:
        link = context.services.setup_links.open(token, context.now)
        return _render_setup(context, link, context.form, error_messages(error))
    if chosen.session is None:
        return _redirect_to_login(context, chosen.link)
    return _finish(context, _path_of(chosen.link), chosen.provider, chosen.session)


def _read_submission(context: RequestContext) -> Submission:
    previous = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    session = previous.session if previous else None
    return Submission(now=context.now, origin=context.origin, previous_session=session)


def _document_in_query(context: RequestContext) -> str | None:
    return document_in(local_path(f"/documents/{context.query.get('document', '')}"))


def _path_of(link: ValidLink) -> str:
    return f"/documents/{link.document.id}" if link.document else HOME


def _render_setup(
    context: RequestContext, link: ValidLink, typed: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    owner = replace(link.provider, email=link.secret.email)
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
        enrolment=context.services.passkey_options.for_enrolment(owner, context.now) if link.is_setup else None,
        login_path=f"/login?next={quote(_path_of(link), safe='/')}",
    )


def _leave_setup(context: RequestContext, expired: LinkExpired) -> Response:
    """Return the response to a link that no longer works: a page that offers a new link.

    The link of a document's email leads to the document's landing page instead, where everybody finds a way to go on. A
    browser that is logged in, such as after a second tap on a button, goes to the document."""
    document_id, cookies = _document_in_query(context), [format_cookie(SETUP_COOKIE, "", 0)]
    if document_id and is_logged_in(context):
        return redirect(f"/documents/{document_id}", cookies=cookies)
    if document_id and context.request.method == "GET":
        return redirect(f"/documents/{document_id}?expired=1", cookies=cookies)
    return render_page(
        context,
        "link_expired.html",
        status=present_error(expired).status,
        document_id=expired.document_id,
        cookies=cookies,
    )


def _redirect_to_login(context: RequestContext, link: ValidLink) -> Response:
    """Return a redirect to the login page after a reset or a move of an account. Nobody is logged in yet.

    Cookies make this browser known to the account, so that strangers' wrong passwords cannot make it wait, and so that
    the login page fills in the email address."""
    reason = "password-set" if link.is_move else "password-changed"
    cookies = [
        format_cookie(SETUP_COOKIE, "", 0),
        format_cookie(SESSION_COOKIE, "", 0),
        *known_browser_cookies(context, link.provider),
    ]
    return redirect(f"/login?reason={reason}&next={_path_of(link)}", cookies=cookies)
