from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib.domain.errors import PortalError
from chalicelib.web.http.error_mapping import error_headers, present_error, problem_body
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import make_form_token
from chalicelib.web.http.templating import jinja_environment

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM = "application/problem+json"
FILE_SECONDS = 300


def render_page(
    context: RequestContext,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, Any] | None = None,
    cookies: Sequence[str] = (),
    **values: Any,
) -> Response:
    """Return a page made from a template in `templates/pages`, with `values` and the values that every page gets.

    A POST that returns a page may have another path than the page. If `context.history_url()` cannot derive the page's
    path, the caller passes it as `history_url`."""
    all_values = {
        "csrf": make_form_token(context.csrf, context.services.ids.token()),
        "provider": context.provider,
        "support_contact": context.services.settings.support_contact,
        "idle": session_seconds_left(context),
        "return_path": context.return_path,
        "tab_owner": context.tab_owner,
        "history_url": context.history_url(),
        **values,
    }
    body = jinja_environment().get_template(template).render(all_values)
    return _response(body, status, {"Content-Type": HTML, **(headers or {})}, cookies)


def session_seconds_left(context: RequestContext) -> int:
    """Return the seconds until the session ends if no request follows, for the page's warning; 0 without a session."""
    if context.session is None or context.provider is None:
        return 0
    from chalicelib.services.authentication.sessions import time_left

    return int(time_left(context.session, context.now).total_seconds())


def redirect(to: str, *, cookies: Sequence[str] = ()) -> Response:
    """Return a redirect to the path `to` with status 303, with which a browser loads the path with GET after a POST."""
    return _response("", 303, {"Location": to, "Content-Type": HTML}, cookies)


def redirect_to_file(context: RequestContext, key: str, name: str) -> Response:
    """Return a redirect to a presigned URL of the S3 object `key`, valid for `FILE_SECONDS`.

    The browser shows the file, or saves it under `name` if the query has `download`."""
    inline = "download" not in context.query
    return redirect(context.services.files.url(key, seconds=FILE_SECONDS, file_name=name, inline=inline))


def refuse_prefetch() -> Response:
    """Return an empty response with status 425 to a browser that fetches a page in advance.

    Browsers drop the response, and request the page again as soon as the person opens it."""
    return _response("", HTTPStatus.TOO_EARLY, {"Content-Type": HTML})


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _response(text, status, {"Content-Type": JSON, **(headers or {})})


def problem_response(error: PortalError, portal_url: str) -> Response:
    headers = {"Content-Type": PROBLEM, **error_headers(error)}
    return json_response(problem_body(error, portal_url), present_error(error).status, headers)


def render_error_page(context: RequestContext, error: PortalError) -> Response:
    """Return the page for an error, with a heading and a next step."""
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
    """Return the value of a `Set-Cookie` header. `max_age` is in seconds.

    0 removes the cookie. With None, the browser has the cookie until it closes."""
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}"


def _response(body: str, status: int, headers: Mapping[str, Any], cookies: Sequence[str] = ()) -> Response:
    all_headers = {**headers, "Set-Cookie": list(cookies)} if cookies else dict(headers)
    return Response(body=body, status_code=status, headers=all_headers)
