"""The random challenges that a browser signs with a passkey, to prove that its response is fresh.

The portal signs and dates every challenge itself, so that a new challenge needs no row in the database."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain.timestamps import epoch_seconds
from chalicelib.services.signed_tokens import is_signed, sign, to_base64url

LIFETIME = timedelta(minutes=10)

_NONCE_BYTES, _DATE_BYTES = 16, 8


def make_challenge(key: bytes, subject: str, nonce: str, now: datetime) -> str:
    """Return a passkey challenge (base64url) with the time `now`, signed with `key`. `nonce` is a random text.

    `subject` is the id of the provider who must respond, or empty at a login, where the provider is not known yet."""
    head = hashlib.sha256(nonce.encode()).digest()[:_NONCE_BYTES] + epoch_seconds(now).to_bytes(_DATE_BYTES, "big")
    return to_base64url(head + sign(key, _message(subject, head)))


def is_valid_challenge(keys: Iterable[bytes], challenge: bytes, subject: str, now: datetime) -> bool:
    """Return True if the portal made the challenge for this provider (`subject`) less than `LIFETIME` ago.

    `keys` are the valid signing keys. Callers store the used challenge, so that nobody can use it twice."""
    length = _NONCE_BYTES + _DATE_BYTES
    head, signature = challenge[:length], challenge[length:]
    age = epoch_seconds(now) - int.from_bytes(head[_NONCE_BYTES:], "big")
    is_fresh = 0 <= age < LIFETIME.total_seconds()
    return is_fresh and is_signed(keys, _message(subject, head), signature)


def _message(subject: str, head: bytes) -> bytes:
    return b"passkey:" + subject.encode() + b":" + head
