"""Test that one call of the fax carrier brings several faxes to a number."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.deliveries import AttemptStatus, Delivery, DeliveryStatus, NoticeKind
from chalicelib.domain.delivery_attempts import start
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.services.delivery import recipient_rations
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from chalicelib.services.delivery.fax_calls import JOIN_AHEAD, MAX_FAXES, MAX_PAGES, release_line, reserve_line
from chalicelib.services.ports import FaxOrder, FaxRefused
from chalicelib.services.transaction import Change
from examples.fax_carrier.exchange import Plan, Reply
from tests.support.worlds.fax_world import NUMBER, FaxWorld, calls, statuses, store_pdf


@pytest.fixture(autouse=True)
def _quick_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the slow drawing of the faxes' pages, which `test_faxes.py` tests."""
    monkeypatch.setattr(CarrierFaxes, "_store_pdf", store_pdf)


@pytest.fixture
def world() -> FaxWorld:
    return FaxWorld()


# One call for all


def test_what_waits_for_a_number_goes_in_one_call(world: FaxWorld) -> None:
    ids = [world.fax(pages=pages) for pages in (3, 1, 2)]
    world.run_due()
    (call,) = calls(world)
    assert set(call) == set(ids)
    assert statuses(world) == {DeliveryStatus.SENDING}
    world.pass_and_run(1)
    assert statuses(world) == {DeliveryStatus.DELIVERED}
    for row in world.fax_rows():
        (attempt,) = row.attempts
        assert attempt.detail == "The receiving machine confirmed all 7 pages."
        assert attempt.receipt is not None
        assert (attempt.receipt.pages_sent, attempt.receipt.pages_confirmed) == (7, 7)
        assert world.document_of(row).transmitted_at is not None
    assert world.webhooks() == ["document.delivered", "document.transmitted"] * 3
    assert not [key for key in world.files.objects if key.startswith("work/faxes/")]
    assert reserve_line(world.store, NUMBER, "dlv_other.1", world.clock.at)


def test_the_first_document_is_that_of_the_delivery_that_makes_the_call(world: FaxWorld) -> None:
    first, second = world.fax(), world.fax()
    world.deliver(second)
    assert calls(world) == [[second, first]]


def test_a_fax_that_missed_the_call_goes_in_the_next_one(world: FaxWorld) -> None:
    world.plan(Plan(seconds=150))
    first = world.fax()
    world.run_due()
    later = [world.fax(), world.fax()]
    world.run_due()
    assert {world.row(row_id).attempts for row_id in later} == {()}
    world.pass_and_run(5)
    assert [sorted(call) for call in calls(world)] == [[first], sorted(later)]
    assert (statuses(world), world.exchange.overlaps) == ({DeliveryStatus.DELIVERED}, 0)


def test_fewer_pages_than_sent_are_confirmed_for_none(world: FaxWorld) -> None:
    world.plan(*[Plan(pages_lost=1)] * 3)
    ids = {world.fax(), world.fax()}
    world.run_due()
    world.pass_and_run(60)
    assert statuses(world) == {DeliveryStatus.FAILED}
    assert [set(call) for call in calls(world)] == [ids] * 3
    for row in world.fax_rows():
        assert [attempt.reason for attempt in row.attempts] == ["pages_not_confirmed"] * 3
    assert world.notices() == [NoticeKind.DELIVERY_FAILED] * 2


@pytest.mark.parametrize("reason", ["user_busy", "receiver_no_answer", "fax_signaling_error"])
def test_a_failed_call_is_repeated_once_for_all(world: FaxWorld, reason: str) -> None:
    world.plan(Plan(failure=reason))
    ids = {world.fax() for _ in range(3)}
    world.run_due()
    world.pass_and_run(24 * 60, step=1 if reason == "user_busy" else 5)
    assert statuses(world) == {DeliveryStatus.DELIVERED}
    assert [set(call) for call in calls(world)] == [ids] * 2
    assert all([attempt.reason for attempt in row.attempts] == [reason, None] for row in world.fax_rows())


def test_a_cut_off_call_is_repeated_plainer_for_a_new_fax_too(world: FaxWorld) -> None:
    orders: list[FaxOrder] = []
    send = world.carrier.send
    world.carrier.send = lambda order: orders.append(order) or send(order)  # type: ignore[method-assign, func-returns-value]  # - records the order, then sends
    world.plan(Plan(failure="fax_signaling_error"))
    world.fax()
    world.run_due()
    world.pass_and_run(4)
    world.deliver(world.fax())
    assert [order.quality.resolution for order in orders] == ["high", "normal"]


def test_a_wrong_number_fails_all_and_tells_the_clinic_of_each(world: FaxWorld) -> None:
    world.plan(Plan(failure="receiver_unallocated_number"))
    for _ in range(2):
        world.fax()
    world.run_due()
    world.pass_and_run(30)
    assert (statuses(world), len(calls(world))) == ({DeliveryStatus.FAILED}, 1)
    assert world.notices() == [NoticeKind.DELIVERY_FAILED] * 2


def test_a_request_that_the_carrier_refuses_fails_all(world: FaxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_order: FaxOrder) -> str:
        raise FaxRefused("request_refused")

    monkeypatch.setattr(world.carrier, "send", refuse)
    for _ in range(2):
        world.fax()
    world.run_due()
    assert statuses(world) == {DeliveryStatus.FAILED}


def test_too_many_faxes_at_the_carrier_let_all_wait_for_one_call(world: FaxWorld) -> None:
    world.plan(Plan(reply=Reply.TOO_MANY))
    ids = {world.fax(), world.fax()}
    world.deliver(min(ids))
    assert statuses(world) == {DeliveryStatus.QUEUED}
    assert {row.attempts[-1].detail for row in world.fax_rows()} == {"The fax service is busy."}
    assert reserve_line(world.store, NUMBER, "dlv_other.1", world.clock.now()), "the number is free meanwhile"
    release_line(world.store, NUMBER, "dlv_other.1", world.clock.now())
    world.pass_and_run(3)
    assert [set(call) for call in calls(world)] == [ids]
    assert statuses(world) == {DeliveryStatus.DELIVERED}


# Unknown results


def test_a_call_without_an_answer_is_looked_up_for_all(world: FaxWorld) -> None:
    world.plan(Plan(reply=Reply.SILENT_ACCEPT, silent_webhooks=True))
    for _ in range(3):
        world.fax()
    world.run_due()
    assert {row.carrier_id for row in world.fax_rows()} == {None}
    world.pass_and_run(10)
    assert statuses(world) == {DeliveryStatus.SENT}
    assert len(calls(world)) == 1


def test_one_question_to_the_carrier_settles_all(world: FaxWorld) -> None:
    world.plan(Plan(silent_webhooks=True))
    ids = [world.fax(), world.fax()]
    world.run_due()
    world.clock.pass_time(minutes=10)
    world.deliver(ids[1])
    assert statuses(world) == {DeliveryStatus.SENT}


@pytest.mark.parametrize("silent", [True, False])
def test_a_fax_that_an_earlier_release_sent_gets_its_result(world: FaxWorld, *, silent: bool) -> None:
    world.plan(Plan(silent_webhooks=silent))
    row_id = world.fax()
    world.run_due()
    change_row(world, row_id, call=None, carrier_id=None)
    world.pass_and_run(12)
    assert world.row(row_id).status is (DeliveryStatus.SENT if silent else DeliveryStatus.DELIVERED)
    assert len(calls(world)) == 1


def test_the_late_number_of_pages_confirms_all(world: FaxWorld) -> None:
    for _ in range(2):
        world.fax()
    world.run_due()
    world.clock.pass_time(minutes=10)
    late = world.exchange.due_webhooks(world.clock.now())
    world.run_due()
    assert statuses(world) == {DeliveryStatus.SENT}
    world.post_webhooks(late)
    assert statuses(world) == {DeliveryStatus.DELIVERED}


def test_a_report_without_a_mark_settles_all(world: FaxWorld) -> None:
    for _ in range(2):
        world.fax()
    world.run_due()
    world.clock.pass_time(minutes=1)
    due = world.exchange.due_webhooks(world.clock.now())
    for webhook in due:
        webhook.body["data"]["payload"]["client_state"] = ""
    world.post_webhooks(due)
    assert statuses(world) == {DeliveryStatus.DELIVERED}


def test_a_call_that_the_carrier_never_got_is_repeated_once_after_an_hour(world: FaxWorld) -> None:
    world.plan(Plan(reply=Reply.SILENT_LOSS))
    ids = {world.fax(), world.fax()}
    world.run_due()
    world.pass_and_run(58)
    assert calls(world) == []
    world.pass_and_run(10)
    assert [set(call) for call in calls(world)] == [ids]
    assert statuses(world) == {DeliveryStatus.DELIVERED}


@pytest.mark.parametrize("crash", ["before", "after"])
def test_a_worker_that_dies_during_the_call_sends_nothing_twice(world: FaxWorld, crash: str) -> None:
    world.carrier.crashes = [crash]
    ids = {world.fax(), world.fax()}
    world.run_due()
    world.pass_and_run(75)
    assert statuses(world) == {DeliveryStatus.DELIVERED}
    assert [set(call) for call in calls(world)] == [ids]


def test_a_companion_whose_result_was_lost_asks_for_it(world: FaxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise Unavailable("The database did not respond.")

    first, second = world.fax(), world.fax()
    with monkeypatch.context() as outage:
        outage.setattr(CarrierFaxes, "settle", fail)
        world.deliver(first)
    assert (world.row(first).carrier_id is None, world.row(second).carrier_id) == (False, None)
    world.exchange.due_webhooks(world.clock.now() + timedelta(hours=1))
    world.pass_and_run(12)
    assert statuses(world) == {DeliveryStatus.SENT}
    assert len(calls(world)) == 1


def test_a_report_that_overtakes_the_answer_to_the_request_counts(world: FaxWorld) -> None:
    send = world.carrier.send

    def answer_late(order: FaxOrder) -> str:
        fax_id = send(order)
        world.clock.pass_time(seconds=10)
        world.post_webhooks()
        return fax_id

    world.carrier.send = answer_late  # type: ignore[method-assign]  # - the report comes before the answer
    for _ in range(2):
        world.fax()
    world.run_due()
    assert statuses(world) == {DeliveryStatus.DELIVERED}


@pytest.mark.parametrize("reason", ["user_busy", "receiver_unallocated_number"])
def test_a_repeated_report_of_a_failure_changes_nothing(world: FaxWorld, reason: str) -> None:
    world.plan(Plan(failure=reason))
    for _ in range(2):
        world.fax()
    world.run_due()
    world.clock.pass_time(seconds=10)
    reports = world.exchange.due_webhooks(world.clock.now())
    world.post_webhooks(reports)
    before, notices = world.fax_rows(), world.notices()
    world.clock.pass_time(minutes=1)
    world.post_webhooks(reports)
    assert (world.fax_rows(), world.notices()) == (before, notices)


# What does not join


def test_at_most_ten_faxes_go_in_one_call(world: FaxWorld) -> None:
    for _ in range(MAX_FAXES + 1):
        world.fax()
    world.run_due()
    world.pass_and_run(5)
    assert [len(call) for call in calls(world)] == [MAX_FAXES, 1]


@pytest.mark.parametrize(("pages", "joined"), [(MAX_PAGES - 1 - 200, 2), (MAX_PAGES - 200, 1)])
def test_a_call_has_no_more_pages_than_the_carrier_takes(world: FaxWorld, pages: int, joined: int) -> None:
    first = world.fax(pages=200)
    world.fax(pages=pages)
    world.deliver(first)
    assert [len(call) for call in calls(world)] == [joined]


def test_a_smaller_fax_joins_instead_of_one_that_does_not_fit(world: FaxWorld) -> None:
    first, _, small = world.fax(pages=200), world.fax(pages=150), world.fax(pages=2)
    world.deliver(first)
    assert calls(world) == [[first, small]]


def test_other_numbers_and_other_practices_do_not_join(world: FaxWorld) -> None:
    world.add_practice("prc_other")
    first = world.fax()
    world.fax("+15125550199")
    world.fax(practice_id="prc_other")
    world.deliver(first)
    assert calls(world) == [[first]]


def test_a_fax_that_is_no_longer_wanted_does_not_join(world: FaxWorld) -> None:
    first, second = world.fax(), world.fax()
    document = world.document_of(world.row(second))
    recalled = replace(document, version=document.version + 1, access=2)
    world.store.commit(Change(at=world.clock.now(), documents=(recalled,)))
    world.deliver(first)
    assert calls(world) == [[first]]
    assert world.row(second).attempts == ()


def test_a_fax_beyond_the_recipients_ration_does_not_join(world: FaxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient_rations, "PER_PRACTICE", 2)
    ids = [world.fax() for _ in range(3)]
    world.deliver(ids[0])
    (call,) = calls(world)
    assert len(call) == 2
    assert [world.row(row_id).status for row_id in ids if row_id not in call] == [DeliveryStatus.QUEUED]


@pytest.mark.parametrize(("ahead", "joins"), [(JOIN_AHEAD, True), (JOIN_AHEAD + timedelta(seconds=1), False)])
def test_a_fax_that_is_due_later_does_not_join(world: FaxWorld, ahead: timedelta, *, joins: bool) -> None:
    first, second = world.fax(), world.fax()
    change_row(world, second, next_attempt_at=world.clock.now() + ahead)
    world.deliver(first)
    assert calls(world) == [[first, second] if joins else [first]]


def test_a_fax_that_another_worker_has_claimed_does_not_join(world: FaxWorld) -> None:
    first, second = world.fax(), world.fax()
    claimed = start(world.row(second), world.clock.now(), never_repeats=True)
    world.store.commit(Change(at=world.clock.now(), deliveries=(claimed,)))
    world.deliver(first)
    assert calls(world) == [[first]]


def test_a_fax_that_may_have_been_sent_never_joins(world: FaxWorld) -> None:
    world.plan(Plan(reply=Reply.SILENT_ACCEPT, silent_webhooks=True, seconds=1))
    sent = world.fax()
    world.run_due()
    world.clock.pass_time(hours=2)
    release_line(world.store, NUMBER, f"{sent}.1", world.clock.now())
    world.scheduled_sweep.run(None)
    assert world.row(sent).status is DeliveryStatus.QUEUED
    first = world.fax()
    world.deliver(first)
    assert calls(world) == [[sent], [first]]


def test_a_fax_without_attempts_left_does_not_join(world: FaxWorld) -> None:
    first, second = world.fax(), world.fax()
    attempt = start(world.row(second), world.clock.now(), never_repeats=True).attempts[-1]
    change_row(world, second, attempts=(replace(attempt, status=AttemptStatus.INTERRUPTED),) * 7)
    world.deliver(first)
    assert calls(world) == [[first]]


def change_row(world: FaxWorld, row_id: str, **changes: object) -> None:
    row = world.row(row_id)
    changed: Delivery = replace(row, version=row.version + 1, **changes)  # type: ignore[arg-type]  # - a test's own names
    world.store.commit(Change(at=world.clock.now(), deliveries=(changed,)))


# The number


def test_a_later_attempt_takes_the_number_from_an_earlier_one_and_not_the_other_way_round(world: FaxWorld) -> None:
    now = world.clock.now()
    assert reserve_line(world.store, NUMBER, "dlv_1.1", now)
    assert not reserve_line(world.store, NUMBER, "dlv_2.2", now)
    assert reserve_line(world.store, NUMBER, "dlv_1.2", now)
    assert reserve_line(world.store, NUMBER, "dlv_1.2", now)
    assert not reserve_line(world.store, NUMBER, "dlv_1.1", now)
    release_line(world.store, NUMBER, "dlv_1.1", now)
    assert not reserve_line(world.store, NUMBER, "dlv_2.1", now)
    release_line(world.store, NUMBER, "dlv_1.2", now)
    assert reserve_line(world.store, NUMBER, "dlv_2.1", now)


def test_a_long_call_keeps_the_number(world: FaxWorld) -> None:
    world.add_practice("prc_other")
    world.plan(Plan(seconds=3_000))
    world.fax()
    world.run_due()
    world.fax(practice_id="prc_other")
    world.pass_and_run(45)
    assert len(calls(world)) == 1
    world.pass_and_run(15)
    assert (len(calls(world)), world.exchange.overlaps) == (2, 0)


def test_the_loser_of_a_race_for_the_number_does_not_have_it(world: FaxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(_change: Change) -> None:
        raise ConcurrentUpdate(("secret",))

    monkeypatch.setattr(world.store, "commit", lose)
    assert not reserve_line(world.store, NUMBER, "dlv_1.1", world.clock.now())


def test_a_number_that_an_earlier_release_reserved_is_not_taken(world: FaxWorld) -> None:
    now = world.clock.now()
    assert reserve_line(world.store, NUMBER, "dlv_1", now)
    assert not reserve_line(world.store, NUMBER, "dlv_1.1", now)
    assert not reserve_line(world.store, NUMBER, "dlv_2", now)
