"""What a browser or an EMR sent, read with limits: cookies, forms, addresses."""

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
    "This page was open for a long time, or your browser does not keep cookies for it. "
    "Go back, load the page again, and try once more."
)


def read_cookies(request: Request) -> Mapping[str, str]:
    """The cookies by name; the first of two with the same name counts."""
    found: dict[str, str] = {}
    for part in (request.headers.get("cookie") or "").split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value.strip())
    return found


def draft_cookie(document_id: str) -> str:
    """Return the name of the cookie that finds the saved note about this document."""
    return f"__Host-draft-{document_id}"


def read_address(request: Request) -> str | None:
    """The client's address as API Gateway saw it; X-Forwarded-For can be made up."""
    text = (request.context.get("identity") or {}).get("sourceIp")
    return str(text) if text else None


def read_device(request: Request) -> str | None:
    """The User-Agent without control characters, cut short."""
    text = request.headers.get("user-agent") or ""
    return "".join(c for c in text if c.isprintable())[:DEVICE_LENGTH] or None


def read_query(request: Request) -> Mapping[str, str]:
    """The query's fields; the last of two with the same name counts."""
    return {str(name): str(value) for name, value in (request.query_params or {}).items()}


def read_body(request: Request) -> bytes:
    """The body, byte for byte as it came."""
    sent = request.raw_body
    return sent if isinstance(sent, bytes) else sent.encode()


def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a posted form. Raises `Invalid` when it is not one, `TooLarge` past 1 MB."""
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise Invalid(f"Send the form as {FORM_TYPE}.")
    sent = read_body(request)
    if len(sent) > MAX_FORM_BYTES:
        raise TooLarge("That is more than this form can take.")
    try:
        pairs = parse_qsl(sent.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Invalid("The form could not be read.") from error
    return dict(pairs)


def check_path(values: Mapping[str, str]) -> None:
    """Refuses as not found what no id, token or file name of the portal can look like."""
    if not all(_SAFE_VALUE.fullmatch(value) for value in values.values()):
        raise NotFound("There is nothing at this address.")


def make_form_token(cookie: str, pad: str) -> str:
    """What a form carries to show that our page made it: proof of knowing the cookie, another one with each
    `pad`. Pages go out compressed, and from their length a secret that stays could be guessed (BREACH).
    """
    proof = hmac.digest(cookie.encode(), pad.encode(), "sha256")
    return f"{pad}.{urlsafe_b64encode(proof).decode().rstrip('=')}"


def is_cross_site(request: Request) -> bool:
    """Whether another website led the browser here, as browsers tell."""
    return request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")


def check_same_site(request: Request, sent: Mapping[str, str], portal_url: str) -> None:
    """Refuses a post that did not come from one of our own pages.

    Pages are served with `Referrer-Policy: no-referrer`, for which browsers send `Origin: null` with a
    form: that says nothing. Any other origin, or a fetch site that is not ours, is a stranger's.
    """
    cookie, token = read_cookies(request).get(CSRF_COOKIE, ""), sent.get("csrf", "")
    expected = make_form_token(cookie, token.partition(".")[0])
    if not cookie or not hmac.compare_digest(expected.encode(), token.encode()):
        raise Forbidden(_STALE_FORM, code=ForbiddenCode.FORM_EXPIRED)
    origin = request.headers.get("origin") or "null"
    site = request.headers.get("sec-fetch-site") or "none"
    if origin not in ("null", portal_url) or site not in ("same-origin", "none"):
        raise Forbidden("This form was sent from another website.", code=ForbiddenCode.FOREIGN_FORM)
