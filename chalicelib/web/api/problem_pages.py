"""The page at the URL of a problem's `type`, which explains the problem to a developer."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import render_page


def explain(context: RequestContext, code: str) -> Response:
    """Show the page that explains a problem code. Raises `NotFound` for an unknown code."""
    from chalicelib.web.api.problem_types import TYPES

    if code not in TYPES:
        raise NotFound("There is no problem of that name.")
    return render_page(context, "problem.html", problem=TYPES[code])
