"""A document's door: what its link shows to someone who is not logged in. It reveals nothing of a patient."""

from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.documents import Document
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.http.responses import page
from chalicelib.web.pages.unsent_drafts import draft_cookie
from chalicelib.web.pages.view_models import FILE_SECONDS

LOGO_WIDTH, LOGO_HEIGHT = 224, 56


def door(caller: Caller, document_id: str) -> Response:
    """The ways in: log in, ask for a link to set up a password, or sign by hand.

    The same page for a document that does not exist, which then names no practice.
    """
    document = caller.services.store.document(document_id)
    return page(
        caller,
        "door.html",
        document_id=document_id,
        sent="sent" in caller.query,
        ended=SESSION_COOKIE in caller.cookies,
        kept=draft_cookie(document_id) in caller.cookies,
        practice=document.practice if document else None,
        logo=_logo(caller, document),
        passkey_options=caller.services.passkey_options.for_login(caller.now),
        signs_here=signs_here(caller, document),
        next=f"/documents/{document_id}",
    )


@dataclass(frozen=True)
class ShownLogo:
    """Its size in CSS pixels: who knows it keeps the place free, and nothing moves under a finger."""

    url: str
    width: int
    height: int


def _logo(caller: Caller, document: Document | None) -> ShownLogo | None:
    logo = document.practice.logo if document else None
    if logo is None:
        return None
    share = min(1.0, LOGO_WIDTH / logo.width, LOGO_HEIGHT / logo.height)
    url = caller.services.files.url(logo.key, seconds=FILE_SECONDS)
    return ShownLogo(url, max(1, round(logo.width * share)), max(1, round(logo.height * share)))


def signs_here(caller: Caller, document: Document | None) -> bool:
    """Whether it can be signed in the portal: Electronic Signature is on."""
    return document is None or caller.services.switches.electronic_signature(document.practice_id)
