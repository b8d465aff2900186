"""What the login page and its neighbours do: log in and out, choose a password, ask for a link."""

from collections.abc import Mapping
from urllib.parse import quote

from chalice.app import Response

from chalicelib.domain.errors import Gone, Invalid, PortalError, TooMany, Unauthenticated
from chalicelib.domain.expiring_records import HALF_LIFETIME
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.setup_links import Chosen, DeadLink, OpenLink
from chalicelib.services.authentication.password_login import Attempt, HalfIn
from chalicelib.services.authentication.second_factor import Answer
from chalicelib.services.normalization import email as email_address
from chalicelib.web.http.error_mapping import error_headers, shown_as
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import cookie, page, redirect
from chalicelib.web.pages.login_form import HOME, USERNAME_COOKIE, known_from_now_on, local_path, login_page

SETUP_COOKIE = "__Host-setup"
HALF_COOKIE = "__Host-half"
SETUP_SECONDS = 30 * 60
USERNAME_SECONDS = 10 * 60

_NOT_AN_ADDRESS = "Enter an email address, such as dr.rivera@example.com."


# Logging in and out


def log_in(caller: Caller) -> Response:
    wanted, typed = local_path(caller.form.get("next")), caller.form.get("email", "")
    before = caller.services.sessions.visit(caller.cookies.get(SESSION_COOKIE, ""), caller.now)
    attempt = Attempt(
        email=typed.strip().lower()[:254],
        password=caller.form.get("password", ""),
        source=caller.address or "unknown",
        agent=caller.device,
        now=caller.now,
        replaces=before.session if before else None,
        device=caller.services.devices.read(caller.cookies.get(DEVICE_COOKIE, "")),
    )
    try:
        provider, session = caller.services.login.log_in(attempt)
    except HalfIn as half:
        return _to_second_half(half, wanted)
    except (Unauthenticated, TooMany) as refused:
        return login_page(caller, wanted, typed, refused)
    return _let_in(caller, wanted, provider, session)


def log_in_with_passkey(caller: Caller) -> Response:
    wanted = local_path(caller.form.get("next"))
    before = caller.services.sessions.visit(caller.cookies.get(SESSION_COOKIE, ""), caller.now)
    try:
        provider, session = caller.services.passkeys.log_in(
            caller.form.get("passkey", ""),
            caller.now,
            caller.origin,
            replaces=before.session if before else None,
        )
    except Unauthenticated as refused:
        return login_page(caller, wanted, "", refused)
    return _let_in(caller, wanted, provider, session)


def second_half(caller: Caller) -> Response:
    return _second_page(caller, local_path(caller.query.get("next")))


def finish_login(caller: Caller) -> Response:
    wanted = local_path(caller.form.get("next"))
    answer = Answer(
        code=caller.form.get("code", "")[:100],
        passkey=caller.form.get("passkey", ""),
        device=caller.services.devices.read(caller.cookies.get(DEVICE_COOKIE, "")),
    )
    try:
        provider, session = caller.services.second_factor.finish(
            caller.cookies.get(HALF_COOKIE, ""), answer, caller.now, caller.origin
        )
    except (Unauthenticated, TooMany) as refused:
        return _second_page(caller, wanted, refused)
    except Gone as over:
        return login_page(caller, wanted, "", over)
    return _let_in(caller, wanted, provider, session)


def log_out(caller: Caller) -> Response:
    if caller.session is not None:
        caller.services.sessions.end(caller.session, caller.now, caller.origin)
    left = redirect("/login?reason=logged-out", cookies=[cookie(SESSION_COOKIE, "", 0)])
    left.headers["Clear-Site-Data"] = '"cache", "storage"'
    return left


# A forgotten password, or a first one


def forgot_password(caller: Caller) -> Response:
    return page(caller, "forgot_password.html", sent="sent" in caller.query, email="", error=None)


def ask_for_link(caller: Caller) -> Response:
    typed = caller.form.get("email", "")
    try:
        email = email_address(typed)
    except ValueError:
        return page(
            caller, "forgot_password.html", status=400, sent=False, email=typed, error=_NOT_AN_ADDRESS
        )
    caller.services.recovery.ask(email, caller.address or "unknown", caller.now)
    return redirect("/forgot-password?sent=1")


def ask_for_document_link(caller: Caller, document_id: str) -> Response:
    caller.services.recovery.ask_for_document(document_id, caller.now)
    return redirect(f"/documents/{document_id}?sent=1")


def take_link(_caller: Caller, token: str) -> Response:
    """Mail scanners open links: nothing is looked at and nothing spent, and the token leaves the URL."""
    return redirect("/setup", cookies=[cookie(SETUP_COOKIE, token, SETUP_SECONDS)])


def setup(caller: Caller) -> Response:
    try:
        link = caller.services.accounts.opened(caller.cookies.get(SETUP_COOKIE, ""), caller.now)
    except DeadLink as dead:
        return _dead_link(caller, dead)
    return _setup_page(caller, link, {"credential": link.provider.credential or ""}, {})


def set_up(caller: Caller) -> Response:
    token, accounts = caller.cookies.get(SETUP_COOKIE, ""), caller.services.accounts
    try:
        link = accounts.choose_password(token, _chosen(caller.form), caller.now, caller.origin)
    except DeadLink as dead:
        return _dead_link(caller, dead)
    except Invalid as wrong:
        errors = {each.field: each.message for each in wrong.errors}
        return _setup_page(caller, accounts.opened(token, caller.now), caller.form, errors)
    return _to_first_login(caller, link)


# Parts


def _let_in(caller: Caller, wanted: str, provider: Provider, session: str) -> Response:
    """On to where one was going, with the session, on a browser that is known from now on."""
    device = known_from_now_on(caller, provider.id, provider.session_epoch)
    gone = [cookie(USERNAME_COOKIE, "", 0), cookie(HALF_COOKIE, "", 0)]
    return redirect(wanted, cookies=[cookie(SESSION_COOKIE, session), *gone, device])


def _to_second_half(half: HalfIn, wanted: str) -> Response:
    seconds = int(HALF_LIFETIME.total_seconds())
    gone = cookie(USERNAME_COOKIE, "", 0)
    return redirect(_second_place(wanted), cookies=[cookie(HALF_COOKIE, half.token, seconds), gone])


def _second_place(wanted: str) -> str:
    return f"/login/second?next={quote(wanted, safe='/')}"


def _second_page(caller: Caller, wanted: str, refused: PortalError | None = None) -> Response:
    try:
        owner = caller.services.second_factor.waiting(caller.cookies.get(HALF_COOKIE, ""), caller.now)
    except Gone as over:
        return login_page(caller, wanted, "", over)
    options = caller.services.passkey_options.for_login(caller.now, owner) if owner.passkeys else None
    return page(
        caller,
        "login_second.html",
        status=shown_as(refused).status if refused else 200,
        headers=error_headers(refused) if isinstance(refused, TooMany) else {},
        next=wanted,
        refused=refused.detail if refused else None,
        by_app=owner.authenticator is not None,
        passkey_options=options,
        stands_for=caller.stands_for(_second_place(wanted)),
    )


def _chosen(form: Mapping[str, str]) -> Chosen:
    return Chosen(
        password=form.get("password", ""),
        credential=form.get("credential", ""),
        npi=form.get("npi", "").strip(),
        confirmed=form.get("confirmed") == "yes",
    )


def _setup_page(
    caller: Caller, link: OpenLink, typed: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    return page(
        caller,
        "setup.html",
        status=400 if errors else 200,
        link=link,
        person=link.provider,
        typed=typed,
        errors=errors,
        least=link.least,
        own=" ".join(link.personal),
    )


def _dead_link(caller: Caller, dead: DeadLink) -> Response:
    return page(
        caller,
        "link_dead.html",
        status=shown_as(dead).status,
        document_id=dead.document_id,
        cookies=[cookie(SETUP_COOKIE, "", 0)],
    )


def _to_first_login(caller: Caller, link: OpenLink) -> Response:
    """To the login page, with the username filled in and the document next. Nobody is logged in by a link.

    But the browser is known from now on, so that strangers who go on guessing do not close the login to it.
    """
    wanted = f"/documents/{link.document.id}" if link.document else HOME
    reason = "password-set" if link.is_setup else "password-changed"
    return redirect(
        f"/login?reason={reason}&next={wanted}",
        cookies=[
            cookie(SETUP_COOKIE, "", 0),
            cookie(SESSION_COOKIE, "", 0),
            cookie(USERNAME_COOKIE, quote(link.secret.email or ""), USERNAME_SECONDS),
            known_from_now_on(caller, link.provider.id, link.provider.session_epoch),
        ],
    )
