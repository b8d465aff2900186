"""Signed cookies that identify known browsers. The login throttles known browsers separately from unknown ones.

A browser becomes known to an account when somebody logs in to the account with it. It stops being known when
all sessions of the account end. After a new password or *Log out everywhere*, only the browser in use stays
known."""

from dataclasses import dataclass

from chalicelib.domain.providers import Provider
from chalicelib.services.ports import Ids, Keys
from chalicelib.services.signed_tokens import is_signed, sign

_MAX_COOKIE_CHARS = 300


@dataclass(frozen=True)
class KnownDevice:
    """A browser in which somebody logged in to an account, with the session generation at that login.

    `id` is part of the key of the browser's counter of failures."""

    provider_id: str
    session_generation: int
    id: str

    def is_known_to(self, provider: Provider | None) -> bool:
        """Return True if this browser has logged in to the account since the account's sessions were last ended."""
        known = (self.provider_id, self.session_generation)
        return provider is not None and (provider.id, provider.session_generation) == known


class KnownDevices:
    def __init__(self, keys: Keys, ids: Ids) -> None:
        self._keys = keys
        self._ids = ids

    def issue(self, provider_id: str, session_generation: int) -> str:
        """Return the value of the cookie for a browser that has just logged in to the account."""
        name = f"{provider_id}.{session_generation}.{self._ids.token()}"
        return f"{name}.{sign(self._keys.session_key(), _message(name)).hex()}"

    def read(self, cookie: str) -> KnownDevice | None:
        """Return the known browser that a cookie names, or None if the portal did not sign the cookie."""
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
