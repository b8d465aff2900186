"""The address itself and the login page: what every visitor sees first.

Apart from what the form does, because a cold start pays for all it imports: nothing here needs a table.
"""

import re
from urllib.parse import quote, unquote

from chalice.app import Response

from chalicelib.domain.errors import PortalError, TooManyRequests
from chalicelib.web.http.error_mapping import error_headers, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect, render_page

HOME = "/documents"
USERNAME_COOKIE = "__Host-username"
DEVICE_SECONDS = 365 * 24 * 60 * 60

_LOCAL_PATH = re.compile(r"/(?!/)[A-Za-z0-9_.~/-]*(\?[A-Za-z0-9_.~=&%+-]*)?")
_LONGEST_PATH = 300


def home(context: RequestContext) -> Response:
    """The list of documents sends on to the login page whoever's session has ended."""
    return redirect(HOME if SESSION_COOKIE in context.cookies else "/login")


def login(context: RequestContext) -> Response:
    wanted = local_path(context.query.get("next"))
    if _is_logged_in(context):
        return redirect(wanted)
    return login_page(context, wanted, unquote(context.cookies.get(USERNAME_COOKIE, "")))


def login_again(_context: RequestContext) -> Response:
    """Where a refused login was shown: whoever comes back to that address starts over."""
    return redirect("/login")


def local_path(text: str | None) -> str:
    """Where to go after login: a path of this site, or else the list of documents.

    Everything that a browser might read as another site (`//`, backslashes, control characters, schemes)
    is no such path.
    """
    wanted = text or ""
    good = len(wanted) <= _LONGEST_PATH and _LOCAL_PATH.fullmatch(wanted)
    return wanted if good and wanted != "/" else HOME


def known_from_now_on(context: RequestContext, provider_id: str, session_generation: int) -> str:
    """The cookie by which this account knows this browser until all its sessions are ended."""
    return format_cookie(
        DEVICE_COOKIE, context.services.known_devices.issue(provider_id, session_generation), DEVICE_SECONDS
    )


def _is_logged_in(context: RequestContext) -> bool:
    session = context.cookies.get(SESSION_COOKIE)
    return bool(session) and context.services.sessions.visit(session or "", context.now) is not None


def login_page(
    context: RequestContext, wanted: str, email: str, refused: PortalError | None = None
) -> Response:
    return render_page(
        context,
        "login.html",
        status=present_error(refused).status if refused else 200,
        headers=error_headers(refused) if isinstance(refused, TooManyRequests) else {},
        next=wanted,
        email=email,
        refused=refused.detail if refused else None,
        reason=context.query.get("reason"),
        passkey_options=context.services.passkey_options.for_login(context.now),
        history_url=context.history_url(f"/login?next={quote(wanted, safe='/')}"),
    )
