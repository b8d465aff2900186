"""The EMR's pages Home, Admin > Practice > EMR > Customize (settings at the portal), and Deliveries (messages)."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from examples.clinic import forms
from examples.clinic.forms import FormError
from examples.clinic.pages_common import back_to, office, self_refreshing
from examples.clinic.portal import Page, Refused, Unreachable
from examples.clinic.worklist import state_of

HOME = Blueprint("home", __name__)
PAGES = Blueprint("admin", __name__)

SETTINGS = ("phone", "fax", "reply_to", "time_zone", "default_payer")
RECENT = 8


@HOME.get("/")
def home() -> Response:
    """Return the home page, with the documents on which the clinic's staff should act today."""
    page, form_error = _read_unsigned()
    counts: dict[str, int] = {}
    for resource in page.rows:
        step = state_of(resource).step
        counts[step] = counts.get(step, 0) + 1
    return self_refreshing(
        render_template(
            "home.html",
            counts=counts,
            more=bool(page.next_cursor),
            form_error=form_error,
            unanswered=office().store.unanswered(),
            webhooks=office().store.webhooks(RECENT),
            endpoint_error=office().store.fact("endpoint"),
            recent=office().store.documents()[:RECENT],
        )
    )


def _read_unsigned() -> tuple[Page, str]:
    try:
        return office().unsigned(None), ""
    except Refused as problem:
        return Page((), None), f"{problem.title} {problem.detail}".strip()
    except Unreachable:
        return Page((), None), "The portal does not respond, so these numbers are missing."


@HOME.get("/healthz")
def health() -> dict[str, str]:
    """Return a fixed response, by which `make run` sees that this process is running."""
    return {"status": "ok"}


@PAGES.get("/admin/practice/emr/customize")
def customize() -> str:
    """Return the page with the practice's settings, as the portal has them."""
    return _customize(None)


def _customize(form_error: FormError | None) -> str:
    return render_template(
        "customize.html",
        practice=office().practice(),
        form_error=form_error,
        zones=_zones(),
        webhooks=office().store.webhooks(RECENT),
        endpoint_error=office().store.fact("endpoint"),
    )


def _zones() -> Sequence[str]:
    return (
        "America/New_York",
        "America/Chicago",
        "America/Denver",
        "America/Phoenix",
        "America/Los_Angeles",
        "America/Anchorage",
        "Pacific/Honolulu",
    )


@PAGES.post("/admin/practice/emr/customize")
def save() -> BaseResponse:
    """Save the submitted settings of the practice at the portal, and redirect back to their page."""
    settings: dict[str, str | bool | None] = {name: request.form.get(name, "").strip() or None for name in SETTINGS}
    settings["electronic_signature"] = request.form.get("electronic_signature") == "on"
    return _try(lambda: office().portal.save_practice(settings), done="saved")


@PAGES.post("/admin/endpoint")
def register() -> BaseResponse:
    """Tell the portal to which address it must post this EMR's webhooks, and redirect back to the settings."""
    return _try(office().register, done="registered")


@PAGES.post("/admin/endpoint/test")
def test() -> BaseResponse:
    """Ask the portal to post a test webhook to this EMR, and redirect back to the settings."""
    return _try(office().portal.test_endpoint, done="tested")


def _try(step: Callable[[], None], *, done: str) -> BaseResponse:
    try:
        step()
    except Refused as refused:
        page = _customize(_settings_error(refused))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    return back_to("admin.customize", done)


def _settings_error(refused: Refused) -> FormError:
    fields = {error.field: error.message for error in refused.errors if error.field in SETTINGS}
    others = tuple(f"{e.field}: {e.message}" for e in refused.errors if e.field not in SETTINGS)
    return FormError(forms.from_refusal(refused).summary, fields, others)


@PAGES.get("/deliveries")
def deliveries() -> str:
    """Return the page with the messages that the portal sent for this practice, by default only the failed ones."""
    status = request.args.get("status", "failed")
    page = office().portal.deliveries(status=status, cursor=request.args.get("cursor"))
    return render_template("deliveries.html", page=page, status=status)


@PAGES.post("/deliveries/<delivery_id>/retry")
def retry(delivery_id: str) -> BaseResponse:
    """Ask the portal to send one message again, and redirect back to the list."""
    office().portal.retry_delivery(delivery_id)
    return back_to("admin.deliveries", "retried")
