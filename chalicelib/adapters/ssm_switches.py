"""Switches are SSM parameters that administrators change in the AWS console (DESIGN sections 1 and 4).

`{prefix}/electronic-signature` and `{prefix}/second-factor` are the defaults of the installation;
`{prefix}/practices/{id}/electronic-signature`, and so on, exists only where a practice differs. A value that
is neither `on` nor `off` takes the safe side: nobody signs, and a second factor is required.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.logging import Logger

from chalicelib.adapters.aws_clients import Clients
from chalicelib.services.ports import Clock

CACHED_FOR = timedelta(seconds=30)
"""Well within the 60 s in which a change must take effect; misses are cached too."""

AT_ONCE = 9
"""Practices in one call: GetParameters takes ten names, and one is the default's."""

_ON, _OFF = "on", "off"
_SIGNATURE, _FACTOR = "electronic-signature", "second-factor"
_NO_PRACTICE = ""
_SAFE = {_SIGNATURE: False, _FACTOR: True}
_WORDS = {
    _SIGNATURE: "Electronic Signature for this practice: on or off",
    _FACTOR: "Second factor of who reads this practice's documents: on (required) or off",
}

logger = Logger(service="portal", child=True)


class SsmSwitches:
    def __init__(self, clients: Clients, prefix: str, clock: Clock) -> None:
        self._clients = clients
        self._prefix = prefix
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[datetime, bool]] = {}

    def electronic_signature(self, practice_id: str) -> bool:
        return self._is_on(_SIGNATURE, [practice_id])

    def set_electronic_signature(self, practice_id: str, *, on: bool) -> None:
        self._set(_SIGNATURE, practice_id, on=on)

    def second_factor(self, practice_ids: Collection[str]) -> bool:
        return self._is_on(_FACTOR, sorted(set(practice_ids)) or [_NO_PRACTICE])

    def set_second_factor(self, practice_id: str, *, on: bool) -> None:
        self._set(_FACTOR, practice_id, on=on)

    def _is_on(self, switch: str, practice_ids: Sequence[str]) -> bool:
        """Whether it is on for one of them; what was not seen lately is read, side by side."""
        now = self._clock.now()
        unseen = [each for each in practice_ids if not self._is_fresh(switch, each, now)]
        groups = [unseen[at : at + AT_ONCE] for at in range(0, len(unseen), AT_ONCE)]
        if len(groups) > 1:
            with ThreadPoolExecutor(len(groups)) as pool:
                list(pool.map(lambda group: self._read(switch, group, now), groups))
        elif groups:
            self._read(switch, unseen, now)
        return any(self._seen[switch, each][1] for each in practice_ids)

    def _is_fresh(self, switch: str, practice_id: str, now: datetime) -> bool:
        seen = self._seen.get((switch, practice_id))
        return seen is not None and seen[0] <= now < seen[0] + CACHED_FOR

    def _read(self, switch: str, practice_ids: Sequence[str], now: datetime) -> None:
        names = {each: self._name(switch, each) for each in practice_ids}
        default = self._name(switch, _NO_PRACTICE)
        values = self._values(*dict.fromkeys([default, *names.values()]))
        states = {name: _state(switch, name, value) for name, value in values.items()}
        for each, name in names.items():
            self._seen[switch, each] = (now, states.get(name, states.get(default, False)))

    def _set(self, switch: str, practice_id: str, *, on: bool) -> None:
        """Writes the practice's parameter, or removes it where the default says the same."""
        name, default = self._name(switch, practice_id), self._name(switch, _NO_PRACTICE)
        if self._values(default).get(default, _OFF) == (_ON if on else _OFF):
            self._clients.ssm.delete_parameters(Names=[name])
        else:
            self._clients.ssm.put_parameter(
                Name=name,
                Value=_ON if on else _OFF,
                Type="String",
                Overwrite=True,
                Description=_WORDS[switch],
            )
        self._seen.pop((switch, practice_id), None)

    def _name(self, switch: str, practice_id: str) -> str:
        """The parameter of a practice; of none, the default's."""
        place = f"{self._prefix}/practices/{practice_id}" if practice_id else self._prefix
        return f"{place}/{switch}"

    def _values(self, *names: str) -> dict[str, str]:
        answer: dict[str, Any] = self._clients.ssm.get_parameters(Names=list(names))
        return {each["Name"]: each["Value"].strip().lower() for each in answer["Parameters"]}


def _state(switch: str, name: str, value: str) -> bool:
    """On or off. What is neither is noted by its place alone, so that somebody mends it."""
    if value in (_ON, _OFF):
        return value == _ON
    logger.warning("switch neither on nor off", parameter=name)
    return _SAFE[switch]
