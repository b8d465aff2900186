"""Readers of a request's cookies, query, form, IP address and User-Agent, and the protection of forms (CSRF)."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from urllib.parse import parse_qsl

from chalice.app import Request

from chalicelib.domain.errors import Forbidden, ForbiddenCode, Invalid, NotFound, TooLarge

DEVICE_COOKIE = "__Host-device"
SESSION_COOKIE = "__Host-session"
BY_HAND_COOKIE = "__Host-by-hand"
CSRF_COOKIE = "__Host-csrf"
FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 1024 * 1024
MAX_FIELDS = 200
DEVICE_LENGTH = 200

_SAFE_VALUE = re.compile(r"[A-Za-z0-9_.~-]{1,200}")
_STALE_FORM = (
    "This page was open for too long, or your browser blocks its cookies. Go back, load the page again, and try again."
)


def read_cookies(request: Request) -> Mapping[str, str]:
    """Return the cookies by name. If two cookies have the same name, the first one counts."""
    cookies: dict[str, str] = {}
    for part in (request.headers.get("cookie") or "").split(";"):
        name, _, value = part.strip().partition("=")
        cookies.setdefault(name, value.strip())
    return cookies


def draft_cookie(document_id: str) -> str:
    """Return the name of the cookie with the token of a saved draft: a decision about this document, not yet sent."""
    return f"__Host-draft-{document_id}"


def read_address(request: Request) -> str | None:
    """Return the client's IP address as API Gateway saw it, or None if API Gateway reports no address.

    The header X-Forwarded-For is ignored, because a client can write any address there."""
    text = (request.context.get("identity") or {}).get("sourceIp")
    return str(text) if text else None


def read_device(request: Request) -> str | None:
    """Return the first 200 printable characters of the header User-Agent, which names the browser, or None."""
    text = request.headers.get("user-agent") or ""
    return "".join(c for c in text if c.isprintable())[:DEVICE_LENGTH] or None


def read_query(request: Request) -> Mapping[str, str]:
    """Return the query parameters by name. If two parameters have the same name, the last one counts."""
    return {str(name): str(value) for name, value in (request.query_params or {}).items()}


def read_body(request: Request) -> bytes:
    raw = request.raw_body
    return raw if isinstance(raw, bytes) else raw.encode()


def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a posted form. Raises `Invalid` for other bodies, and `TooLarge` above `MAX_FORM_BYTES`."""
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise Invalid(f"Send the form as {FORM_TYPE}.")
    encoded = read_body(request)
    if len(encoded) > MAX_FORM_BYTES:
        raise TooLarge("The form is too large.")
    try:
        pairs = parse_qsl(encoded.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Invalid("The form couldn't be read.") from error
    return dict(pairs)


def check_path(values: Mapping[str, str]) -> None:
    """Raise `NotFound` for a path parameter that cannot be an id, a token or a file name of the portal."""
    if not all(_SAFE_VALUE.fullmatch(value) for value in values.values()):
        raise NotFound("There is nothing at this address.")


def make_form_token(cookie: str, pad: str) -> str:
    """Return the CSRF token of a form, which proves that the form comes from one of the portal's pages.

    The token is an HMAC of the random `pad` with the CSRF cookie as key. Each page uses another `pad`,
    because pages are compressed and their length would help to guess a constant secret (BREACH)."""
    proof = hmac.digest(cookie.encode(), pad.encode(), "sha256")
    return f"{pad}.{urlsafe_b64encode(proof).decode().rstrip('=')}"


def is_cross_site(request: Request) -> bool:
    """Return True if a link or form on another website led the browser here, by the header `Sec-Fetch-Site`."""
    return request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")


def check_same_site(request: Request, fields: Mapping[str, str], portal_url: str) -> None:
    """Raise `Forbidden` if the form does not come from one of the portal's own pages.

    Pages have `Referrer-Policy: no-referrer`, so browsers send `Origin: null` with the portal's own forms.
    This value is accepted. Any other origin, and any other fetch site, is refused."""
    cookie, token = read_cookies(request).get(CSRF_COOKIE, ""), fields.get("csrf", "")
    expected = make_form_token(cookie, token.partition(".")[0])
    if not cookie or not hmac.compare_digest(expected.encode(), token.encode()):
        raise Forbidden(_STALE_FORM, code=ForbiddenCode.FORM_EXPIRED)
    origin = request.headers.get("origin") or "null"
    site = request.headers.get("sec-fetch-site") or "none"
    if origin not in ("null", portal_url) or site not in ("same-origin", "none"):
        raise Forbidden("This form was sent from another website.", code=ForbiddenCode.FOREIGN_FORM)
