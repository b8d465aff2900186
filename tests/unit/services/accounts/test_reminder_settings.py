"""Test the owner's own choices for reminders, and the switch of reminders by email in an account."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.claim_keys import fax_number_claim, own_fax_number_claim
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.follow_up.preferences import ReminderChannel, ReminderPreferences
from chalicelib.domain.jobs import JobName
from chalicelib.domain.providers import without_credentials
from chalicelib.services.accounts.account_changes import AccountOwner
from chalicelib.services.accounts.reminder_settings import ReminderSettings
from chalicelib.services.documents.closed_numbers import FaxNumberState
from chalicelib.services.stopped_reminders import find_stopped, is_stopped
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START
from tests.support.provider_fixtures import PRACTICE, PROVIDER
from tests.support.worlds.assistant_world import AssistantWorld

EMAIL, SECOND = PROVIDER.email or "", "luis@home.example"
FORM = {"hour": "8", "time_zone": "America/Denver", "day_0": "yes", "day_4": "yes", "channel": "email"}


class SettingsWorld(AssistantWorld):
    def __init__(self) -> None:
        super().__init__()
        self.settings = ReminderSettings(self.store, self.ids, self.writer, fax_countries=("US", "CA"))

    def change(self, **changes: object) -> AccountOwner:
        """Change fields of the provider's row, and return the provider as the owner of a new session."""
        own = self.provider()
        changed = replace(own, version=own.version + 1, **changes)  # type: ignore[arg-type]  # any field
        self.store.commit(Change(at=START, providers=(changed,)))
        return self.owner()


@pytest.fixture
def world() -> SettingsWorld:
    return SettingsWorld()


def errors(raised: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [error.field for error in raised.value.errors]


def test_choices_are_stored_recorded_and_reported_and_end_the_other_sessions(world: SettingsWorld) -> None:
    before = world.provider().session_generation
    changed = world.settings.choose(world.owner(), FORM)
    assert changed.cookie
    assert world.provider().reminders == ReminderPreferences(
        time_zone="America/Denver", hour=8, weekdays=(0, 4), channel=ReminderChannel.EMAIL
    )
    (notice,) = world.mails("reminders_changed")
    assert (notice.recipient, notice.body, notice.practice_id) == (EMAIL, None, "portal")
    assert world.events(world.provider()) == [("reminders_changed", None)]
    assert world.provider().session_generation == before + 1


def test_the_afternoon_of_every_working_day_is_a_choice(world: SettingsWorld) -> None:
    days = {f"day_{day}": "yes" for day in range(5)}
    world.settings.choose(world.owner(), {**FORM, **days, "hour": "", "channel": "both"})
    assert world.provider().reminders == ReminderPreferences(time_zone="America/Denver")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hour": "7"}, "hour"),
        ({"hour": "17"}, "hour"),
        ({"hour": "08"}, "hour"),
        ({"time_zone": "Europe/Paris"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"day_0": "", "day_4": ""}, "days"),
        ({"channel": "pigeon"}, "channel"),
        ({"channel": ""}, "channel"),
    ],
)
def test_a_wrong_choice_is_refused_with_its_field(world: SettingsWorld, changes: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        world.settings.choose(world.owner(), {**FORM, **changes})
    assert errors(raised) == [field]
    assert world.provider().reminders is None


@pytest.mark.parametrize("hour", [8, 16])
def test_the_first_and_the_last_hour_are_choices(world: SettingsWorld, hour: int) -> None:
    world.settings.choose(world.owner(), {**FORM, "hour": str(hour)})
    chosen = world.provider().reminders
    assert chosen is not None
    assert chosen.hour == hour


@pytest.mark.parametrize("day", [5, 6])
def test_a_weekend_is_no_choice(world: SettingsWorld, day: int) -> None:
    world.settings.choose(world.owner(), {**FORM, f"day_{day}": "yes"})
    chosen = world.provider().reminders
    assert chosen is not None
    assert chosen.weekdays == (0, 4)


@pytest.mark.parametrize(
    ("zone", "suggested"), [("America/Chicago", "America/Chicago"), ("America/Indiana/Knox", "America/New_York")]
)
def test_before_a_choice_the_page_suggests_the_time_zone_of_the_clinics(
    world: SettingsWorld, zone: str, suggested: str
) -> None:
    moved = replace(PRACTICE, version=2, time_zone=zone)
    world.store.commit(Change(at=START, practices=(moved,)))
    state = world.settings.describe(world.provider())
    assert (state.preferences, state.stopped) == (ReminderPreferences(time_zone=suggested), frozenset())


def test_without_a_clinic_the_page_suggests_eastern_time(world: SettingsWorld) -> None:
    world.change(practices=())
    state = world.settings.describe(world.provider())
    assert state.preferences.time_zone == "America/New_York"


def test_the_page_shows_what_was_chosen_and_where_reminders_are_stopped(world: SettingsWorld) -> None:
    world.settings.set_emails(world.change(emails=(EMAIL, SECOND)), SECOND, stops=True)
    world.settings.choose(world.owner(), FORM)
    state = world.settings.describe(world.provider())
    assert (state.preferences, state.stopped) == (world.provider().reminders, {SECOND})


def test_a_stop_and_a_new_start_are_stored_in_the_one_row_of_the_mailbox(world: SettingsWorld) -> None:
    world.settings.set_emails(world.owner(), EMAIL, stops=True)
    assert is_stopped(world.store, EMAIL)
    world.clock.pass_time(minutes=1)
    world.settings.set_emails(world.owner(), EMAIL, stops=False)
    assert find_stopped(world.store, (EMAIL, SECOND)) == frozenset()
    assert world.events(world.provider()) == [("reminders_started", EMAIL), ("reminders_stopped", EMAIL)]
    assert [mail.body for kind in ("reminders_stopped", "reminders_started") for mail in world.mails(kind)] == [
        EMAIL
    ] * 2
    jobs = [job for job in world.store.jobs() if job.name is JobName.REMINDERS_STOPPED]
    assert [(job.provider_id, job.email) for job in jobs] == [(PROVIDER.id, EMAIL)] * 2


@pytest.mark.parametrize("stops", [True, False])
def test_another_mailbox_is_never_touched(world: SettingsWorld, *, stops: bool) -> None:
    with pytest.raises(NotFound, match="reload the page"):
        world.settings.set_emails(world.owner(), "jane@example.com", stops=stops)
    assert not is_stopped(world.store, "jane@example.com")


def test_a_second_stop_changes_nothing(world: SettingsWorld) -> None:
    world.settings.set_emails(world.owner(), EMAIL, stops=True)
    with pytest.raises(NotFound):
        world.settings.set_emails(world.owner(), EMAIL, stops=True)
    assert len(world.mails("reminders_stopped")) == 1


def test_a_change_in_another_place_meanwhile_loses_nothing(world: SettingsWorld) -> None:
    owner = world.owner()
    world.change(practices=("prc_9",))
    world.clock.at = START + timedelta(minutes=1)
    world.settings.choose(owner, FORM)
    assert world.provider().practices == ("prc_9",)
    assert world.provider().reminders is not None


# The owner's own fax number

NUMBER, OTHER = "+15125550148", "+15125550149"


def test_the_own_fax_number_is_stored_reported_and_removed(world: SettingsWorld) -> None:
    world.settings.set_fax(world.owner(), "(512) 555-0148")
    assert world.provider().fax == NUMBER
    world.clock.pass_time(minutes=1)
    world.settings.choose(world.owner(), {**FORM, "channel": "fax"})
    world.clock.pass_time(minutes=1)
    world.settings.remove_fax(world.owner())
    after = world.provider()
    assert (after.fax, after.reminders and after.reminders.channel) == (None, ReminderChannel.BOTH)
    assert [type for type, _ in world.events(after)] == ["fax_removed", "reminders_changed", "fax_changed"]
    assert [mail.recipient for kind in ("fax_changed", "fax_removed") for mail in world.mails(kind)] == [EMAIL] * 2
    with pytest.raises(NotFound):
        world.settings.remove_fax(world.owner())


def test_another_choice_stays_when_the_number_is_removed(world: SettingsWorld) -> None:
    world.settings.set_fax(world.owner(), NUMBER)
    world.settings.choose(world.owner(), FORM)
    world.settings.remove_fax(world.owner())
    chosen = world.provider().reminders
    assert chosen is not None
    assert chosen.channel is ReminderChannel.EMAIL


def test_reminders_by_fax_only_need_an_own_number(world: SettingsWorld) -> None:
    with pytest.raises(Invalid, match="Add your fax number first") as raised:
        world.settings.choose(world.owner(), {**FORM, "channel": "fax"})
    assert errors(raised) == ["channel"]


@pytest.mark.parametrize(
    "typed", ["", "512 555", "(512) 555-0148 ext. 12", "+442079460000", "+1 900 555 0148", "dr.rivera@example.com"]
)
def test_what_is_no_fax_number_is_refused(world: SettingsWorld, typed: str) -> None:
    with pytest.raises(Invalid, match="Enter a fax number with its area code") as raised:
        world.settings.set_fax(world.owner(), typed)
    assert errors(raised) == ["own_fax"]
    assert world.provider().fax is None


def test_the_same_number_again_is_refused(world: SettingsWorld) -> None:
    world.settings.set_fax(world.owner(), NUMBER)
    with pytest.raises(Invalid, match="already your fax number"):
        world.settings.check_fax(world.provider(), "512-555-0148")
    assert world.settings.check_fax(world.provider(), "512-555-0149") == OTHER


@pytest.mark.parametrize("number", [PRACTICE.fax, PRACTICE.phone, OTHER])
def test_a_clinics_number_is_refused(world: SettingsWorld, number: str) -> None:
    world.store.commit(Change(at=START, claims=(Claim(key=own_fax_number_claim(OTHER), owner="prc_9"),)))
    with pytest.raises(Invalid, match="This is a clinic's number"):
        world.settings.check_fax(world.provider(), number)


@pytest.mark.parametrize("state", [FaxNumberState.CLOSED, FaxNumberState.CONFIRMED])
def test_a_number_that_was_reported_as_wrong_to_a_clinic_is_refused(
    world: SettingsWorld, state: FaxNumberState
) -> None:
    claim = Claim(key=fax_number_claim(PRACTICE.id, NUMBER), owner=state)
    world.store.commit(Change(at=START, claims=(claim,)))
    if state is FaxNumberState.CONFIRMED:
        assert world.settings.check_fax(world.provider(), NUMBER) == NUMBER
        return
    with pytest.raises(Invalid, match="reported this number as wrong") as raised:
        world.settings.set_fax(world.owner(), NUMBER)
    assert errors(raised) == ["own_fax"]


def test_a_provider_without_clinics_has_a_fax_number_too(world: SettingsWorld) -> None:
    world.settings.set_fax(world.change(practices=()), NUMBER)
    assert world.provider().fax == NUMBER


def test_the_numbers_of_a_hundred_clinics_are_compared(world: SettingsWorld) -> None:
    others = tuple(f"prc_{number:03}" for number in range(100, 199))
    world.change(practices=(*others, PRACTICE.id))
    with pytest.raises(Invalid):
        world.settings.check_fax(world.provider(), PRACTICE.fax or "")
    world.change(practices=("prc_099", *others, PRACTICE.id))
    assert world.settings.check_fax(world.provider(), PRACTICE.fax or "") == PRACTICE.fax


def test_a_closed_account_has_no_fax_number_and_no_choices() -> None:
    chosen = replace(PROVIDER, fax=NUMBER, reminders=ReminderPreferences(time_zone="America/Chicago"))
    closed = without_credentials(chosen)
    assert (closed.fax, closed.reminders) == (None, None)
