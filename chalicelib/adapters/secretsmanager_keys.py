"""The keys that sign sessions, from Secrets Manager: its newest version, and the one before.

Whoever writes a new value, the admin function or a person in the console, thereby rotates: Secrets Manager
itself keeps the value before under `AWSPREVIOUS`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.session_keys import CACHE_LIFETIME, MIN_KEY_BYTES, SessionKeys

if TYPE_CHECKING:
    from chalicelib.adapters.aws_clients import Clients
    from chalicelib.services.ports import Clock

LOOKS_AGAIN_AT_MOST_EVERY = timedelta(minutes=1)
"""For a `kid` that is not known: whoever makes some up causes no more than this."""

_CURRENT, _PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"

logger = Logger(service="portal", child=True)


class SecretsManagerKeys:
    """`Keys` of `services/ports.py`. Reads both versions side by side, and then every five minutes."""

    def __init__(self, clients: Clients, secret_id: str, clock: Clock) -> None:
        self._clients = clients
        self._secret_id = secret_id
        self._clock = clock
        self._kept: SessionKeys | None = None
        self._read_at: datetime | None = None
        self._looked_again_at: datetime | None = None

    def session_key(self) -> bytes:
        return self._keys().signing(self._clock.now())

    def known_session_keys(self) -> tuple[bytes, ...]:
        return self._keys().known

    def find_session_key(self, kid: str) -> bytes | None:
        found = self._keys().named(kid)
        if found is not None or not self._may_look_again():
            return found
        self._looked_again_at = self._clock.now()
        return self._read().named(kid)

    def _keys(self) -> SessionKeys:
        now = self._clock.now()
        if self._kept is not None and self._read_at is not None and now - self._read_at < CACHE_LIFETIME:
            return self._kept
        return self._read()

    def _may_look_again(self) -> bool:
        last = self._looked_again_at
        return last is None or self._clock.now() - last >= LOOKS_AGAIN_AT_MOST_EVERY

    def _read(self) -> SessionKeys:
        """What is there now; what was there before, while Secrets Manager does not answer."""
        self._read_at = self._clock.now()
        try:
            self._kept = self._both()
        except (BotoCoreError, ClientError, Unavailable):
            if self._kept is None:
                raise
        return self._kept

    def _both(self) -> SessionKeys:
        client = self._clients.secrets
        with ThreadPoolExecutor(max_workers=1) as pool:
            before = pool.submit(_version, client, self._secret_id, _PREVIOUS)
            newest, previous = _version(client, self._secret_id, _CURRENT), before.result()
        if newest is None:
            logger.error(
                "the newest session key is missing or too short: the one before signs", least=MIN_KEY_BYTES
            )
            newest, previous = previous, None
        if newest is None:
            raise Unavailable("The portal cannot log anybody in just now. Please try again later.")
        return SessionKeys(newest[0], newest[1], previous[0] if previous else None)


class SecretsManagerKeyRotation:
    """`SessionKeyRotation` of `services/ports.py`: changes the secret without being able to read it."""

    def __init__(self, clients: Clients, secret_id: str) -> None:
        self._clients = clients
        self._secret_id = secret_id

    def rotated_at(self) -> datetime | None:
        versions = self._clients.secrets.list_secret_version_ids(SecretId=self._secret_id)["Versions"]
        made = [each["CreatedDate"] for each in versions if _CURRENT in each.get("VersionStages", ())]
        return made[0] if made else None

    def rotate(self, key: str) -> None:
        self._clients.secrets.put_secret_value(SecretId=self._secret_id, SecretString=key)


def _version(client: Any, secret_id: str, stage: str) -> tuple[bytes, datetime] | None:
    """A version's key and when it was made; None for none, or one too short to sign with."""
    try:
        answer = client.get_secret_value(SecretId=secret_id, VersionStage=stage)
    except client.exceptions.ResourceNotFoundException:
        return None
    key = answer.get("SecretString", "").encode()
    return (key, answer["CreatedDate"]) if len(key) >= MIN_KEY_BYTES else None
