"""Device cookies: a browser that has logged in to an account once is throttled apart from strangers.

It is known for as long as a session of that login would not have been ended with all the others: a new
password, and *Log out everywhere*, make strangers of all browsers but the one that it was done in.
"""

import hashlib
import hmac
from dataclasses import dataclass

from chalicelib.domain.providers import Provider
from chalicelib.services.ports import Ids, Keys

_MAX_COOKIE = 300


@dataclass(frozen=True)
class Device:
    """A browser that this account was logged in to from, in its `session_generation` of then. `id` is
    the key's part of its own count.
    """

    provider_id: str
    session_generation: int
    id: str

    def is_known_to(self, provider: Provider | None) -> bool:
        """Whether it is this account's, and no end of all sessions came after its login."""
        return provider is not None and (provider.id, provider.session_generation) == (
            self.provider_id,
            self.session_generation,
        )


class Devices:
    def __init__(self, keys: Keys, ids: Ids) -> None:
        self._keys = keys
        self._ids = ids

    def issue(self, provider_id: str, session_generation: int) -> str:
        """The value of the cookie for who has just logged in; it proves nothing but that."""
        name = f"{provider_id}.{session_generation}.{self._ids.token()}"
        return f"{name}.{_signature(self._keys.session_key(), name)}"

    def read(self, cookie: str) -> Device | None:
        """What the cookie says; None unless we signed it."""
        name, _, signature = cookie.rpartition(".")
        if len(cookie) > _MAX_COOKIE or not self._is_ours(name, signature):
            return None
        provider_id, _, rest = name.partition(".")
        generation, _, token = rest.partition(".")
        return Device(provider_id=provider_id, session_generation=int(generation), id=name) if token else None

    def _is_ours(self, name: str, signature: str) -> bool:
        ours = (_signature(key, name) for key in self._keys.known_session_keys())
        return any(hmac.compare_digest(signature.encode(), each.encode()) for each in ours)


def _signature(key: bytes, name: str) -> str:
    return hmac.new(key, f"device:{name}".encode(), hashlib.sha256).hexdigest()
