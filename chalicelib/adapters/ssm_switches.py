"""The switches: settings of a practice that are on or off, stored as SSM parameters that administrators change.

The switch *electronic signature* lets providers sign a practice's documents in the portal. The switch *sign without an
account* lets them do so with a code, and *second factor* makes them use two-step login. `{prefix}/electronic-signature`
and so on are the defaults of the installation. A parameter `{prefix}/practices/{id}/electronic-signature` exists only
if the practice differs from the default. Any other text than `on` and `off` counts as the safe state: nobody signs, a
second factor is required, and nobody is reminded.

*Reminder emails* and *reminder faxes* allow the messages of the follow-up, and *follow-up days* has its days. They work
without a default too, because installations of earlier releases have none."""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.logging import Logger

from chalicelib.adapters.aws_clients import Clients
from chalicelib.domain.follow_up.progress import FollowUpPlan, read_days
from chalicelib.services.ports import Clock

CACHE_LIFETIME = timedelta(seconds=30)
"""How long a switch that was read stays in memory. A change must take effect within 60 seconds."""

BATCH_SIZE = 9
"""The most practices in one call. SSM's GetParameters accepts ten names, and one name is that of the default."""

_ON, _OFF = "on", "off"
_SIGNATURE, _NO_ACCOUNT, _FACTOR = "electronic-signature", "sign-without-account", "second-factor"
_REMINDER_EMAILS, _REMINDER_FAXES, _DAYS = "reminder-emails", "reminder-faxes", "follow-up-days"
_NO_PRACTICE = ""
_SAFE_STATES = {_SIGNATURE: False, _NO_ACCOUNT: False, _FACTOR: True, _REMINDER_EMAILS: False, _REMINDER_FAXES: False}
_DESCRIPTIONS = {
    _SIGNATURE: "Electronic Signature for this practice: on or off",
    _NO_ACCOUNT: "Signing without an account for this practice: on or off",
    _FACTOR: "Second factor of the readers of this practice's documents: on (required) or off",
}

logger = Logger(service="portal", child=True)


class SsmSwitches:
    def __init__(self, clients: Clients, prefix: str, clock: Clock) -> None:
        self._clients = clients
        self._prefix = prefix
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[datetime, bool]] = {}
        self._plans: dict[str, tuple[datetime, FollowUpPlan]] = {}

    def electronic_signature(self, practice_id: str) -> bool:
        return self._is_on(_SIGNATURE, [practice_id])

    def set_electronic_signature(self, practice_id: str, *, on: bool) -> None:
        self._set(_SIGNATURE, practice_id, on=on)

    def sign_without_account(self, practice_id: str) -> bool:
        return self._is_on(_NO_ACCOUNT, [practice_id])

    def set_sign_without_account(self, practice_id: str, *, on: bool) -> None:
        self._set(_NO_ACCOUNT, practice_id, on=on)

    def second_factor(self, practice_ids: Collection[str]) -> bool:
        return self._is_on(_FACTOR, sorted(set(practice_ids)) or [_NO_PRACTICE])

    def set_second_factor(self, practice_id: str, *, on: bool) -> None:
        self._set(_FACTOR, practice_id, on=on)

    def follow_up(self, practice_id: str) -> FollowUpPlan:
        now, seen = self._clock.now(), self._plans.get(practice_id)
        if seen is None or not seen[0] <= now < seen[0] + CACHE_LIFETIME:
            seen = self._plans[practice_id] = (now, self._read_plan(practice_id))
        return seen[1]

    def _read_plan(self, practice_id: str) -> FollowUpPlan:
        switches = (_REMINDER_EMAILS, _REMINDER_FAXES, _DAYS)
        names = {switch: (self._name(switch, practice_id), self._name(switch, _NO_PRACTICE)) for switch in switches}
        values = self._values(*(name for pair in names.values() for name in pair))
        stated = {switch: next((name for name in pair if name in values), None) for switch, pair in names.items()}
        emails, faxes, days = (stated[switch] for switch in switches)
        return FollowUpPlan(
            days=_days(days, values[days]) if days else FollowUpPlan.days,
            emails=emails is None or _state(_REMINDER_EMAILS, emails, values[emails]),
            faxes=faxes is None or _state(_REMINDER_FAXES, faxes, values[faxes]),
        )

    def _is_on(self, switch: str, practice_ids: Sequence[str]) -> bool:
        """Return True if the setting `switch` is on for at least one of the practices.

        The values come from the cache. A value that is missing in the cache or too old is first read from SSM."""
        now = self._clock.now()
        stale = [name for name in practice_ids if not self._is_fresh(switch, name, now)]
        groups = [stale[at : at + BATCH_SIZE] for at in range(0, len(stale), BATCH_SIZE)]
        if len(groups) > 1:
            with ThreadPoolExecutor(len(groups)) as pool:
                list(pool.map(lambda group: self._read(switch, group, now), groups))
        elif groups:
            self._read(switch, stale, now)
        return any(self._seen[switch, practice_id][1] for practice_id in practice_ids)

    def _is_fresh(self, switch: str, practice_id: str, now: datetime) -> bool:
        seen = self._seen.get((switch, practice_id))
        return seen is not None and seen[0] <= now < seen[0] + CACHE_LIFETIME

    def _read(self, switch: str, practice_ids: Sequence[str], now: datetime) -> None:
        names = {practice_id: self._name(switch, practice_id) for practice_id in practice_ids}
        default = self._name(switch, _NO_PRACTICE)
        values = self._values(*dict.fromkeys([default, *names.values()]))
        states = {name: _state(switch, name, value) for name, value in values.items()}
        for practice_id, name in names.items():
            self._seen[switch, practice_id] = (now, states.get(name, states.get(default, False)))

    def _set(self, switch: str, practice_id: str, *, on: bool) -> None:
        """Store a practice's setting: write its SSM parameter, or delete the parameter if the value is the default."""
        name, default = self._name(switch, practice_id), self._name(switch, _NO_PRACTICE)
        if self._values(default).get(default, _OFF) == (_ON if on else _OFF):
            self._clients.ssm.delete_parameters(Names=[name])
        else:
            self._clients.ssm.put_parameter(
                Name=name, Value=_ON if on else _OFF, Type="String", Overwrite=True, Description=_DESCRIPTIONS[switch]
            )
        self._seen.pop((switch, practice_id), None)

    def _name(self, switch: str, practice_id: str) -> str:
        """Return the name of the SSM parameter with a practice's setting `switch`. An empty id means the default."""
        path = f"{self._prefix}/practices/{practice_id}" if practice_id else self._prefix
        return f"{path}/{switch}"

    def _values(self, *names: str) -> dict[str, str]:
        response: dict[str, Any] = self._clients.ssm.get_parameters(Names=list(names))
        return {item["Name"]: item["Value"].strip().lower() for item in response["Parameters"]}


def _state(switch: str, name: str, value: str) -> bool:
    """Return True if the text `value` of the SSM parameter `name` is `on`, and False if the text is `off`.

    For any other text, log the parameter's name and return the safe state of the setting `switch`: no electronic
    signature, no signature without an account, a required second factor, and no reminders."""
    if value in (_ON, _OFF):
        return value == _ON
    logger.warning("switch neither on nor off", parameter=name)
    return _SAFE_STATES[switch]


def _days(name: str, value: str) -> tuple[int, ...]:
    """Return the days of the follow-up's steps (reminders and calls) in the text `value` of the SSM parameter `name`.

    If the text has no such days, log the parameter's name and return the portal's own days."""
    try:
        return read_days(value)
    except ValueError:
        logger.warning("follow-up days unreadable", parameter=name)
        return FollowUpPlan.days
