"""Challenges for passkeys. The portal signs and dates each challenge, so a new challenge needs no database row."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain.timestamps import epoch_seconds
from chalicelib.services.signed_tokens import is_signed, sign, to_base64url

LIFETIME = timedelta(minutes=10)

_NONCE_BYTES, _DATE_BYTES = 16, 8


def make_challenge(key: bytes, subject: str, nonce: str, now: datetime) -> str:
    """Return a passkey challenge (base64url). `subject` is the provider's id, or empty at a login.

    `nonce` is random."""
    head = hashlib.sha256(nonce.encode()).digest()[:_NONCE_BYTES] + epoch_seconds(now).to_bytes(_DATE_BYTES, "big")
    return to_base64url(head + sign(key, _message(subject, head)))


def is_valid_challenge(keys: Iterable[bytes], challenge: bytes, subject: str, now: datetime) -> bool:
    """Return True if the portal made the challenge for this subject within `LIFETIME`. Callers prevent a second use."""
    length = _NONCE_BYTES + _DATE_BYTES
    head, signature = challenge[:length], challenge[length:]
    age = epoch_seconds(now) - int.from_bytes(head[_NONCE_BYTES:], "big")
    is_fresh = 0 <= age < LIFETIME.total_seconds()
    return is_fresh and is_signed(keys, _message(subject, head), signature)


def _message(subject: str, head: bytes) -> bytes:
    return b"passkey:" + subject.encode() + b":" + head
