"""Device cookies: a browser that has logged in to an account once is throttled apart from strangers."""

import hashlib
import hmac
from dataclasses import dataclass

from chalicelib.services.ports import Ids, Keys

_MAX_COOKIE = 300


@dataclass(frozen=True)
class Device:
    """A browser that this account was logged in to from. `id` is the key's part of its own count."""

    provider_id: str
    id: str


class Devices:
    def __init__(self, keys: Keys, ids: Ids) -> None:
        self._keys = keys
        self._ids = ids

    def issue(self, provider_id: str) -> str:
        """The value of the cookie for who has just logged in; it proves nothing but that."""
        name = f"{provider_id}.{self._ids.token()}"
        return f"{name}.{self._signature(name)}"

    def read(self, cookie: str) -> Device | None:
        """What the cookie says; None unless we signed it."""
        name, _, signature = cookie.rpartition(".")
        if len(cookie) > _MAX_COOKIE or not hmac.compare_digest(
            signature.encode(), self._signature(name).encode()
        ):
            return None
        return Device(provider_id=name.partition(".")[0], id=name)

    def _signature(self, name: str) -> str:
        return hmac.new(self._keys.session_key(), f"device:{name}".encode(), hashlib.sha256).hexdigest()
