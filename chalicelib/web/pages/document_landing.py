"""The page that a document's link opens for a person who is not logged in. The page contains no patient data."""

from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.documents import Document
from chalicelib.services.review.decisions import ways_to_sign
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE, draft_cookie
from chalicelib.web.http.responses import FILE_SECONDS, render_page
from chalicelib.web.pages.login_form import read_known_user

LOGO_WIDTH, LOGO_HEIGHT = 224, 56


def show_landing(context: RequestContext, document_id: str) -> Response:
    """Return the page with the ways to open a document: log in, request a setup link, or sign by hand.

    For an unknown document, the page is the same but names no practice."""
    document = context.services.review.find_document(document_id)
    ways = ways_to_sign(context.services.switches, document)
    return render_page(
        context,
        "document_landing.html",
        document_id=document_id,
        sent="sent" in context.query,
        expired="expired" in context.query,
        ended=SESSION_COOKIE in context.cookies,
        draft_saved=draft_cookie(document_id) in context.cookies,
        practice=document.practice if document else None,
        logo=_make_logo(context, document),
        passkey_options=context.services.passkey_options.for_login(context.now),
        can_sign=ways.account,
        signs_by_code=ways.code,
        next=f"/documents/{document_id}",
        known=read_known_user(context),
    )


@dataclass(frozen=True)
class LogoImage:
    """A practice's logo, with its size in CSS pixels, so that the page does not move while the logo loads."""

    url: str
    width: int
    height: int


def _make_logo(context: RequestContext, document: Document | None) -> LogoImage | None:
    logo = document.practice.logo if document else None
    if logo is None:
        return None
    scale = min(1.0, LOGO_WIDTH / logo.width, LOGO_HEIGHT / logo.height)
    url = context.services.files.url(logo.key, seconds=FILE_SECONDS)
    return LogoImage(url, max(1, round(logo.width * scale)), max(1, round(logo.height * scale)))
