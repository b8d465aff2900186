"""Test reminders and calls for unsigned documents in a simulated year. `python -m bench.follow_up` runs a larger
year."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from chalicelib.domain.deliveries import Channel, MessageType
from chalicelib.domain.documents import Document
from chalicelib.domain.follow_up.preferences import ReminderChannel
from tests.support.worlds.follow_up_checks import find_faults, find_unreached
from tests.support.worlds.follow_up_year import Person, SentMessage, Year

BY_DAY = 7


@pytest.fixture(scope="module")
def year() -> Year:
    logging.getLogger("portal").setLevel(logging.CRITICAL)
    year = Year(documents=90, providers=12, practices=8, seed=3)
    year.run()
    return year


def test_no_message_is_untimely_repeated_too_late_or_missing(year: Year) -> None:
    assert Counter(find_faults(year)) == Counter()


def test_by_day_seven_every_plan_with_an_order_is_transmitted_or_in_the_worklist(year: Year) -> None:
    plans = [document for document in year.store.every(Document, "documents") if document.certification]
    assert sum(plan.certification is not None and plan.certification.has_order for plan in plans) > 20
    assert list(find_unreached(year, BY_DAY)) == []
    assert list(find_unreached(year, 0))


def test_the_year_has_everything_that_can_go_wrong(year: Year) -> None:
    kinds = Counter((message.channel, message.type) for message in year.messages)
    assert kinds[Channel.EMAIL, MessageType.REMINDER] > 10
    assert kinds[Channel.FAX, MessageType.FAX] > 40
    days = {message.at.date() for message in year.messages}
    assert min(days) < date(2026, 3, 8) < date(2026, 11, 1) < max(days)
    failures = Counter(fax.failure for fax in year.world.exchange.faxes.values())
    assert failures["user_busy"]
    assert failures["receiver_unallocated_number"]
    assert any(person.bounces for person in year.people)
    assert any(len(message.documents) > 1 for message in year.messages)
    reminded = [message for message in year.messages if message.is_reminder]
    chosen = {person.reminders.channel for person in map(_reader_of(year), reminded) if person.reminders}
    assert chosen == set(ReminderChannel)
    assert {message.recipient for message in reminded} & {person.own_fax for person in year.people}


def _reader_of(year: Year) -> Callable[[SentMessage], Person]:
    return lambda message: year.sent_by[message.documents[0]]
