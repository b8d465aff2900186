from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.certification.facts import (
    Certification,
    Payer,
    PayerKind,
    TransmissionChannel,
    VerbalCertification,
)
from chalicelib.domain.documents import DeliveryLine, Document
from chalicelib.domain.follow_up.calendar import EMAIL_HOURS, Window
from chalicelib.domain.follow_up.preferences import ReminderPreferences
from chalicelib.domain.follow_up.progress import STEPS, FollowUpPlan, FollowUpStep
from chalicelib.domain.follow_up.schedule import (
    add_choices,
    begin,
    due_rules,
    has_ended,
    message_window,
    next_check,
    open_steps,
    provider_zones,
)
from chalicelib.domain.status import Outcome, Status
from tests.support.provider_fixtures import PROVIDER, a_document

PLAN, EMAIL = FollowUpPlan(), "dr.rivera@example.com"
SENT = datetime(2026, 12, 1, 15, tzinfo=UTC)
"""A Tuesday morning in Chicago."""

FACTS = Certification(
    initial_visit_on=date(2026, 12, 1),
    order_signed_on=date(2026, 11, 20),
    order_discipline="PT",
    order_npi="1234567893",
)
LAPSE = datetime(2026, 12, 20, 6, tzinfo=UTC)
VERBAL = VerbalCertification(at=SENT, noted_at=SENT, lapses_at=LAPSE)


def sent(at: datetime = SENT, plan: FollowUpPlan = PLAN, **changes: Any) -> Document:
    facts: dict[str, Any] = {"sent_at": at, "due_on": date(2026, 12, 31), "certification": None, **changes}
    return begin(a_document(**facts), at, plan)


def times(document: Document, plan: FollowUpPlan = PLAN) -> list[str]:
    return [f"{rule.step} {at:%m-%d %H:%M}" for rule, at in open_steps(document, plan)]


def done(document: Document, *steps: FollowUpStep) -> Document:
    assert document.follow_up is not None
    return replace(document, follow_up=replace(document.follow_up, done=steps))


def test_messages_leave_in_the_afternoon_of_a_working_day_and_calls_come_in_the_morning() -> None:
    assert times(sent()) == [
        "fax 12-04 19:00",
        "call 12-07 14:00",
        "reminder 12-11 19:00",
        "call_again 12-15 14:00",
        "due_soon 12-22 14:00",
        "last_reminder 12-28 19:00",
        "overdue 01-04 14:00",
    ]


@pytest.mark.parametrize(
    ("due_on", "expected"),
    [
        (date(2027, 2, 1), ["due_soon 01-22 14:00", "last_reminder 01-29 19:00", "overdue 02-02 14:00"]),
        (date(2026, 12, 3), ["due_soon 12-02 14:00", "last_reminder 12-02 19:00", "overdue 12-04 14:00"]),
        (date(2026, 12, 4), ["due_soon 12-02 14:00", "last_reminder 12-02 19:00", "overdue 12-07 14:00"]),
        (date(2026, 11, 20), ["due_soon 12-02 14:00", "last_reminder 12-02 19:00", "overdue 12-02 14:00"]),
    ],
    ids=["later", "soon", "on a Friday", "passed"],
)
def test_the_last_three_steps_count_from_the_due_date(due_on: date, expected: list[str]) -> None:
    assert times(sent(due_on=due_on))[-3:] == expected


@pytest.mark.parametrize(
    ("lines", "fax"),
    [
        ([("ready", EMAIL, "failed")], "fax 12-01 19:00"),
        ([("ready", EMAIL, "sent")], "fax 12-04 19:00"),
        ([("ready", EMAIL, "failed"), ("ready", EMAIL, "sent")], "fax 12-04 19:00"),
        ([("ready", "old@example.com", "failed")], "fax 12-04 19:00"),
        ([("setup", EMAIL, "failed")], "fax 12-04 19:00"),
    ],
)
def test_after_a_bounced_email_the_fax_does_not_wait(lines: list[tuple[str, str, str]], fax: str) -> None:
    deliveries = tuple(
        DeliveryLine(id=f"dlv_{number}", channel="email", type=type, recipient=recipient, status=status, at=SENT)
        for number, (type, recipient, status) in enumerate(lines)
    )
    assert times(replace(sent(), deliveries=deliveries))[:2] == [fax, "call 12-07 14:00"]


def test_a_practice_moves_the_days_of_its_documents() -> None:
    plan = FollowUpPlan(days=(1, 2, 3, 6, 20, 28))
    assert times(sent(plan=plan), plan) == [
        "fax 12-02 19:00",
        "call 12-03 14:00",
        "reminder 12-04 19:00",
        "call_again 12-07 14:00",
        "due_soon 12-21 14:00",
        "last_reminder 12-29 19:00",
        "overdue 01-04 14:00",
    ]


def test_the_afternoon_is_that_of_the_provider_and_the_morning_that_of_the_practice() -> None:
    addressee = replace(a_document().addressee, fax="+13105550100")
    assert times(sent(addressee=addressee))[:2] == ["fax 12-04 21:00", "call 12-07 14:00"]


@pytest.mark.parametrize(
    ("fax", "phone", "zones"),
    [
        ("+13105550100", "+12125550100", ("America/Los_Angeles",)),
        ("+18005550100", "+12125550100", ("America/New_York",)),
        (None, "+12125550100", ("America/New_York",)),
        (None, None, ("America/Denver",)),
    ],
)
def test_the_zone_of_a_provider_comes_from_the_numbers(
    fax: str | None, phone: str | None, zones: tuple[str, ...]
) -> None:
    addressee = replace(a_document().addressee, fax=fax, phone=phone)
    assert provider_zones(addressee, "America/Denver") == zones


def test_a_new_document_is_first_looked_at_on_day_three() -> None:
    assert sent().follow_up_at == datetime(2026, 12, 4, 19, tzinfo=UTC)


def test_a_step_is_due_from_its_time_on_until_it_is_done() -> None:
    document, at = sent(), datetime(2026, 12, 4, 19, tzinfo=UTC)
    assert due_rules(document, PLAN, at - timedelta(seconds=1)) == ()
    assert [rule.step for rule in due_rules(document, PLAN, at)] == [FollowUpStep.FAX]
    after = done(document, FollowUpStep.FAX)
    assert due_rules(after, PLAN, at) == ()
    assert next_check(after, PLAN, at) == datetime(2026, 12, 7, 14, tzinfo=UTC)
    assert [rule.step for rule in due_rules(after, PLAN, datetime(2026, 12, 11, 19, tzinfo=UTC))] == [
        FollowUpStep.CALL,
        FollowUpStep.REMINDER,
    ]


def test_after_the_last_reminder_only_the_end_of_the_due_date_is_left() -> None:
    document = done(sent(), FollowUpStep.LAST_REMINDER)
    assert times(document) == ["overdue 01-04 14:00"]
    ended = done(sent(), FollowUpStep.LAST_REMINDER, FollowUpStep.OVERDUE)
    assert open_steps(ended, PLAN) == ()
    assert next_check(ended, PLAN, SENT) is None


def test_a_last_reminder_that_waits_leaves_after_the_due_date() -> None:
    document = done(sent(), *(step for step in FollowUpStep if step is not FollowUpStep.LAST_REMINDER))
    assert times(document) == ["last_reminder 12-28 19:00"]


@pytest.mark.parametrize(
    ("changes", "ended"),
    [
        ({}, False),
        ({"status": Status.APPROVED, "outcome": Outcome.APPROVED}, True),
        ({"status": Status.DECLINED, "outcome": Outcome.DECLINED}, True),
        ({"status": Status.RECALLED}, True),
        ({"status": Status.RETURNED, "outcome": Outcome.BY_HAND}, True),
        ({"certification": FACTS, "payer": Payer(kind=PayerKind.MEDICARE)}, False),
        ({"certification": FACTS, "payer": Payer(kind=PayerKind.MEDICARE), "verbal": VERBAL}, False),
        (
            {
                "certification": FACTS,
                "payer": Payer(kind=PayerKind.MEDICARE),
                "transmitted_at": SENT,
                "transmitted_via": TransmissionChannel.FAX,
            },
            True,
        ),
    ],
    ids=["pending", "approved", "declined", "recalled", "returned", "not sent", "verbal", "order and transmission"],
)
def test_the_follow_up_ends_with_a_decision_a_return_or_a_certification(*, changes: Any, ended: bool) -> None:
    document = sent(**changes)
    assert has_ended(document, SENT) is ended
    assert (due_rules(document, PLAN, SENT + timedelta(days=40)) == ()) is ended
    assert (next_check(document, PLAN, SENT) is None) is ended


def test_the_lapse_of_a_verbal_certification_keeps_its_time() -> None:
    document = sent(verbal=VERBAL)
    assert document.follow_up_at == datetime(2026, 12, 4, 19, tzinfo=UTC)
    early = FollowUpStep.FAX, FollowUpStep.CALL, FollowUpStep.REMINDER, FollowUpStep.CALL_AGAIN
    later = done(document, *early)
    assert next_check(later, PLAN, SENT) == LAPSE
    assert next_check(later, PLAN, LAPSE) == datetime(2026, 12, 22, 14, tzinfo=UTC)
    assert next_check(replace(later, status=Status.RECALLED), PLAN, SENT) == LAPSE


def test_a_document_of_an_earlier_release_has_no_steps() -> None:
    document = a_document(sent_at=SENT)
    assert open_steps(document, PLAN) == ()
    assert next_check(document, PLAN, SENT) is None


def test_the_days_count_from_a_later_start() -> None:
    later = SENT + timedelta(days=7)
    document = begin(sent(), later, PLAN)
    assert times(document)[0] == "fax 12-11 19:00"
    assert len(times(document)) == len(STEPS)


# The provider's own choices

FRIDAY = ReminderPreferences(time_zone="America/New_York", hour=8, weekdays=(4,))
FRIDAYS = FollowUpPlan(preferences=FRIDAY)


@pytest.mark.parametrize(
    ("due_on", "last"),
    [
        (date(2026, 12, 31), "12-18 13:00"),
        (date(2027, 1, 8), "12-18 13:00"),
        (date(2027, 1, 9), "01-08 13:00"),
        (date(2026, 12, 4), "12-04 13:00"),
        (date(2026, 12, 5), "12-04 13:00"),
    ],
    ids=["after two holidays", "on a Friday", "after a Friday", "no Friday is left", "the first Friday"],
)
def test_messages_come_on_chosen_days_and_the_last_reminder_before_the_due_date(due_on: date, last: str) -> None:
    planned = times(sent(plan=FRIDAYS, due_on=due_on), FRIDAYS)
    assert planned[:3] == ["fax 12-04 13:00", "call 12-07 14:00", "reminder 12-11 13:00"]
    assert f"last_reminder {last}" in planned


def test_without_choices_too_the_last_reminder_comes_before_the_due_date() -> None:
    due_on_monday = times(sent(due_on=date(2026, 12, 28)))
    assert "last_reminder 12-24 19:00" in due_on_monday, "December 25 is a holiday, and the 28th is the due date"


def test_the_choices_hold_only_for_documents_that_the_account_may_open() -> None:
    document, owner = sent(), replace(PROVIDER, reminders=FRIDAY)
    assert add_choices(FollowUpPlan(emails=False), owner, document) == replace(FRIDAYS, emails=False)
    for stranger in (None, replace(owner, id="prv_9"), replace(owner, password_hash=None), PROVIDER):
        assert add_choices(PLAN, stranger, document) == PLAN
    assert message_window(document, FRIDAYS) == FRIDAY.window
    assert message_window(document, PLAN) == Window(hours=EMAIL_HOURS, zones=("America/Chicago",))


def test_the_last_reminder_never_comes_before_the_day_after_the_sending() -> None:
    friday = datetime(2026, 12, 4, 15, tzinfo=UTC)
    planned = times(sent(friday, FRIDAYS, due_on=date(2026, 12, 7)), FRIDAYS)
    assert "last_reminder 12-11 13:00" in planned, "no other Friday is left before the due date"
