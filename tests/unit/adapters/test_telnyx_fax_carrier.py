import base64
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from werkzeug.serving import make_server

from chalicelib.adapters import telnyx_fax_carrier
from chalicelib.adapters.telnyx_fax_carrier import TelnyxFaxCarrier, read_fax
from chalicelib.domain.carriers.fax_results import FaxQuality, FaxState
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.services.ports import FaxOrder, FaxRefused, FaxUnknown
from chalicelib.settings import FaxCarrierSettings
from examples.fax_carrier.app import Carrier, create_app
from examples.fax_carrier.exchange import Exchange, Plan, Reply

NUMBER = "+15125550100"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ORDER = FaxOrder(
    to=NUMBER,
    pdf_url="https://files.test/faxes/dlv_1.pdf",
    client_state="dlv_1.1",
    quality=FaxQuality(resolution="high", uses_t38=True),
)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(fetch=lambda _url: b"%PDF", count_pages=lambda _pdf: 4)


@pytest.fixture
def url(exchange: Exchange) -> Iterator[str]:
    app = create_app(Carrier(exchange, "KEYtest", KEY, lambda _seconds: None, lambda: datetime.now(UTC)))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}/v2"
    server.shutdown()
    server.server_close()


def client(url: str, key: str = "KEYtest") -> TelnyxFaxCarrier:
    public = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
    account = FaxCarrierSettings(
        url=url, secret="s", connection_id="1232154810234", sender="+13125790015", public_key=public
    )
    return TelnyxFaxCarrier(account, webhook_url="https://portal.test/fax/telnyx", key=lambda: key)


def test_a_fax_is_ordered_as_the_carrier_documents(url: str, exchange: Exchange) -> None:
    fax_id = client(url).send(ORDER)
    order = exchange.faxes[fax_id].order
    assert order == {
        "connection_id": "1232154810234",
        "to": NUMBER,
        "from": "+13125790015",
        "media_url": ORDER.pdf_url,
        "quality": "high",
        "t38_enabled": True,
        "monochrome": True,
        "store_media": False,
        "client_state": base64.b64encode(b"dlv_1.1").decode(),
        "webhook_url": "https://portal.test/fax/telnyx",
    }


def test_a_fax_is_found_by_its_id_and_by_its_mark(url: str, exchange: Exchange) -> None:
    carrier, since = client(url), datetime.now(UTC) - timedelta(minutes=1)
    fax_id = carrier.send(ORDER)
    exchange.faxes[fax_id].ends_at = datetime.now(UTC)
    for report in (carrier.report(fax_id), carrier.find(NUMBER, "dlv_1.1", since)):
        assert report is not None
        assert (report.fax_id, report.state, report.pages) == (fax_id, FaxState.DELIVERED, None)
    asked = carrier.report(fax_id)
    assert asked is not None
    assert re.fullmatch("[0-9a-f]{64}", asked.sha256 or "")


def test_other_faxes_are_not_found(url: str) -> None:
    carrier, since = client(url), datetime.now(UTC) - timedelta(minutes=1)
    carrier.send(ORDER)
    assert carrier.report("00000000-0000-0000-0000-000000000000") is None
    assert carrier.find(NUMBER, "dlv_1.2", since) is None
    assert carrier.find("+15125550199", "dlv_1.1", since) is None
    assert carrier.find(NUMBER, "dlv_1.1", since + timedelta(hours=1)) is None


def test_a_wrong_key_is_our_own_fault(url: str) -> None:
    with pytest.raises(FaxRefused) as refused:
        client(url, "KEYwrong").send(ORDER)
    assert refused.value.reason == "request_refused"
    with pytest.raises(Unavailable):
        client(url, "KEYwrong").report("x")


def test_too_many_faxes_wait(url: str, exchange: Exchange) -> None:
    exchange.plan_next(NUMBER, [Plan(reply=Reply.TOO_MANY)])
    with pytest.raises(Unavailable):
        client(url).send(ORDER)


@pytest.mark.parametrize("reply", [Reply.SILENT_ACCEPT, Reply.SILENT_LOSS])
def test_a_server_error_leaves_the_fax_unknown(url: str, exchange: Exchange, reply: Reply) -> None:
    exchange.plan_next(NUMBER, [Plan(reply=reply)])
    with pytest.raises(FaxUnknown):
        client(url).send(ORDER)


def test_a_read_timeout_leaves_the_fax_unknown(url: str, monkeypatch: pytest.MonkeyPatch, exchange: Exchange) -> None:
    import time

    exchange.fetch = lambda _url: time.sleep(0.5) or b"%PDF"  # type: ignore[func-returns-value]  # - None, so that the bytes follow
    monkeypatch.setattr(telnyx_fax_carrier, "_TIMEOUT", 0.1)
    with pytest.raises(FaxUnknown):
        client(url).send(ORDER)


def test_a_carrier_that_cannot_be_reached_got_no_fax() -> None:
    with pytest.raises(Unavailable):
        client("http://127.0.0.1:9/v2").send(ORDER)
    with pytest.raises(Unavailable):
        client("http://127.0.0.1:9/v2").find(NUMBER, "dlv_1.1", NOW)


# Webhooks


def event(*, bare: bool = False, **changes: Any) -> bytes:
    payload = {
        "fax_id": "f8338808",
        "connection_id": "234423",
        "direction": "outbound",
        "from": "+13125790015",
        "to": NUMBER,
        "status": "delivered",
        "page_count": 2,
        "original_media_url": "https://files.test/secret-link",
        "client_state": base64.b64encode(b"dlv_1.1").decode(),
        **changes,
    }
    facts = {"id": "9", "event_type": "fax.delivered", "occurred_at": "2026-11-24T12:00:00.5Z", "payload": payload}
    return json.dumps(facts if bare else {"data": facts, "meta": {"attempt": 1}}).encode()


@pytest.mark.parametrize("bare", [False, True])
def test_an_event_is_read_with_and_without_its_envelope(bare: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    report = client("http://127.0.0.1:9").read_report(event(bare=bare))
    assert report is not None
    assert (report.fax_id, report.state, report.pages, report.client_state) == (
        "f8338808",
        FaxState.DELIVERED,
        2,
        "dlv_1.1",
    )


def test_nothing_of_the_link_to_the_pages_is_kept() -> None:
    assert "secret-link" not in repr(client("http://127.0.0.1:9").read_report(event()))


def test_a_report_has_the_hash_of_its_raw_bytes() -> None:
    body = event()
    report = client("http://127.0.0.1:9").read_report(body)
    assert report is not None
    assert report.sha256 == hashlib.sha256(body).hexdigest()


def test_an_incoming_fax_is_no_report() -> None:
    assert client("http://127.0.0.1:9").read_report(event(direction="inbound")) is None


def test_a_failure_has_the_carriers_reason() -> None:
    report = client("http://127.0.0.1:9").read_report(event(status="failed", failure_reason="user_busy"))
    assert report is not None
    assert (report.state, report.reason) == (FaxState.FAILED, "user_busy")


@pytest.mark.parametrize("client_state", ["", "***", "/w==", None])
def test_a_foreign_client_state_is_empty(client_state: str | None) -> None:
    report = client("http://127.0.0.1:9").read_report(event(client_state=client_state))
    assert report is not None
    assert report.client_state == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": 1}', b'{"data": {"payload": []}}', b"\xff", b"null"])
def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        client("http://127.0.0.1:9").read_report(body)


def signed(body: bytes, at: datetime = NOW) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    signature = base64.b64encode(KEY.sign(f"{stamp}|".encode() + body)).decode()
    return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature}


def test_the_carriers_signature_is_accepted_for_five_minutes() -> None:
    carrier, body = client("http://127.0.0.1:9"), event()
    assert carrier.is_signed(signed(body), body, NOW)
    assert carrier.is_signed(signed(body), body, NOW + timedelta(seconds=300))
    assert not carrier.is_signed(signed(body), body, NOW + timedelta(seconds=301))
    assert not carrier.is_signed(signed(body, NOW + timedelta(seconds=301)), body, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"telnyx-timestamp": "now"},
        {"telnyx-timestamp": "²"},
        {"telnyx-timestamp": "1" * 400},
        {"telnyx-timestamp": "1" * 5_000},
        {"telnyx-timestamp": str(int(NOW.timestamp()))},
        {"telnyx-timestamp": str(int(NOW.timestamp())), "telnyx-signature-ed25519": "***"},
        {
            "telnyx-timestamp": str(int(NOW.timestamp())),
            "telnyx-signature-ed25519": base64.b64encode(b"x" * 64).decode(),
        },
    ],
)
def test_a_missing_or_wrong_signature_is_refused(headers: dict[str, str]) -> None:
    assert not client("http://127.0.0.1:9").is_signed(headers, event(), NOW)


def test_a_changed_body_is_refused() -> None:
    assert not client("http://127.0.0.1:9").is_signed(signed(event()), event(page_count=3), NOW)


def test_a_fax_without_an_id_is_no_report() -> None:
    assert read_fax({"direction": "outbound"}) is None
