"""An address at which there is nothing: a page for a person's browser, a problem for software."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.responses import error_page, problem

_NOTHING = "There is nothing at this address."
_FOR_A_PERSON = "This page does not exist. Check the address, or open the link in your email once more."


def nothing(caller: Caller) -> Response:
    """Everything below `/v1` is for software, and so is what does not ask for a page."""
    is_api = f"{caller.path}/".startswith("/v1/")
    if is_api or "text/html" not in (caller.request.headers.get("accept") or ""):
        return problem(NotFound(_NOTHING), caller.services.settings.portal_url)
    return error_page(caller, NotFound(_FOR_A_PERSON))
