"""Test what each response of an EMR's server means for the webhook and for the practice's endpoint, at each
boundary."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.practices import Endpoint
from chalicelib.services.delivery.webhooks import LONGEST_RETRY_AFTER, Webhooks
from chalicelib.services.ports import HttpResult
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeClock, FakeIds, FakeWebhookSender
from tests.support.worlds.delivery_world import ENDPOINT, THE_PRACTICE

DAY = timedelta(days=1)
ERROR, OK = HttpResult(500), HttpResult(200)


class World:
    """A practice with a webhook endpoint, and a fake receiver there that gives one response."""

    def __init__(self, answer: HttpResult, **endpoint: Any) -> None:
        self.store, self.http = FakeStore(), FakeWebhookSender([answer])
        practice = replace(THE_PRACTICE, endpoint=replace(ENDPOINT, **endpoint))
        self.store.commit(Change(at=START, practices=(practice,)))
        self.webhooks = Webhooks(store=self.store, clock=FakeClock(), ids=FakeIds(), http=self.http)

    @property
    def endpoint(self) -> Endpoint:
        practice = self.store.practice(THE_PRACTICE.id)
        assert practice is not None
        assert practice.endpoint is not None
        return practice.endpoint

    def send(self, name: str = "dlv_1", message_id: str | None = "msg_1") -> AttemptResult:
        delivery = Delivery(
            id=name,
            version=1,
            practice_id=THE_PRACTICE.id,
            document_id=None,
            event_id="evt_1",
            channel=Channel.WEBHOOK,
            type="document.viewed",
            recipient=ENDPOINT.url,
            created_at=START,
            body="{}",
            message_id=message_id,
        )
        return self.webhooks.send(delivery)


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        (HttpResult(199), Verdict.RETRY, "answered 199"),
        (HttpResult(200), Verdict.DELIVERED, "answered 200"),
        (HttpResult(299), Verdict.DELIVERED, "answered 299"),
        (HttpResult(300), Verdict.RETRY, "follows no redirects"),
        (HttpResult(399), Verdict.RETRY, "follows no redirects"),
        (HttpResult(400), Verdict.RETRY, "answered 400"),
        (HttpResult(409), Verdict.RETRY, "answered 409"),
        (HttpResult(410), Verdict.HELD, "answered 410"),
        (HttpResult(411), Verdict.RETRY, "answered 411"),
        (HttpResult(None), Verdict.RETRY, "did not respond"),
        (HttpResult(None, error="Refused."), Verdict.RETRY, "Refused."),
    ],
)
def test_only_a_success_delivers_and_only_410_holds(answer: HttpResult, verdict: Verdict, words: str) -> None:
    result = World(answer).send()
    assert (result.verdict, result.tried, result.carrier_id) == (verdict, True, None)
    assert words in result.detail


@pytest.mark.parametrize(
    ("asked", "wait"), [(None, 0), (0, 0), (7, 7), (86_400, 86_400), (86_401, 86_400), (10**9, 86_400)]
)
def test_a_receiver_may_ask_for_a_wait_of_up_to_a_day(asked: int | None, wait: int) -> None:
    assert timedelta(days=1) == LONGEST_RETRY_AFTER
    assert World(HttpResult(503, retry_after=asked)).send().retry_after == timedelta(seconds=wait)


@pytest.mark.parametrize(
    ("since", "failing", "off"),
    [
        (None, (), False),
        (START - 5 * DAY, ("a", "b"), True),
        (START - 5 * DAY + timedelta(seconds=1), ("a", "b"), False),
        (START - 5 * DAY, ("a",), False),
        (START - 5 * DAY, ("a", "dlv_1"), False),
        (START - 9 * DAY, ("a", "b", "c"), True),
    ],
)
def test_five_days_and_three_failed_events_switch_the_endpoint_off(
    *, since: Any, failing: tuple[str, ...], off: bool
) -> None:
    world = World(ERROR, failing_since=since, failing=failing)
    world.send()
    assert (world.endpoint.disabled_at, bool(world.endpoint.disabled_reason)) == (
        (START, True) if off else (None, False)
    )
    notices = [delivery.type for delivery in world.store.every(Delivery, "deliveries")]
    assert notices == (["endpoint_off"] if off else [])
    assert len(world.store.jobs()) == len(notices)
    if not off:
        assert world.endpoint.failing_since == (since or START)
        assert world.endpoint.failing == tuple(dict.fromkeys((*failing, "dlv_1")))


def test_the_first_three_failed_events_are_remembered() -> None:
    world = World(ERROR)
    for name in ("a", "b", "b", "c", "d"):
        world.send(name)
    assert world.endpoint.failing == ("a", "b", "c")


def test_a_success_makes_the_endpoint_healthy_again() -> None:
    world = World(OK, failing_since=START - DAY, failing=("a",))
    world.send()
    assert world.endpoint == ENDPOINT
    before = world.store.commits
    world.send()
    assert world.store.commits == before


def test_410_switches_the_endpoint_off_with_its_reason() -> None:
    world = World(HttpResult(410))
    world.send()
    assert (world.endpoint.disabled_at, world.endpoint.disabled_reason) == (START, "The receiver answered 410.")
    again = world.send()
    assert (again.verdict, again.tried, len(world.http.posted)) == (Verdict.HELD, False, 1)


def test_a_webhook_that_cannot_be_signed_is_not_posted() -> None:
    world = World(OK)
    with pytest.raises(Unavailable):
        world.send(message_id=None)
    assert world.http.posted == []


def test_the_headers_name_the_message_and_the_time() -> None:
    world = World(OK)
    world.send()
    ((url, headers, body),) = world.http.posted
    assert (url, body) == (ENDPOINT.url, b"{}")
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == str(int(START.timestamp()))
    assert headers["webhook-signature"].startswith("v1,")
    assert (headers["content-type"], headers["user-agent"]) == ("application/json", "Provider-Portal-Webhooks/1")
