"""Challenges for passkeys: signed by us and dated, so that asking for one writes nothing."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from chalicelib.domain.timestamps import epoch

LIFETIME = timedelta(minutes=10)

_NONCE, _DATE = 16, 8


def make_challenge(key: bytes, subject: str, nonce: str, now: datetime) -> str:
    """A challenge (base64url) for `subject`: a provider's id, or nobody's for a login. `nonce` is random."""
    head = hashlib.sha256(nonce.encode()).digest()[:_NONCE] + epoch(now).to_bytes(_DATE, "big")
    return encoded(head + _seal(key, subject, head))


def is_challenge(key: bytes, challenge: bytes, subject: str, now: datetime) -> bool:
    """Whether we made it for this subject, and not too long ago.

    That it is used once, the caller's write decides.
    """
    head, seal = challenge[: _NONCE + _DATE], challenge[_NONCE + _DATE :]
    made = int.from_bytes(head[_NONCE:], "big")
    fresh = 0 <= epoch(now) - made < LIFETIME.total_seconds()
    return fresh and hmac.compare_digest(seal, _seal(key, subject, head))


def encoded(data: bytes) -> str:
    """Base64url without padding, as WebAuthn writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Raises `ValueError` for what is none."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _seal(key: bytes, subject: str, head: bytes) -> bytes:
    return hmac.digest(key, b"passkey:" + subject.encode() + b":" + head, "sha256")
