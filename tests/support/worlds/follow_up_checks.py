"""The checks of a simulated year of follow-ups (reminders and calls for unsigned documents).

They find messages at a wrong time, repeated and missing messages, and plans of care of which nobody hears."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.follow_up.calendar import OFFICE_HOURS, next_allowed
from chalicelib.domain.follow_up.progress import STEPS
from chalicelib.domain.follow_up.schedule import has_ended
from chalicelib.services.documents.provider_matching import BY_EMAIL
from tests.support.worlds.follow_up_year import Year

EMAILED_REMINDERS = sum(rule.sends_email for rule in STEPS)


def find_faults(year: Year) -> Iterator[str]:
    """Yield, in words, every fault in the messages of a simulated year.

    A fault is a message that should not have been sent then, or a step of a follow-up that is missing."""
    yield from _untimely(year)
    yield from _repeated(year)
    yield from _after_the_end(year)
    yield from _missing(year)


def _untimely(year: Year) -> Iterator[str]:
    for message in year.messages:
        zone = year.sent_by[message.documents[0]].zone
        local = message.at.astimezone(ZoneInfo(zone))
        is_open = next_allowed(message.at, OFFICE_HOURS, [zone]) == message.at
        is_timed = message.channel is Channel.FAX or message.type == MessageType.REMINDER
        if is_timed and not is_open:
            yield f"{message.type} at {local:%a %m-%d %H:%M}"
        if message.type == MessageType.REMINDER and local.hour < 13:
            yield f"a reminder before noon: {local:%m-%d %H:%M}"


def _repeated(year: Year) -> Iterator[str]:
    days = Counter(
        (message.recipient, message.at.date()) for message in year.messages if message.type == MessageType.REMINDER
    )
    yield from (f"{number} reminders on one day" for number in days.values() if number > 1)
    arrived = Counter(fax.order["client_state"] for fax in year.world.exchange.faxes.values() if fax.failure is None)
    yield from (f"a fax came {number} times" for number in arrived.values() if number > 1)


def _after_the_end(year: Year) -> Iterator[str]:
    for message in year.messages:
        for document_id in message.documents:
            ended = year.ended.get(document_id)
            if ended is not None and message.at > ended and message.type in (MessageType.REMINDER, MessageType.FAX):
                yield f"{message.type} after the end of a schedule"


def _missing(year: Year) -> Iterator[str]:
    for document in year.store.every(Document, "documents"):
        if document.follow_up_at is not None:
            yield "a check that never came"
        if not has_ended(document, year.world.clock.at):
            yield from _left_out(document, has_email=not year.sent_by[document.id].bounces)
    for reminder in year.store.every(Delivery, "deliveries"):
        is_cancelled = reminder.type == MessageType.REMINDER and reminder.status is DeliveryStatus.CANCELLED
        if is_cancelled and not all(document_id in year.ended for document_id in reminder.documents):
            yield "a reminder that was never sent"


def _left_out(document: Document, *, has_email: bool) -> Iterator[str]:
    """Yield, in words, what the follow-up of an unsigned document left out: a step, or a reminder by email.

    `has_email` is false if emails to the provider bounce."""
    progress = document.follow_up
    if progress is None or len(progress.done) < len(STEPS):
        yield "a document without all steps"
    elif has_email and document.delivery in BY_EMAIL and progress.reminders != EMAILED_REMINDERS:
        yield f"a document with {progress.reminders} reminders"


def days_to(document: Document, at: datetime | None) -> int | None:
    """Return the number of days from the sending of a document to the time `at`, in the clinic's time zone.

    Return None if `at` is None."""
    zone = ZoneInfo(document.practice.time_zone)
    return (at.astimezone(zone).date() - document.sent_at.astimezone(zone).date()).days if at else None


def find_unreached(year: Year, within: int) -> Iterator[str]:
    """Yield the ids of plans of care that reached nobody within this number of days, although a fax could certify them.

    Such a plan has a signed order (a referral). It was neither transmitted to the provider nor signed, and the clinic
    was not asked to call."""
    for document in year.store.every(Document, "documents"):
        facts = document.certification
        asked = (event.at for event in year.store.events(document.id) if event.type == "document.needs_attention")
        days = [days_to(document, at) for at in (document.transmitted_at, year.ended.get(document.id), *asked)]
        if facts is not None and facts.has_order and not any(day is not None and day <= within for day in days):
            yield document.id
