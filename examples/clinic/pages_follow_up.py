"""The sample EMR's pages about unsigned documents: whom staff should call today, and the form for the result of a
call."""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from examples.clinic.calls import Call, group_calls
from examples.clinic.pages_common import (
    CALL_FIELDS,
    NOTHING_CHOSEN,
    back_to,
    office,
    provider_name,
    read_given,
    self_refreshing,
)

PAGES = Blueprint("follow_up", __name__)


@PAGES.get("/follow-up")
def follow_up() -> Response:
    """Return the page with the calls to make today, most urgent first, and the providers who are slow to respond."""
    page = office().worklist(request.args.get("cursor"))
    silent = office().portal.silent_providers()
    return self_refreshing(
        render_template("follow_up.html", calls=group_calls(page.rows), next_cursor=page.next_cursor, silent=silent)
    )


@PAGES.get("/follow-up/<document_id>/called")
def call_form(document_id: str) -> BaseResponse:
    """Return the page with the form for the result of a call to a provider.

    The form offers this document and the provider's other documents on which staff should act today."""
    return _call_page(document_id, refusals={})


@PAGES.post("/follow-up/<document_id>/called")
def called(document_id: str) -> BaseResponse:
    """Report the result of a call to the portal, once for each document that was selected in the form.

    Return a redirect to the list of calls, or the form with the reasons if the portal refused a report."""
    data = {"at": office().now().isoformat(), **read_given(*CALL_FIELDS)}
    chosen = request.form.getlist("document_id")
    result = office().send_to_each("document.called", chosen, data)
    if result.refusals or not chosen:
        return _call_page(document_id, refusals=result.refusals or NOTHING_CHOSEN)
    return back_to("follow_up.follow_up", "called", warning=result.warnings)


def _call_page(document_id: str, *, refusals: Mapping[str, str]) -> BaseResponse:
    """Return the page with the form for the result of a call about this document.

    `refusals` says why the portal refused the result, by the ids of documents. If no document of the call waits for the
    provider any more, return a redirect to the document."""
    call = _find_call(document_id)
    if not call.pending:
        return redirect(url_for("documents.document", document_id=document_id), HTTPStatus.SEE_OTHER)
    page = render_template("call.html", call=call, document_id=document_id, report=request.form, refusals=refusals)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if refusals else HTTPStatus.OK)


def _find_call(document_id: str) -> Call:
    """Return the call to the provider of this document, with the documents to ask about, this one first.

    The others are the same provider's documents on the first page of the worklist, which lists the documents on which
    staff should act."""
    resource = office().refresh(document_id).resource
    others = [row for row in office().worklist(None).rows if row["id"] != document_id]
    call = group_calls([resource, *others])[0]
    return call if call.name else Call(provider_name(document_id), None, [resource])
