"""Test what the local fax carrier does that no test of the portal causes: its faults, and its signature."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.adapters.telnyx_fax_carrier import TelnyxFaxCarrier
from chalicelib.settings import FaxCarrierSettings
from examples.fax_carrier.app import Carrier
from examples.fax_carrier.exchange import Exchange, Plan, Reply

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NUMBER = "+15125550100"


def an_exchange() -> Exchange:
    return Exchange(fetch=lambda _url: b"%PDF", count_pages=lambda _pdf: 4)


def order(number: str = NUMBER) -> dict[str, str]:
    return {"to": number, "from": "+13125790015", "connection_id": "1", "media_url": "x", "webhook_url": "y"}


def test_an_event_that_is_not_accepted_comes_again_after_longer_and_longer_waits() -> None:
    exchange, now, waits = an_exchange(), NOW, []
    exchange.webhook_url = "http://portal.test/fax/telnyx"
    exchange.receive(NUMBER, "+15125550199", b"%PDF", "http://carrier.test", NOW)
    event, _copy = exchange.due_webhooks(now)
    exchange.post_again(event, now)
    while exchange.webhooks:
        (waiting,) = exchange.webhooks
        waits.append((waiting.due_at - now).total_seconds())
        assert exchange.due_webhooks(waiting.due_at - timedelta(seconds=1)) == []
        now = waiting.due_at
        assert exchange.due_webhooks(now) == [event]
        exchange.post_again(event, now)
    assert waits == [2, 4, 8, 16]


def test_a_second_call_to_a_number_in_use_meets_a_busy_line() -> None:
    exchange = an_exchange()
    exchange.plan_next(NUMBER, [Plan(seconds=60)])
    _, first = exchange.place(order(), NOW)
    _, second = exchange.place(order(), NOW + timedelta(seconds=59))
    _, other = exchange.place(order("+15125550101"), NOW + timedelta(seconds=59))
    _, third = exchange.place(order(), NOW + timedelta(seconds=62))
    assert [fax and fax.failure for fax in (first, second, other, third)] == [None, "user_busy", None, None]
    assert exchange.overlaps == 1


def test_a_fax_whose_link_is_dead_fails_and_is_not_sent() -> None:
    exchange = Exchange(fetch=lambda _url: None, count_pages=lambda _pdf: 4)
    reply, fax = exchange.place(order(), NOW)
    assert reply is Reply.ACCEPT
    assert fax is not None
    assert (fax.failure, fax.pages) == ("file_download_failed", 0)


def test_the_portal_accepts_the_signature_of_an_event() -> None:
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    account = FaxCarrierSettings(url="", secret="", connection_id="1", sender=NUMBER, public_key=public)
    portal = TelnyxFaxCarrier(account, webhook_url="", key=lambda: "")
    headers = Carrier(an_exchange(), "KEYtest", key, lambda _seconds: None, lambda: NOW).sign(b"an event", NOW)
    assert portal.is_signed(headers, b"an event", NOW)
    assert not portal.is_signed(headers, b"another event", NOW)
