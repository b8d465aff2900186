"""The page on which a provider sets up a second factor: a passkey or an authenticator app.

A provider opens the page by choice, or is redirected here because a clinic requires a second factor."""

from urllib.parse import quote, unquote

from chalice.app import Response

from chalicelib.domain.errors import PortalError
from chalicelib.web.access_rules import requires_second_factor
from chalicelib.web.http.error_mapping import error_messages, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.pages.login_form import ASSISTANT_HOME, HOME, local_path
from chalicelib.web.pages.reauthentication import is_recently_authenticated

SETUP_PATH = "/account/second-factor"


def setup_url(next_path: str) -> str:
    """Return the path of the page that sets up a second factor, with `next_path` in its query.

    The provider gets to `next_path` after the setup."""
    return f"{SETUP_PATH}?next={quote(local_path(next_path), safe='')}"


def path_after_setup(url: str) -> str:
    """Return the `next_path` in a path that `setup_url` made, or the list of documents if it is not allowed."""
    return local_path(unquote(url.removeprefix(f"{SETUP_PATH}?next=")))


def show_setup(context: RequestContext) -> Response:
    next_path = local_path(context.query.get("next"))
    if context.require_provider().has_second_factor:
        return redirect(next_path)
    return render_setup(context, next_path)


def render_setup(context: RequestContext, next_path: str, error: PortalError | None = None) -> Response:
    """Return the page that sets up a second factor: it offers a passkey first and an authenticator app second.

    `next_path` is the page that follows the setup. `error` is the error of a form on this page, if any."""
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
        required=next_path.startswith((f"{HOME}/", ASSISTANT_HOME)) or requires_second_factor(context),
        trouble=error.detail if error else "",
        errors=error_messages(error),
        enrolment=context.services.passkey_options.for_enrolment(provider, context.now) if fresh else None,
        history_url=context.history_url(setup_url(next_path)),
    )


def decline_offer(context: RequestContext) -> Response:
    """Store that the provider does not want a second factor, so that the list of documents no longer offers it.

    The account page still has the forms. Return a redirect to the list of documents."""
    context.services.account_settings.decline_second_factor(context.require_provider(), context.now)
    return redirect(HOME)
