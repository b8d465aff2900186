"""The page for setting up a second factor, because a clinic requires one or because the provider wants one."""

from urllib.parse import quote, unquote

from chalice.app import Response

from chalicelib.domain.errors import PortalError
from chalicelib.web.access_rules import requires_second_factor
from chalicelib.web.http.error_mapping import error_messages, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.login_form import HOME, local_path
from chalicelib.web.pages.reauthentication import is_recently_authenticated

SETUP_PATH = "/account/second-factor"


def setup_url(next_path: str) -> str:
    """Return the path of the setup page. After the setup, the page leads to `next_path`."""
    return f"{SETUP_PATH}?next={quote(local_path(next_path), safe='')}"


def path_after_setup(url: str) -> str:
    """Return the path to go to after the setup, from a URL that `setup_url` built."""
    return local_path(unquote(url.removeprefix(f"{SETUP_PATH}?next=")))


def show_setup(context: RequestContext) -> Response:
    next_path = local_path(context.query.get("next"))
    if context.require_provider().has_second_factor:
        return redirect(next_path)
    return render_setup(context, next_path)


def render_setup(context: RequestContext, next_path: str, error: PortalError | None = None) -> Response:
    """Return the setup page, which offers a passkey first and an authenticator app second."""
    fresh, provider = is_recently_authenticated(context), context.require_provider()
    # A document's page redirects here only if a second factor is required.
    return render_page(
        context,
        "second_factor_setup.html",
        status=present_error(error).status if error else 200,
        section="account",
        fresh=fresh,
        next=next_path,
        place=setup_url(next_path),
        required=next_path.startswith(f"{HOME}/") or requires_second_factor(context),
        trouble=error.detail if error else "",
        errors=error_messages(error),
        enrolment=context.services.passkey_options.for_enrolment(provider, context.now) if fresh else None,
        history_url=context.history_url(setup_url(next_path)),
    )


def decline_offer(context: RequestContext) -> Response:
    """Stop offering a second factor to the provider. The account page still has the offer."""
    context.services.account_settings.decline_second_factor(context.require_provider(), context.now)
    return redirect(HOME)
