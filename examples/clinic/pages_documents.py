"""The EMR's pages of patients, of the report of unsigned documents, and of one document."""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from examples.clinic import forms
from examples.clinic.forms import FormError
from examples.clinic.pages_common import CALL_FIELDS, NOTHING_CHOSEN, back_to, office, read_given, self_refreshing
from examples.clinic.portal import Refused, warning_codes
from examples.clinic.report_filters import FILTERS, Filter

PAGES = Blueprint("documents", __name__)

RESEND_FIELDS = ("provider.email", "provider.fax", "delivery")
PROOF_SECONDS = 3
"""The time after which the page that waits for a proof asks the portal again."""

PDFS = frozenset({"signed", "original"})


@PAGES.get("/patients")
def patients() -> str:
    """Return the page with all patients, and the number of documents of each patient."""
    documents = office().store.documents()
    counts: dict[str, int] = {}
    for document in documents:
        counts[document.patient_id] = counts.get(document.patient_id, 0) + 1
    return render_template("patients.html", patients=office().store.patients(), counts=counts)


@PAGES.get("/patients/<external_id>")
def account(external_id: str) -> Response:
    """Return the page with a patient's documents, from this EMR's own records, which webhooks bring up to date."""
    patient = office().store.patient(external_id) or abort(HTTPStatus.NOT_FOUND)
    documents = office().store.documents(external_id)
    return self_refreshing(render_template("account.html", patient=patient, documents=documents))


@PAGES.get("/documents/reports/unsigned")
def unsigned() -> Response | str:
    """Return a page of the report of unsigned documents, read from the portal, with those that a filter admits.

    With `select` in the query, the page has a box beside each document that can be marked as returned. Then the page
    does not load itself again, because that would clear the boxes."""
    selects = "select" in request.args
    page = _unsigned_page(selects=selects)
    return page if selects else self_refreshing(page)


@PAGES.post("/documents/reports/unsigned/returned")
def returned_several() -> BaseResponse:
    """Report to the portal that each document selected in the report came back, signed or declined, by the portal."""
    selected = request.form.getlist("document_id")
    refusals = office().send_to_each("document.returned", selected, {"method": "portal"}).refusals
    if refusals or not selected:
        page = _unsigned_page(selects=True, refusals=refusals or NOTHING_CHOSEN)
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    return back_to("documents.unsigned", "several", show=_chosen_filter().value)


def _unsigned_page(*, selects: bool, refusals: Mapping[str, str] | None = None) -> str:
    """Return the page with the report of unsigned documents.

    With `selects`, staff can select documents to mark them as returned. `refusals` says why the portal refused to mark
    a document, by the ids of documents."""
    chosen = _chosen_filter()
    page = office().unsigned(request.args.get("cursor"), chosen)
    return render_template("unsigned.html", page=page, chosen=chosen, selects=selects, refusals=refusals or {})


def _chosen_filter() -> Filter:
    name = request.values.get("show", "")
    return Filter(name) if name in FILTERS else Filter.ALL


@PAGES.get("/documents/<document_id>")
def document(document_id: str) -> str:
    """Return the page with the current state of one document, and the forms with which staff can act on it."""
    return _document_page(document_id)


def _document_page(
    document_id: str,
    form_error: FormError | None = None,
    values: forms.Values | None = None,
    report: Mapping[str, str] | None = None,
) -> str:
    current = office().refresh(document_id)
    return render_template(
        "document.html",
        document=current,
        resource=current.resource,
        form_error=form_error,
        values=values or _resend_values(current.sent),
        report=report or {},
    )


def _resend_values(sent: forms.Json) -> forms.Values:
    provider: forms.Json = sent.get("provider") or {}
    return {
        "provider.email": str(provider.get("email", "")),
        "provider.fax": str(provider.get("fax", "")),
        "delivery": str(sent.get("delivery", "")),
    }


@PAGES.get("/documents/<document_id>/events")
def events(document_id: str) -> str:
    """Return the page with the audit trail of one document, read from the portal."""
    return render_template(
        "events.html",
        document_id=document_id,
        resource=office().refresh(document_id).resource,
        events=office().portal.events(document_id),
    )


@PAGES.get("/documents/<document_id>/proof.pdf")
def proof(document_id: str) -> BaseResponse:
    """Return a redirect to the portal's short-lived URL of the PDF that proves that the document reached the provider.

    The portal makes the PDF at the first request. Until the PDF is ready, return a page that loads itself again."""
    url = office().portal.proof_url(document_id)
    if url is not None:
        return redirect(url, HTTPStatus.SEE_OTHER)
    waiting = make_response(render_template("preparing.html", document_id=document_id), HTTPStatus.ACCEPTED)
    waiting.headers["Refresh"] = str(PROOF_SECONDS)
    return waiting


@PAGES.get("/documents/<document_id>/<which>.pdf")
def pdf(document_id: str, which: str) -> BaseResponse:
    """Return a redirect to the `signed` or `original` PDF, by a URL of the portal that is valid only for a short
    time."""
    if which not in PDFS:
        abort(HTTPStatus.NOT_FOUND)
    return redirect(office().portal.pdf_url(document_id, which), HTTPStatus.SEE_OTHER)


@PAGES.get("/faxes/<fax_id>/pages/<int:number>.png")
def fax_page(fax_id: str, number: int) -> Response:
    """Return the picture of one page of a fax that came back, read from the portal."""
    return Response(office().portal.fax_page(fax_id, number), mimetype="image/png")


@PAGES.post("/documents/<document_id>/resend")
def resend(document_id: str) -> BaseResponse:
    """Send a pending document to the provider again, with the corrected address or way of delivery in the form.

    Only the values that differ are sent to the portal. Redirect back to the document."""
    values = {name: request.form.get(name, "").strip() for name in RESEND_FIELDS}
    try:
        office().send("document.resend", {"document_id": document_id, **_corrections(document_id, values)})
    except Refused as refused:
        return _refused(document_id, refused, values)
    office().store.correct_sent(document_id, values)
    return back_to("documents.document", "resent", document_id=document_id)


def _corrections(document_id: str, values: forms.Values) -> forms.Json:
    known = office().store.document(document_id)
    before = _resend_values(known.sent if known else {})
    changed = {name: value for name, value in values.items() if value and value != before[name]}
    provider = {name.removeprefix("provider."): changed[name] for name in changed if name != "delivery"}
    delivery = {"delivery": changed["delivery"]} if "delivery" in changed else {}
    return {**delivery, **({"provider": provider} if provider else {})}


@PAGES.post("/documents/<document_id>/recall")
def recall(document_id: str) -> BaseResponse:
    """Withdraw (recall) the document at the portal, so that nobody can open it. Redirect back to the document."""
    reason = request.form.get("reason", "").strip()
    data = {"document_id": document_id, **({"reason": reason} if reason else {})}
    return _send(document_id, "document.recalled", data, done="recalled")


@PAGES.post("/documents/<document_id>/returned")
def returned(document_id: str) -> BaseResponse:
    """Report to the portal that staff have the document back, by portal, fax or on paper. Redirect to the document."""
    data = {"document_id": document_id, "method": request.form.get("method", "portal")}
    return _send(document_id, "document.returned", data, done="returned")


@PAGES.post("/documents/<document_id>/called")
def called(document_id: str) -> BaseResponse:
    """Report to the portal that someone of the clinic has just called the provider's office, and the result of the
    call.

    Redirect back to the document."""
    report = read_given(*CALL_FIELDS)
    data = {"document_id": document_id, "at": office().now().isoformat(), **report}
    return _send(document_id, "document.called", data, done="called", report=report)


@PAGES.post("/documents/<document_id>/copy")
def copy_confirmed(document_id: str) -> BaseResponse:
    """Report to the portal what a person read on a copy that the provider returned. Redirect back to the document."""
    report = read_given("seen", "signed_on", "note", "fax_id")
    return _send(
        document_id, "document.copy_confirmed", {"document_id": document_id, **report}, done="copy", report=report
    )


def _send(
    document_id: str, event_type: str, data: Mapping[str, str], *, done: str, report: Mapping[str, str] | None = None
) -> BaseResponse:
    try:
        answer = office().send(event_type, data)
    except Refused as refused:
        return _refused(document_id, refused, report=report)
    if request.form.get("next") == "unsigned":
        return back_to("documents.unsigned", done)
    return back_to("documents.document", done, document_id=document_id, warning=warning_codes(answer))


def _refused(
    document_id: str, refused: Refused, values: forms.Values | None = None, report: Mapping[str, str] | None = None
) -> Response:
    page = _document_page(document_id, forms.from_refusal(refused), values, report)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
