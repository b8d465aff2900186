"""The pages on which a provider hands a document over to a colleague, sees what became of it, and takes it back."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from chalice.app import Response

from chalicelib.domain.colleagues.hand_overs import find_act, find_colleague
from chalicelib.domain.errors import Conflict, Invalid, NotFound, PortalError, TooManyRequests
from chalicelib.domain.status import is_decidable
from chalicelib.services.review.hand_overs import MAX_NAME, HandOverForm
from chalicelib.web.http.error_mapping import error_messages, form_status
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import redirect, render_page
from chalicelib.web.http.templating import format_time
from chalicelib.web.pages.reauthentication import (
    is_recently_authenticated,
    make_action,
    passkey_options,
    reauthenticate_to_sign,
)
from chalicelib.web.pages.view_models import make_row

_MAX_TYPED = 254


@dataclass(frozen=True, kw_only=True)
class _FilledForm:
    """The values to fill into the form, the errors of its fields, and the heading (`trouble`) above the errors."""

    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


def show_form(context: RequestContext, document_id: str) -> Response:
    if not is_decidable(context.require_document().status):
        return redirect(f"/documents/{document_id}")
    return _show_form(context, _FilledForm(values=asdict(_parse({}))))


def hand_over(context: RequestContext, document_id: str) -> Response:
    form = _parse(context.form)
    cookies: list[str] = []
    try:
        context, cookies = reauthenticate_to_sign(context)
        context.services.hand_overs.hand_over(context.require_document(), form, make_action(context))
    except (Conflict, NotFound):
        # If the same form was sent twice, the page of the document leads to the page of the hand-over.
        return redirect(f"/documents/{document_id}", cookies=cookies)
    except (Invalid, TooManyRequests) as trouble:
        return _show_refusal(context, form, trouble, cookies)
    return redirect(f"/documents/{document_id}/handed-over", cookies=cookies)


def show_state(context: RequestContext, document_id: str) -> Response:
    """Return the page for the provider who handed a document over: who has it, and whether it is decided."""
    document, provider = context.require_document(), context.require_provider()
    zone = document.practice.time_zone
    act = find_act(provider, document)
    return render_page(
        context,
        "handed_over.html",
        section="pending",
        document=document,
        row=make_row(document, context.now),
        colleague=find_colleague(provider, document),
        handed_on=document.handed_over[-1] is not act,
        handed_over_at=format_time(act.at, zone),
        decided_at=format_time(document.decided_at, zone) if document.decided_at else None,
        waiting=is_decidable(document.status),
    )


def take_back(context: RequestContext, document_id: str) -> Response:
    try:
        # If the button was pressed twice, the provider has the document again, so `NotFound` is no failure.
        with suppress(NotFound):
            context.services.hand_overs.take_back(context.require_document(), make_action(context))
    except Conflict:
        return redirect(f"/documents/{document_id}/handed-over")
    return redirect(f"/documents/{document_id}")


def _show_refusal(context: RequestContext, form: HandOverForm, trouble: PortalError, cookies: list[str]) -> Response:
    filled = _FilledForm(values=asdict(form), errors=error_messages(trouble), trouble=trouble.detail)
    return _show_form(context, filled, status=form_status(trouble), cookies=cookies)


def _show_form(context: RequestContext, filled: _FilledForm, **page: Any) -> Response:
    return render_page(
        context,
        "hand_over.html",
        section="pending",
        document=context.require_document(),
        entered=filled,
        ask_password=not is_recently_authenticated(context),
        passkey_options=passkey_options(context),
        max_name=MAX_NAME,
        **page,
    )


def _parse(form: Mapping[str, str]) -> HandOverForm:
    names = ("first_name", "last_name", "credential", "email", "npi")
    return HandOverForm(**{name: form.get(name, "")[:_MAX_TYPED] for name in names})
