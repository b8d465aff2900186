"""The faxes of the local fax carrier: simulated calls, their results and their reports. The caller passes the time in.

The documentation of Telnyx describes each behaviour. `Plan` chooses the faults of one fax."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any


class Reply(StrEnum):
    """How the carrier responds to an order to send a fax.

    After `SILENT_ACCEPT`, the fax is sent, but no response comes. After `SILENT_LOSS`, nothing is sent and no response
    comes."""

    ACCEPT = "accept"
    TOO_MANY = "too_many"
    SILENT_ACCEPT = "silent_accept"
    SILENT_LOSS = "silent_loss"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What happens to one fax, as a test decides it. Without arguments, the fax arrives.

    - `reply`: how the carrier responds to the order.
    - `failure`: the failure reason, or None for a fax that arrives.
    - `pages_lost`: the number of pages that the receiving machine does not confirm.
    - `silent_webhooks`: the carrier posts no events.
    - `bare`: the events come without the envelope `data`.
    - `repeats`: the number of extra copies of each event. `reversed_order`: the last event comes first.
    - `seconds`: the length of the call."""

    reply: Reply = Reply.ACCEPT
    failure: str | None = None
    pages_lost: int = 0
    silent_webhooks: bool = False
    bare: bool = False
    repeats: int = 0
    reversed_order: bool = False
    seconds: float = 2.0


@dataclass
class Fax:
    """One fax that the portal has ordered, with its planned course and its result."""

    id: str
    order: Mapping[str, Any]
    plan: Plan
    created_at: datetime
    ends_at: datetime
    pages: int
    failure: str | None
    pdf: bytes | None
    posted: int = 0

    def status(self, now: datetime) -> str:
        """Return the state of the fax at the time `now` as the carrier names it: `sending`, `failed` or `delivered`."""
        if now < self.ends_at:
            return "sending"
        return "failed" if self.failure else "delivered"

    def describe(self, now: datetime) -> dict[str, Any]:
        """Return the fax at the time `now` as JSON, in the form of the carrier's API."""
        status = self.status(now)
        facts: dict[str, Any] = {
            "id": self.id,
            "record_type": "fax",
            "direction": "outbound",
            "status": status,
            "to": self.order["to"],
            "from": self.order["from"],
            "connection_id": self.order["connection_id"],
            "client_state": self.order.get("client_state", ""),
            "original_media_url": self.order["media_url"],
            "created_at": _text(self.created_at),
            "updated_at": _text(min(now, self.ends_at)),
        }
        if status == "failed":
            facts["failure_reason"] = self.failure
        return facts


@dataclass
class ReturnedFax:
    """A fax that came in to a number of the local carrier, as a provider faxes a signed document back to a clinic.

    `host` is the carrier's address, for the link to the pages."""

    id: str
    to: str
    sender: str
    pdf: bytes
    host: str
    received_at: datetime
    partial: bool = False
    refreshed: int = 0

    def describe(self) -> dict[str, Any]:
        """Return the fax as the carrier's API shows it."""
        return {
            "id": self.id,
            "record_type": "fax",
            "direction": "inbound",
            "status": "received",
            "to": self.to,
            "from": self.sender,
            "media_url": f"{self.host}/media/{self.id}.pdf",
            "partial_content": self.partial,
            "created_at": _text(self.received_at),
        }


@dataclass
class Webhook:
    """One report about a fax that waits to be posted to the portal. It is signed only when it is posted."""

    url: str
    due_at: datetime
    body: Mapping[str, Any]
    tries: int = 0


@dataclass
class Exchange:
    """All faxes of the local carrier, and the reports (webhooks) that wait to be posted.

    `fetch` downloads the pages of a fax, and returns None if the link does not work. `count_pages` returns the number
    of pages of a PDF. `overlaps` counts calls to a number that was in use. A fax that comes in is reported to
    `webhook_url`: the URL of the latest order, or the one that the carrier was started with."""

    fetch: Callable[[str], bytes | None]
    count_pages: Callable[[bytes], int]
    faxes: dict[str, Fax] = field(default_factory=dict)
    returned: dict[str, ReturnedFax] = field(default_factory=dict)
    webhook_url: str = ""
    webhooks: list[Webhook] = field(default_factory=list)
    plans: dict[str, list[Plan]] = field(default_factory=dict)
    overlaps: int = 0
    lock: Lock = field(default_factory=Lock)

    def plan_next(self, number: str, plans: Sequence[Plan]) -> None:
        """Decide what happens to the next faxes to a number. One plan is for one fax."""
        with self.lock:
            self.plans.setdefault(number, []).extend(plans)

    def place(self, order: Mapping[str, Any], now: datetime) -> tuple[Reply, Fax | None]:
        """Take an order for a fax. Return how the carrier responds, and the fax, or None if the carrier has not
        accepted it."""
        with self.lock:
            waiting = self.plans.get(str(order["to"]), [])
            plan = waiting.pop(0) if waiting else Plan()
        if plan.reply in (Reply.TOO_MANY, Reply.SILENT_LOSS):
            return plan.reply, None
        pdf = self.fetch(str(order["media_url"]))
        with self.lock:
            self.webhook_url = str(order.get("webhook_url") or self.webhook_url)
            fax = self._call(order, plan, pdf, now)
            self.faxes[fax.id] = fax
            self.webhooks += self._events(fax)
        return plan.reply, fax

    def receive(
        self, to: str, sender: str, pdf: bytes, host: str, now: datetime, *, is_partial: bool = False
    ) -> ReturnedFax:
        """Let a fax come in, and report it twice, as carriers do now and then.

        With `is_partial`, the call ended too early, and the carrier says so."""
        fax = ReturnedFax(str(uuid.uuid4()), to, sender, pdf, host, now, is_partial)
        payload = {**fax.describe(), "fax_id": fax.id}
        del payload["id"]
        event = {
            "record_type": "event",
            "id": str(uuid.uuid4()),
            "event_type": "fax.received",
            "occurred_at": _text(now),
            "payload": payload,
        }
        with self.lock:
            self.returned[fax.id] = fax
            if self.webhook_url:
                self.webhooks += [Webhook(self.webhook_url, now, {"data": event}) for _ in range(2)]
        return fax

    def _call(self, order: Mapping[str, Any], plan: Plan, pdf: bytes | None, now: datetime) -> Fax:
        busy = any(other.order["to"] == order["to"] and now < other.ends_at for other in self.faxes.values())
        self.overlaps += busy
        failure = "file_download_failed" if pdf is None else "user_busy" if busy else plan.failure
        return Fax(
            id=str(uuid.uuid4()),
            order=order,
            plan=plan,
            created_at=now,
            ends_at=now + timedelta(seconds=plan.seconds),
            pages=self.count_pages(pdf) if pdf else 0,
            failure=failure,
            pdf=pdf,
        )

    def _events(self, fax: Fax) -> list[Webhook]:
        """Return the reports about a fax that the carrier will post to the portal, in this order."""
        if fax.plan.silent_webhooks or not fax.order.get("webhook_url"):
            return []
        last = "fax.failed" if fax.failure else "fax.delivered"
        steps = [
            ("fax.queued", fax.created_at),
            ("fax.media.processed", fax.created_at + (fax.ends_at - fax.created_at) / 4),
            ("fax.sending.started", fax.created_at + (fax.ends_at - fax.created_at) / 2),
            (last, fax.ends_at),
        ]
        events = [self._event(fax, name, at) for name, at in steps for _ in range(fax.plan.repeats + 1)]
        if fax.plan.reversed_order:
            for event in events:
                event.due_at = fax.ends_at
            events.reverse()
        return events

    def _event(self, fax: Fax, name: str, at: datetime) -> Webhook:
        facts = fax.describe(at)
        payload = {**{key: value for key, value in facts.items() if not key.endswith("_at")}, "fax_id": fax.id}
        del payload["id"]
        if facts["status"] == "delivered":
            # Only the webhook has the number of pages.
            payload["page_count"] = fax.pages - fax.plan.pages_lost
        event = {
            "record_type": "event",
            "id": str(uuid.uuid4()),
            "event_type": name,
            "occurred_at": _text(at),
            "payload": payload,
        }
        body = event if fax.plan.bare else {"data": event, "meta": {"attempt": 1}}
        return Webhook(url=str(fax.order["webhook_url"]), due_at=at, body=body)

    def due_webhooks(self, now: datetime) -> list[Webhook]:
        """Return the reports that are due to be posted now. They no longer wait afterwards."""
        with self.lock:
            due = [webhook for webhook in self.webhooks if webhook.due_at <= now]
            self.webhooks = [webhook for webhook in self.webhooks if webhook.due_at > now]
        return due

    def post_again(self, webhook: Webhook, now: datetime) -> None:
        """Let a report wait again after the portal did not accept it. The carrier gives up after `TRIES` tries."""
        webhook.tries += 1
        if webhook.tries < TRIES:
            webhook.due_at = now + timedelta(seconds=2**webhook.tries)
            with self.lock:
                self.webhooks.append(webhook)


TRIES = 5


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
