"""`GET /problems/{code}`: what a problem's `type` leads to, for the developer who follows it."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import render_page


def explain(context: RequestContext, code: str) -> Response:
    from chalicelib.web.api.problem_types import TYPES

    found = TYPES.get(code)
    if found is None:
        raise NotFound("There is no problem of that name.")
    return render_page(context, "problem.html", problem=found)
