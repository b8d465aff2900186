"""The pages of the mailbox's fax machine: the faxes that arrived, and the form that sends pages back."""

from datetime import datetime
from http import HTTPStatus
from random import SystemRandom

import httpx
from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from examples.mailbox import fax
from examples.mailbox.fax_damage import Look
from examples.mailbox.handwriting import Writing
from examples.mailbox.messages import SAFE_ID, Message
from examples.mailbox.reader import find_message, reader
from examples.mailbox.return_form import RESOLUTIONS, FormError, Order, PagesBack, read_form
from examples.mailbox.returned_pages import compose_return

PAGES = Blueprint("fax", __name__)

WRITINGS = {
    Writing.SIGNED_AND_DATED: "Signature and date",
    Writing.SIGNED: "Signature without a date",
    Writing.REFUSED: "“No, please call me”",
    Writing.NOTHING: "Nothing",
}
ORDERS = {Order.AS_FAXED: "As faxed", Order.REVERSED: "Last page first", Order.SHUFFLED: "Shuffled"}
LOOKS = {Look.CLEAN: "Clean", Look.NOISY: "Noisy line", Look.FADED: "Faded", Look.BLURRED: "Blurred"}


@PAGES.get("/fax")
def machine() -> str:
    """Return the page with the faxes to the number in the query, newest first, as a fax machine prints them."""
    number = request.args.get("to", "")
    faxes = [message for message in reader().box.mails() if reader().fax_number(message) == number]
    sheets = [(message, _count_pages(message)) for message in faxes[::-1]]
    return render_template("fax.html", number=number, sheets=sheets, at=number, can_return=reader().carrier)


def _count_pages(message: Message) -> int:
    pdf = fax.pdf_of(message)
    try:
        return fax.page_count(pdf.content) if pdf else 0
    except fax.NoPages:
        return 0


@PAGES.get("/messages/<name>/pages/<int:number>.png")
def page(name: str, number: int) -> Response:
    """Return the picture of one page of a fax. `name` is the id of the fax's email, and `number` counts from 1."""
    try:
        return Response(fax.page(_read_pdf(name), number), mimetype="image/png")
    except fax.NoPages:
        abort(HTTPStatus.NOT_FOUND)


@PAGES.get("/messages/<name>/return")
def return_form(name: str) -> str:
    """Return the page of one fax, with the form that sends pages of it back to the clinic."""
    sent = request.args.get("sent", "")
    return _return_page(name, sent=sent if SAFE_ID.fullmatch(sent) else "")


@PAGES.post("/messages/<name>/return")
def send_back(name: str) -> BaseResponse:
    """Fax the selected pages back to the clinic through the local fax carrier, and redirect to the fax's page."""
    message = find_message(name)
    try:
        order = read_form(request.form, request.form.getlist("pages"), _count_pages(message))
        sent = _send(order, _read_pdf(name), sender=reader().fax_number(message) or "")
    except FormError as problem:
        return make_response(_return_page(name, error=problem), HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect(url_for("fax.return_form", name=name, sent=sent), HTTPStatus.SEE_OTHER)


def _send(order: PagesBack, pdf: bytes, *, sender: str) -> str:
    """Fax the pages to the clinic, and return the carrier's id of this fax."""
    carrier = reader().carrier or abort(HTTPStatus.NOT_FOUND)
    pages = compose_return(pdf, order, datetime.now().astimezone().date(), SystemRandom())
    try:
        return carrier.send_back(pages, to=order.to, sender=sender, is_partial=order.breaks_off)
    except httpx.HTTPError as problem:
        text = "The local fax carrier does not respond. Is `make run` still running?"
        raise FormError("to", text) from problem


def _read_pdf(name: str) -> bytes:
    pdf = fax.pdf_of(find_message(name)) or abort(HTTPStatus.NOT_FOUND)
    return pdf.content


def _return_page(name: str, *, sent: str = "", error: FormError | None = None) -> str:
    message = find_message(name)
    carrier, pages = reader().carrier, _count_pages(message)
    if carrier is None or not pages:
        abort(HTTPStatus.NOT_FOUND)
    fields = {"pages": [str(number) for number in range(min(2, pages), pages + 1)], "to": reader().return_fax}
    given = {**request.form, "pages": request.form.getlist("pages")} if error else fields
    return render_template(
        "return.html",
        message=message,
        pages=pages,
        number=reader().fax_number(message),
        at=reader().fax_number(message),
        given=given,
        error=error,
        sent=carrier.picture_url(sent) if sent else "",
        choices={"writing": WRITINGS, "order": ORDERS, "look": LOOKS},
        resolutions=RESOLUTIONS,
    )
