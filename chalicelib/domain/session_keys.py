"""The keys that sign session tokens. Two keys are valid at a time, so a rotation logs nobody out."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

MIN_KEY_BYTES = 32
"""HS256 requires a key as long as its hash (RFC 7518, 3.2)."""

CACHE_LIFETIME = timedelta(minutes=5)
SIGNING_DELAY = timedelta(minutes=10)
"""A new key signs only after every function has read it, so this is longer than `CACHE_LIFETIME`."""


@dataclass(frozen=True)
class SessionKeys:
    """The newest session key, the time of its creation, and the previous session key, if there is one."""

    current: bytes
    made_at: datetime
    previous: bytes | None = None

    @property
    def known(self) -> tuple[bytes, ...]:
        """The session keys whose signatures are valid, newest first."""
        return (self.current, self.previous) if self.previous else (self.current,)

    def signing_key(self, now: datetime) -> bytes:
        """Return the key that signs session tokens now: the newest key, or the previous key while the newest is young.

        A key is young for `SIGNING_DELAY` after its creation. Within this time, every Lambda function reads the key, so
        every function can verify the tokens that are signed with it later."""
        young = now - self.made_at < SIGNING_DELAY
        return self.previous if self.previous and young else self.current

    def find(self, kid: str) -> bytes | None:
        return next((key for key in self.known if key_id(key) == kid), None)


def key_id(key: bytes) -> str:
    """Return the `kid` (public id) of a signing key. The `kid` reveals nothing about the key."""
    return hashlib.sha256(b"kid:" + key).hexdigest()[:8]
