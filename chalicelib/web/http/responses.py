"""What goes back: pages, redirects, JSON and problems."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from chalice.app import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from chalicelib.domain.errors import PortalError
from chalicelib.web.http.error_mapping import error_headers, problem_body, shown_as
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import form_token
from chalicelib.web.http.static_assets import asset_url

if TYPE_CHECKING:
    from chalicelib.domain.documents import DeclineReason, Kind

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM = "application/problem+json"


def page(
    caller: Caller,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, Any] | None = None,
    cookies: Sequence[str] = (),
    **context: Any,
) -> Response:
    """A page of `templates/pages`. Templates also get `csrf`, `provider`, `support_contact` and
    `stands_for`, which a page that is not at its form's address sets.
    """
    shown = {
        "csrf": form_token(caller.csrf, caller.services.ids.token()),
        "provider": caller.provider,
        "support_contact": caller.services.settings.support_contact,
        "idle": seconds_left(caller),
        "here": caller.here,
        "whose": caller.whose,
        "stands_for": caller.stands_for(),
        **context,
    }
    body = environment().get_template(template).render(shown)
    return _response(body, status, {"Content-Type": HTML, **(headers or {})}, cookies)


def seconds_left(caller: Caller) -> int:
    """How long the caller's session lasts without another request; 0 for who has none."""
    if caller.session is None or caller.provider is None:
        return 0
    from chalicelib.services.authentication.sessions import time_left

    return int(time_left(caller.session, caller.now).total_seconds())


def redirect(to: str, *, cookies: Sequence[str] = ()) -> Response:
    """303: the browser goes there by GET, whatever it did here."""
    return _response("", 303, {"Location": to, "Content-Type": HTML}, cookies)


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """JSON for an EMR."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _response(text, status, {"Content-Type": JSON})


def problem(error: PortalError, portal_url: str) -> Response:
    """An error as problem+json."""
    headers = {"Content-Type": PROBLEM, **error_headers(error)}
    text = json.dumps(problem_body(error, portal_url), ensure_ascii=False, separators=(",", ":"))
    return _response(text, shown_as(error).status, headers)


def error_page(caller: Caller, error: PortalError) -> Response:
    """An error as a page that says what to do next."""
    shown = shown_as(error)
    return page(
        caller,
        "error.html",
        status=shown.status,
        headers=error_headers(error),
        heading=shown.heading,
        detail=error.detail,
        code=error.code,
    )


def cookie(name: str, value: str, max_age: int | None = None) -> str:
    """The text of a host-only cookie; without `max_age` (seconds) it ends with the browser, 0 removes it."""
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja over the `templates` package: from the source tree, a flat zip or a layer alike."""
    made = Environment(
        loader=PackageLoader("templates", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["asset"] = asset_url
    made.filters["code"] = code
    made.filters["contact_href"] = contact_href
    made.filters["day"] = day
    made.filters["moment"] = moment
    made.filters["kind"] = kind
    made.filters["decline_reason"] = decline_reason
    return made


def kind(value: Kind) -> str:
    """A document's kind in words."""
    from chalicelib.services.labels import KINDS

    return KINDS[value]


def decline_reason(value: DeclineReason) -> str:
    """A reason to decline in words."""
    from chalicelib.services.labels import DECLINE_REASONS

    return DECLINE_REASONS[value]


def contact_href(text: str) -> str | None:
    """`mailto:` or `tel:` of a contact; None for anything else."""
    if re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        return f"mailto:{text}"
    digits = re.sub(r"[\s().-]", "", text)
    return f"tel:{digits}" if re.fullmatch(r"\+?[0-9]{7,15}", digits) else None


def code(text: str) -> Markup:
    """What stands between backticks set as code; everything else as it is."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here


def day(value: date) -> str:
    """`Nov 22, 2026`."""
    return f"{value:%b} {value.day}, {value.year}"


def moment(value: datetime, time_zone: str = "UTC") -> str:
    """`Nov 22, 2026, 2:00 PM EST`: always with its zone."""
    local = value.astimezone(ZoneInfo(time_zone))
    return f"{day(local)}, {local.hour % 12 or 12}:{local:%M %p %Z}"


def _response(body: str, status: int, headers: Mapping[str, Any], cookies: Sequence[str] = ()) -> Response:
    sent = {**headers, "Set-Cookie": list(cookies)} if cookies else dict(headers)
    return Response(body=body, status_code=status, headers=sent)
