"""Notices to a practice's staff by the SNS topic: what happened and where to look. Nothing of a patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.delivery_attempts import AttemptResult, Verdict
from chalicelib.services.ports import Notifier

_REPORT = "Open Documents > Reports > Unsigned in your EMR: the row says what to do next."


@dataclass(frozen=True)
class Words:
    """`subject` is ASCII and short, as SNS wants it."""

    subject: str
    text: str


KINDS: Mapping[str, Words] = {
    "declined": Words("A document was declined", f"A provider declined a document. {_REPORT}"),
    "delivery_failed": Words(
        "A message could not be delivered",
        f"An email or fax to a provider could not be delivered. Correct the address or number. {_REPORT}",
    ),
    "complaint": Words(
        "A provider marked our mail as junk",
        f"A provider's mailbox reported our mail as junk, so later mail may not arrive. Call them, or send "
        f"by fax. {_REPORT}",
    ),
    "sealing_delayed": Words(
        "A signed document is late",
        "A document was decided more than 15 minutes ago and its PDF is not made yet. The decision is safe "
        "and nobody has to sign again. It is tried again until it is done.",
    ),
    "webhook_failed": Words(
        "An event did not reach your EMR",
        "An event was refused or not answered at every try, for days. Its status in the EMR may be old. "
        "Once the endpoint works, send it again: POST /v1/deliveries/{id}/retry.",
    ),
    "endpoint_off": Words(
        "Events to your EMR are switched off",
        "The EMR's endpoint answered 410, or failed for 5 days without one success. Events are kept and "
        "nothing is lost. Once it works, set the endpoint again (PUT /v1/endpoint): they go out at once.",
    ),
}


class Parts(Protocol):
    @property
    def notifier(self) -> Notifier: ...


def send(delivery: Delivery, parts: Parts) -> AttemptResult:
    """Publishes the notice; `Unavailable` when the topic does not take it."""
    words = KINDS[delivery.type]
    parts.notifier.publish(
        practice_id=delivery.practice_id,
        kind=delivery.type,
        subject=words.subject,
        text="\n\n".join([words.text, *_names(delivery)]),
    )
    return AttemptResult(verdict=Verdict.DELIVERED, detail="Published.")


def _names(delivery: Delivery) -> list[str]:
    names = [("Practice", delivery.practice_id), ("Document", delivery.document_id)]
    return ["\n".join(f"{name}: {value}" for name, value in names if value)]
