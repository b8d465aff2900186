"""Second factors of a login: passkeys, an authenticator app, and recovery codes."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """A WebAuthn credential. `count` is its counter of signatures. `id` and `public_key` are base64url."""

    id: str
    public_key: str
    count: int
    name: str
    created_at: datetime
    last_used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Authenticator:
    """An authenticator app that shows six digits (RFC 6238). `last_step` is the time step of the last accepted code."""

    secret: str
    since: datetime
    last_step: int = 0


def hash_recovery_code(code: str) -> str:
    """Return the hash (SHA-256, hex) that is stored for a recovery code. Case, spaces and hyphens do not matter.

    A recovery code has 120 random bits, so it needs no slow hash (ASVS 6.5.2)."""
    plain = "".join(c for c in code.upper() if c.isascii() and c.isalnum())
    return hashlib.sha256(f"recovery:{plain}".encode()).hexdigest()
