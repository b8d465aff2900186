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
    TooManyRequests,
)
from chalicelib.domain.signatures import MAX_POINTS, MAX_STROKES, MAX_TEXT
from chalicelib.domain.status import is_decidable, is_readable
from chalicelib.services.authentication.passkeys import METHOD as PASSKEY
from chalicelib.services.authentication.sessions import PASSWORD
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import needs_view
from chalicelib.services.pagination import cursor_of, place_of
from chalicelib.services.pdf_jobs.page_images import page_texts
from chalicelib.services.review.past_search import PastSearch, searching
from chalicelib.services.review.review import (
    CONSENT_VERSION,
    COUNTED_TO,
    MAX_NOTE,
    DeclineForm,
    ProviderAction,
)
from chalicelib.services.review.signature_input import MAX_NAME, size_of
from chalicelib.web.http.file_names import decision_prefix, make_file_name
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import moment, redirect, render_page
from chalicelib.web.pages import signature_form as signing
from chalicelib.web.pages.reauthentication import (
    confirmed_to_sign,
    is_recently_authenticated,
    passkey_options,
)
from chalicelib.web.pages.unsent_drafts import drop_what_was_written, what_was_written
from chalicelib.web.pages.view_models import (
    FILE_SECONDS,
    by_practice,
    due,
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


def pending(context: RequestContext) -> Response:
    found = context.services.review.pending(context.require_provider().id, _cursor(context))
    count = f"{COUNTED_TO - 1}+" if found.count >= COUNTED_TO else str(found.count)
    rows = [row(each, context.now) for each in found.documents]
    return render_page(
        context,
        "pending.html",
        section="pending",
        rows=rows,
        count=count,
        next_after=cursor_of(found.next_after, of="pending"),
        first="after" not in context.query,
        groups=by_practice(rows),
        signed=_just_signed(context),
        files_origin=context.services.files.origin(),
    )


def past(context: RequestContext) -> Response:
    return _past(context, context.query.get("after"), dict.fromkeys(SOUGHT, ""), None)


def search_past(context: RequestContext) -> Response:
    """A post although it changes nothing: what is typed is a patient's name, and no address may hold it."""
    sought = {name: context.form.get(name, "")[:100] for name in SOUGHT}
    search = searching(sought["q"], sought["from"], sought["to"])
    if search is None:
        return redirect("/documents/past")
    return _past(context, context.form.get("after"), sought, search)


def review(context: RequestContext, document_id: str) -> Response:
    if not is_decidable(context.require_document().status):
        return _decided(context, context.require_document(), cookies=drop_what_was_written(context))
    written = what_was_written(context)
    return _review(
        context, _kept(context, written) if written else Entered(typed_name=context.require_provider().name)
    )


def approve(context: RequestContext, document_id: str) -> Response:
    given = signing.approval(context.form, _pages_shown(context.form.get("pages_shown", "")))
    cookies: list[str] = []
    try:
        context, cookies = confirmed_to_sign(context)
        context.services.review.approve(context.require_document(), given, _by(context))
    except (Invalid, Conflict, TooManyRequests) as trouble:
        return _again(context, trouble, declining=False, cookies=[*cookies, *drop_what_was_written(context)])
    cookies = [*cookies, *drop_what_was_written(context)]
    on = context.form.get("then") == "next"
    return redirect(_next_after(context) if on else f"/documents/{document_id}", cookies=cookies)


def forget_signature(context: RequestContext, document_id: str) -> Response:
    """Back to the review, with what was entered beside it."""
    provider = context.services.review.forget_signature(context.require_provider(), context.now)
    if not is_decidable(context.require_document().status):
        return redirect(f"/documents/{document_id}")
    entered, gone = _entered(context, None, declining=False), drop_what_was_written(context)
    return _review(replace(context, provider=provider), entered, cookies=gone)


def decline(context: RequestContext, document_id: str) -> Response:
    form = context.form
    given = DeclineForm(
        reason=form.get("reason", ""),
        note=form.get("decline_note", ""),
        other_name=form.get("other_name", "")[:MAX_NAME],
        other_address=form.get("other_address", "")[:254],
    )
    try:
        context.services.review.decline(context.require_document(), given, _by(context))
    except (Invalid, Conflict) as trouble:
        return _again(context, trouble, declining=True, cookies=drop_what_was_written(context))
    return redirect(f"/documents/{document_id}", cookies=drop_what_was_written(context))


def original(context: RequestContext, document_id: str) -> Response:
    if not is_readable(context.require_document().status):
        raise Gone("The clinic has recalled this document, so it can no longer be opened.")
    document = context.services.review.record_download(context.require_document(), _by(context))
    return redirect(_file(context, document.original.key, make_file_name(document)))


def signed(context: RequestContext, document_id: str) -> Response:
    document = context.require_document()
    if document.signed is not None:
        return redirect(
            _file(context, document.signed.key, f"{decision_prefix(document)}-{make_file_name(document)}")
        )
    if document.sealing is Sealing.NONE:
        raise NotFound("There is no signed copy of this document.")
    return render_page(
        context,
        "signed_pdf_pending.html",
        status=202,
        headers=refreshing(waiting=True),
        document=document,
        section="past",
    )


def certificate(context: RequestContext, document_id: str) -> Response:
    """Of a document whose certificate is a file of its own."""
    document = context.require_document()
    if document.certificate is None:
        raise NotFound("There is no certificate apart from the signed copy.")
    return redirect(_file(context, document.certificate.key, f"certificate-{make_file_name(document)}"))


def text(context: RequestContext, document_id: str) -> Response:
    """What every page says, for documents too long to say it beside their pictures.

    Whoever comes here first is led to the pictures, where opening it is recorded.
    """
    document = context.require_document()
    if not is_readable(document.status):
        raise Gone("The clinic has recalled this document, so it can no longer be opened.")
    if needs_view(document):
        return redirect(f"/documents/{document_id}")
    texts = page_texts(document, context.services.files)
    if texts is None:
        raise NotFound("The text of this document is not there yet. The PDF is.")
    return render_page(context, "document_text.html", document=document, texts=texts, section="pending")


def _past(
    context: RequestContext, after: str | None, sought: Mapping[str, str], search: PastSearch | None
) -> Response:
    found = context.services.review.past(
        context.require_provider().id, place_of(after, "after", of="past"), search
    )
    return render_page(
        context,
        "past.html",
        section="past",
        rows=[row(each, context.now) for each in found.items],
        next_after=cursor_of(found.next_after, of="past"),
        first=not after,
        sought=sought,
        searched=search is not None,
    )


def _review(
    context: RequestContext, entered: Entered, *, status: int = 200, cookies: Sequence[str] = ()
) -> Response:
    files = context.services.files
    opened, texts = run_concurrently(
        lambda: context.services.review.open(context.require_document(), _by(context)),
        lambda: page_texts(context.require_document(), files),
    )
    document = opened.document
    waiting = still_preparing(document, context.now)
    return render_page(
        context,
        "review.html",
        status=status,
        headers=refreshing(waiting=waiting),
        document=document,
        can_sign=opened.can_sign,
        addressed=opened.is_addressee,
        ask_password=not is_recently_authenticated(context),
        passkey_options=passkey_options(context),
        cookies=cookies,
        entered=entered,
        saved=signing.saved(context.require_provider()),
        block_size=size_of(document),
        pad={"strokes": MAX_STROKES, "points": MAX_POINTS},
        images=page_images(document, files, texts),
        prepared=pages_prepared(document),
        waiting=waiting,
        due=due(document, context.now),
        reasons=REASONS,
        sent_on=local_day(document.sent_at, document),
        consent_version=CONSENT_VERSION,
        max_note=MAX_NOTE,
        section="pending",
        signed=_just_signed(context),
    )


def _decided(context: RequestContext, document: Document, *, status: int = 200, **said: Any) -> Response:
    """What became of it, and what waits next."""
    upcoming = context.services.review.next_pending(context.require_provider().id, besides=document.id)
    at = document.decided_at or document.recalled_at
    return render_page(
        context,
        "decision.html",
        status=status,
        document=document,
        section="past",
        at=moment(at, document.practice.time_zone) if at else None,
        upcoming=row(upcoming, context.now) if upcoming else None,
        readable=is_readable(document.status),
        **{"conflict": "", "unsent_note": "", **said},
    )


def _again(
    context: RequestContext, trouble: PortalError, *, declining: bool, cookies: Sequence[str] = ()
) -> Response:
    """The page the form came from, with what was entered; or what became of the document meanwhile."""
    fresh = (
        context.services.store.document(context.require_document().id)
        if isinstance(trouble, Conflict)
        else None
    )
    entered = _entered(context, trouble, declining=declining)
    if fresh is not None and not is_decidable(fresh.status):
        note = entered.decline_note if declining else entered.note
        return _decided(
            context, fresh, status=409, cookies=cookies, conflict=trouble.detail, unsent_note=note
        )
    status = {Conflict: 409, TooManyRequests: 429}.get(type(trouble), 422)
    return _review(context, entered, status=status, cookies=cookies)


def _kept(context: RequestContext, written: Mapping[str, str]) -> Entered:
    """The forms as they were when the session ended; what attests or authenticates is for now."""
    of_decline = ("reason", "decline_note", "other_name", "other_address")
    return Entered(
        typed_name=written.get("typed_name") or context.require_provider().name,
        note=written.get("note", ""),
        reason=written.get("reason", ""),
        decline_note=written.get("decline_note", ""),
        other_name=written.get("other_name", ""),
        other_address=written.get("other_address", ""),
        declining=any(written.get(name) for name in of_decline),
        kept=True,
    )


def _entered(context: RequestContext, trouble: PortalError | None, *, declining: bool) -> Entered:
    form = context.form
    rename = {"note": "decline_note"} if declining else {}
    found = trouble.errors if trouble else ()
    return Entered(
        typed_name=form.get("typed_name", context.require_provider().name),
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


def _by(context: RequestContext) -> ProviderAction:
    session = context.session
    again = session is not None and session.authenticated_at != session.created_at
    return ProviderAction(
        provider=context.require_provider(),
        actor=context.actor,
        now=context.now,
        reauthenticated=again,
        authentication=_authentication(context, again=again),
        practice=context.practice,
    )


def _authentication(context: RequestContext, *, again: bool) -> str:
    """How and when the provider was authenticated, in words for the certificate."""
    method = (context.session.method if context.session else None) or PASSWORD
    at = context.session.authenticated_at if context.session else None
    if at is None:
        return method
    verb = "used" if method == PASSKEY else "entered"
    return f"{method}, {'asked again to sign and ' if again else ''}{verb} {moment(at)}"


def _file(context: RequestContext, key: str, name: str) -> str:
    inline = "download" not in context.query
    return context.services.files.url(key, seconds=FILE_SECONDS, file_name=name, inline=inline)


def _next_after(context: RequestContext) -> str:
    """Where to go on after this document: to what is due next, or the list, which says that it is empty."""
    upcoming = context.services.review.next_pending(
        context.require_provider().id, besides=context.require_document().id
    )
    on = f"/documents/{upcoming.id}" if upcoming else "/documents"
    return f"{on}?signed={context.require_document().id}"


def _just_signed(context: RequestContext) -> str:
    """The id of the document signed just before, for a link to it; whose it is, its own page decides."""
    return _ID.sub("", context.query.get("signed", ""))[:64]


def _cursor(context: RequestContext) -> str | None:
    return place_of(context.query.get("after"), "after", of="pending")


def _pages_shown(text: str) -> frozenset[int]:
    """`1,2,3` as the script wrote it; anything else in it is left out."""
    parts = text[:1000].split(",")
    return frozenset(int(each) for each in parts if each.isascii() and each.isdigit())
