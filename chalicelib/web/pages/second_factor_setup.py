"""Setting up a second factor where it is required, or because it was offered."""

from urllib.parse import quote, unquote

from chalice.app import Response

from chalicelib.domain.errors import PortalError
from chalicelib.web.http.error_mapping import shown_as
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.responses import page, redirect
from chalicelib.web.pages.login_form import HOME, local_path
from chalicelib.web.pages.reauthentication import may_sign

PLACE = "/account/second-factor"


def is_asked_for(caller: Caller) -> bool:
    """Whether the portal, or a practice that sends this provider documents, wants a second factor of them."""
    of_document = (caller.document.practice_id,) if caller.document else ()
    return caller.services.switches.second_factor((*caller.known.practices, *of_document))


def to_enrolment(caller: Caller) -> Response:
    """There, and afterwards on to where one was going, if that was a page."""
    return redirect(place_before(caller.here if caller.request.method == "GET" else HOME))


def place_before(wanted: str) -> str:
    return f"{PLACE}?next={quote(local_path(wanted), safe='')}"


def wanted_after(place: str) -> str:
    """The other way: where to go on to from `place_before`."""
    return local_path(unquote(place.removeprefix(f"{PLACE}?next=")))


def second_factor(caller: Caller) -> Response:
    wanted = local_path(caller.query.get("next"))
    if caller.known.has_second_factor:
        return redirect(wanted)
    return enrol(caller, wanted)


def enrol(caller: Caller, wanted: str, trouble: PortalError | None = None) -> Response:
    """The page that offers a passkey first, and an app."""
    fresh = may_sign(caller)
    return page(
        caller,
        "account_second_factor.html",
        status=shown_as(trouble).status if trouble else 200,
        section="account",
        fresh=fresh,
        next=wanted,
        place=place_before(wanted),
        required=_comes_from_a_document(wanted) or is_asked_for(caller),
        trouble=trouble.detail if trouble else "",
        errors={each.field: each.message for each in trouble.errors} if trouble else {},
        enrolment=caller.services.passkey_options.for_enrolment(caller.known, caller.now) if fresh else None,
        stands_for=caller.stands_for(place_before(wanted)),
    )


def _comes_from_a_document(wanted: str) -> bool:
    """Who has chosen it freely comes from the list or the account: a document's page sends here who must."""
    return wanted.startswith(f"{HOME}/")


def later(caller: Caller) -> Response:
    """It is offered once; who wants it later finds it on the account page."""
    caller.services.own_account.decline_second_factor(caller.known, caller.now)
    return redirect(HOME)
