"""The root path and the login page. This module imports no database code, so that the first page loads fast."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from chalice.app import Response

from chalicelib.domain.errors import PortalError, TooManyRequests
from chalicelib.web.http.error_mapping import error_headers, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect, render_page

if TYPE_CHECKING:
    from chalicelib.domain.providers import Provider

HOME = "/documents"
ASSISTANT_HOME = "/assistant/documents"
USERNAME_COOKIE = "__Host-username"
DEVICE_SECONDS = 365 * 24 * 60 * 60

_WITH_PASSKEY = "passkey"

_LOCAL_PATH = re.compile(
    r"/invitation|/(documents|account|fax|assistant)(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*(\?[A-Za-z0-9_.~=&%+-]*)?",
    re.ASCII,
)
"""The paths that a login may open afterwards: only pages for a person who is logged in.

A path `/setup/…` or `/invitation/…`, which an attacker could choose, would replace the browser's link."""
_DOCUMENT_PATH = re.compile(r"/documents/([a-z0-9_]+)(?:[/?].*)?", re.ASCII)
_MAX_PATH_CHARS = 300


def redirect_home(context: RequestContext) -> Response:
    """Return a redirect from `/` to the list of documents, or to the login page if there is no session cookie."""
    return redirect(HOME if SESSION_COOKIE in context.cookies else "/login")


def show_login(context: RequestContext) -> Response:
    next_path = local_path(context.query.get("next"))
    if is_logged_in(context):
        return redirect(next_path)
    return render_login(context, next_path)


def restart_login(_context: RequestContext) -> Response:
    """Return a redirect to the login page, for a GET of the path to which the login form posts, such as a reload."""
    return redirect("/login")


def local_path(text: str | None) -> str:
    """Return `text` if it is a path of the portal that a login may open afterwards, or else the list of documents.

    The text comes from a query or form, so a stranger may have chosen it."""
    path = text or ""
    return path if len(path) <= _MAX_PATH_CHARS and _LOCAL_PATH.fullmatch(path) else HOME


def document_in(path: str) -> str | None:
    """Return the id of the document in a path such as `/documents/doc_1`, or None for every other path."""
    matched = _DOCUMENT_PATH.fullmatch(path)
    return matched[1] if matched else None


@dataclass(frozen=True)
class KnownUser:
    """The person who last logged in with a browser, as the browser's own cookie says.

    `email` is the username, or empty in an unknown browser. `has_passkey` says whether the account had a passkey at
    that login."""

    email: str = ""
    has_passkey: bool = False


def read_known_user(context: RequestContext) -> KnownUser:
    """Return the person who last logged in with this browser. The cookie proves nothing, and only fills in a form."""
    mark, _, email = context.cookies.get(USERNAME_COOKIE, "").rpartition(":")
    return KnownUser(unquote(email), has_passkey=mark == _WITH_PASSKEY)


def known_browser_cookies(context: RequestContext, provider: "Provider") -> tuple[str, str]:
    """Return the `Set-Cookie` values that make this browser known to the account, for a year.

    Wrong passwords from unknown browsers then do not make this browser wait, until all sessions of the account end. The
    login page fills in the username, and shows the passkey first if the account has one."""
    device = context.services.known_devices.issue(provider.id, provider.session_generation)
    mark = f"{_WITH_PASSKEY}:" if provider.passkeys else ""
    return (
        format_cookie(DEVICE_COOKIE, device, DEVICE_SECONDS),
        format_cookie(USERNAME_COOKIE, f"{mark}{quote(provider.email or '')}", DEVICE_SECONDS),
    )


def is_logged_in(context: RequestContext) -> bool:
    """Return True if the browser that sent the request is logged in to any account."""
    session = context.cookies.get(SESSION_COOKIE)
    return bool(session) and context.services.sessions.visit(session or "", context.now) is not None


def render_login(
    context: RequestContext, next_path: str, email: str | None = None, error: PortalError | None = None
) -> Response:
    """Return the login page with the email address filled in, and with the error of a failed login, if any.

    `email` is the typed address, or None to fill in the address of a known browser. A login opens `next_path`
    afterwards."""
    known = read_known_user(context)
    return render_page(
        context,
        "login.html",
        status=present_error(error).status if error else 200,
        headers=error_headers(error) if isinstance(error, TooManyRequests) else {},
        next=next_path,
        email=known.email if email is None else email,
        known=known,
        refused=error.detail if error else None,
        reason=context.query.get("reason"),
        passkey_options=context.services.passkey_options.for_login(context.now),
        history_url=context.history_url(f"/login?next={quote(next_path, safe='/')}"),
    )
