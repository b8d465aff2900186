"""What goes back: pages, redirects, JSON and problems."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from chalice.app import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from chalicelib.domain import expiring_records
from chalicelib.domain.errors import PortalError
from chalicelib.web.http.error_mapping import error_headers, present_error, problem_body
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import make_form_token
from chalicelib.web.http.static_assets import asset_url

if TYPE_CHECKING:
    from chalicelib.domain.documents import DeclineReason, Kind

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM = "application/problem+json"

LIFETIMES: Mapping[str, timedelta] = {
    "setup_link": expiring_records.LINK_LIFETIME,
    "by_hand_code": expiring_records.CODE_LIFETIME,
    "by_hand_visit": expiring_records.BY_HAND_LIFETIME,
    "draft": expiring_records.DRAFT_LIFETIME,
    "idle_session": expiring_records.SESSION_IDLE,
    "session": expiring_records.SESSION_LIFETIME,
}
"""The lifetimes that pages mention, by the name that templates use."""

_MEGABYTE = 1024 * 1024


def render_page(
    context: RequestContext,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, Any] | None = None,
    cookies: Sequence[str] = (),
    **values: Any,
) -> Response:
    """A page of `templates/pages`. Templates also get `csrf`, `provider`, `support_contact` and
    `stands_for`, which a page that is not at its form's address sets.
    """
    shown = {
        "csrf": make_form_token(context.csrf, context.services.ids.token()),
        "provider": context.provider,
        "support_contact": context.services.settings.support_contact,
        "idle": session_seconds_left(context),
        "return_path": context.return_path,
        "tab_owner": context.tab_owner,
        "history_url": context.history_url(),
        **values,
    }
    body = environment().get_template(template).render(shown)
    return _response(body, status, {"Content-Type": HTML, **(headers or {})}, cookies)


def session_seconds_left(context: RequestContext) -> int:
    """How long the caller's session lasts without another request; 0 for who has none."""
    if context.session is None or context.provider is None:
        return 0
    from chalicelib.services.authentication.sessions import time_left

    return int(time_left(context.session, context.now).total_seconds())


def redirect(to: str, *, cookies: Sequence[str] = ()) -> Response:
    """303: the browser goes there by GET, whatever it did here."""
    return _response("", 303, {"Location": to, "Content-Type": HTML}, cookies)


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    """JSON for an EMR."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _response(text, status, {"Content-Type": JSON})


def problem_response(error: PortalError, portal_url: str) -> Response:
    """An error as problem+json."""
    headers = {"Content-Type": PROBLEM, **error_headers(error)}
    text = json.dumps(problem_body(error, portal_url), ensure_ascii=False, separators=(",", ":"))
    return _response(text, present_error(error).status, headers)


def render_error_page(context: RequestContext, error: PortalError) -> Response:
    """An error as a page that says what to do next."""
    shown = present_error(error)
    return render_page(
        context,
        "error.html",
        status=shown.status,
        headers=error_headers(error),
        heading=shown.heading,
        detail=error.detail,
        code=error.code,
    )


def format_cookie(name: str, value: str, max_age: int | None = None) -> str:
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
    made.globals["lifetimes"] = LIFETIMES
    made.filters["code"] = code
    made.filters["contact_href"] = contact_href
    made.filters["date_of_birth"] = date_of_birth
    made.filters["day"] = day
    made.filters["display_phone"] = display_phone
    made.filters["duration"] = duration
    made.filters["megabytes"] = megabytes
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


def date_of_birth(value: date) -> str:
    """Return a date of birth as plans of care write it, such as `12/10/1950`."""
    return f"{value:%m/%d/%Y}"


def display_phone(number: str) -> str:
    """Return a North American number as `(512) 555-0100`, and any other number unchanged."""
    from chalicelib.services.normalization import display_phone

    return display_phone(number)


def duration(time: timedelta) -> str:
    """Return a time in whole minutes as a text reads it, such as `90 minutes`."""
    from chalicelib.services.labels import duration

    return duration(time)


def megabytes(count: int) -> str:
    """Return a number of bytes as a text reads it, such as `25 MB`."""
    return f"{count // _MEGABYTE} MB"


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
