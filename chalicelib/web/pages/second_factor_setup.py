"""Setting up a second factor where it is required, or because it was offered."""

from urllib.parse import quote, unquote

from chalice.app import Response

from chalicelib.domain.errors import PortalError
from chalicelib.web.access_rules import requires_second_factor
from chalicelib.web.http.error_mapping import present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.login_form import HOME, local_path
from chalicelib.web.pages.reauthentication import is_recently_authenticated

PLACE = "/account/second-factor"


def place_before(wanted: str) -> str:
    return f"{PLACE}?next={quote(local_path(wanted), safe='')}"


def wanted_after(place: str) -> str:
    """The other way: where to go on to from `place_before`."""
    return local_path(unquote(place.removeprefix(f"{PLACE}?next=")))


def second_factor(context: RequestContext) -> Response:
    wanted = local_path(context.query.get("next"))
    if context.require_provider().has_second_factor:
        return redirect(wanted)
    return enrol(context, wanted)


def enrol(context: RequestContext, wanted: str, trouble: PortalError | None = None) -> Response:
    """The page that offers a passkey first, and an app."""
    fresh = is_recently_authenticated(context)
    return render_page(
        context,
        "second_factor_setup.html",
        status=present_error(trouble).status if trouble else 200,
        section="account",
        fresh=fresh,
        next=wanted,
        place=place_before(wanted),
        required=_comes_from_a_document(wanted) or requires_second_factor(context),
        trouble=trouble.detail if trouble else "",
        errors={each.field: each.message for each in trouble.errors} if trouble else {},
        enrolment=context.services.passkey_options.for_enrolment(context.require_provider(), context.now)
        if fresh
        else None,
        history_url=context.history_url(place_before(wanted)),
    )


def _comes_from_a_document(wanted: str) -> bool:
    """Who has chosen it freely comes from the list or the account: a document's page sends here who must."""
    return wanted.startswith(f"{HOME}/")


def later(context: RequestContext) -> Response:
    """It is offered once; who wants it later finds it on the account page."""
    context.services.account_settings.decline_second_factor(context.require_provider(), context.now)
    return redirect(HOME)
