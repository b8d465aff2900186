"""What the pages share: the office at hand, words and dates for templates, and how trouble is shown."""

from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response, current_app, make_response, redirect, render_template, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from examples.clinic import worklist
from examples.clinic.office import Office
from examples.clinic.portal import Refused, Unreachable

Json = Mapping[str, Any]

DONE: Mapping[str, str] = {
    "sent": "Sent. The provider hears of it in a moment.",
    "resent": "Resent. Links sent before no longer work.",
    "recalled": "Recalled. The provider can no longer open it.",
    "returned": "Marked as returned.",
    "retried": "The message will be tried again in a moment.",
    "saved": "Saved. A changed Electronic Signature switch takes effect within 60 seconds.",
    "registered": "The portal now sends this EMR's webhooks here.",
    "tested": "The portal was asked for a test webhook. It appears among the recent messages below.",
    "discarded": "Discarded. It will not be sent again.",
}

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def office() -> Office:
    """The office this app works for."""
    return cast(Office, current_app.extensions["office"])


def back_to(endpoint: str, done: str | None = None, **values: Any) -> BaseResponse:
    """Redirect after a form, with the notice to show."""
    return redirect(url_for(endpoint, done=done, **values), HTTPStatus.SEE_OTHER)


def moment(text: str | None) -> str:
    """An RFC 3339 time as `Nov 22, 2026, 2:05 PM CST` in the practice's zone; empty for none."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(office().zone())
    return f"{at:%b} {at.day}, {at.year}, {at.hour % 12 or 12}:{at:%M %p %Z}"


def in_words(value: Any) -> str:
    """A value of an event as people read it: `yes`, `1, 2, 3`, `Luis Rivera, MD`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return in_words(list(value.values()))
    if isinstance(value, list):
        return ", ".join(in_words(each) for each in value if each is not None)
    return str(value)


def day(text: str | date | None) -> str:
    """A calendar day as `Nov 22, 2026`; empty for none."""
    if not text:
        return ""
    on = date.fromisoformat(text) if isinstance(text, str) else text
    return f"{on:%b} {on.day}, {on.year}"


def patient_name(patient_id: str | None) -> str:
    """The name on file for a patient's number, or the number."""
    patient = office().store.patient(patient_id) if patient_id else None
    return patient.name if patient else patient_id or "Unknown patient"


def provider_name(document_id: str) -> str:
    """The provider a document was sent to, as this EMR remembers it; empty if another program sent it."""
    document = office().store.document(document_id)
    provider: Json = document.sent.get("provider", {}) if document else {}
    name = f"{provider.get('first_name', '')} {provider.get('last_name', '')}".strip()
    return ", ".join(part for part in (name, provider.get("credential")) if part)


def set_up_pages(app: Flask) -> None:
    """Filters, headers and error pages for every page."""
    app.jinja_env.filters.update(
        moment=moment, day=day, in_words=in_words, patient_name=patient_name, provider_name=provider_name
    )
    app.jinja_env.globals.update(
        standing=worklist.standing,
        kinds=worklist.KINDS,
        decline_reasons=worklist.DECLINE_REASONS,
        delivery_words=worklist.delivery_words,
        provider_deliveries=worklist.provider_deliveries,
        Step=worklist.Step,
        done_words=DONE,
    )
    app.context_processor(lambda: {"addresses": office().addresses})
    app.after_request(_add_headers)
    app.register_error_handler(Refused, _show_refused)
    app.register_error_handler(Unreachable, _show_unreachable)
    app.register_error_handler(HTTPException, _show_http_error)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "application/pdf":
        # Browsers' PDF viewers need what the pages do without.
        del response.headers["Content-Security-Policy"]
    return response


def _page(title: str, lines: list[str], status: int) -> Response:
    return make_response(render_template("trouble.html", title=title, lines=lines), status)


def _show_refused(problem: Refused) -> Response:
    lines = [problem.detail, *(f"{each.field}: {each.message}" for each in problem.errors)]
    missing = problem.status == HTTPStatus.NOT_FOUND
    status = HTTPStatus.NOT_FOUND if missing else HTTPStatus.BAD_GATEWAY
    return _page(problem.title, [line for line in lines if line], status)


def _show_unreachable(_problem: Unreachable) -> Response:
    lines = [
        "Nothing is lost: what you sent is kept under Waiting to be sent on the home page, and can go again.",
        "If this goes on, look at the window in which `make run` works.",
    ]
    return _page("The portal does not answer", lines, HTTPStatus.BAD_GATEWAY)


def _show_http_error(problem: HTTPException) -> Response:
    status = problem.code or HTTPStatus.INTERNAL_SERVER_ERROR
    return _page(problem.name, [problem.description or ""], status)
