"""The checks of a simulated year of follow-ups (reminders and calls for unsigned documents).

They find messages at a wrong time, repeated and missing messages, and plans of care of which nobody hears."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import Channel, Delivery, DeliveryStatus, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.follow_up.calendar import OFFICE_HOURS, next_allowed
from chalicelib.domain.follow_up.preferences import ReminderChannel
from chalicelib.domain.follow_up.progress import STEPS, FollowUpStep
from chalicelib.domain.follow_up.schedule import has_ended
from chalicelib.services.documents.provider_matching import BY_EMAIL, BY_FAX
from tests.support.worlds.follow_up_year import Person, SentMessage, Year

EMAILED_REMINDERS = sum(rule.sends_email for rule in STEPS)


def find_faults(year: Year) -> Iterator[str]:
    """Yield, in words, every fault in the messages of a simulated year.

    A fault is a message that should not have been sent then, or a step of a follow-up that is missing."""
    yield from _untimely(year)
    yield from _unwanted(year)
    yield from _overdue(year)
    yield from _repeated(year)
    yield from _after_the_end(year)
    yield from _missing(year)


def _untimely(year: Year) -> Iterator[str]:
    for message in year.messages:
        person = year.sent_by[message.documents[0]]
        if message.is_reminder and person.reminders:
            continue
        zone = person.zone
        local = message.at.astimezone(ZoneInfo(zone))
        is_open = next_allowed(message.at, OFFICE_HOURS, [zone]) == message.at
        is_timed = message.channel is Channel.FAX or message.type == MessageType.REMINDER
        if is_timed and not is_open:
            yield f"{message.type} at {local:%a %m-%d %H:%M}"
        if message.type == MessageType.REMINDER and local.hour < 13:
            yield f"a reminder before noon: {local:%m-%d %H:%M}"


def _unwanted(year: Year) -> Iterator[str]:
    """Yield, in words, every reminder that its provider did not choose: another hour, another day, another channel."""
    for message in year.messages:
        person = year.sent_by[message.documents[0]]
        if not message.is_reminder or person.reminders is None:
            continue
        if person.reminders.window.next_time(message.at) != message.at:
            yield f"a reminder at {message.at:%a %m-%d %H:%M}, which the provider did not choose"
        yield from _by_other_channel(year, message, person)
        if message.channel is Channel.FAX and message.recipient not in (person.addressee.fax, person.own_fax):
            yield "a reminder by fax to a number of nobody"


def _by_other_channel(year: Year, message: SentMessage, person: Person) -> Iterator[str]:
    """Yield, in words, that a reminder came by another channel than the provider chose, although that one works."""
    sent_by = [year.store.document(document_id) for document_id in message.documents]
    chosen = person.reminders.channel if person.reminders else ReminderChannel.BOTH
    is_emailed = not person.bounces and all(each is not None and each.delivery in BY_EMAIL for each in sent_by)
    is_faxed = not person.has_dead_fax and all(each is not None and each.delivery in BY_FAX for each in sent_by)
    if message.channel is Channel.FAX and chosen is ReminderChannel.EMAIL and is_emailed:
        yield "a reminder by fax for a provider who chose email"
    if message.channel is Channel.EMAIL and chosen is ReminderChannel.FAX and is_faxed:
        yield "a reminder by email for a provider who chose fax"


def _overdue(year: Year) -> Iterator[str]:
    """Yield, in words, every last reminder that came on the due date or later."""
    for document in year.store.every(Document, "documents"):
        zone = ZoneInfo(document.practice.time_zone)
        for event in year.store.events(document.id):
            is_last = event.type == DocumentEventType.REMINDED and event.data["step"] == FollowUpStep.LAST_REMINDER
            if is_last and event.at.astimezone(zone).date() >= document.due_on:
                yield "a last reminder that came too late"


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
            yield from _left_out(document, has_email=_is_emailed(year.sent_by[document.id]))
    for reminder in year.store.every(Delivery, "deliveries"):
        is_cancelled = reminder.type == MessageType.REMINDER and reminder.status is DeliveryStatus.CANCELLED
        if is_cancelled and not all(document_id in year.ended for document_id in reminder.documents):
            yield "a reminder that was never sent"


def _is_emailed(person: Person) -> bool:
    """Return True if every reminder reaches this provider by email."""
    wants_fax = person.reminders is not None and person.reminders.channel is ReminderChannel.FAX
    return not person.bounces and not wants_fax


def _left_out(document: Document, *, has_email: bool) -> Iterator[str]:
    """Yield, in words, what the follow-up of an unsigned document left out: a step, or a reminder by email.

    `has_email` is false if emails to the provider bounce, or if the provider chose reminders by fax."""
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
