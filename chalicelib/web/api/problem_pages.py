"""`GET /problems/{code}`: what a problem's `type` leads to, for the developer who follows it."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.responses import page


def explain(caller: Caller, code: str) -> Response:
    from chalicelib.web.api.problem_types import TYPES

    found = TYPES.get(code)
    if found is None:
        raise NotFound("There is no problem of that name.")
    return page(caller, "problem.html", problem=found)
