"""Switches are SSM parameters that administrators change in the AWS console (DESIGN sections 1 and 4).

`{prefix}/electronic-signature` is the default of the installation;
`{prefix}/practices/{id}/electronic-signature` exists only where a practice differs.
"""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.adapters.clients import Clients
from chalicelib.services.ports import Clock

CACHED_FOR = timedelta(seconds=30)
"""Well within the 60 s in which a change must take effect; misses are cached too."""

_ON, _OFF = "on", "off"


class SsmSwitches:
    def __init__(self, clients: Clients, prefix: str, clock: Clock) -> None:
        self._clients = clients
        self._prefix = prefix
        self._clock = clock
        self._seen: dict[str, tuple[datetime, bool]] = {}

    def electronic_signature(self, practice_id: str) -> bool:
        now = self._clock.now()
        seen = self._seen.get(practice_id)
        if seen is None or not seen[0] <= now < seen[0] + CACHED_FOR:
            seen = (now, self._read(practice_id))
            self._seen[practice_id] = seen
        return seen[1]

    def set_electronic_signature(self, practice_id: str, *, on: bool) -> None:
        """Writes the practice's parameter, or removes it where the default says the same."""
        name = self._name(practice_id)
        if self._values().get(self._default, _OFF) == (_ON if on else _OFF):
            self._delete(name)
        else:
            self._clients.ssm.put_parameter(
                Name=name, Value=_ON if on else _OFF, Type="String", Overwrite=True,
                Description="Electronic Signature for this practice: on or off",
            )  # fmt: skip
        self._seen.pop(practice_id, None)

    @property
    def _default(self) -> str:
        return f"{self._prefix}/electronic-signature"

    def _name(self, practice_id: str) -> str:
        return f"{self._prefix}/practices/{practice_id}/electronic-signature"

    def _read(self, practice_id: str) -> bool:
        values = self._values(self._name(practice_id))
        return values.get(self._name(practice_id), values.get(self._default, _OFF)) == _ON

    def _values(self, *names: str) -> dict[str, str]:
        answer: dict[str, Any] = self._clients.ssm.get_parameters(Names=[self._default, *names])
        return {each["Name"]: each["Value"].strip().lower() for each in answer["Parameters"]}

    def _delete(self, name: str) -> None:
        self._clients.ssm.delete_parameters(Names=[name])
