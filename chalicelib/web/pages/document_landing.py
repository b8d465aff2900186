"""A document's door: what its link shows to someone who is not logged in. It reveals nothing of a patient."""

from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.documents import Document
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import SESSION_COOKIE, draft_cookie
from chalicelib.web.http.responses import render_page
from chalicelib.web.pages.view_models import FILE_SECONDS

LOGO_WIDTH, LOGO_HEIGHT = 224, 56


def door(context: RequestContext, document_id: str) -> Response:
    """The ways in: log in, ask for a link to set up a password, or sign by hand.

    The same page for a document that does not exist, which then names no practice.
    """
    document = context.services.store.document(document_id)
    return render_page(
        context,
        "document_landing.html",
        document_id=document_id,
        sent="sent" in context.query,
        ended=SESSION_COOKIE in context.cookies,
        draft_saved=draft_cookie(document_id) in context.cookies,
        practice=document.practice if document else None,
        logo=_logo(context, document),
        passkey_options=context.services.passkey_options.for_login(context.now),
        signs_here=signs_here(context, document),
        next=f"/documents/{document_id}",
    )


@dataclass(frozen=True)
class ShownLogo:
    """Its size in CSS pixels: who knows it keeps the place free, and nothing moves under a finger."""

    url: str
    width: int
    height: int


def _logo(context: RequestContext, document: Document | None) -> ShownLogo | None:
    logo = document.practice.logo if document else None
    if logo is None:
        return None
    share = min(1.0, LOGO_WIDTH / logo.width, LOGO_HEIGHT / logo.height)
    url = context.services.files.url(logo.key, seconds=FILE_SECONDS)
    return ShownLogo(url, max(1, round(logo.width * share)), max(1, round(logo.height * share)))


def signs_here(context: RequestContext, document: Document | None) -> bool:
    """Whether it can be signed in the portal: Electronic Signature is on."""
    return document is None or context.services.switches.electronic_signature(document.practice_id)
