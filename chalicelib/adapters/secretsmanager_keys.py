"""The keys that sign session cookies: the newest and the previous version of a secret in Secrets Manager.

To rotate the key, the admin function or an administrator in the AWS console stores a new value of the secret. Secrets
Manager then labels the old value `AWSPREVIOUS`. Cookies that were signed with the old value stay valid."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.session_keys import CACHE_LIFETIME, MIN_KEY_BYTES, SessionKeys

if TYPE_CHECKING:
    from chalicelib.adapters.aws_clients import Clients
    from chalicelib.services.ports import Clock

REREAD_INTERVAL = timedelta(minutes=1)
"""The least time between two reads of the keys because of a cookie with an unknown key id (`kid`).

Anybody can send a cookie with a made-up `kid`, so reads at every such cookie would be too many."""

_CURRENT, _PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"

logger = Logger(service="portal", child=True)


class SecretsManagerKeys:
    """Reader of the keys that sign session cookies: the implementation of the `Keys` of `services/ports.py`.

    The keys are cached, and are read from Secrets Manager again after `CACHE_LIFETIME`."""

    def __init__(self, clients: Clients, secret_id: str, clock: Clock) -> None:
        self._clients = clients
        self._secret_id = secret_id
        self._clock = clock
        self._cached: SessionKeys | None = None
        self._read_at: datetime | None = None
        self._reread_at: datetime | None = None

    def session_key(self) -> bytes:
        return self._keys().signing_key(self._clock.now())

    def known_session_keys(self) -> tuple[bytes, ...]:
        return self._keys().known

    def find_session_key(self, kid: str) -> bytes | None:
        key, now = self._keys().find(kid), self._clock.now()
        if key is not None or (self._reread_at is not None and now - self._reread_at < REREAD_INTERVAL):
            return key
        self._reread_at = now
        return self._read().find(kid)

    def _keys(self) -> SessionKeys:
        now = self._clock.now()
        if self._cached is not None and self._read_at is not None and now - self._read_at < CACHE_LIFETIME:
            return self._cached
        return self._read()

    def _read(self) -> SessionKeys:
        """Read the session keys from Secrets Manager into the cache, and return them.

        If the read fails, return the cached keys. Raises the error of the read if nothing is cached."""
        self._read_at = self._clock.now()
        try:
            self._cached = self._read_both()
        except (BotoCoreError, ClientError, Unavailable):
            if self._cached is None:
                raise
        return self._cached

    def _read_both(self) -> SessionKeys:
        client = self._clients.secrets
        with ThreadPoolExecutor(max_workers=1) as pool:
            before = pool.submit(_version, client, self._secret_id, _PREVIOUS)
            newest, previous = _version(client, self._secret_id, _CURRENT), before.result()
        if newest is None:
            logger.error("the newest session key is missing or too short: the previous key signs", least=MIN_KEY_BYTES)
            newest, previous = previous, None
        if newest is None:
            raise Unavailable("Login is not available right now. Please try again later.")
        return SessionKeys(newest[0], newest[1], previous[0] if previous else None)


class SecretsManagerKeyRotation:
    """Writer of a new key that signs session cookies: the `SessionKeyRotation` of `services/ports.py`.

    The function that uses it, `admin`, has no right to read the key."""

    def __init__(self, clients: Clients, secret_id: str) -> None:
        self._clients = clients
        self._secret_id = secret_id

    def rotated_at(self) -> datetime | None:
        versions = self._clients.secrets.list_secret_version_ids(SecretId=self._secret_id)["Versions"]
        created = (item["CreatedDate"] for item in versions if _CURRENT in item.get("VersionStages", ()))
        return next(created, None)

    def rotate(self, key: str) -> None:
        self._clients.secrets.put_secret_value(SecretId=self._secret_id, SecretString=key)


def read_secret_once(clients: Clients, secret_id: str) -> Callable[[], str]:
    """Return a function that returns the text of a secret. Only its first call reads the text from Secrets Manager."""

    @cache
    def read() -> str:
        text: str = clients.secrets.get_secret_value(SecretId=secret_id)["SecretString"]
        return text

    return read


def _version(client: Any, secret_id: str, stage: str) -> tuple[bytes, datetime] | None:
    """Return the session key in one version of the secret, with its creation time, read from Secrets Manager.

    `stage` is `AWSCURRENT` or `AWSPREVIOUS`. Return None for a missing key, and for a key that is too short."""
    try:
        response = client.get_secret_value(SecretId=secret_id, VersionStage=stage)
    except client.exceptions.ResourceNotFoundException:
        return None
    key = response.get("SecretString", "").encode()
    return (key, response["CreatedDate"]) if len(key) >= MIN_KEY_BYTES else None
