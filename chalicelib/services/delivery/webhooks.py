"""Webhooks to the EMR, signed by the rules of Standard Webhooks, and the health of the EMR's endpoint."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from aws_lambda_powertools import Logger

from chalicelib.domain.deliveries import Delivery, NoticeKind
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.domain.timestamps import epoch_seconds
from chalicelib.services.delivery_rows import outbox_row, staff_notice
from chalicelib.services.lookups import require_practice
from chalicelib.services.optimistic_retry import retry_on_latest
from chalicelib.services.ports import Clock, HttpResult, Ids, Store, WebhookSender
from chalicelib.services.transaction import Change

USER_AGENT = "Provider-Portal-Webhooks/1"
LONG_FAILURE = timedelta(days=5)
FAILED_EVENTS = 3
"""The number of failed events from which a long failure switches the endpoint off. One event may be at fault."""
GONE = 410
LONGEST_RETRY_AFTER = timedelta(hours=24)
"""The longest wait before the next attempt that a receiver can ask for in its response."""

logger = Logger(service="portal", child=True)


class Webhooks:
    def __init__(self, *, store: Store, clock: Clock, ids: Ids, http: WebhookSender) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._http = http

    def send(self, delivery: Delivery) -> AttemptResult:
        """Post the webhook's stored bytes to the practice's present endpoint, and return the result.

        If the endpoint is off, the webhook is held until the practice sets its endpoint again."""
        practice = require_practice(self._store, delivery.practice_id)
        endpoint = practice.live_endpoint
        if endpoint is None:
            return AttemptResult(verdict=Verdict.HELD, detail="The endpoint is switched off.", tried=False)
        body = (delivery.body or "").encode()
        headers = sign_headers(delivery, practice, body, self._clock.now())
        answer = self._http.post(endpoint.url, headers=headers, body=body)
        self._record_health(practice, delivery.id, endpoint.url, answer)
        return _outcome(answer)

    def _record_health(self, practice: Practice, delivery_id: str, url: str, answer: HttpResult) -> None:
        """Store on the practice whether its endpoint works. A 410 or a long failure switches the endpoint off."""
        now = self._clock.now()

        def step(current: Practice) -> None:
            endpoint = current.endpoint
            if endpoint is None or endpoint.url != url or endpoint.disabled_at is not None:
                return
            after = _update_health(endpoint, answer, delivery_id, now)
            if after == endpoint:
                return
            self._store.commit(self._change(current, after, now))
            if after.disabled_at is not None:
                # A metric filter turns this line into an alarm (docs/operations.md).
                logger.warning("endpoint switched off", extra={"practice": practice.id})

        retry_on_latest(
            step,
            initial=practice,
            read=lambda: require_practice(self._store, practice.id),
            retry_on=frozenset({"practice"}),
        )

    def _change(self, practice: Practice, endpoint: Endpoint, now: datetime) -> Change:
        after = replace(practice, version=practice.version + 1, endpoint=endpoint)
        if endpoint.disabled_at is None:
            return Change(at=now, practices=(after,))
        notice = staff_notice(NoticeKind.ENDPOINT_OFF, event_id=self._ids.new("evt"), practice_id=practice.id, now=now)
        return Change(at=now, practices=(after,), deliveries=(notice,), outbox=(outbox_row(notice),))


def sign_headers(delivery: Delivery, practice: Practice, body: bytes, now: datetime) -> Mapping[str, str]:
    """Return the HTTP headers of one attempt, with a signature for each live webhook secret, the newest first.

    Raises `Unavailable` if the practice has no live secret."""
    from standardwebhooks import Webhook

    secrets = practice.live_secrets(now)
    if not secrets or delivery.message_id is None:
        raise Unavailable("The practice has no live webhook secret to sign with.")
    message_id, text = delivery.message_id, body.decode()
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(epoch_seconds(now)),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, now, text) for secret in secrets),
    }


def _outcome(answer: HttpResult) -> AttemptResult:
    if _is_success(answer):
        return AttemptResult(verdict=Verdict.DELIVERED, detail=f"The receiver answered {answer.status}.")
    if answer.status == GONE:
        return AttemptResult(verdict=Verdict.HELD, detail="The receiver answered 410.")
    asked = min(timedelta(seconds=answer.retry_after or 0), LONGEST_RETRY_AFTER)
    return AttemptResult(verdict=Verdict.RETRY, detail=_describe_failure(answer), retry_after=asked)


def _describe_failure(answer: HttpResult) -> str:
    if answer.status is None:
        return answer.error or "The receiver did not respond."
    if answer.status // 100 == 3:  # noqa: PLR2004 - a class of HTTP statuses
        return f"The receiver answered {answer.status}. The portal follows no redirects. Set the final URL."
    return f"The receiver answered {answer.status}."


def _is_success(answer: HttpResult) -> bool:
    return answer.status is not None and answer.status // 100 == 2  # noqa: PLR2004 - a class of HTTP statuses


def _update_health(endpoint: Endpoint, answer: HttpResult, delivery_id: str, now: datetime) -> Endpoint:
    """Return the endpoint (the practice's URL for webhooks) with its health after a response. The caller stores it.

    The endpoint is then healthy, failing, or switched off. `answer` is the response to the webhook of this delivery."""
    if _is_success(answer):
        return replace(endpoint, failing_since=None, failing=())
    if answer.status == GONE:
        return replace(endpoint, disabled_at=now, disabled_reason="The receiver answered 410.")
    since = endpoint.failing_since or now
    failing = tuple(dict.fromkeys((*endpoint.failing, delivery_id)))[:FAILED_EVENTS]
    if now >= since + LONG_FAILURE and len(failing) == FAILED_EVENTS:
        reason = f"The endpoint failed for {LONG_FAILURE.days} days without a success."
        return replace(endpoint, disabled_at=now, disabled_reason=reason)
    return replace(endpoint, failing_since=since, failing=failing)
