"""The pages that a browser gets if an access rule denies its request, such as the login page."""

from urllib.parse import quote, urlencode

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.access_rules import NOTHING_HERE, Denial
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie, redirect


def render_denial(denial: Denial, context: RequestContext, values: dict[str, str]) -> Response:
    """Return the page, or the redirect to the page, on which the person can gain access: log in or enter a code.

    `values` are the parameters in the path of the denied request."""
    if denial is Denial.NOT_LOGGED_IN:
        return _redirect_to_login(context)
    if denial is Denial.NO_SECOND_FACTOR:
        return _redirect_to_second_factor_setup(context)
    if denial is Denial.IS_ASSISTANT:
        return _redirect_to_own_list(context)
    if denial is Denial.HANDED_OVER:
        return redirect(f"/documents/{values['document_id']}/handed-over")
    if denial is Denial.NO_CODE_ENTERED:
        return _redirect_to_code_form(context, values["document_id"])
    return _show_document_landing(context, values["document_id"])


def _redirect_to_code_form(context: RequestContext, document_id: str) -> Response:
    """Return a redirect to the page that asks for a code, after a request without a valid visit to the document.

    A visit is the hour after a code was entered. If the request was a decision, the page says that it was not
    recorded."""
    return redirect(f"/by-hand/{document_id}{'?ended=yes' if _is_decision(context) else ''}")


def _redirect_to_login(context: RequestContext) -> Response:
    """Return a redirect to the login page, which removes the cookie of an ended session.

    After a denied GET, the login leads back to the requested page."""
    wanted = {"next": context.return_path} if context.request.method == "GET" else {}
    ended = {"reason": "ended"} if SESSION_COOKIE in context.cookies else {}
    query = urlencode({**wanted, **ended}, quote_via=quote, safe="/")
    cookies = [format_cookie(SESSION_COOKIE, "", 0)] if SESSION_COOKIE in context.cookies else []
    return redirect(f"/login?{query}" if query else "/login", cookies=cookies)


def _redirect_to_second_factor_setup(context: RequestContext) -> Response:
    from chalicelib.web.pages.login_form import HOME
    from chalicelib.web.pages.second_factor_setup import setup_url

    return redirect(setup_url(context.return_path if context.request.method == "GET" else HOME))


def _redirect_to_own_list(context: RequestContext) -> Response:
    """Return a redirect from the list of documents, to which a login leads, to the assistant's own list.

    Raises `NotFound` for every other page of a provider, so that an assistant can decide and change nothing there."""
    from chalicelib.web.pages.login_form import ASSISTANT_HOME, HOME

    if context.request.method != "GET" or context.path != HOME:
        raise NotFound(NOTHING_HERE)
    return redirect(ASSISTANT_HOME)


def _show_document_landing(context: RequestContext, document_id: str) -> Response:
    """Return the page on which a person without a session can log in or choose another way to the document.

    At a path below the document's path, return a redirect to this page. If the request was a decision whose session
    had ended, save its form as a draft until the next login."""
    from chalicelib.web.pages.document_landing import show_landing
    from chalicelib.web.pages.unsent_drafts import save_draft

    if context.request.method == "GET" and context.path == f"/documents/{document_id}":
        return show_landing(context, document_id)
    cookies = save_draft(context, document_id) if _is_decision(context) else []
    return redirect(f"/documents/{document_id}", cookies=cookies)


def _is_decision(context: RequestContext) -> bool:
    return context.request.method == "POST" and context.path.endswith(("/approve", "/decline", "/mark"))
