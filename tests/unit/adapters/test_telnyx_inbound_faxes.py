"""Test how the client of Telnyx reads and fetches faxes that came in, with the local carrier and hostile servers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, Response, redirect
from werkzeug.serving import make_server

from chalicelib.adapters import telnyx_fax_carrier
from chalicelib.adapters.telnyx_fax_carrier import TelnyxFaxCarrier
from chalicelib.domain.errors import Invalid, Unavailable, Unprocessable
from chalicelib.services.ports import IncomingFax
from chalicelib.settings import FaxCarrierSettings
from examples.fax_carrier.app import Carrier, create_app
from examples.fax_carrier.exchange import Exchange

NUMBER, SENDER = "+15125550188", "+15125550100"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PDF = b"%PDF-1.7 a fax"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CLOSED = "http://127.0.0.1:1"


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


@contextmanager
def answering(answer: Callable[[], Any]) -> Iterator[str]:
    """Run a server on this machine that gives the same response at every path, in place of Telnyx."""
    app = Flask(__name__)
    app.add_url_rule("/<path:_path>", view_func=lambda _path: answer(), methods=["GET", "POST"])
    with serving(app) as url:
        yield url


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(fetch=lambda _url: None, count_pages=lambda _pdf: 1)


@pytest.fixture
def host(exchange: Exchange) -> Iterator[str]:
    with serving(create_app(Carrier(exchange, "KEYtest", KEY, lambda _seconds: None, lambda: NOW))) as url:
        yield url


def client(host: str) -> TelnyxFaxCarrier:
    account = FaxCarrierSettings(url=f"{host}/v2", secret="s", connection_id="1", sender="+1", public_key="")
    return TelnyxFaxCarrier(account, webhook_url="https://portal.test/fax/telnyx", key=lambda: "KEYtest")


def an_incoming(url: str) -> IncomingFax:
    return IncomingFax(id="0ccc", at=NOW, to=NUMBER, sender=SENDER, url=url, is_partial=False)


def event(**payload: Any) -> bytes:
    facts = {"fax_id": "0ccc", "direction": "inbound", "media_url": "https://s3/secret", **payload}
    body = {"event_type": "fax.received", "occurred_at": "2026-11-24T12:00:00Z", "payload": facts}
    return json.dumps({"data": body}).encode()


# The webhook


def test_the_arrival_of_a_fax_is_read_in_both_envelopes() -> None:
    carrier = client(CLOSED)
    assert carrier.read_received(event()) == "0ccc"
    assert carrier.read_received(json.dumps(json.loads(event())["data"]).encode()) == "0ccc"
    assert carrier.read_received(event(fax_id=None, id="0ddd")) == "0ddd"
    assert carrier.read_received(event(fax_id="x" * 65)) == "x" * 64
    assert carrier.read_report(event()) is None


@pytest.mark.parametrize(
    "body",
    [
        event(direction="outbound"),
        event(fax_id=None),
        event().replace(b"fax.received", b"fax.receiving.started"),
        event().replace(b"fax.received", b"fax.failed"),
    ],
    ids=["outbound", "no id", "started", "failed"],
)
def test_every_other_event_reports_no_arrival(body: bytes) -> None:
    assert client(CLOSED).read_received(body) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": 1}', b'{"payload": 7}', b'{"data": {"payload": "x"}}'])
def test_a_body_without_an_event_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid, match="not an event of the fax carrier"):
        client(CLOSED).read_received(body)


# The fax


def test_a_fax_is_described_and_fetched(host: str, exchange: Exchange) -> None:
    fax = exchange.receive(NUMBER, SENDER, PDF, host, NOW)
    incoming = client(host).received(fax.id)
    url = f"{host}/media/{fax.id}.pdf"
    assert incoming == IncomingFax(id=fax.id, at=NOW, to=NUMBER, sender=SENDER, url=url, is_partial=False)
    assert client(host).download(incoming, len(PDF)) == PDF
    assert client(host).download(incoming, len(PDF) - 1) is None


def test_an_incomplete_fax_and_an_unknown_sender_are_reported(host: str, exchange: Exchange) -> None:
    fax = exchange.receive(NUMBER, "", PDF, host, NOW)
    fax.partial = True
    incoming = client(host).received(fax.id)
    assert (incoming.is_partial, incoming.sender) == (True, None)


def test_a_fax_that_the_carrier_does_not_know_is_tried_again(host: str) -> None:
    with pytest.raises(Unavailable, match="does not know the fax"):
        client(host).received("0ccc")


@pytest.mark.parametrize(
    "facts", [{"direction": "inbound"}, {"direction": "outbound", "media_url": "https://x.telnyx.com/"}]
)
def test_a_fax_without_pages_or_of_the_other_direction_is_tried_again(facts: dict[str, str]) -> None:
    with answering(lambda: Response(json.dumps({"data": facts}))) as host, pytest.raises(Unavailable, match="no pages"):
        client(host).received("0ccc")


def test_a_dead_link_is_refreshed_and_tried_again(host: str, exchange: Exchange) -> None:
    fax = exchange.receive(NUMBER, SENDER, PDF, host, NOW)
    incoming = client(host).received(fax.id)
    with pytest.raises(Unavailable, match="does not work"):
        client(host).download(replace(incoming, url=f"{host}/media/gone.pdf"), 100)
    assert fax.refreshed == 1


def test_a_carrier_that_does_not_answer_is_tried_again() -> None:
    with pytest.raises(Unavailable, match="did not respond"):
        client(CLOSED).download(an_incoming(f"{CLOSED}/media/x.pdf"), 100)


@pytest.mark.parametrize(
    "url",
    [
        "http://files.telnyx.com/x.pdf",
        "https://telnyx.com.evil.example/x.pdf",
        "https://eviltelnyx.com/x.pdf",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:2/media/x.pdf",
        "https://127.0.0.1:1/media/x.pdf",
        "file:///etc/passwd",
        "ftp://files.telnyx.com/x.pdf",
        "https://user@evil.example/.telnyx.com",
        "https://evil.example\\@x.amazonaws.com/x.pdf",
    ],
)
def test_a_link_to_another_service_is_never_followed(url: str) -> None:
    with pytest.raises(Unprocessable, match="another service"):
        client(CLOSED).download(an_incoming(url), 100)


def test_a_link_that_is_no_url_is_never_followed() -> None:
    with pytest.raises(Unprocessable, match="no URL"):
        client(CLOSED).download(an_incoming("https://[x.amazonaws.com/x.pdf"), 100)


@pytest.mark.parametrize("url", ["https://files.telnyx.com/x", "https://s3.us-east-1.amazonaws.com/faxes/x?sig=1"])
def test_a_link_to_the_carriers_storage_is_followed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier, asked = client(CLOSED), []

    def request(method: str, to: str, **_options: Any) -> Any:
        asked.append((method, to))
        raise urllib3.exceptions.ProtocolError("no network in a test")

    monkeypatch.setattr(carrier._http, "request", request)
    with pytest.raises(Unavailable):
        carrier.download(an_incoming(url), 100)
    assert asked == [("GET", url)]


def test_a_redirect_is_not_followed() -> None:
    with answering(lambda: redirect(f"{CLOSED}/secret")) as host, pytest.raises(Unavailable, match="does not work"):
        client(host).download(an_incoming(f"{host}/media/x.pdf"), 100)


def test_an_endless_file_is_cut_off() -> None:
    def endless() -> Response:
        return Response(b"x" * 65536 for _ in iter(int, 1))

    with answering(endless) as host:
        assert client(host).download(an_incoming(f"{host}/media/x.pdf"), 200_000) is None


def test_a_file_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telnyx_fax_carrier, "_DOWNLOAD_SECONDS", -1.0)
    with answering(lambda: Response(b"x" * 10)) as host, pytest.raises(Unavailable, match="did not respond"):
        client(host).download(an_incoming(f"{host}/media/x.pdf"), 100)
