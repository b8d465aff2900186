"""What all pages of the sample EMR share: the office, formats for templates, security headers and error pages."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from examples.clinic import calls, report_filters, worklist
from examples.clinic.office import Office
from examples.clinic.portal import Refused, Unreachable

Json = Mapping[str, Any]

NOTICES: Mapping[str, str] = {
    "sent": "Sent. The provider will be notified shortly.",
    "resent": "Resent. If you corrected an address or a number, the links sent to the old one no longer work.",
    "recalled": "Recalled. The provider can no longer open it.",
    "returned": "Marked as returned.",
    "called": "Call noted.",
    "several": "Marked the selected documents as returned.",
    "copy": "Saved what you read on the copy.",
    "retried": "The message will be sent again shortly.",
    "saved": "Saved. A changed Electronic Signature switch takes effect within 60 seconds.",
    "registered": "The portal now sends this EMR's webhooks to this address.",
    "tested": "Test webhook requested. It will appear in the list below.",
    "discarded": "Discarded. It will not be sent again.",
}

CALL_FIELDS = ("result", "by", "note")
"""The fields of the forms for the result of a call, as in the `data` of the event `document.called`."""

NOTHING_CHOSEN = {"": "Select at least one document."}
"""The error of a form without a selected document, where the errors of other documents are listed by their ids."""

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def office() -> Office:
    """Return the clinic's office, which does the work behind the pages, from the running Flask app."""
    return cast(Office, current_app.extensions["office"])


def back_to(endpoint: str, done: str | None = None, **values: Any) -> BaseResponse:
    """Return a redirect to a page (by its Flask endpoint) after a form was submitted.

    `done` is the key of the notice that the page shows. `values` are the parameters of the page's URL."""
    return redirect(url_for(endpoint, done=done, **values), HTTPStatus.SEE_OTHER)


REFRESH_SECONDS = 60


def self_refreshing(page: str) -> Response:
    """Return the response with a list that the browser loads again every minute. This needs no script.

    The next load shows no notice about a submitted form. Use this function only for a page on which nobody types."""
    query = {name: request.args[name] for name in ("show", "cursor") if name in request.args}
    values: dict[str, Any] = {**(request.view_args or {}), **query}
    response = make_response(page)
    response.headers["Refresh"] = f"{REFRESH_SECONDS}; url={url_for(str(request.endpoint), **values)}"
    return response


def read_given(*names: str) -> Mapping[str, str]:
    """Return the fields with these names from the submitted form, for an event's `data`. Empty fields are left out."""
    given = {name: request.form.get(name, "").strip() for name in names}
    return {name: value for name, value in given.items() if value}


def moment(text: str | None) -> str:
    """Return an RFC 3339 time as `Nov 22, 2026, 2:05 PM CST`, in the practice's time zone, for a template."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(office().zone())
    return f"{at:%b} {at.day}, {at.year}, {at.hour % 12 or 12}:{at:%M %p %Z}"


def local_day(text: str | None) -> str:
    """Return the calendar day of an RFC 3339 time in the practice's time zone, such as `Nov 22, 2026`."""
    return day(datetime.fromisoformat(text).astimezone(office().zone()).date()) if text else ""


def display_value(value: Any) -> str:
    """Return a JSON value in an audit event as text, such as `yes`, `1, 2, 3` or `Luis Rivera, MD`, for a template."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return display_value(list(value.values()))
    if isinstance(value, list):
        return ", ".join(display_value(item) for item in value if item is not None)
    return str(value)


def day(text: str | date | None) -> str:
    """Return a calendar day as `Nov 22, 2026`, or an empty text for None."""
    if not text:
        return ""
    on = date.fromisoformat(text) if isinstance(text, str) else text
    return f"{on:%b} {on.day}, {on.year}"


def us_date(on: date) -> str:
    """Return a calendar day as American clinics write it, such as `12/10/1950`."""
    return f"{on:%m/%d/%Y}"


def patient_name(patient_id: str | None) -> str:
    """Return the name of the patient with this number, or the number if the patient is unknown."""
    patient = office().store.patient(patient_id) if patient_id else None
    return patient.name if patient else patient_id or "Unknown patient"


def provider_name(document_id: str) -> str:
    """Return the name of the provider to whom a document was sent, such as `Luis Rivera, MD`.

    Return an empty text if another program sent the document, because the records then lack the name."""
    document = office().store.document(document_id)
    provider: Json = document.sent.get("provider", {}) if document else {}
    name = f"{provider.get('first_name', '')} {provider.get('last_name', '')}".strip()
    return ", ".join(part for part in (name, provider.get("credential")) if part)


_FILTERS: Mapping[str, Callable[..., str]] = {
    "moment": moment,
    "day": day,
    "us_date": us_date,
    "display_value": display_value,
    "patient_name": patient_name,
    "provider_name": provider_name,
    "local_day": local_day,
    "phone": calls.display_phone,
    "days_left": calls.days_left_text,
}
"""The filters of all templates, by the names that the templates use."""

_GLOBALS: Mapping[str, Any] = {
    "state_of": worklist.state_of,
    "kinds": worklist.KINDS,
    "decline_reasons": worklist.DECLINE_REASONS,
    "delivery_text": worklist.delivery_text,
    "provider_deliveries": worklist.provider_deliveries,
    "billing_of": worklist.billing_of,
    "payers": worklist.PAYERS,
    "call_results": worklist.CALL_RESULTS,
    "copy_findings": worklist.COPY_FINDINGS,
    "attention_texts": worklist.ATTENTION,
    "warning_texts": worklist.WARNINGS,
    "Step": worklist.Step,
    "filters": report_filters.FILTERS,
    "Filter": report_filters.Filter,
    "returnable": report_filters.RETURNABLE,
    "notices": NOTICES,
}
"""The functions and tables that all templates can use, by their names."""


def set_up_pages(app: Flask) -> None:
    """Add to the Flask app what every page has: template filters, security headers and error pages."""
    app.jinja_env.filters.update(_FILTERS)
    app.jinja_env.globals.update(_GLOBALS)
    app.context_processor(lambda: {"addresses": office().addresses})
    app.after_request(_add_headers)
    app.register_error_handler(Refused, _show_refused)
    app.register_error_handler(Unreachable, _show_unreachable)
    app.register_error_handler(HTTPException, _show_http_error)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "application/pdf":
        # The PDF viewers of browsers need scripts and styles, which this policy forbids.
        del response.headers["Content-Security-Policy"]
    return response


def _page(title: str, lines: list[str], status: int) -> Response:
    return make_response(render_template("error.html", title=title, lines=lines), status)


def _show_refused(problem: Refused) -> Response:
    lines = [problem.detail, *(f"{error.field}: {error.message}" for error in problem.errors)]
    missing = problem.status == HTTPStatus.NOT_FOUND
    status = HTTPStatus.NOT_FOUND if missing else HTTPStatus.BAD_GATEWAY
    return _page(problem.title, [line for line in lines if line], status)


def _show_unreachable(_problem: Unreachable) -> Response:
    lines = [
        "Nothing is lost. You can send it again from the home page, under Waiting to be sent.",
        "If the portal stays away, look at the window that runs `make run`.",
    ]
    return _page("The portal does not respond", lines, HTTPStatus.BAD_GATEWAY)


def _show_http_error(problem: HTTPException) -> Response:
    status = problem.code or HTTPStatus.INTERNAL_SERVER_ERROR
    return _page(problem.name, [problem.description or ""], status)
