"""The provider's own choices for reminders, made on the account page: when, by which channel, and whether at all.

They hold for the documents of all clinics (docs/decisions/055)."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.account_events import AccountEventType
from chalicelib.domain.claim_keys import fax_number_claim, own_fax_number_claim
from chalicelib.domain.errors import NotFound
from chalicelib.domain.follow_up.calendar import WORK_WEEK
from chalicelib.domain.follow_up.preferences import CHOICE_OF_HOURS, ReminderChannel, ReminderPreferences
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.providers import Provider, with_fax
from chalicelib.services.accounts.account_changes import AccountChange, AccountOwner, AccountWriter, wrong_entry
from chalicelib.services.documents.closed_numbers import FaxNumberState
from chalicelib.services.labels import TIME_ZONES
from chalicelib.services.normalization import normalize_fax
from chalicelib.services.ports import Ids, Store
from chalicelib.services.stopped_reminders import find_stopped, is_stopped, stop_change
from chalicelib.services.transaction import Change, Job, OutboxRow

MAX_PRACTICES = 100
"""The most clinics of a provider whose numbers are compared with the provider's own fax number."""

_WRONG_FAX = "Enter a fax number with its area code, such as (512) 555-0148."
_REPORTED = (
    "Someone who got a fax there reported this number as wrong. Enter another number. If it's right, ask the clinic to "
    "confirm it."
)
_PRACTICES_READ = 10
"""The most clinics of a provider that are read to suggest a time zone."""

_EASTERN = "America/New_York"


@dataclass(frozen=True, kw_only=True)
class ReminderState:
    """An account's reminders, as the account page shows them: the choices, and the addresses without reminders."""

    preferences: ReminderPreferences
    stopped: Collection[str]


class ReminderSettings:
    """The actions of a provider on reminders, behind the forms of the account page.

    Callers check first that the owner has entered the password or a passkey recently."""

    def __init__(self, store: Store, ids: Ids, writer: AccountWriter, *, fax_countries: Collection[str]) -> None:
        self._fax_countries = fax_countries
        self._store = store
        self._ids = ids
        self._writer = writer

    def describe(self, provider: Provider) -> ReminderState:
        """Return the account's reminders. Without choices of the owner, return those that hold now."""
        stopped = find_stopped(self._store, provider.proven_emails)
        preferences = provider.reminders or ReminderPreferences(time_zone=self._suggest_time_zone(provider))
        return ReminderState(preferences=preferences, stopped=stopped)

    def choose(self, owner: AccountOwner, form: Mapping[str, str]) -> AccountChange:
        """Store the choices of the form, and email the owner. Raise `Invalid` with the field of a wrong choice."""
        chosen = _read_choices(form)

        def step(current: AccountOwner) -> AccountChange:
            if chosen.channel is ReminderChannel.FAX and current.provider.fax is None:
                raise wrong_entry("channel", "Add your fax number first.")
            changed = replace(current.provider, reminders=chosen)
            more = Change(at=current.now)
            cookie = self._writer.commit(current, changed, AccountEventType.REMINDERS_CHANGED, more=more)
            return AccountChange(cookie, changed)

        return self._writer.apply_to_latest(owner, step)

    def set_emails(self, owner: AccountOwner, email: str, *, stops: bool) -> AccountChange:
        """Stop reminders by email to one of the account's addresses, or start them again, and email the owner.

        A job tells the clinics. Raise `NotFound` if the account does not have the address, or if there is nothing to
        change."""

        def step(current: AccountOwner) -> AccountChange:
            if email not in current.provider.proven_emails or is_stopped(self._store, email) is stops:
                raise NotFound("Your reminders have already changed. Please reload the page.")
            more = replace(stop_change(email, current.now, stops=stops), outbox=(self._clinics_row(current, email),))
            event_type = AccountEventType.REMINDERS_STOPPED if stops else AccountEventType.REMINDERS_STARTED
            cookie = self._writer.commit(current, current.provider, event_type, more=more, email=email)
            return AccountChange(cookie, current.provider)

        return self._writer.apply_to_latest(owner, step)

    def check_fax(self, provider: Provider, typed: str) -> str:
        """Return the typed fax number in E.164, for the owner to confirm. Raise `Invalid` for a number to refuse.

        Those are a clinic's number, where one clinic would see the pages of the others, and a number that was reported
        as wrong to one of the provider's clinics."""
        try:
            number = normalize_fax(typed, self._fax_countries)
        except ValueError as error:
            raise wrong_entry("own_fax", _WRONG_FAX) from error
        if number == provider.fax:
            raise wrong_entry("own_fax", "This is already your fax number.")
        ids = provider.practices[:MAX_PRACTICES]
        practices = self._store.practices(ids) if ids else ()
        carriers_key = own_fax_number_claim(number)
        claims = self._store.claims([carriers_key, *(fax_number_claim(practice_id, number) for practice_id in ids)])
        if carriers_key in claims or any(number in (practice.fax, practice.phone) for practice in practices):
            raise wrong_entry("own_fax", "This is a clinic's number. Enter the fax number of your own office.")
        if FaxNumberState.CLOSED in claims.values():
            raise wrong_entry("own_fax", _REPORTED)
        return number

    def set_fax(self, owner: AccountOwner, typed: str) -> AccountChange:
        """Store the owner's own fax number, to which reminders are faxed, and email the owner. For errors, see
        `check_fax`."""

        def step(current: AccountOwner) -> AccountChange:
            number = self.check_fax(current.provider, typed)
            return self._store_fax(current, number, AccountEventType.FAX_CHANGED)

        return self._writer.apply_to_latest(owner, step)

    def remove_fax(self, owner: AccountOwner) -> AccountChange:
        """Remove the owner's own fax number, and email the owner. Raise `NotFound` if there is none."""

        def step(current: AccountOwner) -> AccountChange:
            if current.provider.fax is None:
                raise NotFound("There is no fax number.")
            return self._store_fax(current, None, AccountEventType.FAX_REMOVED)

        return self._writer.apply_to_latest(owner, step)

    def _store_fax(self, owner: AccountOwner, number: str | None, event_type: AccountEventType) -> AccountChange:
        changed, more = with_fax(owner.provider, number), Change(at=owner.now)
        return AccountChange(self._writer.commit(owner, changed, event_type, more=more), changed)

    def _clinics_row(self, owner: AccountOwner, email: str) -> OutboxRow:
        row_id = self._ids.new("out")
        job = Job(
            queue=QueueName.DELIVERIES,
            name=JobName.REMINDERS_STOPPED,
            event_id=row_id,
            provider_id=owner.provider.id,
            email=email,
        )
        return OutboxRow(id=row_id, created_at=owner.now, jobs=(job,))

    def _suggest_time_zone(self, provider: Provider) -> str:
        """Return the time zone of most of the provider's clinics, or US Eastern time."""
        ids = provider.practices[:_PRACTICES_READ]
        practices = self._store.practices(ids) if ids else ()
        zones = Counter(practice.time_zone for practice in practices if practice.time_zone in TIME_ZONES)
        return max(zones, key=zones.__getitem__, default=_EASTERN)


def _read_choices(form: Mapping[str, str]) -> ReminderPreferences:
    """Return the choices of the account page's form. Raise `Invalid` with the field that is wrong."""
    hours = {str(hour): hour for hour in CHOICE_OF_HOURS} | {"": None}
    weekdays = tuple(day for day in WORK_WEEK if form.get(f"day_{day}"))
    hour, time_zone, channel = (form.get(name, "") for name in ("hour", "time_zone", "channel"))
    if hour not in hours:
        raise wrong_entry("hour", "Choose an hour of the list.")
    if time_zone not in TIME_ZONES:
        raise wrong_entry("time_zone", "Choose a time zone of the list.")
    if not weekdays:
        raise wrong_entry("days", "Choose at least one day. To get no reminder emails, use the buttons below.")
    if channel not in tuple(ReminderChannel):
        raise wrong_entry("channel", "Choose how reminders should come.")
    return ReminderPreferences(
        time_zone=time_zone, hour=hours[hour], weekdays=weekdays, channel=ReminderChannel(channel)
    )
