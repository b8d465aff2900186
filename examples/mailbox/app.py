"""The mailbox as a Flask app, with pages for people and JSON for tests."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, abort, jsonify, render_template, request
from markupsafe import Markup, escape

from examples.launch import log_requests
from examples.mailbox import fax_machine
from examples.mailbox.box import Text
from examples.mailbox.messages import WEB_ADDRESS, Message
from examples.mailbox.reader import Reader, find_message, reader

PAGES = Blueprint("mailbox", __name__)

PAGE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# The HTML of an email runs no scripts and loads nothing. Its links open a new tab.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
# These pages refresh automatically, because people wait for email on them.
LISTS = frozenset({"mailbox.home", "mailbox.inbox", "mailbox.phone_texts"})
REFRESH_SECONDS = "4"

NEW_TAB = '<base target="_blank">'


def create_app(source: Reader) -> Flask:
    """Return the Flask app of the mailbox. Its pages read from `source`."""
    app = Flask(__name__)
    app.extensions["reader"] = source
    app.register_blueprint(PAGES)
    app.register_blueprint(fax_machine.PAGES)
    app.jinja_env.filters.update(moment=moment, link_addresses=link_addresses, phone=phone)
    app.context_processor(_side_bar)
    log_requests(app)
    app.before_request(_poll_first)
    app.after_request(_add_headers)
    return app


def _poll_first() -> None:
    if request.endpoint != "static" and request.path != "/healthz":
        reader().emulator.poll()


def _add_headers(response: Response) -> Response:
    if request.endpoint in LISTS:
        response.headers["Refresh"] = REFRESH_SECONDS
    for name, value in PAGE_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def moment(at: datetime) -> str:
    """Return a time as `Nov 22, 2026, 2:05 PM CST`, in this machine's time zone, for a page."""
    here = at.astimezone()
    return f"{here:%b} {here.day}, {here.year}, {here.hour % 12 or 12}:{here:%M %p %Z}"


def link_addresses(text: str) -> Markup:
    """Return the text of an email as HTML, in which web addresses are links."""
    parts: list[Markup] = []
    end = 0
    for match in WEB_ADDRESS.finditer(text):
        address = match.group().rstrip(".,;:!?)]}")
        parts += [
            escape(text[end : match.start()]),
            Markup('<a href="{0}" target="_blank" rel="noopener">{0}</a>').format(address),
        ]
        end = match.start() + len(address)
    return Markup("").join([*parts, escape(text[end:])])


def phone(e164: str) -> str:
    """Return an American number as `+1 512 555 0100`, and any other number unchanged."""
    american = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", e164)
    return "+1 " + " ".join(american.groups()) if american else e164


def _side_bar() -> dict[str, Any]:
    """Return what every page's side bar shows: all email addresses and numbers, with the numbers of their messages."""
    faxes, inboxes = _count_received(reader())
    numbers: dict[str, int] = {}
    for text in reader().box.texts():
        numbers[text.to] = numbers.get(text.to, 0) + 1
    return {
        "faxes": faxes,
        "inboxes": inboxes,
        "phones": numbers,
        "answers": reader().emulator.answers,
        "clinic_url": reader().clinic_url,
    }


def _count_received(source: Reader) -> tuple[dict[str, int], dict[str, int]]:
    faxes: dict[str, int] = {}
    inboxes: dict[str, int] = {}
    for message in source.box.mails():
        number = source.fax_number(message)
        if number:
            faxes[number] = faxes.get(number, 0) + 1
        else:
            for address in message.to:
                inboxes[address] = inboxes.get(address, 0) + 1
    return faxes, inboxes


@PAGES.get("/")
def home() -> str:
    """Return the page with the latest emails to all addresses."""
    return _list("Latest email", None, _without_faxes(reader().box.mails()))


@PAGES.get("/inbox")
def inbox() -> str:
    """Return the page with the emails to the address in the query."""
    address = request.args.get("to", "")
    return _list(address, address, _without_faxes(reader().box.mails(address)))


def _without_faxes(messages: Iterable[Message]) -> list[Message]:
    return [message for message in messages if reader().fax_number(message) is None]


def _list(title: str, at: str | None, messages: list[Message]) -> str:
    return render_template("inbox.html", title=title, at=at, messages=messages[::-1])


@PAGES.get("/messages/<name>")
def message(name: str) -> str:
    """Return the page that shows one email. `name` is the email's id in the mailbox."""
    shown = find_message(name)
    return render_template("message.html", message=shown, at=shown.to[0] if shown.to else None)


@PAGES.get("/messages/<name>/html")
def html(name: str) -> Response:
    """Return the HTML of an email, which its page shows in a frame."""
    content = find_message(name).html
    head = HEAD.search(content)
    at = head.end() if head else 0
    page = content[:at] + NEW_TAB + content[at:]
    return Response(page, mimetype="text/html", headers={"Content-Security-Policy": MAIL_POLICY})


@PAGES.get("/phone")
def phone_texts() -> str:
    """Return the page with the text messages to the phone number in the query."""
    number = request.args.get("to", "")
    return render_template("phone.html", number=number, texts=reader().box.texts(number), at=number)


@PAGES.get("/healthz")
def health() -> dict[str, str]:
    """Return a fixed response, by which `make run` sees that this process is running."""
    return {"status": "ok"}


@PAGES.get("/api/messages")
def api_messages() -> Response:
    """Return all emails as JSON, or only those to the address in `?to=`, newest last. Tests read emails here."""
    return jsonify([_row(message) for message in reader().box.mails(request.args.get("to") or None)])


@PAGES.get("/api/messages/<name>/attachments/<int:number>")
@PAGES.get("/messages/<name>/attachments/<int:number>", endpoint="attachment")
def api_attachment(name: str, number: int) -> Response:
    """Return an attached file of an email. `number` counts the attachments from 0."""
    attachments = find_message(name).attachments
    if number >= len(attachments):
        abort(HTTPStatus.NOT_FOUND)
    return Response(attachments[number].content, mimetype=attachments[number].content_type)


@PAGES.get("/api/texts")
def api_texts() -> Response:
    """Return all text messages as JSON, or only those to the number in `?to=`, newest last. Tests read them here."""
    return jsonify([_text_row(text) for text in reader().box.texts(request.args.get("to") or None)])


def _row(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "to": ", ".join(message.to),
        "from": message.sender,
        "subject": message.subject,
        "received_at": message.received_at.astimezone(UTC).isoformat(),
        "text": message.text,
        "html": message.html,
        "links": message.links,
        "attachments": [
            {"name": file.name, "content_type": file.content_type, "size": len(file.content)}
            for file in message.attachments
        ],
    }


def _text_row(text: Text) -> dict[str, str]:
    at = text.received_at.astimezone(UTC).isoformat()
    return {"id": text.id, "to": text.to, "text": text.text, "received_at": at}
