"""The EMR's page Approve and send, with which staff send a sample or uploaded PDF to a provider."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from examples.clinic import forms
from examples.clinic.forms import UPLOAD, FormError, Values
from examples.clinic.pages_common import back_to, office
from examples.clinic.portal import Refused, warning_codes
from examples.clinic.sample_plans.content import Plan
from examples.clinic.sample_plans.pdfs import SAMPLES, build_pdf, first_page
from examples.clinic.sample_plans.plans import KNEE
from examples.clinic.store import FIRST_NUMBER

Json = Mapping[str, Any]

PAGES = Blueprint("send", __name__)


@dataclass(frozen=True)
class _Outgoing:
    """What the form sends to the portal: the `data` of the event `document.sent`, and the PDF."""

    data: Json
    pdf: bytes


@PAGES.get("/send")
def form() -> str:
    """Return the page with the send form, filled in for a sample plan of care or for a new version of a document."""
    before = office().store.document(request.args.get("after", ""))
    chosen = request.args.get("sample") or (_sample_like(before.sent) if before else KNEE.key)
    plan = SAMPLES.get(chosen, KNEE)
    values = dict(forms.propose_values(plan, number=office().store.next_number(), today=office().today()))
    patient = office().store.patient(request.args.get("patient", ""))
    if patient is not None:
        values.update(forms.patient_values(patient))
    if before is not None:
        values.update(forms.copy_values(before.sent), supersedes=before.external_id)
    return _render(chosen if chosen in SAMPLES else UPLOAD, values)


def _sample_like(sent: Json) -> str:
    same = [
        plan.key
        for plan in SAMPLES.values()
        if plan.title == sent.get("title") and plan.author.name == sent.get("author", {}).get("name")
    ]
    return same[0] if same else UPLOAD


@PAGES.post("/send")
def send() -> BaseResponse:
    """Send the PDF of the submitted form to the portal, and redirect to the patient's page.

    If the portal refuses the document, return the form with each error at its field."""
    chosen = request.form.get("sample", "")
    values = forms.read_values(request.form)
    outgoing = _outgoing(chosen, values)
    if isinstance(outgoing, FormError):
        return _show_error(chosen, values, outgoing, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        answer = office().approve_and_send(outgoing.data, outgoing.pdf)
    except Refused as refused:
        return _show_error(chosen, values, forms.from_refusal(refused), HTTPStatus.UNPROCESSABLE_ENTITY)
    patient_id = values["patient.external_id"]
    return back_to("documents.account", "sent", external_id=patient_id, warning=warning_codes(answer))


def _outgoing(chosen: str, values: Values) -> _Outgoing | FormError:
    plan = SAMPLES.get(chosen)
    data = forms.event_data(values)
    try:
        forms.read_patient(values)
        if plan:
            sample = build_pdf(plan, forms.sample_facts(plan, values))
            data["signature_field"] = dict(sample.signature_field)
            return _Outgoing(data, sample.content)
    except ValueError:
        return _date_errors(values)
    pdf = _read_upload()
    if not pdf:
        return FormError("Choose the PDF to send.", {"content": "Choose a file."})
    return _Outgoing(data, pdf)


def _read_upload() -> bytes:
    file = request.files.get("pdf")
    if file is None:
        return b""
    content: bytes = file.read()
    file.close()
    return content


def _date_errors(values: Values) -> FormError:
    needed = ("patient.date_of_birth", "certification.from")
    needed_or_given = [name for name in forms.DATES if values[name] or name in needed]
    bad = {name: "Enter a date as YYYY-MM-DD." for name in needed_or_given if not forms.is_date(values[name])}
    return FormError("A date is missing or invalid.", bad)


def _show_error(chosen: str, values: Values, form_error: FormError, status: int) -> Response:
    return make_response(_render(chosen or UPLOAD, values, form_error), status)


def _render(chosen: str, values: Values, form_error: FormError | None = None) -> str:
    return render_template("send.html", samples=SAMPLES.values(), chosen=chosen, values=values, form_error=form_error)


@PAGES.get("/samples/<key>.pdf")
def sample(key: str) -> Response:
    """Return the PDF of a sample plan of care, which the send form offers to look at."""
    plan = SAMPLES.get(key) or abort(HTTPStatus.NOT_FOUND)
    pdf = _sample_pdf(plan, office().store.next_number(), office().today())
    return Response(pdf, mimetype="application/pdf", headers={"Content-Disposition": "inline"})


@PAGES.get("/samples/<key>.png")
def thumbnail(key: str) -> Response:
    """Return a small picture of the first page of a sample plan of care, for the send form."""
    plan = SAMPLES.get(key) or abort(HTTPStatus.NOT_FOUND)
    return Response(_thumbnail(plan.key, office().today()), mimetype="image/png")


@lru_cache(maxsize=len(SAMPLES))
def _thumbnail(key: str, today: date) -> bytes:
    return first_page(_sample_pdf(SAMPLES[key], FIRST_NUMBER, today))


def _sample_pdf(plan: Plan, number: int, today: date) -> bytes:
    values = forms.propose_values(plan, number=number, today=today)
    return build_pdf(plan, forms.sample_facts(plan, values)).content


@PAGES.post("/outbox/<webhook_id>/send")
def send_unanswered(webhook_id: str) -> BaseResponse:
    """Send an event again that the portal has not answered (for example because it was down), and redirect."""
    for unanswered in office().store.unanswered():
        if unanswered.event.webhook_id == webhook_id:
            office().send_unanswered(unanswered, json.loads(unanswered.event.body)["data"])
    return back_to("home.home", "sent")


@PAGES.post("/outbox/<webhook_id>/discard")
def discard_unanswered(webhook_id: str) -> BaseResponse:
    """Delete an event that the portal has not answered, so that it is never sent again, and redirect."""
    office().store.delete_unanswered(webhook_id)
    return back_to("home.home", "discarded")
