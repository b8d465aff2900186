"""The response for an unknown path: a page for a browser, problem+json for software."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import problem_response, render_error_page

_NOTHING = "There is nothing at this address."
_FOR_A_PERSON = "This page does not exist. Check the address, or open the link in your email again."


def show_not_found(context: RequestContext) -> Response:
    """Return the 404 response for an unknown path: a page for a browser, or JSON (problem+json) for software.

    Software is a request for a path below `/v1`, or a request that does not accept HTML."""
    is_api = f"{context.path}/".startswith("/v1/")
    if is_api or "text/html" not in (context.request.headers.get("accept") or ""):
        return problem_response(NotFound(_NOTHING), context.services.settings.portal_url)
    return render_error_page(context, NotFound(_FOR_A_PERSON))
