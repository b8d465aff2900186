"""The address itself and the login page: what every visitor sees first.

Apart from what the form does, because a cold start pays for all it imports: nothing here needs a table.
"""

import re
from urllib.parse import quote, unquote

from chalice.app import Response

from chalicelib.domain.errors import PortalError, TooMany
from chalicelib.web.http.error_mapping import error_headers, shown_as
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import cookie, page, redirect

HOME = "/documents"
USERNAME_COOKIE = "__Host-username"
DEVICE_SECONDS = 365 * 24 * 60 * 60

_LOCAL_PATH = re.compile(r"/(?!/)[A-Za-z0-9_.~/-]*(\?[A-Za-z0-9_.~=&%+-]*)?")
_LONGEST_PATH = 300


def home(caller: Caller) -> Response:
    """The list of documents sends on to the login page whoever's session has ended."""
    return redirect(HOME if SESSION_COOKIE in caller.cookies else "/login")


def login(caller: Caller) -> Response:
    wanted = local_path(caller.query.get("next"))
    if _is_logged_in(caller):
        return redirect(wanted)
    return login_page(caller, wanted, unquote(caller.cookies.get(USERNAME_COOKIE, "")))


def login_again(_caller: Caller) -> Response:
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


def known_from_now_on(caller: Caller, provider_id: str, epoch: int) -> str:
    """The cookie by which this account knows this browser until all its sessions are ended."""
    return cookie(DEVICE_COOKIE, caller.services.devices.issue(provider_id, epoch), DEVICE_SECONDS)


def _is_logged_in(caller: Caller) -> bool:
    session = caller.cookies.get(SESSION_COOKIE)
    return bool(session) and caller.services.sessions.visit(session or "", caller.now) is not None


def login_page(caller: Caller, wanted: str, email: str, refused: PortalError | None = None) -> Response:
    return page(
        caller,
        "login.html",
        status=shown_as(refused).status if refused else 200,
        headers=error_headers(refused) if isinstance(refused, TooMany) else {},
        next=wanted,
        email=email,
        refused=refused.detail if refused else None,
        reason=caller.query.get("reason"),
        passkey_options=caller.services.passkey_options.for_login(caller.now),
        stands_for=caller.stands_for(f"/login?next={quote(wanted, safe='/')}"),
    )
