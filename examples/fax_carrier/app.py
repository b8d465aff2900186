"""The local fax carrier as a Flask app: the API of Telnyx, and further addresses for the tests and the mailbox."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request

from examples.fax_carrier.exchange import Exchange, Plan, Reply
from examples.launch import log_requests

API = Blueprint("carrier", __name__)
CONNECTION_ID = "1232154810234"
NEEDED = ("connection_id", "to", "from", "media_url")
SILENCE_SECONDS = 30.0
"""The time for which the carrier says nothing when a request gets no answer. The portal waits less long."""


@dataclass(frozen=True)
class Carrier:
    """The state of the local fax carrier: its faxes, its customer's API key, the key that signs webhooks, and its
    clock."""

    exchange: Exchange
    api_key: str
    signing_key: Ed25519PrivateKey
    sleep: Callable[[float], None]
    clock: Callable[[], datetime]

    @property
    def public_key(self) -> str:
        """Return the public key, in base64, with which the portal verifies the carrier's webhooks."""
        return base64.b64encode(self.signing_key.public_key().public_bytes_raw()).decode()

    def sign(self, body: bytes, now: datetime) -> dict[str, str]:
        """Return the HTTP headers of a webhook to the portal, with the carrier's signature of its body."""
        stamp = str(int(now.timestamp()))
        signature = self.signing_key.sign(f"{stamp}|".encode() + body)
        encoded = base64.b64encode(signature).decode()
        return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": encoded, "content-type": "application/json"}


def carrier() -> Carrier:
    """Return the state of the local fax carrier from the running Flask app."""
    return cast("Carrier", current_app.extensions["carrier"])


@API.before_request
def check_key() -> Response | None:
    """Return an error for a request to the carrier's API without the right API key, and otherwise None."""
    if request.path.startswith("/v2/") and request.headers.get("Authorization") != f"Bearer {carrier().api_key}":
        return _error(HTTPStatus.UNAUTHORIZED, "10009", "Authentication failed")
    return None


@API.post("/v2/faxes")
def send_fax() -> Response:
    """Accept or refuse the portal's order to send a fax, and return the fax as JSON.

    If the plan for this fax says so, no response comes in time."""
    order: dict[str, Any] = request.get_json()
    missing = [name for name in NEEDED if not order.get(name)]
    if missing:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "10015", f"{missing[0]} is missing")
    now = carrier().clock()
    reply, fax = carrier().exchange.place(order, now)
    if reply is Reply.TOO_MANY:
        return _error(HTTPStatus.TOO_MANY_REQUESTS, "10011", "Too many requests")
    if fax is None or reply is Reply.SILENT_ACCEPT:
        carrier().sleep(SILENCE_SECONDS)
        abort(HTTPStatus.GATEWAY_TIMEOUT)
    return _json({"data": fax.describe(now)}, HTTPStatus.ACCEPTED)


@API.get("/v2/faxes/<fax_id>")
def read_fax(fax_id: str) -> Response:
    """Return the state of one fax as JSON, as the API of Telnyx does."""
    returned = carrier().exchange.returned.get(fax_id)
    if returned is not None:
        return _json({"data": returned.describe()})
    fax = carrier().exchange.faxes.get(fax_id)
    if fax is None:
        return _error(HTTPStatus.NOT_FOUND, "10005", "Not found")
    return _json({"data": fax.describe(carrier().clock())})


@API.post("/v2/faxes/<fax_id>/actions/refresh")
def refresh(fax_id: str) -> Response:
    """Renew the link to the pages of a fax that came in."""
    returned = carrier().exchange.returned.get(fax_id)
    if returned is None:
        return _error(HTTPStatus.NOT_FOUND, "10005", "Not found")
    returned.refreshed += 1
    return _json({"data": {"result": "ok"}})


@API.get("/v2/faxes")
def list_faxes() -> Response:
    """Return the faxes to a number, ordered since a time, as JSON. The query has the number and the time."""
    number, since = request.args.get("filter[to][eq]"), request.args.get("filter[created_at][gte]", "")
    now = carrier().clock()
    found = [fax.describe(now) for fax in list(carrier().exchange.faxes.values())]
    wanted = [fax for fax in found if fax["to"] == (number or fax["to"]) and fax["created_at"] >= since]
    return _json({"data": wanted, "meta": {"total_results": len(wanted)}})


# What only the tests and the mailbox use


@API.get("/account")
def account() -> Response:
    """Return the keys of the carrier's only customer, the portal, for its configuration in `make run`."""
    facts = carrier()
    return jsonify(api_key=facts.api_key, public_key=facts.public_key, connection_id=CONNECTION_ID)


@API.post("/plans/<number>")
def plan(number: str) -> Response:
    """Decide what happens to the next faxes to a number, for a test. The body is a list of the fields of `Plan`."""
    carrier().exchange.plan_next(number, [Plan(**fields) for fields in request.get_json()])
    return jsonify(ok=True)


@API.get("/arrived")
def arrived() -> Response:
    """Return the faxes that have arrived at a provider's machine (id, number, time), for the mailbox to show."""
    now = carrier().clock()
    found = [fax.describe(now) for fax in list(carrier().exchange.faxes.values())]
    fields = ("id", "to", "updated_at")
    return jsonify([{name: fax[name] for name in fields} for fax in found if fax["status"] == "delivered"])


@API.get("/arrived/<fax_id>.pdf")
def pages(fax_id: str) -> Response:
    """Return the PDF of a fax, for the mailbox to show."""
    fax = carrier().exchange.faxes.get(fax_id)
    if fax is None or fax.pdf is None:
        abort(HTTPStatus.NOT_FOUND)
    return Response(fax.pdf, mimetype="application/pdf")


@API.post("/returned")
def return_fax() -> Response:
    """Let a fax come in at the local carrier, as if a provider's fax machine had sent it.

    The query has the numbers `to` and `from`, and `partial` for a call that ended too early. The body is the PDF."""
    host = request.host_url.rstrip("/")
    to, sender = request.args["to"], request.args["from"]
    is_partial = "partial" in request.args
    fax = carrier().exchange.receive(to, sender, request.get_data(), host, carrier().clock(), is_partial=is_partial)
    return jsonify(id=fax.id)


@API.get("/media/<fax_id>.pdf")
def media(fax_id: str) -> Response:
    """Return the pages of a fax that came in."""
    returned = carrier().exchange.returned.get(fax_id)
    if returned is None:
        abort(HTTPStatus.NOT_FOUND)
    return Response(returned.pdf, mimetype="application/pdf")


@API.get("/healthz")
def health() -> dict[str, str]:
    """Return a fixed response, by which `make run` sees that this process is running."""
    return {"status": "ok"}


def create_app(facts: Carrier) -> Flask:
    """Return the Flask app of a local fax carrier with this state."""
    app = Flask(__name__)
    app.extensions["carrier"] = facts
    app.register_blueprint(API)
    log_requests(app)
    return app


def _json(body: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


def _error(status: HTTPStatus, code: str, title: str) -> Response:
    return _json({"errors": [{"code": code, "title": title}]}, status)
