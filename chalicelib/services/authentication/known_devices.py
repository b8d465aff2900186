"""Signed cookies of known browsers. The login throttles a known browser apart from unknown ones.

A browser becomes known to an account when somebody logs in to the account with it. It stops being known when
all sessions of the account end: after a new password or *Log out everywhere*, only the browser in use then
stays known.
"""

from dataclasses import dataclass

from chalicelib.domain.providers import Provider
from chalicelib.services.ports import Ids, Keys
from chalicelib.services.signed_tokens import is_signed, sign

_MAX_COOKIE_CHARS = 300


@dataclass(frozen=True)
class KnownDevice:
    """A browser that logged in to an account in a session generation. `id` is part of its counter's key."""

    provider_id: str
    session_generation: int
    id: str

    def is_known_to(self, provider: Provider | None) -> bool:
        """Return True if the browser logged in to this account after its sessions were last ended."""
        known = (self.provider_id, self.session_generation)
        return provider is not None and (provider.id, provider.session_generation) == known


class KnownDevices:
    """The cookies of known browsers."""

    def __init__(self, keys: Keys, ids: Ids) -> None:
        self._keys = keys
        self._ids = ids

    def issue(self, provider_id: str, session_generation: int) -> str:
        """Return the cookie's value for a browser that has just logged in to the account."""
        name = f"{provider_id}.{session_generation}.{self._ids.token()}"
        return f"{name}.{sign(self._keys.session_key(), _message(name)).hex()}"

    def read(self, cookie: str) -> KnownDevice | None:
        """Return the browser that the cookie names, or None if the portal has not signed the cookie."""
        name, _, signature = cookie.rpartition(".")
        if len(cookie) > _MAX_COOKIE_CHARS or not self._is_ours(name, signature):
            return None
        provider_id, _, rest = name.partition(".")
        generation, _, token = rest.partition(".")
        return KnownDevice(provider_id, int(generation), name) if token else None

    def _is_ours(self, name: str, signature: str) -> bool:
        try:
            return is_signed(self._keys.known_session_keys(), _message(name), bytes.fromhex(signature))
        except ValueError:
            return False


def _message(name: str) -> bytes:
    return f"device:{name}".encode()
