"""What the clinic's office does with the portal: the steps behind the pages, without any HTML."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from examples.clinic import forms
from examples.clinic.portal import Page, Portal, Refused, Unreachable, new_event
from examples.clinic.sample_plans.plans import PLANS
from examples.clinic.store import Document, Store, Waiting

LOG = logging.getLogger("examples.clinic")
Json = Mapping[str, Any]

HOME_ZONE = "America/Chicago"


@dataclass(frozen=True)
class Addresses:
    """Where things are in this trial installation; no trailing slashes."""

    clinic: str
    mailbox: str
    portal: str

    @property
    def webhooks(self) -> str:
        return f"{self.clinic}/webhooks/portal"


class Office:
    """The portal, the records, and the rules for keeping them in step."""

    def __init__(
        self,
        *,
        portal: Portal,
        store: Store,
        addresses: Addresses,
        webhook_secret: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.portal = portal
        self.store = store
        self.addresses = addresses
        self.webhook_secret = webhook_secret
        self.now = clock

    def seed(self) -> None:
        """Put the samples' patients on file."""
        for plan in PLANS:
            if self.store.patient(plan.patient.external_id) is None:
                self.store.save_patient(plan.patient)

    def zone(self) -> ZoneInfo:
        """The practice's time zone, as last read from the portal."""
        try:
            return ZoneInfo(self.store.fact("time_zone") or HOME_ZONE)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo(HOME_ZONE)

    def today(self) -> date:
        """The calendar day at the clinic."""
        return self.now().astimezone(self.zone()).date()

    def approve_and_send(self, data: Json, pdf: bytes) -> str:
        """Send a document and return its id at the portal. Raises `Refused` or `Unreachable`."""
        answer = self.send("document.sent", {**data, "content": self.portal.content(pdf)})
        return str(answer["document_id"])

    def send(self, event_type: str, data: Json) -> Json:
        """Send an event. It is on file before it leaves, so that a crash can only send the same one again."""
        now = self.now()
        event = new_event(event_type, data, now=now)
        named = str(data.get("external_id") or data.get("document_id", ""))
        waiting = Waiting(event, event_type, named, now)
        self.store.save_waiting(waiting)
        return self.send_waiting(waiting, data)

    def send_waiting(self, waiting: Waiting, data: Json) -> Json:
        """Send an event that is on file. What is refused is forgotten; what is never answered stays."""
        try:
            answer = self.portal.send(waiting.event)
        except Refused:
            self.store.forget_waiting(waiting.event.webhook_id)
            raise
        document_id = str(answer["document_id"])
        if waiting.event_type == "document.sent":
            self._keep_sent(document_id, str(answer["status"]), data)
        self.store.forget_waiting(waiting.event.webhook_id)
        self.refresh_quietly(document_id)
        return answer

    def _keep_sent(self, document_id: str, status: str, data: Json) -> None:
        now = self.now()
        number = forms.number_in(str(data["external_id"]))
        if number is not None:
            self.store.use_number(number)
        resource = {
            "id": document_id,
            "external_id": data["external_id"],
            "patient_external_id": data["patient"]["external_id"],
            "kind": data["kind"],
            "status": status,
            "sent_at": now.isoformat(),
        }
        self.store.save_patient(forms.patient_of(data["patient"]))
        sent = {key: value for key, value in data.items() if key != "content"}
        self.store.save_sent(document_id, sent, resource, now=now)

    def refresh(self, document_id: str) -> Document:
        """Read the document from the portal and keep what it says."""
        asked_at = self.now()
        resource = self.portal.document(document_id)
        self.remember(resource, asked_at)
        return self.store.document(document_id) or Document(document_id, "", "", {}, resource)

    def refresh_quietly(self, document_id: str) -> None:
        """As `refresh`, where a webhook will bring the news anyway."""
        try:
            self.refresh(document_id)
        except (Refused, Unreachable) as problem:
            LOG.info("a document could not be read again: %s", type(problem).__name__)

    def unsigned(self, cursor: str | None) -> Page:
        """One page of the Unsigned report."""
        asked_at = self.now()
        page = self.portal.documents(report="unsigned", cursor=cursor)
        for resource in page.rows:
            self.remember(resource, asked_at)
        return page

    def remember(self, resource: Json, asked_at: datetime) -> None:
        """Keep a resource that was asked for, as of the moment of asking."""
        self.store.save_resource(resource, at=asked_at.isoformat(), now=asked_at)

    def register(self) -> None:
        """Tell the portal where this EMR receives webhooks, and remember how that went."""
        try:
            self.portal.set_endpoint(self.addresses.webhooks)
        except Refused as problem:
            self.store.save_fact("endpoint", f"The portal refused this address: {problem.title}")
            raise
        except Unreachable:
            self.store.save_fact("endpoint", "The portal could not be reached.")
            raise
        self.store.save_fact("endpoint", "")

    def practice(self) -> Json:
        """The practice's settings; remembers the time zone."""
        found = self.portal.practice()
        self.store.save_fact("time_zone", str(found.get("time_zone") or HOME_ZONE))
        return found
