"""The keys that sign session tokens: two count at a time, so that one is replaced with nobody logged out."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

MIN_KEY_BYTES = 32
"""HS256 wants a key as long as its hash (RFC 7518, 3.2)."""

CACHE_LIFETIME = timedelta(minutes=5)
"""How long a function goes by what it read last."""

SIGNING_DELAY = timedelta(minutes=10)
"""A new key signs only after every function has read it, so this is longer than `CACHE_LIFETIME`."""


@dataclass(frozen=True)
class SessionKeys:
    """The newest key, when it was made, and the one before it, if there is one."""

    current: bytes
    made_at: datetime
    previous: bytes | None = None

    @property
    def known(self) -> tuple[bytes, ...]:
        """The keys whose signatures count, newest first."""
        return (self.current, self.previous) if self.previous else (self.current,)

    def signing(self, now: datetime) -> bytes:
        """The key to sign with now."""
        young = now - self.made_at < SIGNING_DELAY
        return self.previous if self.previous and young else self.current

    def named(self, kid: str) -> bytes | None:
        """The key with this `kid`; None when neither has it."""
        return next((key for key in self.known if key_id(key) == kid), None)


def key_id(key: bytes) -> str:
    """The `kid` of a signing key: tells keys apart and nothing more."""
    return hashlib.sha256(b"kid:" + key).hexdigest()[:8]
