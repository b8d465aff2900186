"""An address at which there is nothing: a page for a person's browser, a problem for software."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import problem_response, render_error_page

_NOTHING = "There is nothing at this address."
_FOR_A_PERSON = "This page does not exist. Check the address, or open the link in your email again."


def nothing(context: RequestContext) -> Response:
    """Everything below `/v1` is for software, and so is what does not ask for a page."""
    is_api = f"{context.path}/".startswith("/v1/")
    if is_api or "text/html" not in (context.request.headers.get("accept") or ""):
        return problem_response(NotFound(_NOTHING), context.services.settings.portal_url)
    return render_error_page(context, NotFound(_FOR_A_PERSON))
