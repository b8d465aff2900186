from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.carriers.fax_results import (
    INCOMPLETE,
    Remedy,
    describe,
    fax_mark,
    next_office_hour,
    quality_after,
    read_fax_mark,
    remedy_of,
    wait_after,
)

NOON = datetime(2026, 11, 24, 12, 30, tzinfo=ZoneInfo("America/Chicago"))


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("user_busy", Remedy.SOON),
        ("sender_channel_limit_exceeded", Remedy.SOON),
        ("receiver_decline", Remedy.OFFICE_HOUR),
        ("invalid_ecm_response_from_receiver", Remedy.PLAINER),
        (INCOMPLETE, Remedy.PLAINER),
        ("fax_initial_communication_timeout", Remedy.CHECK_NUMBER),
        ("receiver_incompatible_destination", Remedy.WRONG_NUMBER),
        ("destination_not_in_countries_whitelist", Remedy.OUR_FAULT),
        ("unverified_sender", Remedy.OUR_FAULT),
        ("file_size_limit_exceeded", Remedy.OUR_FAULT),
        ("a_reason_of_next_year", Remedy.SOON),
    ],
)
def test_each_reason_has_its_next_step(reason: str, remedy: Remedy) -> None:
    assert remedy_of(reason) is remedy
    assert describe(reason).endswith(".")


@pytest.mark.parametrize(
    ("reason", "waits"),
    [
        ("user_busy", [5, 10, 20, 40, None]),
        ("fax_signaling_error", [5, 5, None]),
        ("fax_initial_communication_timeout", [10, None]),
        ("destination_invalid", [None]),
        ("account_disabled", [None]),
        ("receiver_no_answer", [30, 30, 30, None]),
    ],
)
def test_the_waits_between_the_tries(reason: str, waits: list[int | None]) -> None:
    for done, minutes in enumerate(waits):
        expected = None if minutes is None else timedelta(minutes=minutes)
        assert wait_after(reason, [reason] * done, NOON) == expected


def test_other_failures_do_not_use_up_the_tries() -> None:
    assert wait_after("user_busy", ["fax_signaling_error", "carrier_lost"], NOON) == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-24 07:10", "2026-11-24 08:00"),
        ("2026-11-24 07:00", "2026-11-24 08:00"),
        ("2026-11-24 15:59", "2026-11-24 16:00"),
        ("2026-11-24 16:00", "2026-11-25 08:00"),
        ("2026-11-27 18:00", "2026-11-30 08:00"),
        ("2026-11-28 09:00", "2026-11-30 08:00"),
        ("2026-11-25 18:00", "2026-11-27 08:00"),
    ],
)
def test_the_next_office_hour(now: str, then: str) -> None:
    zone = ZoneInfo("America/Chicago")
    start = datetime.fromisoformat(now).replace(tzinfo=zone)
    assert next_office_hour(start) == datetime.fromisoformat(then).replace(tzinfo=zone)


def test_a_cut_off_fax_gets_plainer_step_by_step() -> None:
    steps = [quality_after(["user_busy", *["receiver_call_dropped"] * count]) for count in range(4)]
    assert [(step.resolution, step.uses_t38) for step in steps] == [
        ("high", True),
        ("normal", True),
        ("normal", False),
        ("normal", False),
    ]


def test_a_mark_names_the_delivery_and_the_attempt() -> None:
    assert read_fax_mark(fax_mark("dlv_1", 3)) == ("dlv_1", 3)


@pytest.mark.parametrize("mark", ["", "dlv_1", "dlv_1.", "dlv_1.x", "dlv_1.²", "."])
def test_a_foreign_mark_names_no_attempt(mark: str) -> None:
    assert read_fax_mark(mark)[1] == 0


def test_the_time_zone_decides_the_office_hour() -> None:
    at = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
    assert next_office_hour(at.astimezone(ZoneInfo("America/Los_Angeles"))).hour == 8
    assert next_office_hour(at.astimezone(ZoneInfo("America/New_York"))).hour == 9
