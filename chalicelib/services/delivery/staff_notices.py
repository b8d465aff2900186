"""Notices to a practice's staff by SNS: an event and the screen to open next, and nothing about a patient."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.deliveries import Delivery, NoticeKind
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.services.delivery.webhooks import LONG_FAILURE
from chalicelib.services.ports import Notifier

_REPORT = "Open Documents > Reports > Unsigned in your EMR. The row shows the next step."


@dataclass(frozen=True)
class NoticeText:
    """The subject and text of a notice. SNS requires a subject of at most 100 ASCII characters."""

    subject: str
    text: str


NOTICE_TEXTS: Mapping[str, NoticeText] = {
    NoticeKind.DECLINED: NoticeText("A document was declined", f"A provider declined a document. {_REPORT}"),
    NoticeKind.HANDED_OVER: NoticeText(
        "A document was handed over", f"A provider handed a document over to a colleague, or took it back. {_REPORT}"
    ),
    NoticeKind.NEEDS_ATTENTION: NoticeText(
        "A document needs attention",
        f"A verbal certification ended without a signature, so the plan is no longer certified. {_REPORT}",
    ),
    NoticeKind.DELIVERY_FAILED: NoticeText(
        "A message could not be delivered",
        f"An email or fax to a provider could not be delivered. Correct the address or number. {_REPORT}",
    ),
    NoticeKind.COMPLAINT: NoticeText(
        "A provider marked our email as junk",
        "A provider's mailbox reported our email as junk, so later emails may not arrive. Call the provider, "
        f"or send by fax. {_REPORT}",
    ),
    NoticeKind.FAX_WAITS: NoticeText(
        "A received fax waits for you",
        "A fax came in to your number. It ended too early, can't be read, or has pages that match no document. Look "
        "at the list of faxes (GET /v1/faxes), and assign the pages that belong to a document.",
    ),
    NoticeKind.SEALING_DELAYED: NoticeText(
        "A signed document is late",
        "A provider has decided a document, and preparing its PDF takes longer than usual. The decision is "
        "safe, and nobody has to sign again. The portal keeps trying until the PDF is ready. If it isn't ready "
        "by tomorrow, ask the people who run the portal to look at it.",
    ),
    NoticeKind.WEBHOOK_FAILED: NoticeText(
        "An event did not reach your EMR",
        "Your EMR refused or did not answer an event for several days, at every attempt. The status in the "
        "EMR may be out of date. Once the endpoint works, send the event again: "
        "POST /v1/deliveries/{id}/retry.",
    ),
    NoticeKind.ENDPOINT_OFF: NoticeText(
        "Events to your EMR are switched off",
        f"Your EMR's endpoint answered 410, or failed for {LONG_FAILURE.days} days without a success. The "
        "portal stores all events, and nothing is lost. Once the endpoint works, set it again with "
        "PUT /v1/endpoint. The stored events then go out immediately.",
    ),
}


class StaffNotices:
    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def send(self, delivery: Delivery) -> AttemptResult:
        """Publish the notice to staff and return `DELIVERED`. Raises `Unavailable` if SNS rejects the notice."""
        notice = NOTICE_TEXTS[delivery.type]
        self._notifier.publish(
            practice_id=delivery.practice_id,
            kind=delivery.type,
            subject=notice.subject,
            text=f"{notice.text}\n\n{_ids(delivery)}",
        )
        return AttemptResult(verdict=Verdict.DELIVERED, detail="Published.")


def _ids(delivery: Delivery) -> str:
    ids = {"Practice": delivery.practice_id, "Document": delivery.document_id}
    return "\n".join(f"{name}: {value}" for name, value in ids.items() if value)
