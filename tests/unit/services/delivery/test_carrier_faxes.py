import random
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.carriers.fax_results import REMEDIES, Remedy
from chalicelib.domain.deliveries import AttemptStatus, Channel, DeliveryStatus, MessageType, NoticeKind
from chalicelib.domain.errors import Unavailable, Unprocessable
from chalicelib.services.delivery import carrier_faxes
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from chalicelib.services.delivery.fax_calls import reserve_line
from chalicelib.services.documents.closed_numbers import closing_claim
from chalicelib.services.documents.recorder import PORTAL
from chalicelib.services.transaction import Change
from examples.fax_carrier.exchange import Plan, Reply
from tests.support.provider_fixtures import PRACTICE
from tests.support.worlds.fax_world import NUMBER, FaxWorld, read_pdf, store_pdf

REASONS = [
    reason.replace("*", "sender") for remedy, _, reasons in REMEDIES for reason in reasons if remedy is not Remedy.SOON
] + ["user_busy", "service_unavailable", "carrier_lost", "destination_channel_limit_exceeded"]
"""One reason for each pattern of the carrier's table."""


@pytest.fixture(autouse=True)
def _quick_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the slow drawing of the fax's pages, which `test_faxes.py` tests."""

    monkeypatch.setattr(CarrierFaxes, "_store_pdf", store_pdf)


@pytest.fixture
def world() -> FaxWorld:
    return FaxWorld()


def test_a_confirmed_fax_is_delivered(world: FaxWorld) -> None:
    row = world.deliver(world.fax())
    assert (row.status, row.attempts[0].status) == (DeliveryStatus.SENDING, AttemptStatus.SENDING)
    world.pass_and_run(1)
    row = world.row(row.id)
    assert row.status is DeliveryStatus.DELIVERED
    assert row.attempts[-1].detail == "The receiving machine confirmed all 4 pages."
    assert world.webhooks() == ["document.delivered", "document.transmitted"]


def test_the_pages_and_the_line_are_given_up_after_the_call(world: FaxWorld) -> None:
    world.deliver(world.fax())
    assert [key for key in world.files.objects if key.startswith("work/faxes/")]
    world.pass_and_run(1)
    assert not [key for key in world.files.objects if key.startswith("work/faxes/")]
    world.deliver(world.fax())
    world.pass_and_run(1)
    assert [row.status for row in world.fax_rows()] == [DeliveryStatus.DELIVERED] * 2


def test_fewer_pages_than_sent_are_not_a_delivery(world: FaxWorld) -> None:
    world.plan(*[Plan(pages_lost=1)] * 3)
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(60)
    row = world.row(row_id)
    assert row.status is DeliveryStatus.FAILED
    assert [attempt.reason for attempt in row.attempts] == ["pages_not_confirmed"] * 3


@pytest.mark.parametrize("reason", ["receiver_unallocated_number", "destination_invalid"])
def test_a_wrong_number_is_never_called_again_and_the_clinic_learns_at_once(world: FaxWorld, reason: str) -> None:
    world.plan(Plan(failure=reason))
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(1)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert (world.webhooks(), world.notices()) == (["document.delivery_failed"], [NoticeKind.DELIVERY_FAILED])
    world.pass_and_run(600, step=60)
    assert len(world.exchange.faxes) == 1


def test_our_own_fault_raises_an_alarm_and_is_not_repeated(world: FaxWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.plan(Plan(failure="account_disabled"))
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(30)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert len(world.exchange.faxes) == 1
    assert "fax carrier refuses" in caplog.text


@pytest.mark.parametrize("reason", ["media_processing_exception", "page_count_limit_exceeded", "file_too_big"])
def test_after_a_fault_of_the_joint_file_each_fax_goes_alone(world: FaxWorld, reason: str) -> None:
    world.plan(Plan(failure=reason), Plan(failure=reason))
    ids = {world.fax(), world.fax(), world.fax()}
    world.run_due()
    world.pass_and_run(30)
    calls = [read_pdf(fax.pdf or b"") for fax in world.exchange.faxes.values()]
    assert (set(calls[0]), sorted(map(len, calls))) == (ids, [1, 1, 1, 3])
    statuses = {row.id: row.status for row in world.fax_rows()}
    assert statuses.pop(calls[1][0]) is DeliveryStatus.FAILED, "the fault of its own file is final"
    assert set(statuses.values()) == {DeliveryStatus.DELIVERED}


def test_every_fax_leaves_a_line_for_the_metrics(world: FaxWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world.plan(Plan(failure="user_busy"), Plan())
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(30)
    lines = [record for record in caplog.records if record.message.startswith("fax ")]
    assert [line.message for line in lines] == ["fax sent", "fax failed", "fax sent", "fax confirmed"]
    assert {vars(line)["delivery"] for line in lines} == {row_id}
    assert vars(lines[1])["reason"] == "user_busy"
    assert vars(lines[3])["minutes"] == 7.0
    assert not any(NUMBER in str(vars(line)) for line in lines)


def test_a_failure_without_a_code_is_counted_too(world: FaxWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world.deliver(world.fax("+447700900000"))
    (line,) = [record for record in caplog.records if record.message.startswith("fax ")]
    assert (line.message, vars(line)["reason"]) == ("fax failed", "no_reason")


def test_an_email_leaves_no_line_about_a_fax(world: FaxWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world.deliver(world.message(Channel.EMAIL, MessageType.READY))
    assert not [record for record in caplog.records if record.message.startswith("fax ")]


def test_a_cut_off_fax_goes_out_plainer(world: FaxWorld) -> None:
    orders = []
    send = world.carrier.send
    world.carrier.send = lambda order: orders.append(order.quality) or send(order)  # type: ignore[method-assign, func-returns-value]  # - records the quality, then sends
    world.plan(*[Plan(failure="fax_signaling_error")] * 3)
    world.fax()
    world.run_due()
    world.pass_and_run(60)
    assert [(quality.resolution, quality.uses_t38) for quality in orders] == [
        ("high", True),
        ("normal", True),
        ("normal", False),
    ]


def test_a_silent_machine_is_called_in_the_next_office_hours(world: FaxWorld) -> None:
    world.plan(*[Plan(failure="receiver_no_answer")] * 9)
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(5 * 24 * 60, step=20)
    row = world.row(row_id)
    assert row.status is DeliveryStatus.FAILED
    hours = [attempt.at.astimezone(ZoneInfo(world.practice.time_zone)).hour for attempt in row.attempts[1:]]
    assert len(hours) == 3
    assert all(8 <= hour < 17 for hour in hours)


def test_a_request_without_an_answer_is_looked_up_and_never_repeated(world: FaxWorld) -> None:
    world.plan(Plan(reply=Reply.SILENT_ACCEPT, silent_webhooks=True))
    row_id = world.fax()
    world.run_due()
    assert world.row(row_id).carrier_id is None
    world.pass_and_run(10)
    assert world.row(row_id).status is DeliveryStatus.SENT
    assert len(world.exchange.faxes) == 1


def test_a_result_that_is_looked_up_gives_up_the_pages_and_the_line(world: FaxWorld) -> None:
    world.plan(Plan(silent_webhooks=True))
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(30)
    assert world.row(row_id).status is DeliveryStatus.SENT
    assert not [key for key in world.files.objects if key.startswith("work/faxes/")]
    assert reserve_line(world.store, world.row(row_id).recipient, "dlv_other", world.clock.at)


def test_a_request_that_the_carrier_never_got_is_repeated_after_an_hour(world: FaxWorld) -> None:
    world.plan(Plan(reply=Reply.SILENT_LOSS))
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(58)
    assert not world.exchange.faxes
    world.pass_and_run(10)
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("crash", ["before", "after"])
def test_a_worker_that_dies_sends_no_fax_twice(world: FaxWorld, crash: str) -> None:
    world.carrier.crashes = [crash]
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(75)
    assert world.row(row_id).status is DeliveryStatus.DELIVERED
    assert len(world.exchange.faxes) == 1


def test_a_lost_result_is_asked_for_and_counts_as_sent_without_the_pages(world: FaxWorld) -> None:
    row_id = world.fax()
    world.run_due()
    world.clock.pass_time(minutes=5)
    late = world.exchange.due_webhooks(world.clock.now())
    world.pass_and_run(10)
    assert world.row(row_id).status is DeliveryStatus.SENT
    world.post_webhooks(late)
    assert world.row(row_id).status is DeliveryStatus.DELIVERED
    assert len(world.exchange.faxes) == 1


def test_a_report_without_a_mark_is_found_by_the_carriers_id(world: FaxWorld) -> None:
    row_id = world.fax()
    world.run_due()
    (fax,) = world.exchange.faxes.values()
    world.clock.pass_time(minutes=1)
    due = world.exchange.due_webhooks(world.clock.now())
    for webhook in due:
        webhook.body["data"]["payload"]["client_state"] = ""
    world.post_webhooks(due)
    assert (world.row(row_id).status, world.row(row_id).carrier_id) == (DeliveryStatus.DELIVERED, fax.id)


@pytest.mark.parametrize("plan", [Plan(seconds=10**6), Plan(reply=Reply.SILENT_ACCEPT, seconds=10**6)])
def test_a_fax_without_a_result_fails_after_six_hours_and_frees_its_number(world: FaxWorld, plan: Plan) -> None:
    world.plan(plan)
    row_id, waiting = world.fax(), world.fax()
    world.run_due()
    world.pass_and_run(5 * 60 + 45, step=10)
    assert world.row(row_id).status is DeliveryStatus.SENDING
    world.pass_and_run(60, step=10)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert NoticeKind.DELIVERY_FAILED in world.notices()
    assert world.row(waiting).attempts


def test_an_error_of_the_database_during_a_call_leads_to_no_second_call(
    world: FaxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plan(Plan(seconds=1500))
    row_id = world.fax()
    world.run_due()
    world.clock.pass_time(minutes=10)
    for error in (Unavailable("throttled"), Unprocessable("other data")):
        with monkeypatch.context() as outage:
            outage.setattr(carrier_faxes, "reserve_line", raising(error))
            row = world.deliver(row_id)
        assert (row.status, row.attempts[-1].ended_at) == (DeliveryStatus.SENDING, None)
        assert [key for key in world.files.objects if key.startswith("work/faxes/")], "the carrier may fetch it yet"
        assert not reserve_line(world.store, NUMBER, "dlv_other.1", world.clock.at)
        world.clock.pass_time(minutes=3)
    world.pass_and_run(20)
    assert (world.row(row_id).status, len(world.exchange.faxes)) == (DeliveryStatus.DELIVERED, 1)


def test_a_looked_up_result_counts_although_the_line_cannot_be_freed(
    world: FaxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plan(Plan(silent_webhooks=True))
    row_id = world.fax()
    world.run_due()
    world.clock.pass_time(minutes=10)
    monkeypatch.setattr(carrier_faxes, "release_line", raising(Unavailable("throttled")))
    assert world.deliver(row_id).status is DeliveryStatus.SENT


def test_an_error_in_the_result_of_a_companion_does_not_end_the_call(
    world: FaxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.fax()
    world.fax()
    monkeypatch.setattr(CarrierFaxes, "settle", raising(Unprocessable("other data")))
    assert world.deliver(first).status is DeliveryStatus.SENDING
    assert not reserve_line(world.store, NUMBER, "dlv_other.1", world.clock.at)


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_args: object) -> None:
        raise error

    return fail


def test_a_carrier_that_refuses_every_question_holds_no_number_for_ever(world: FaxWorld) -> None:
    world.plan(Plan(silent_webhooks=True))
    row_id = world.fax()
    world.run_due()
    world.carrier.dead = True
    world.pass_and_run(7 * 60, step=10)
    assert world.row(row_id).status is DeliveryStatus.FAILED


def test_a_fax_that_the_carrier_forgot_is_not_sent_again(world: FaxWorld) -> None:
    world.plan(Plan(silent_webhooks=True))
    row_id = world.fax()
    world.run_due()
    world.exchange.faxes.clear()
    world.pass_and_run(120, step=5)
    assert (world.row(row_id).status, world.exchange.faxes) == (DeliveryStatus.FAILED, {})


def test_a_fax_under_way_fails_when_the_installation_leaves_the_carrier(world: FaxWorld) -> None:
    world.plan(Plan(seconds=10**6))
    row_id = world.fax()
    world.run_due()
    world.settings = replace(world.settings, fax_carrier=None)
    world.delivery_worker = replace(world.delivery_worker, never_repeating=())
    world.pass_and_run(30, step=10)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert world.mailer.sent == []


def test_a_retry_by_the_practice_starts_the_schedule_again(world: FaxWorld) -> None:
    world.plan(*[Plan(failure="user_busy")] * 6)
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(180, step=5)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    world.practice_deliveries.retry(world.practice, row_id, PORTAL, world.clock.now())
    world.pass_and_run(60, step=5)
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


def test_a_late_report_of_an_earlier_attempt_changes_nothing(world: FaxWorld) -> None:
    world.plan(Plan(failure="user_busy"), Plan(seconds=600))
    row_id = world.fax()
    world.run_due()
    world.clock.pass_time(minutes=1)
    late = world.exchange.due_webhooks(world.clock.now())
    world.post_webhooks(late)
    world.when_due(row_id)
    before = world.row(row_id)
    world.post_webhooks(late)
    assert world.row(row_id) == before
    assert before.status is DeliveryStatus.SENDING


def test_faxes_of_several_practices_to_one_number_are_called_one_after_another(world: FaxWorld) -> None:
    world.plan(*[Plan(seconds=150)] * 5)
    for number in range(5):
        world.add_practice(f"prc_{number + 10}")
        world.fax(practice_id=f"prc_{number + 10}")
    world.run_due()
    assert len(world.exchange.faxes) == 1
    world.pass_and_run(40)
    assert {row.status for row in world.fax_rows()} == {DeliveryStatus.DELIVERED}
    assert (len(world.exchange.faxes), world.exchange.overlaps) == (5, 0)
    assert all(len(row.attempts) == 1 for row in world.fax_rows())


def test_other_numbers_do_not_wait(world: FaxWorld) -> None:
    world.plan(Plan(seconds=600))
    world.fax()
    world.fax("+15125550199")
    world.run_due()
    assert len(world.exchange.faxes) == 2


def test_too_many_faxes_at_the_carrier_wait(world: FaxWorld) -> None:
    world.plan(Plan(reply=Reply.TOO_MANY))
    row_id = world.fax()
    world.run_due()
    assert world.row(row_id).status is DeliveryStatus.QUEUED
    world.pass_and_run(5)
    assert world.row(row_id).status is DeliveryStatus.DELIVERED


def test_a_fax_that_is_no_longer_wanted_is_not_sent(world: FaxWorld) -> None:
    row_id = world.fax()
    document = world.document_of(world.row(row_id))
    recalled = replace(document, version=document.version + 1, access=2)
    world.store.commit(Change(at=world.clock.now(), documents=(recalled,)))
    world.run_due()
    assert (world.row(row_id).status, world.exchange.faxes) == (DeliveryStatus.CANCELLED, {})


def test_a_waiting_fax_to_a_number_that_was_reported_as_wrong_fails(world: FaxWorld) -> None:
    row_id, other = world.fax(), world.fax("+15125550199")
    world.store.commit(Change(at=world.clock.now(), claims=(closing_claim(world.practice.id, NUMBER),)))
    world.run_due()
    row = world.row(row_id)
    assert (row.status, len(world.exchange.faxes)) == (DeliveryStatus.FAILED, 1)
    assert row.attempts[-1].detail.startswith("The recipient of an earlier fax reported that this fax number is wrong.")
    assert (world.webhooks(), world.notices()) == (["document.delivery_failed"], [NoticeKind.DELIVERY_FAILED])
    assert reserve_line(world.store, NUMBER, "dlv_other", world.clock.at)
    assert world.row(other).status is DeliveryStatus.SENDING


@pytest.mark.parametrize("reason", REASONS)
def test_every_failure_reason_ends_in_a_fax_or_a_failure(world: FaxWorld, reason: str) -> None:
    world.plan(*[Plan(failure=reason)] * 20)
    row_id = world.fax()
    world.run_due()
    world.pass_and_run(6 * 24 * 60, step=60)
    assert world.row(row_id).status is DeliveryStatus.FAILED
    assert world.notices() == [NoticeKind.DELIVERY_FAILED]


SEED = 20261130
WORLDS, NUMBERS, FAXES_EACH = 22, 3, 3
OTHER_PRACTICE = "prc_other"


def _random_plan(random_: random.Random) -> Plan:
    return Plan(
        reply=random_.choices(list(Reply), weights=[6, 1, 2, 1])[0],
        failure=random_.choice(REASONS) if random_.random() < 0.4 else None,
        pages_lost=random_.choice([0, 0, 0, 1]),
        silent_webhooks=random_.random() < 0.2,
        bare=random_.random() < 0.5,
        repeats=random_.choice([0, 1, 2]),
        reversed_order=random_.random() < 0.3,
        seconds=random_.choice([2.0, 100.0, 400.0, 1500.0]),
    )


def _live_through_a_week(world: FaxWorld, random_: random.Random) -> int:
    """Send faxes with random faults of the carrier and of the workers for a week. Return the number of faults."""
    numbers = [f"+151255501{number:02}" for number in range(NUMBERS)]
    for number in numbers:
        world.plan(*[_random_plan(random_) for _ in range(50)], number=number)
    world.carrier.crashes = [random_.choice(["", "", "", "before", "after"]) for _ in range(100)]
    world.add_practice(OTHER_PRACTICE)
    # Most faxes wait together, and some come later, when others are being retried.
    coming = [(number, practice) for number in numbers for practice in (PRACTICE.id, OTHER_PRACTICE)] * FAXES_EACH
    random_.shuffle(coming)
    lost = 0
    for step in [20] * 36 + [240] * 39:
        while coming and random_.random() < 0.8:
            number, practice_id = coming.pop()
            world.fax(number, practice_id=practice_id, pages=random_.randint(1, 5))
        world.clock.pass_time(minutes=step)
        world.carrier.dead = random_.random() < 0.1
        due = world.exchange.due_webhooks(world.clock.now())
        random_.shuffle(due)
        arriving = [webhook for webhook in due if random_.random() < 0.9]
        lost += len(due) - len(arriving)
        world.post_webhooks(arriving)
        world.run_due()
    left = sum(len(plans) for plans in world.exchange.plans.values()) + len(world.carrier.crashes)
    return lost + 50 * NUMBERS + 100 - left


_TRUE_COUNTS = {DeliveryStatus.DELIVERED: {1}, DeliveryStatus.FAILED: {0}, DeliveryStatus.SENT: {0, 1}}
"""The complete faxes that may have arrived. `SENT` means that no report gave the number of pages."""


def test_a_thousand_random_faults_lose_and_repeat_no_fax() -> None:
    random_, faults, joint = random.Random(SEED), 0, 0  # noqa: S311 - faults, not secrets
    for _ in range(WORLDS):
        world = FaxWorld()
        faults += _live_through_a_week(world, random_)
        assert world.exchange.overlaps == 0
        joint += sum(len(read_pdf(fax.pdf or b"")) > 1 for fax in world.exchange.faxes.values())
        assert len(world.fax_rows()) == NUMBERS * FAXES_EACH * 2
        for row in world.fax_rows():
            assert world.received(row.id) in _TRUE_COUNTS[row.status], row.id
            document = world.document_of(row)
            assert document.deliveries[-1].status == row.status
            assert (document.transmitted_at is not None) is (row.status is DeliveryStatus.DELIVERED)
    assert faults >= 1_000, faults
    assert joint >= 150, joint


def test_the_link_to_the_pages_lives_for_an_hour(world: FaxWorld) -> None:
    world.deliver(world.fax())
    (fax,) = world.exchange.faxes.values()
    assert "seconds=3600" in str(fax.order["media_url"])


def test_the_number_is_of_an_allowed_country(world: FaxWorld) -> None:
    row = world.deliver(world.fax("+442071838750"))
    assert row.status is DeliveryStatus.FAILED
    assert NUMBER not in row.attempts[-1].detail
