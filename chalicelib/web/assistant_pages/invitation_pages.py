"""The pages behind the link of an invitation, on which an assistant creates an account or accepts for an account."""

from collections.abc import Mapping

from chalice.app import Response

from chalicelib.domain.errors import Invalid
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.assistant_invitations import OpenInvitation
from chalicelib.services.accounts.setup_links import LinkExpired
from chalicelib.services.authentication.passwords import min_length
from chalicelib.web.http.error_mapping import error_messages, present_error
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect, render_page
from chalicelib.web.pages.login_actions import SETUP_SECONDS
from chalicelib.web.pages.login_form import ASSISTANT_HOME, known_browser_cookies

INVITATION_COOKIE = "__Host-invitation"
INVITATION_PATH = "/invitation"


def accept_link(_context: RequestContext, token: str) -> Response:
    """Open the link of an invitation: return a redirect that moves the link's token from the URL to a cookie.

    Opening a link does not use it up, because programs that scan emails open links too."""
    return redirect(INVITATION_PATH, cookies=[format_cookie(INVITATION_COOKIE, token, SETUP_SECONDS)])


def show_invitation(context: RequestContext) -> Response:
    try:
        invitation = context.services.invitations.open(_token(context), context.now)
    except LinkExpired as expired:
        return _render_expired(context, expired)
    return _render(context, invitation, {})


def create_account(context: RequestContext) -> Response:
    """Create the assistant's account with the password of the form, and redirect to the login page."""
    token, confirmed = _token(context), context.form.get("confirmed") == "yes"
    invitations, password = context.services.invitations, context.form.get("password", "")
    try:
        account = invitations.create_account(token, password, context.now, context.origin, confirmed=confirmed)
    except LinkExpired as expired:
        return _render_expired(context, expired)
    except Invalid as error:
        return _render(context, invitations.open(token, context.now), error_messages(error))
    cookies = [
        format_cookie(INVITATION_COOKIE, "", 0),
        format_cookie(SESSION_COOKIE, "", 0),
        *known_browser_cookies(context, account),
    ]
    return redirect(f"/login?reason=password-set&next={ASSISTANT_HOME}", cookies=cookies)


def accept(context: RequestContext) -> Response:
    """Accept the invitation for the logged-in assistant, and redirect to the assistant's list of documents."""
    token, invitations = _token(context), context.services.invitations
    try:
        invitations.accept(token, context.require_provider(), context.now, context.origin)
    except LinkExpired as expired:
        return _render_expired(context, expired)
    except Invalid as error:
        return _render(context, invitations.open(token, context.now), error_messages(error))
    return redirect(ASSISTANT_HOME, cookies=[format_cookie(INVITATION_COOKIE, "", 0)])


def _token(context: RequestContext) -> str:
    return context.cookies.get(INVITATION_COOKIE, "")


def _render(context: RequestContext, invitation: OpenInvitation, errors: Mapping[str, str]) -> Response:
    """Return the page of an invitation that works, with the errors of a refused form.

    Depending on the address, the page creates an account, accepts for the account that is logged in (`visitor`), leads
    to the login page, or says that a provider has the address."""
    return render_page(
        context,
        "invitation.html",
        status=422 if errors else 200,
        invitation=invitation,
        visitor=_visitor(context),
        errors=errors,
        typed=context.form,
        least=min_length(second_factor=False),
        own=" ".join(invitation.personal),
        history_url=context.history_url(INVITATION_PATH),
    )


def _visitor(context: RequestContext) -> Provider | None:
    """Return the account that is logged in to this browser, which may be another person's, or None."""
    session = context.cookies.get(SESSION_COOKIE, "")
    visit = context.services.sessions.visit(session, context.now) if session else None
    return visit.provider if visit else None


def _render_expired(context: RequestContext, expired: LinkExpired) -> Response:
    return render_page(
        context,
        "invitation_expired.html",
        status=present_error(expired).status,
        cookies=[format_cookie(INVITATION_COOKIE, "", 0)],
    )
