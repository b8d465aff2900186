"""The work of the sample clinic's staff with the portal, behind the EMR's pages and without any HTML."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from examples.clinic import forms
from examples.clinic.portal import Page, Portal, Refused, Unreachable, new_event, warning_codes
from examples.clinic.report_filters import Filter, choose
from examples.clinic.sample_plans.plans import PLANS
from examples.clinic.store import Document, Store, UnansweredEvent

LOG = logging.getLogger("examples.clinic")
Json = Mapping[str, Any]

HOME_ZONE = "America/Chicago"

MOST_PAGES = 10
"""The most pages of the portal's report that one page with a filter reads."""

ENOUGH_ROWS = 25
"""The number of documents from which a page with a filter reads no further pages of the portal's report."""


@dataclass(frozen=True)
class SentToEach:
    """The result of sending one event, such as a noted call, about each of several documents.

    `refusals` has the portal's reason for each refused document, by its id. `warnings` are the codes of the portal's
    warnings."""

    refusals: Mapping[str, str]
    warnings: Sequence[str]


@dataclass(frozen=True)
class Addresses:
    """The URLs of the portal, this EMR and the mailbox, without trailing slashes."""

    clinic: str
    mailbox: str
    portal: str

    @property
    def webhooks(self) -> str:
        return f"{self.clinic}/webhooks/portal"


class Office:
    """The clinic's office, which sends documents to the portal and brings the EMR's records up to date from the
    portal."""

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
        """Add the patients of the sample plans to the records, for a start with an empty database."""
        for plan in PLANS:
            if self.store.patient(plan.patient.external_id) is None:
                self.store.save_patient(plan.patient)

    def zone(self) -> ZoneInfo:
        """Return the practice's time zone, as last read from the portal."""
        try:
            return ZoneInfo(self.store.fact("time_zone") or HOME_ZONE)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo(HOME_ZONE)

    def today(self) -> date:
        """Return today's date in the clinic's time zone."""
        return self.now().astimezone(self.zone()).date()

    def approve_and_send(self, data: Json, pdf: bytes) -> Json:
        """Send a document to the portal, and return the body of the portal's response.

        `data` is that of the event `document.sent`, without the PDF. Raises `Refused` or `Unreachable`."""
        return self.send("document.sent", {**data, "content": self.portal.content(pdf)})

    def send(self, event_type: str, data: Json) -> Json:
        """Store an event in the records, then send it to the portal, and return the body of the response.

        After a crash, the stored event is sent with the same webhook-id, so that the portal handles it only once."""
        now = self.now()
        event = new_event(event_type, data, now=now)
        name = str(data.get("external_id") or data.get("document_id", ""))
        unanswered = UnansweredEvent(event, event_type, name, now)
        self.store.save_unanswered(unanswered)
        return self.send_unanswered(unanswered, data)

    def send_unanswered(self, unanswered: UnansweredEvent, data: Json) -> Json:
        """Send a stored event to the portal, and return the body of the response.

        The event is deleted from the records once the portal accepts or refuses it. `data` is the event's data."""
        try:
            answer = self.portal.send(unanswered.event)
        except Refused:
            self.store.delete_unanswered(unanswered.event.webhook_id)
            raise
        document_id = str(answer["document_id"])
        if unanswered.event_type == "document.sent":
            self._save_sent(document_id, str(answer["status"]), data)
        self.store.delete_unanswered(unanswered.event.webhook_id)
        self.refresh_quietly(document_id)
        return answer

    def _save_sent(self, document_id: str, status: str, data: Json) -> None:
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
        self.store.save_patient(forms.patient_from(data["patient"]))
        sent = {key: value for key, value in data.items() if key != "content"}
        self.store.save_sent(document_id, sent, resource, now=now)

    def refresh(self, document_id: str) -> Document:
        """Read a document's current state from the portal, store it in the records, and return the record."""
        asked_at = self.now()
        resource = self.portal.document(document_id)
        self.remember(resource, asked_at)
        return self.store.document(document_id) or Document(document_id, "", "", {}, resource)

    def refresh_quietly(self, document_id: str) -> None:
        """Read a document's current state from the portal and store it in the records, if the portal responds.

        Errors are ignored, because a webhook will bring the news anyway."""
        try:
            self.refresh(document_id)
        except (Refused, Unreachable) as problem:
            LOG.info("a document could not be read again: %s", type(problem).__name__)

    def unsigned(self, cursor: str | None, chosen: Filter = Filter.ALL) -> Page:
        """Return one page of the report of unsigned documents, with the documents that pass the filter `chosen`.

        `cursor` is None for the first page. The portal knows no filters, so its pages are read until there are
        `ENOUGH_ROWS` documents, but at most `MOST_PAGES` pages. The documents that most need somebody to act come
        first."""
        rows: list[Json] = []
        for _ in range(MOST_PAGES):
            page = self._report("unsigned", cursor)
            rows += choose(page.rows, chosen, self.today())
            cursor = page.next_cursor
            if cursor is None or len(rows) >= ENOUGH_ROWS or chosen is Filter.ALL:
                break
        return Page(choose(rows, chosen, self.today()), cursor)

    def worklist(self, cursor: str | None) -> Page:
        """Return one page of the documents on which a person should act today, most urgent first."""
        return self._report("attention", cursor)

    def _report(self, report: str, cursor: str | None) -> Page:
        asked_at = self.now()
        page = self.portal.documents(report=report, cursor=cursor)
        for resource in page.rows:
            self.remember(resource, asked_at)
        return page

    def send_to_each(self, event_type: str, document_ids: Sequence[str], data: Json) -> SentToEach:
        """Send the same event about each of several documents, and return the results.

        Raises `Unreachable` if the portal does not respond. Then the rest is not sent."""
        refusals: dict[str, str] = {}
        warnings: dict[str, None] = {}
        for document_id in document_ids:
            try:
                answer = self.send(event_type, {"document_id": document_id, **data})
            except Refused as refused:
                reasons = [refused.detail, *(error.message for error in refused.errors)]
                refusals[document_id] = " ".join(reason for reason in reasons if reason) or refused.title
            else:
                warnings |= dict.fromkeys(warning_codes(answer))
        return SentToEach(refusals, tuple(warnings))

    def remember(self, resource: Json, asked_at: datetime) -> None:
        """Store a document's JSON from the portal, with the time at which it was requested, in the records."""
        self.store.save_resource(resource, at=asked_at.isoformat(), now=asked_at)

    def register(self) -> None:
        """Tell the portal to which address it must post this EMR's webhooks, and record whether this worked."""
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
        """Return the practice's settings (JSON), read from the portal. Its time zone is stored in the records."""
        settings = self.portal.practice()
        self.store.save_fact("time_zone", str(settings.get("time_zone") or HOME_ZONE))
        return settings
