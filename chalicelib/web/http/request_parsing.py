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
    """Return the name of the cookie by which a browser names its saved draft about this document.

    A draft is the form of a decision that was sent after the session had ended."""
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
    """Return the fields of a posted form by name. Raises `TooLarge` for more than `MAX_FORM_BYTES`.

    Raises `Invalid` for a body that is not a form, or that has more than `MAX_FIELDS` fields."""
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
    """Raise `NotFound` if a parameter in the path has characters or a length that no id, token or file name has."""
    if not all(_SAFE_VALUE.fullmatch(value) for value in values.values()):
        raise NotFound("There is nothing at this address.")


def make_form_token(cookie: str, pad: str) -> str:
    """Return the token to put into a page's forms, which proves that a posted form comes from a page of the portal.

    `check_same_site` verifies the token. It consists of the random text `pad` and an HMAC of `pad` with the CSRF
    cookie as the key. Every page has another `pad`, because pages are compressed, and the length of pages would help
    an attacker to guess a constant secret (the BREACH attack)."""
    proof = hmac.digest(cookie.encode(), pad.encode(), "sha256")
    return f"{pad}.{urlsafe_b64encode(proof).decode().rstrip('=')}"


def is_cross_site(request: Request) -> bool:
    """Return True if a link or form on another website led the browser here, by the header `Sec-Fetch-Site`."""
    return request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")


def is_prefetch(request: Request) -> bool:
    """Return True if the browser fetches the page in advance (prefetch or prerender), and nobody may ever see it.

    `Purpose`, `X-Purpose` and `X-Moz` are what browsers sent before the header `Sec-Purpose`."""
    purposes = (request.headers.get(name, "").lower() for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
    return any("prefetch" in purpose or "prerender" in purpose or "preview" in purpose for purpose in purposes)


def check_same_site(request: Request, fields: Mapping[str, str], portal_url: str) -> None:
    """Raise `Forbidden` if a posted form (`fields`) does not come from one of the portal's own pages.

    The form's token must fit the CSRF cookie, and the headers `Origin` and `Sec-Fetch-Site` must name no other website.
    `Origin: null` is accepted, because browsers send it with the portal's forms (`Referrer-Policy: no-referrer`)."""
    cookie, token = read_cookies(request).get(CSRF_COOKIE, ""), fields.get("csrf", "")
    expected = make_form_token(cookie, token.partition(".")[0])
    if not cookie or not hmac.compare_digest(expected.encode(), token.encode()):
        raise Forbidden(_STALE_FORM, code=ForbiddenCode.FORM_EXPIRED)
    origin = request.headers.get("origin") or "null"
    site = request.headers.get("sec-fetch-site") or "none"
    if origin not in ("null", portal_url) or site not in ("same-origin", "none"):
        raise Forbidden("This form was sent from another website.", code=ForbiddenCode.FOREIGN_FORM)
