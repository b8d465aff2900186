"""Signed cookies by which the login recognizes a browser that somebody has used to log in to an account before.

Wrong passwords from unknown browsers then cannot make the owner's own browser wait. A browser is known to an account
from a login until all sessions of the account end. After a new password, only the browser in use stays known."""

from dataclasses import dataclass

from chalicelib.domain.providers import Provider
from chalicelib.services.ports import Ids, Keys
from chalicelib.services.signed_tokens import is_signed, sign

_MAX_COOKIE_CHARS = 300


@dataclass(frozen=True)
class KnownDevice:
    """A browser in which somebody logged in to an account, as its signed cookie says.

    `session_generation` is the account's number at that login, which rises when all sessions of the account end. `id`
    is part of the key under which failed logins of this browser are counted."""

    provider_id: str
    session_generation: int
    id: str

    def is_known_to(self, provider: Provider | None) -> bool:
        """Return True if somebody has logged in to the account with this browser since all its sessions last ended.

        A password change, for example, ends all sessions of an account at once, and so forgets its browsers."""
        known = (self.provider_id, self.session_generation)
        return provider is not None and (provider.id, provider.session_generation) == known


class KnownDevices:
    def __init__(self, keys: Keys, ids: Ids) -> None:
        self._keys = keys
        self._ids = ids

    def issue(self, provider_id: str, session_generation: int) -> str:
        """Return the signed value of the cookie that makes the browser of a login known to the account.

        `session_generation` is the account's number that rises when all its sessions end. This ends the cookie too."""
        name = f"{provider_id}.{session_generation}.{self._ids.token()}"
        return f"{name}.{sign(self._keys.session_key(), _message(name)).hex()}"

    def read(self, cookie: str) -> KnownDevice | None:
        """Return the browser and the account that a cookie names, or None if the portal did not sign the cookie."""
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
