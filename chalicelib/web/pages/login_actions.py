"""What the login page and its neighbours do: log in and out, choose a password, ask for a link."""

from collections.abc import Mapping
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.errors import Gone, Invalid, PortalError, TooManyRequests, Unauthenticated
from chalicelib.domain.expiring_records import PENDING_LOGIN_LIFETIME
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.setup_links import LinkExpired, PasswordForm, ValidLink
from chalicelib.services.authentication.password_login import LoginAttempt, SecondFactorRequired
from chalicelib.services.authentication.second_factor import SecondFactorResponse
from chalicelib.services.normalization import email as email_address
from chalicelib.web.http.error_mapping import error_headers, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect, render_page
from chalicelib.web.pages.login_form import HOME, USERNAME_COOKIE, known_from_now_on, local_path, login_page

SETUP_COOKIE = "__Host-setup"
PENDING_LOGIN_COOKIE = "__Host-half"
SETUP_SECONDS = 30 * 60
USERNAME_SECONDS = 10 * 60

_NOT_AN_ADDRESS = "Enter an email address, such as dr.rivera@example.com."


# Logging in and out


def log_in(context: RequestContext) -> Response:
    wanted, typed = local_path(context.form.get("next")), context.form.get("email", "")
    before = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    attempt = LoginAttempt(
        email=typed.strip().lower()[:254],
        password=context.form.get("password", ""),
        source=context.address or "unknown",
        agent=context.device,
        now=context.now,
        previous_session=before.session if before else None,
        device=context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, "")),
    )
    try:
        provider, session = context.services.login.log_in(attempt)
    except SecondFactorRequired as half:
        return _to_second_half(half, wanted)
    except (Unauthenticated, TooManyRequests) as refused:
        return login_page(context, wanted, typed, refused)
    return _let_in(context, wanted, provider, session)


def log_in_with_passkey(context: RequestContext) -> Response:
    wanted = local_path(context.form.get("next"))
    before = context.services.sessions.visit(context.cookies.get(SESSION_COOKIE, ""), context.now)
    try:
        provider, session = context.services.passkeys.log_in(
            context.form.get("passkey", ""),
            context.now,
            context.origin,
            previous_session=before.session if before else None,
        )
    except Unauthenticated as refused:
        return login_page(context, wanted, "", refused)
    return _let_in(context, wanted, provider, session)


def second_half(context: RequestContext) -> Response:
    return _second_page(context, local_path(context.query.get("next")))


def finish_login(context: RequestContext) -> Response:
    wanted = local_path(context.form.get("next"))
    answer = SecondFactorResponse(
        code=context.form.get("code", "")[:100],
        passkey=context.form.get("passkey", ""),
        device=context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, "")),
    )
    try:
        provider, session = context.services.second_factor.finish(
            context.cookies.get(PENDING_LOGIN_COOKIE, ""), answer, context.now, context.origin
        )
    except (Unauthenticated, TooManyRequests) as refused:
        return _second_page(context, wanted, refused)
    except Gone as over:
        return login_page(context, wanted, "", over)
    return _let_in(context, wanted, provider, session)


def log_out(context: RequestContext) -> Response:
    if context.session is not None:
        context.services.sessions.end(context.session, context.now, context.origin)
    left = redirect("/login?reason=logged-out", cookies=[format_cookie(SESSION_COOKIE, "", 0)])
    left.headers["Clear-Site-Data"] = '"cache", "storage"'
    return left


# A forgotten password, or a first one


def forgot_password(context: RequestContext) -> Response:
    return render_page(context, "forgot_password.html", sent="sent" in context.query, email="", error=None)


def ask_for_link(context: RequestContext) -> Response:
    typed = context.form.get("email", "")
    try:
        email = email_address(typed)
    except ValueError:
        return render_page(
            context, "forgot_password.html", status=400, sent=False, email=typed, error=_NOT_AN_ADDRESS
        )
    context.services.link_requests.ask(email, context.address or "unknown", context.now)
    return redirect("/forgot-password?sent=1")


def ask_for_document_link(context: RequestContext, document_id: str) -> Response:
    context.services.link_requests.ask_for_document(document_id, context.now)
    return redirect(f"/documents/{document_id}?sent=1")


def take_link(_context: RequestContext, token: str) -> Response:
    """Mail scanners open links: nothing is looked at and nothing spent, and the token leaves the URL."""
    return redirect("/setup", cookies=[format_cookie(SETUP_COOKIE, token, SETUP_SECONDS)])


def setup(context: RequestContext) -> Response:
    try:
        link = context.services.setup_links.open(context.cookies.get(SETUP_COOKIE, ""), context.now)
    except LinkExpired as dead:
        return _dead_link(context, dead)
    return _setup_page(context, link, {"credential": link.provider.credential or ""}, {})


def set_up(context: RequestContext) -> Response:
    token, setup_links = context.cookies.get(SETUP_COOKIE, ""), context.services.setup_links
    try:
        link = setup_links.choose_password(token, _chosen(context.form), context.now, context.origin)
    except LinkExpired as dead:
        return _dead_link(context, dead)
    except Invalid as wrong:
        errors = {each.field: each.message for each in wrong.errors}
        return _setup_page(context, setup_links.open(token, context.now), context.form, errors)
    return _to_first_login(context, link)


# Parts


def _let_in(context: RequestContext, wanted: str, provider: Provider, session: str) -> Response:
    """On to where one was going, with the session, on a browser that is known from now on."""
    device = known_from_now_on(context, provider.id, provider.session_generation)
    gone = [format_cookie(USERNAME_COOKIE, "", 0), format_cookie(PENDING_LOGIN_COOKIE, "", 0)]
    return redirect(wanted, cookies=[format_cookie(SESSION_COOKIE, session), *gone, device])


def _to_second_half(half: SecondFactorRequired, wanted: str) -> Response:
    seconds = int(PENDING_LOGIN_LIFETIME.total_seconds())
    gone = format_cookie(USERNAME_COOKIE, "", 0)
    return redirect(
        _second_place(wanted), cookies=[format_cookie(PENDING_LOGIN_COOKIE, half.token, seconds), gone]
    )


def _second_place(wanted: str) -> str:
    return f"/login/second?next={quote(wanted, safe='/')}"


def _second_page(context: RequestContext, wanted: str, refused: PortalError | None = None) -> Response:
    try:
        owner = context.services.second_factor.find_pending_login(
            context.cookies.get(PENDING_LOGIN_COOKIE, ""), context.now
        )
    except Gone as over:
        return login_page(context, wanted, "", over)
    options = context.services.passkey_options.for_login(context.now, owner) if owner.passkeys else None
    return render_page(
        context,
        "login_second_factor.html",
        status=present_error(refused).status if refused else 200,
        headers=error_headers(refused) if isinstance(refused, TooManyRequests) else {},
        next=wanted,
        refused=refused.detail if refused else None,
        by_app=owner.authenticator is not None,
        passkey_options=options,
        history_url=context.history_url(_second_place(wanted)),
    )


def _chosen(form: Mapping[str, str]) -> PasswordForm:
    return PasswordForm(
        password=form.get("password", ""),
        credential=form.get("credential", ""),
        npi=form.get("npi", "").strip(),
        confirmed=form.get("confirmed") == "yes",
    )


def _setup_page(
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


def _dead_link(context: RequestContext, dead: LinkExpired) -> Response:
    return render_page(
        context,
        "link_expired.html",
        status=present_error(dead).status,
        document_id=dead.document_id,
        cookies=[format_cookie(SETUP_COOKIE, "", 0)],
    )


def _to_first_login(context: RequestContext, link: ValidLink) -> Response:
    """To the login page, with the username filled in and the document next. Nobody is logged in by a link.

    But the browser is known from now on, so that strangers who go on guessing do not close the login to it.
    """
    wanted = f"/documents/{link.document.id}" if link.document else HOME
    reason = "password-set" if link.is_setup else "password-changed"
    return redirect(
        f"/login?reason={reason}&next={wanted}",
        cookies=[
            format_cookie(SETUP_COOKIE, "", 0),
            format_cookie(SESSION_COOKIE, "", 0),
            format_cookie(USERNAME_COOKIE, quote(link.secret.email or ""), USERNAME_SECONDS),
            known_from_now_on(context, link.provider.id, link.provider.session_generation),
        ],
    )
