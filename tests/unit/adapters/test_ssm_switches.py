"""Test the switches (settings of practices that are on or off) in SSM: names of parameters, defaults and reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.adapters.ssm_switches import BATCH_SIZE, SsmSwitches
from chalicelib.domain.follow_up.progress import FollowUpPlan
from tests.support.fakes import FakeClock

DEFAULT, OWN = "/portal/second-factor", "/portal/practices/prc_1/second-factor"


@dataclass
class FakeSsm:
    """A fake of SSM Parameter Store with these parameters.

    A call accepts as many names as on AWS, and the fake records the names."""

    values: dict[str, str] = field(default_factory=dict)
    asked: list[Sequence[str]] = field(default_factory=list)

    def get_parameters(self, *, Names: Sequence[str]) -> dict[str, Any]:  # noqa: N803 - the name of boto3
        assert 0 < len(set(Names)) == len(Names) <= 10
        self.asked.append(Names)
        return {"Parameters": [{"Name": n, "Value": self.values[n]} for n in Names if n in self.values]}

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> None:  # noqa: N803 - the name of boto3
        self.values[Name] = Value

    def delete_parameters(self, *, Names: Sequence[str]) -> None:  # noqa: N803 - the name of boto3
        for name in Names:
            self.values.pop(name, None)


class Desk:
    def __init__(self, **values: str) -> None:
        self.ssm, self.clock = FakeSsm(dict(values)), FakeClock()
        clients: Any = SimpleNamespace(ssm=self.ssm)
        self.switches = SsmSwitches(clients, "/portal", self.clock)


@pytest.mark.parametrize(
    ("values", "asked_for"),
    [
        ({}, False),
        ({DEFAULT: "off"}, False),
        ({DEFAULT: "on"}, True),
        ({DEFAULT: " ON "}, True),
        ({DEFAULT: " Off "}, False),
        ({DEFAULT: "yes"}, True),
        ({DEFAULT: "off", OWN: "required"}, True),
        ({DEFAULT: "off", OWN: "on"}, True),
        ({DEFAULT: "on", OWN: "off"}, False),
    ],
)
def test_the_parameter_of_a_practice_overrides_the_default(values: dict[str, str], *, asked_for: bool) -> None:
    assert Desk(**values).switches.second_factor(["prc_1"]) is asked_for


def test_an_invalid_value_is_safe_and_logged_without_the_value(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(**{OWN: "enabled", "/portal/electronic-signature": "true"})
    assert desk.switches.second_factor(["prc_1"])
    assert not desk.switches.electronic_signature("prc_1")
    records = [vars(record) for record in caplog.records]
    assert [(record["levelname"], record["msg"], record["parameter"]) for record in records] == [
        ("WARNING", "switch neither on nor off", OWN),
        ("WARNING", "switch neither on nor off", "/portal/electronic-signature"),
    ]
    assert "enabled" not in str(records)


def test_one_of_many_practices_is_enough_in_calls_of_ten_names() -> None:
    desk = Desk(**{"/portal/practices/prc_23/second-factor": "on"})
    assert desk.switches.second_factor([f"prc_{number}" for number in range(25)])
    assert len(desk.ssm.asked) == -(-25 // BATCH_SIZE)


def test_the_default_decides_for_a_provider_without_documents() -> None:
    assert Desk(**{DEFAULT: "on"}).switches.second_factor([])
    assert not Desk().switches.second_factor([])


def test_a_change_is_seen_within_a_minute_and_misses_are_cached() -> None:
    desk = Desk()
    for _ in range(3):
        assert not desk.switches.second_factor(["prc_1"])
    assert len(desk.ssm.asked) == 1
    desk.ssm.values[OWN] = "on"
    desk.clock.pass_time(seconds=59)
    assert desk.switches.second_factor(["prc_1"])


@pytest.mark.parametrize("on", ["electronic-signature", "sign-without-account", "second-factor"])
def test_the_switches_are_independent(on: str) -> None:
    switches = Desk(**{f"/portal/{on}": "on"}).switches
    states = {
        "electronic-signature": switches.electronic_signature("prc_1"),
        "sign-without-account": switches.sign_without_account("prc_1"),
        "second-factor": switches.second_factor(["prc_1"]),
    }
    assert [name for name, is_on in states.items() if is_on] == [on]


def test_signing_without_an_account_is_off_by_default_and_for_an_invalid_value() -> None:
    own = "/portal/practices/prc_1/sign-without-account"
    assert not Desk().switches.sign_without_account("prc_1")
    assert not Desk(**{own: "yes"}).switches.sign_without_account("prc_1")
    assert not Desk(**{"/portal/sign-without-account": "on", own: "off"}).switches.sign_without_account("prc_1")


def test_a_practice_may_sign_without_an_account() -> None:
    desk = Desk()
    desk.switches.set_sign_without_account("prc_1", on=True)
    assert desk.ssm.values == {"/portal/practices/prc_1/sign-without-account": "on"}
    assert desk.switches.sign_without_account("prc_1")


def test_a_switch_is_written_only_if_it_differs_from_the_default() -> None:
    desk = Desk()
    desk.switches.set_second_factor("prc_1", on=True)
    assert desk.ssm.values == {OWN: "on"}
    assert desk.switches.second_factor(["prc_1"])
    desk.switches.set_second_factor("prc_1", on=False)
    assert desk.ssm.values == {}
    assert not desk.switches.second_factor(["prc_1"])


# The follow-up

EMAILS, FAXES, DAYS = "/portal/reminder-emails", "/portal/reminder-faxes", "/portal/follow-up-days"
OWN_EMAILS, OWN_DAYS = "/portal/practices/prc_1/reminder-emails", "/portal/practices/prc_1/follow-up-days"


@pytest.mark.parametrize(
    ("values", "plan"),
    [
        ({}, FollowUpPlan()),
        ({EMAILS: "on", FAXES: "on", DAYS: "3,5,10,14,21,27"}, FollowUpPlan()),
        ({EMAILS: "off"}, FollowUpPlan(emails=False)),
        ({FAXES: "off"}, FollowUpPlan(faxes=False)),
        ({EMAILS: "off", OWN_EMAILS: " ON "}, FollowUpPlan()),
        ({OWN_EMAILS: "off"}, FollowUpPlan(emails=False)),
        ({EMAILS: "yes", FAXES: "no"}, FollowUpPlan(emails=False, faxes=False)),
        ({DAYS: "1,2,3,4,5,6"}, FollowUpPlan(days=(1, 2, 3, 4, 5, 6))),
        ({DAYS: "1,2,3,4,5,6", OWN_DAYS: "2, 4, 9, 13, 20, 26"}, FollowUpPlan(days=(2, 4, 9, 13, 20, 26))),
    ],
)
def test_the_follow_up_of_a_practice_overrides_the_default(values: dict[str, str], plan: FollowUpPlan) -> None:
    desk = Desk(**values)
    assert desk.switches.follow_up("prc_1") == plan
    assert len(desk.ssm.asked) == 1


def test_unreadable_days_are_logged_without_the_value(caplog: pytest.LogCaptureFixture) -> None:
    assert Desk(**{OWN_DAYS: "soon"}).switches.follow_up("prc_1") == FollowUpPlan()
    (record,) = map(vars, caplog.records)
    assert (record["levelname"], record["msg"]) == ("WARNING", "follow-up days unreadable")
    assert record["parameter"] == OWN_DAYS
    assert "soon" not in str(record)


def test_the_follow_up_is_read_again_after_the_lifetime_of_the_cache() -> None:
    desk = Desk()
    desk.switches.follow_up("prc_1")
    desk.ssm.values[EMAILS] = "off"
    desk.clock.pass_time(seconds=29)
    assert desk.switches.follow_up("prc_1").emails
    assert not desk.switches.follow_up("prc_2").emails
    desk.clock.pass_time(seconds=1)
    assert not desk.switches.follow_up("prc_1").emails
