"""Webhooks to the EMR: signed as Standard Webhooks has it, and the health of the endpoint they go to."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from aws_lambda_powertools import Logger

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.domain.timestamps import epoch
from chalicelib.services.delivery_rows import outbox_row, staff_notice
from chalicelib.services.lookups import require_practice
from chalicelib.services.optimistic_retry import retry_on_latest
from chalicelib.services.ports import Clock, HttpResult, Ids, Store, WebhookSender
from chalicelib.services.transaction import Change

USER_AGENT = "Provider-Portal-Webhooks/1"
LONG_FAILURE = timedelta(days=5)
FAILED_EVENTS = 3
"""A long failure is of the endpoint only when so many events failed; one that is refused is only itself."""
GONE = 410

logger = Logger(service="portal", child=True)


class Parts(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def webhook_sender(self) -> WebhookSender: ...


def send(delivery: Delivery, parts: Parts) -> AttemptResult:
    """Posts the frozen bytes to where the endpoint is now; a webhook for one that is off is held."""
    practice = require_practice(parts.store, delivery.practice_id)
    endpoint = practice.live_endpoint
    if endpoint is None:
        return AttemptResult(verdict=Verdict.HELD, detail="The endpoint is switched off.", tried=False)
    now = parts.clock.now()
    body = (delivery.body or "").encode()
    answer = parts.webhook_sender.post(
        endpoint.url, headers=signed_headers(delivery, practice, body, now), body=body
    )
    _note_health(practice, delivery.id, endpoint.url, answer, parts)
    return _judge(answer)


def signed_headers(delivery: Delivery, practice: Practice, body: bytes, now: datetime) -> Mapping[str, str]:
    """The headers of one attempt at `now`: a signature for each live secret, the newest first."""
    from standardwebhooks import Webhook

    secrets = practice.live_secrets(now)
    if not secrets or delivery.message_id is None:
        raise Unavailable("The practice has no live webhook secret to sign with.")
    message_id, text = delivery.message_id, body.decode()
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(epoch(now)),
        "webhook-signature": " ".join(Webhook(each).sign(message_id, now, text) for each in secrets),
    }


def _judge(answer: HttpResult) -> AttemptResult:
    if _is_success(answer):
        return AttemptResult(verdict=Verdict.DELIVERED, detail=f"The receiver answered {answer.status}.")
    if answer.status == GONE:
        return AttemptResult(verdict=Verdict.HELD, detail="The receiver answered 410.")
    asked = None if answer.retry_after is None else timedelta(seconds=answer.retry_after)
    return AttemptResult(verdict=Verdict.RETRY, detail=_trouble(answer), retry_after=asked)


def _trouble(answer: HttpResult) -> str:
    if answer.status is None:
        return answer.error or "The receiver did not answer."
    if answer.status // 100 == 3:  # noqa: PLR2004 - a class of HTTP statuses
        return f"The receiver answered {answer.status}. Redirects are not followed: set the final address."
    return f"The receiver answered {answer.status}."


def _is_success(answer: HttpResult) -> bool:
    return answer.status is not None and answer.status // 100 == 2  # noqa: PLR2004 - a class of HTTP statuses


# The endpoint's health


def _note_health(practice: Practice, delivery_id: str, url: str, answer: HttpResult, parts: Parts) -> None:
    """Keeps since when the endpoint fails; switches it off on 410 or after long failure, with a notice."""
    now = parts.clock.now()

    def step(current: Practice) -> None:
        endpoint = current.endpoint
        if endpoint is None or endpoint.url != url or endpoint.disabled_at is not None:
            return
        after = _after(endpoint, answer, delivery_id, now)
        if after == endpoint:
            return
        parts.store.commit(_change(current, after, parts.ids, now))
        if after.disabled_at is not None:
            # A filter makes an alarm of the line: docs/operations.md.
            logger.warning("endpoint switched off", extra={"practice": practice.id})

    retry_on_latest(
        step,
        initial=practice,
        read=lambda: require_practice(parts.store, practice.id),
        retry_on=frozenset({"practice"}),
    )


def _after(endpoint: Endpoint, answer: HttpResult, delivery_id: str, now: datetime) -> Endpoint:
    if _is_success(answer):
        return replace(endpoint, failing_since=None, failing=())
    if answer.status == GONE:
        return replace(endpoint, disabled_at=now, disabled_reason="The receiver answered 410.")
    since = endpoint.failing_since or now
    failing = tuple(dict.fromkeys((*endpoint.failing, delivery_id)))[:FAILED_EVENTS]
    if now >= since + LONG_FAILURE and len(failing) == FAILED_EVENTS:
        return replace(endpoint, disabled_at=now, disabled_reason="It failed for 5 days without a success.")
    return replace(endpoint, failing_since=since, failing=failing)


def _change(practice: Practice, endpoint: Endpoint, ids: Ids, now: datetime) -> Change:
    after = replace(practice, version=practice.version + 1, endpoint=endpoint)
    if endpoint.disabled_at is None:
        return Change(at=now, practices=(after,))
    told = staff_notice("endpoint_off", event_id=ids.new("evt"), practice_id=practice.id, now=now)
    return Change(at=now, practices=(after,), deliveries=(told,), outbox=(outbox_row(told),))
