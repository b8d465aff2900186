"""Practices: who is calling (API key or signature), keys and secrets, and the admin function's actions."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from chalicelib.domain.errors import Invalid, TooLarge, Unauthenticated
from chalicelib.domain.practices import Practice
from chalicelib.services.ports import Store

MAX_BODY_BYTES = 6 * 1024 * 1024
SIGNATURE_TOLERANCE = timedelta(minutes=5)
KEY_PREFIX = "pp_live_"
SECRET_PREFIX = "whsec_"

_ID = re.compile(r"[a-z0-9_]{1,64}")
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_SIGNATURE_HEADERS = ("portal-practice", "webhook-id", "webhook-timestamp", "webhook-signature")
_WRONG_KEY = "The API key is missing or not valid. Send it as `Authorization: Bearer <api key>`."
_WRONG_SIGNATURE = (
    "The signature fits no live secret of that practice. Sign `{webhook-id}.{webhook-timestamp}.{body}`, "
    "the body byte for byte as sent, with the practice's webhook secret."
)


# Who is calling


def authenticate_key(store: Store, bearer: str | None, now: datetime) -> Practice:
    """The practice of an API key; `bearer` is the Authorization header's value, or the bare key.

    Raises `Unauthenticated`, the same for a key that never was, is expired, or is not there.
    """
    digest = key_digest(_bare(bearer or ""))
    owner = store.claims([_key_claim(digest)]).get(_key_claim(digest))
    practice = store.practice(owner) if owner else None
    if practice is None or not practice.accepts_key(digest, now):
        raise Unauthenticated(_WRONG_KEY)
    return practice


def authenticate_signature(
    store: Store, headers: Mapping[str, str], body: bytes, now: datetime
) -> Practice:  # fmt: skip
    """The practice whose live secret signed this body (Standard Webhooks), header `portal-practice`.

    Raises `Unauthenticated`, the same for an unknown practice as for a wrong signature; `TooLarge` before
    anything is computed over a body past the limit.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge("The body is larger than 6 MB. Upload a large PDF by POST /v1/uploads first.")
    practice_id, message_id, seconds, signatures = _signature_headers(headers)
    at = _signed_at(seconds, now)
    practice = store.practice(practice_id) if _ID.fullmatch(practice_id) else None
    secrets = practice.live_secrets(now) if practice else ()
    if practice is None or not any(_fits(each, message_id, at, body, signatures) for each in secrets):
        raise Unauthenticated(_WRONG_SIGNATURE)
    return practice


def key_digest(key: str) -> str:
    """What is kept of an API key: its SHA-256, hex. The key itself has 256 random bits, so no salt."""
    return hashlib.sha256(key.encode()).hexdigest()


def _key_claim(digest: str) -> str:
    return f"apikey#{digest}"


def _bare(bearer: str) -> str:
    scheme, _, key = bearer.strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else bearer.strip()


def _signature_headers(headers: Mapping[str, str]) -> tuple[str, str, str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in _SIGNATURE_HEADERS if not lower.get(name)]
    if missing:
        raise Unauthenticated(f"These headers are missing: {', '.join(missing)}.")
    practice_id, message_id, seconds, signatures = (lower[name] for name in _SIGNATURE_HEADERS)
    if not _MESSAGE_ID.fullmatch(message_id):
        raise Invalid("The header webhook-id takes 1 to 256 visible ASCII characters.")
    return practice_id, message_id, seconds, signatures


def _signed_at(seconds: str, now: datetime) -> datetime:
    """The library's own check reads the system's clock; this one takes the time as given."""
    if not _SECONDS.fullmatch(seconds):
        raise Unauthenticated("The header webhook-timestamp takes whole seconds since 1970.")
    distance = abs(int(seconds) - now.timestamp())
    if distance > SIGNATURE_TOLERANCE.total_seconds():
        raise Unauthenticated(
            "The webhook-timestamp is more than 5 minutes away from now. Sign each try afresh, with the "
            "same webhook-id."
        )
    return datetime.fromtimestamp(int(seconds), UTC)


def _fits(secret: str, message_id: str, at: datetime, body: bytes, signatures: str) -> bool:
    from standardwebhooks import Webhook

    try:
        signed = Webhook(secret).sign(message_id, at, body.decode())
    except UnicodeDecodeError:
        raise Invalid("The body is not UTF-8 text.") from None
    expected = _signature_bytes(signed)
    return any(hmac.compare_digest(expected, _signature_bytes(each)) for each in signatures.split())


def _signature_bytes(text: str) -> bytes:
    """The bytes of one `v1,<base64>`; nothing for another version or what is not base64."""
    version, _, value = text.partition(",")
    try:
        return base64.b64decode(value, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
