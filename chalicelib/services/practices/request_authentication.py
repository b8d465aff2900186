"""Authentication of an EMR's requests, by API key or by webhook signature (Standard Webhooks)."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from chalicelib.domain.claim_keys import api_key_claim
from chalicelib.domain.errors import Invalid, NotJson, TooLarge, Unauthenticated
from chalicelib.domain.practices import Practice
from chalicelib.services.labels import duration
from chalicelib.services.ports import Store

MAX_BODY_MEGABYTES = 6
MAX_BODY_BYTES = MAX_BODY_MEGABYTES * 1024 * 1024
SIGNATURE_TOLERANCE = timedelta(minutes=5)
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every webhook secret

_PRACTICE_ID = re.compile(r"[a-z0-9_]{1,64}")
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_SIGNATURE_HEADERS = ("portal-practice", "webhook-id", "webhook-timestamp", "webhook-signature")
_REPLACEMENT_CHARACTER = "\ufffd".encode()

WRONG_KEY = "The API key is missing or not valid. Send it as `Authorization: Bearer <api key>`."
_WRONG_SIGNATURE = (
    "The signature matches no live secret of that practice. Sign `{webhook-id}.{webhook-timestamp}.{body}`, "
    "with the body byte for byte as sent, and with the practice's webhook secret."
)
_NOT_UTF8 = (
    "The body is not UTF-8, or the signature matches no live secret of that practice. Send JSON as UTF-8, "
    "and sign exactly the bytes that you send."
)


class RequestAuthentication:
    def __init__(self, store: Store) -> None:
        self._store = store

    def authenticate_key(self, bearer: str | None, now: datetime) -> Practice:
        """Return the practice that has this API key.

        `bearer` is the value of the Authorization header, or only the key. Raises the same `Unauthenticated`
        for a missing, an unknown and an expired key."""
        text = (bearer or "").strip()
        scheme, _, key = text.partition(" ")
        digest = key_digest(key.strip() if scheme.lower() == "bearer" else text)
        claim = api_key_claim(digest)
        owner = self._store.claims([claim]).get(claim)
        practice = self._store.practice(owner) if owner else None
        if practice is None or not practice.accepts_key(digest, now):
            raise Unauthenticated(WRONG_KEY)
        return practice

    def authenticate_signature(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Practice:
        """Return the practice in the header `portal-practice` if one of its live secrets signed the body.

        Raises the same `Unauthenticated` for an unknown practice and a wrong signature. Raises `NotJson` if
        the gateway also had to repair the body, because the signature may be wrong only for this reason. Raises
        `TooLarge` for a body above `MAX_BODY_BYTES`, before any hash is computed."""
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(
                f"The body is larger than {MAX_BODY_MEGABYTES} MB. Upload a large PDF by POST /v1/uploads first."
            )
        practice_id, message_id, seconds, signatures = _read_signature_headers(headers)
        _check_time(seconds, now)
        practice = self._store.practice(practice_id) if is_practice_id(practice_id) else None
        secrets = practice.live_secrets(now) if practice else ()
        if practice is None or not any(
            _is_signed_with(secret, message_id, seconds, body, signatures) for secret in secrets
        ):
            # U+FFFD in the body shows that the gateway repaired the body.
            raise NotJson(_NOT_UTF8) if _REPLACEMENT_CHARACTER in body else Unauthenticated(_WRONG_SIGNATURE)
        return practice


def is_practice_id(text: str) -> bool:
    """Return True if the text has the form of a practice's id. The store is not read for any other text."""
    return _PRACTICE_ID.fullmatch(text) is not None


def key_digest(key: str) -> str:
    """Return the SHA-256 (hex) of an API key, as it is stored. A key has 256 random bits, so it needs no salt."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def _read_signature_headers(headers: Mapping[str, str]) -> tuple[str, str, str, str]:
    """Return the practice's id, the message's id, the time (epoch seconds) and the signatures from the headers."""
    lower = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in _SIGNATURE_HEADERS if not lower.get(name)]
    if missing:
        raise Unauthenticated(f"These headers are missing: {', '.join(missing)}.")
    practice_id, message_id, seconds, signatures = (lower[name] for name in _SIGNATURE_HEADERS)
    if not _MESSAGE_ID.fullmatch(message_id):
        raise Invalid("The header webhook-id takes 1 to 256 visible ASCII characters.")
    return practice_id, message_id, seconds, signatures


def _check_time(seconds: str, now: datetime) -> None:
    if not _SECONDS.fullmatch(seconds):
        raise Unauthenticated("The header webhook-timestamp takes whole seconds since 1970.")
    distance = abs(int(seconds) - now.timestamp())
    if distance > SIGNATURE_TOLERANCE.total_seconds():
        raise Unauthenticated(
            f"The webhook-timestamp is more than {duration(SIGNATURE_TOLERANCE)} away from the present "
            "time. Sign every attempt again, with the same webhook-id."
        )


def _is_signed_with(secret: str, message_id: str, seconds: str, body: bytes, signatures: str) -> bool:
    # The official library signs text only, but an EMR signs bytes, which need not be valid text.
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{seconds}.".encode() + body
    expected = hmac.digest(key, signed, "sha256")
    return any(hmac.compare_digest(expected, _read_signature(text)) for text in signatures.split())


def _read_signature(text: str) -> bytes:
    """Return the bytes of a signature such as `v1,<base64>`. Another version or invalid base64 gives no bytes."""
    version, _, value = text.partition(",")
    try:
        return base64.b64decode(value, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
