"""HMAC-SHA256 signatures of device cookies, passkey challenges and form tokens. PyJWT signs session cookies."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable


def sign(key: bytes, message: bytes) -> bytes:
    """Return the signature (32 bytes) of a message.

    Callers start every message with its purpose, so that a token made for one purpose is invalid for another."""
    return hmac.digest(key, message, "sha256")


def is_signed(keys: Iterable[bytes], message: bytes, signature: bytes) -> bool:
    return any(hmac.compare_digest(sign(key, message), signature) for key in keys)


def to_base64url(data: bytes) -> str:
    """Return the data as base64url without padding, as WebAuthn writes it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes in base64url text without padding. Raises `ValueError` for other text."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
