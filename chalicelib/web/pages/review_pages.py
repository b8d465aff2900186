"""The provider's pages: pending, past, review, approve, decline, and the files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalice.app import Response

from chalicelib.domain.documents import DeclineReason, Document, Sealing
from chalicelib.domain.errors import (
    Conflict,
    Gone,
    Invalid,
    NotFound,
    PortalError,
    TooMany,
)
from chalicelib.domain.signatures import MAX_POINTS, MAX_STROKES, MAX_TEXT
from chalicelib.domain.status import is_decidable, is_readable
from chalicelib.services.authentication.passkeys import METHOD as PASSKEY
from chalicelib.services.authentication.sessions import PASSWORD
from chalicelib.services.documents.document_writer import needs_view, together
from chalicelib.services.pagination import cursor_of, place_of
from chalicelib.services.pdf_jobs.page_images import page_texts
from chalicelib.services.review.past_search import Search, searching
from chalicelib.services.review.review import CONSENT_VERSION, COUNTED_TO, MAX_NOTE, By, Refusal
from chalicelib.services.review.signature_input import MAX_NAME, size_of
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.responses import moment, page, redirect
from chalicelib.web.pages import signature_form as signing
from chalicelib.web.pages.reauthentication import confirmed_to_sign, may_sign, passkey_options
from chalicelib.web.pages.unsent_drafts import drop_what_was_written, what_was_written
from chalicelib.web.pages.view_models import (
    FILE_SECONDS,
    by_practice,
    decided_as,
    due,
    file_name,
    local_day,
    page_images,
    pages_prepared,
    refreshing,
    row,
    still_preparing,
)

REASONS = tuple(DeclineReason)
SOUGHT = ("q", "from", "to")
"""The fields of the search of the past."""

_ID = re.compile(r"[^a-z0-9_]")


@dataclass(frozen=True, kw_only=True)
class Entered:
    """What stands in the forms of the review page, and the troubles beside its fields."""

    typed_name: str
    signature: str = ""
    drawing: str = ""
    remember: bool = False
    note: str = ""
    read_statement: bool = False
    pages_shown: str = ""
    reason: str = ""
    decline_note: str = ""
    other_name: str = ""
    other_address: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    declining: bool = False
    kept: bool = False


def pending(caller: Caller) -> Response:
    found = caller.services.review.pending(caller.known.id, _cursor(caller))
    count = f"{COUNTED_TO - 1}+" if found.count >= COUNTED_TO else str(found.count)
    rows = [row(each, caller.now) for each in found.documents]
    return page(
        caller,
        "pending.html",
        section="pending",
        rows=rows,
        count=count,
        next_after=cursor_of(found.next_after, of="pending"),
        first="after" not in caller.query,
        groups=by_practice(rows),
        signed=_just_signed(caller),
        files_origin=caller.services.files.origin(),
    )


def past(caller: Caller) -> Response:
    return _past(caller, caller.query.get("after"), dict.fromkeys(SOUGHT, ""), None)


def search_past(caller: Caller) -> Response:
    """A post although it changes nothing: what is typed is a patient's name, and no address may hold it."""
    sought = {name: caller.form.get(name, "")[:100] for name in SOUGHT}
    search = searching(sought["q"], sought["from"], sought["to"])
    if search is None:
        return redirect("/documents/past")
    return _past(caller, caller.form.get("after"), sought, search)


def review(caller: Caller, document_id: str) -> Response:
    if not is_decidable(caller.opened.status):
        return _decided(caller, caller.opened, cookies=drop_what_was_written(caller))
    written = what_was_written(caller)
    return _review(caller, _kept(caller, written) if written else Entered(typed_name=caller.known.name))


def approve(caller: Caller, document_id: str) -> Response:
    given = signing.approval(caller.form, _pages_shown(caller.form.get("pages_shown", "")))
    cookies: list[str] = []
    try:
        caller, cookies = confirmed_to_sign(caller)
        caller.services.review.approve(caller.opened, given, _by(caller))
    except (Invalid, Conflict, TooMany) as trouble:
        return _again(caller, trouble, declining=False, cookies=[*cookies, *drop_what_was_written(caller)])
    cookies = [*cookies, *drop_what_was_written(caller)]
    on = caller.form.get("then") == "next"
    return redirect(_next_after(caller) if on else f"/documents/{document_id}", cookies=cookies)


def forget_signature(caller: Caller, document_id: str) -> Response:
    """Back to the review, with what was entered beside it."""
    provider = caller.services.review.forget_signature(caller.known, caller.now)
    if not is_decidable(caller.opened.status):
        return redirect(f"/documents/{document_id}")
    entered, gone = _entered(caller, None, declining=False), drop_what_was_written(caller)
    return _review(replace(caller, provider=provider), entered, cookies=gone)


def decline(caller: Caller, document_id: str) -> Response:
    form = caller.form
    given = Refusal(
        reason=form.get("reason", ""),
        note=form.get("decline_note", ""),
        other_name=form.get("other_name", "")[:MAX_NAME],
        other_address=form.get("other_address", "")[:254],
    )
    try:
        caller.services.review.decline(caller.opened, given, _by(caller))
    except (Invalid, Conflict) as trouble:
        return _again(caller, trouble, declining=True, cookies=drop_what_was_written(caller))
    return redirect(f"/documents/{document_id}", cookies=drop_what_was_written(caller))


def original(caller: Caller, document_id: str) -> Response:
    if not is_readable(caller.opened.status):
        raise Gone("The clinic has recalled this document, so it can no longer be opened.")
    document = caller.services.review.downloaded(caller.opened, _by(caller))
    return redirect(_file(caller, document.original.key, file_name(document)))


def signed(caller: Caller, document_id: str) -> Response:
    document = caller.opened
    if document.signed is not None:
        return redirect(_file(caller, document.signed.key, f"{decided_as(document)}-{file_name(document)}"))
    if document.sealing is Sealing.NONE:
        raise NotFound("There is no signed copy of this document.")
    return page(
        caller,
        "signed_soon.html",
        status=202,
        headers=refreshing(waiting=True),
        document=document,
        section="past",
    )


def certificate(caller: Caller, document_id: str) -> Response:
    """Of a document whose certificate is a file of its own."""
    document = caller.opened
    if document.certificate is None:
        raise NotFound("There is no certificate apart from the signed copy.")
    return redirect(_file(caller, document.certificate.key, f"certificate-{file_name(document)}"))


def text(caller: Caller, document_id: str) -> Response:
    """What every page says, for documents too long to say it beside their pictures.

    Whoever comes here first is led to the pictures, where opening it is recorded.
    """
    document = caller.opened
    if not is_readable(document.status):
        raise Gone("The clinic has recalled this document, so it can no longer be opened.")
    if needs_view(document):
        return redirect(f"/documents/{document_id}")
    texts = page_texts(document, caller.services.files)
    if texts is None:
        raise NotFound("The text of this document is not there yet. The PDF is.")
    return page(caller, "text.html", document=document, texts=texts, section="pending")


def _past(caller: Caller, after: str | None, sought: Mapping[str, str], search: Search | None) -> Response:
    found = caller.services.review.past(caller.known.id, place_of(after, "after", of="past"), search)
    return page(
        caller,
        "past.html",
        section="past",
        rows=[row(each, caller.now) for each in found.items],
        next_after=cursor_of(found.next_after, of="past"),
        first=not after,
        sought=sought,
        searched=search is not None,
    )


def _review(caller: Caller, entered: Entered, *, status: int = 200, cookies: Sequence[str] = ()) -> Response:
    files = caller.services.files
    opened, texts = together(
        lambda: caller.services.review.open(caller.opened, _by(caller)),
        lambda: page_texts(caller.opened, files),
    )
    document = opened.document
    waiting = still_preparing(document, caller.now)
    return page(
        caller,
        "review.html",
        status=status,
        headers=refreshing(waiting=waiting),
        document=document,
        can_sign=opened.can_sign,
        addressed=opened.addressed,
        ask_password=not may_sign(caller),
        passkey_options=passkey_options(caller),
        cookies=cookies,
        entered=entered,
        saved=signing.saved(caller.known),
        block_size=size_of(document),
        pad={"strokes": MAX_STROKES, "points": MAX_POINTS},
        images=page_images(document, files, texts),
        prepared=pages_prepared(document),
        waiting=waiting,
        due=due(document, caller.now),
        reasons=REASONS,
        sent_on=local_day(document.sent_at, document),
        consent_version=CONSENT_VERSION,
        max_note=MAX_NOTE,
        section="pending",
        signed=_just_signed(caller),
    )


def _decided(caller: Caller, document: Document, *, status: int = 200, **said: Any) -> Response:
    """What became of it, and what waits next."""
    upcoming = caller.services.review.next_pending(caller.known.id, besides=document.id)
    at = document.decided_at or document.recalled_at
    return page(
        caller,
        "decided.html",
        status=status,
        document=document,
        section="past",
        at=moment(at, document.practice.time_zone) if at else None,
        upcoming=row(upcoming, caller.now) if upcoming else None,
        readable=is_readable(document.status),
        **{"conflict": "", "unsent_note": "", **said},
    )


def _again(caller: Caller, trouble: PortalError, *, declining: bool, cookies: Sequence[str] = ()) -> Response:
    """The page the form came from, with what was entered; or what became of the document meanwhile."""
    fresh = caller.services.store.document(caller.opened.id) if isinstance(trouble, Conflict) else None
    entered = _entered(caller, trouble, declining=declining)
    if fresh is not None and not is_decidable(fresh.status):
        note = entered.decline_note if declining else entered.note
        return _decided(caller, fresh, status=409, cookies=cookies, conflict=trouble.detail, unsent_note=note)
    status = {Conflict: 409, TooMany: 429}.get(type(trouble), 422)
    return _review(caller, entered, status=status, cookies=cookies)


def _kept(caller: Caller, written: Mapping[str, str]) -> Entered:
    """The forms as they were when the session ended; what attests or authenticates is for now."""
    of_decline = ("reason", "decline_note", "other_name", "other_address")
    return Entered(
        typed_name=written.get("typed_name") or caller.known.name,
        note=written.get("note", ""),
        reason=written.get("reason", ""),
        decline_note=written.get("decline_note", ""),
        other_name=written.get("other_name", ""),
        other_address=written.get("other_address", ""),
        declining=any(written.get(name) for name in of_decline),
        kept=True,
    )


def _entered(caller: Caller, trouble: PortalError | None, *, declining: bool) -> Entered:
    form = caller.form
    rename = {"note": "decline_note"} if declining else {}
    found = trouble.errors if trouble else ()
    return Entered(
        typed_name=form.get("typed_name", caller.known.name),
        signature=form.get("signature", ""),
        drawing=form.get("drawing", "")[:MAX_TEXT],
        remember=form.get("remember") == "yes",
        note=form.get("note", ""),
        read_statement=form.get("read_statement") == "yes",
        pages_shown=",".join(map(str, sorted(_pages_shown(form.get("pages_shown", ""))))),
        reason=form.get("reason", ""),
        decline_note=form.get("decline_note", ""),
        other_name=form.get("other_name", ""),
        other_address=form.get("other_address", ""),
        errors={rename.get(each.field, each.field): each.message for each in found},
        trouble=trouble.detail if trouble else "",
        declining=declining,
    )


def _by(caller: Caller) -> By:
    session = caller.session
    again = session is not None and session.authenticated_at != session.created_at
    return By(
        provider=caller.known,
        actor=caller.actor,
        now=caller.now,
        asked_again=again,
        authentication=_authentication(caller, again=again),
        practice=caller.practice,
    )


def _authentication(caller: Caller, *, again: bool) -> str:
    """How and when the provider was authenticated, in words for the certificate."""
    method = (caller.session.method if caller.session else None) or PASSWORD
    at = caller.session.authenticated_at if caller.session else None
    if at is None:
        return method
    verb = "used" if method == PASSKEY else "entered"
    return f"{method}, {'asked again to sign and ' if again else ''}{verb} {moment(at)}"


def _file(caller: Caller, key: str, name: str) -> str:
    inline = "download" not in caller.query
    return caller.services.files.url(key, seconds=FILE_SECONDS, file_name=name, inline=inline)


def _next_after(caller: Caller) -> str:
    """Where to go on after this document: to what is due next, or the list, which says that it is empty."""
    upcoming = caller.services.review.next_pending(caller.known.id, besides=caller.opened.id)
    on = f"/documents/{upcoming.id}" if upcoming else "/documents"
    return f"{on}?signed={caller.opened.id}"


def _just_signed(caller: Caller) -> str:
    """The id of the document signed just before, for a link to it; whose it is, its own page decides."""
    return _ID.sub("", caller.query.get("signed", ""))[:64]


def _cursor(caller: Caller) -> str | None:
    return place_of(caller.query.get("after"), "after", of="pending")


def _pages_shown(text: str) -> frozenset[int]:
    """`1,2,3` as the script wrote it; anything else in it is left out."""
    parts = text[:1000].split(",")
    return frozenset(int(each) for each in parts if each.isascii() and each.isdigit())
