"""Practices: who is calling (API key or signature), their keys and secrets, settings and endpoint."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.claim_keys import api_key_claim
from chalicelib.domain.errors import (
    Conflict,
    Invalid,
    NotFound,
    NotJson,
    PortalError,
    TooLarge,
    Unauthenticated,
)
from chalicelib.domain.practices import ApiKey, Endpoint, Practice, WebhookSecret, is_live
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store, Switches
from chalicelib.services.practices.practice_resource import (
    EndpointResource,
    PracticeResource,
    endpoint_resource,
    practice_resource,
)
from chalicelib.services.transaction import Change, Claim, OutboxRow

MAX_BODY_BYTES = 6 * 1024 * 1024
SIGNATURE_TOLERANCE = timedelta(minutes=5)
KEY_PREFIX = "pp_live_"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every such secret begins with
LIVE_KEYS = 2
OLD_SECRET_LIVES = timedelta(hours=24)
MOST_OLD_SECRETS = 4
"""Each signs every webhook: a header has room for some."""

_ID = re.compile(r"[a-z0-9_]{1,64}")
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_SIGNATURE_HEADERS = ("portal-practice", "webhook-id", "webhook-timestamp", "webhook-signature")
_WRONG_KEY = "The API key is missing or not valid. Send it as `Authorization: Bearer <api key>`."
_WRONG_SIGNATURE = (
    "The signature fits no live secret of that practice. Sign `{webhook-id}.{webhook-timestamp}.{body}`, "
    "the body byte for byte as sent, with the practice's webhook secret."
)
_NOT_UTF8 = (
    "The body is not UTF-8, or else its signature fits no live secret of that practice. Send JSON as UTF-8, "
    "and sign the very bytes that are sent."
)
_REPLACED = "\ufffd".encode()


# Who is calling


def authenticate_key(store: Store, bearer: str | None, now: datetime) -> Practice:
    """The practice of an API key; `bearer` is the Authorization header's value, or the bare key.

    Raises `Unauthenticated`, the same for a key that never was, is expired, or is not there.
    """
    digest = key_digest(_bare(bearer or ""))
    owner = store.claims([api_key_claim(digest)]).get(api_key_claim(digest))
    practice = store.practice(owner) if owner else None
    if practice is None or not practice.accepts_key(digest, now):
        raise Unauthenticated(_WRONG_KEY)
    return practice


def authenticate_signature(store: Store, headers: Mapping[str, str], body: bytes, now: datetime) -> Practice:
    """The practice whose live secret signed this body (Standard Webhooks), header `portal-practice`.

    Raises `Unauthenticated`, the same for an unknown practice as for a wrong signature; `NotJson` where
    no secret fits and the body holds what the gateway puts for bytes that are no UTF-8, so that nobody looks
    for the mistake in the secret; `TooLarge` before anything is computed over a body past the limit.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge("The body is larger than 6 MB. Upload a large PDF by POST /v1/uploads first.")
    practice_id, message_id, seconds, signatures = _signature_headers(headers)
    _check_time(seconds, now)
    practice = store.practice(practice_id) if is_practice_id(practice_id) else None
    secrets = practice.live_secrets(now) if practice else ()
    if practice is None or not any(_fits(each, message_id, seconds, body, signatures) for each in secrets):
        raise _unsigned(body)
    return practice


def is_practice_id(text: str) -> bool:
    """Whether it could be one; no row is asked for otherwise."""
    return _ID.fullmatch(text) is not None


def key_digest(key: str) -> str:
    """What is kept of an API key: its SHA-256, hex. The key itself has 256 random bits, so no salt."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


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


def _check_time(seconds: str, now: datetime) -> None:
    if not _SECONDS.fullmatch(seconds):
        raise Unauthenticated("The header webhook-timestamp takes whole seconds since 1970.")
    distance = abs(int(seconds) - now.timestamp())
    if distance > SIGNATURE_TOLERANCE.total_seconds():
        raise Unauthenticated(
            "The webhook-timestamp is more than 5 minutes away from now. Sign each try afresh, with the "
            "same webhook-id."
        )


def _unsigned(body: bytes) -> PortalError:
    """The gateway puts U+FFFD for what is not UTF-8, and no signature fits what it makes of such a body."""
    if _REPLACED in body:
        return NotJson(_NOT_UTF8)
    return Unauthenticated(_WRONG_SIGNATURE)


def _fits(secret: str, message_id: str, seconds: str, body: bytes, signatures: str) -> bool:
    """By hand, since the library signs text only: what is signed are bytes, whatever they say."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{seconds}.".encode() + body
    expected = hmac.digest(key, signed, "sha256")
    return any(hmac.compare_digest(expected, _signature_bytes(each)) for each in signatures.split())


def _signature_bytes(text: str) -> bytes:
    """The bytes of one `v1,<base64>`; nothing for another version or what is not base64."""
    version, _, value = text.partition(",")
    try:
        return base64.b64decode(value, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""


# Making a practice, its keys and secrets


def create(
    store: Store, ids: Ids, now: datetime, *, name: str, settings: Mapping[str, Any]
) -> tuple[Practice, str, str]:
    """A new practice, with its API key and webhook secret in clear: this once.

    `settings` are `phone`, `fax`, `reply_to` and `time_zone`, checked and made uniform already.
    """
    key, made = _new_key(ids, now)
    secret = _new_secret(ids, now)
    practice = Practice(
        id=ids.new("prc"),
        version=1,
        name=name,
        created_at=now,
        api_keys=(made,),
        webhook_secrets=(secret,),
        **settings,
    )
    claim = Claim(key=api_key_claim(made.sha256), owner=practice.id)
    store.commit(Change(at=now, practices=(practice,), claims=(claim,)))
    return practice, key, secret.value


def rotate_key(store: Store, ids: Ids, now: datetime, practice_id: str, *, end_others: bool = False) -> str:
    """A new API key in clear. The one before stays live until the next rotation; `end_others` ends it now."""
    key, made = _new_key(ids, now)
    claim = Claim(key=api_key_claim(made.sha256), owner=practice_id)

    def rotated(practice: Practice) -> Practice:
        kept = () if end_others else _newest(practice.api_keys, now)
        return replace(practice, api_keys=(*kept, made))

    change_practice(store, practice_id, now, rotated, claims=(claim,))
    return key


def rotate_secret(
    store: Store, ids: Ids, now: datetime, practice_id: str, *, end_others: bool = False
) -> str:
    """A new webhook secret in clear. Each before lives on for 24 hours from its own rotation, though another
    follows: the answer to one may have been lost. All that live sign and verify. `end_others` ends them now;
    `Conflict` where there would be more than `MOST_OLD_SECRETS`.
    """
    made = _new_secret(ids, now)

    def rotated(practice: Practice) -> Practice:
        live = [each for each in practice.webhook_secrets if is_live(each, now)]
        old = [each if each.expires_at else replace(each, expires_at=now + OLD_SECRET_LIVES) for each in live]
        kept = () if end_others else tuple(old)
        if len(kept) > MOST_OLD_SECRETS:
            raise Conflict(
                f"{len(kept)} webhook secrets would live beside the new one. Wait until some have ended (24 "
                "hours after their rotation), or end all of them with `end_others`."
            )
        return replace(practice, webhook_secrets=(*kept, made))

    change_practice(store, practice_id, now, rotated)
    return made.value


def change_practice(
    store: Store,
    practice_id: str,
    now: datetime,
    step: Callable[[Practice], Practice],
    *,
    claims: tuple[Claim, ...] = (),
    outbox: Callable[[Practice], OutboxRow] | None = None,
) -> Practice:
    """The practice as `step` makes it, of the latest there is; `NotFound` if there is none.

    `outbox` makes the row to be written with it, of the practice as it was.
    """

    def attempt() -> Practice:
        practice = store.practice(practice_id)
        if practice is None:
            raise NotFound("There is no such practice.")
        changed = replace(step(practice), version=practice.version + 1)
        rows = (outbox(practice),) if outbox else ()
        store.commit(Change(at=now, practices=(changed,), claims=claims, outbox=rows))
        return changed

    return retry_on_conflict(attempt, retry_on=frozenset({"practice"}))


def _new_key(ids: Ids, now: datetime) -> tuple[str, ApiKey]:
    key = KEY_PREFIX + ids.token()
    return key, ApiKey(sha256=key_digest(key), hint=key[: len(KEY_PREFIX) + 4], created_at=now)


def _new_secret(ids: Ids, now: datetime) -> WebhookSecret:
    """Standard Webhooks wants plain base64, which `token` is not."""
    key = hashlib.sha256(ids.token().encode()).digest()
    return WebhookSecret(value=SECRET_PREFIX + base64.b64encode(key).decode(), created_at=now)


def _newest(keys: tuple[ApiKey, ...], now: datetime) -> tuple[ApiKey, ...]:
    """The live keys that may stay beside a new one."""
    live = [each for each in keys if is_live(each, now)]
    return tuple(sorted(live, key=lambda each: each.created_at))[-(LIVE_KEYS - 1) :]


# Settings


def update(
    store: Store, switches: Switches, practice: Practice, now: datetime, settings: Mapping[str, Any]
) -> PracticeResource:
    """Writes the settings that are named, checked and made uniform already; answers the resource.

    `electronic_signature` goes to the parameter that administrators see in the AWS console.
    """
    columns = {name: value for name, value in settings.items() if name != "electronic_signature"}
    if "electronic_signature" in settings:
        switches.set_electronic_signature(practice.id, on=settings["electronic_signature"])
    if columns:
        practice = change_practice(store, practice.id, now, lambda latest: replace(latest, **columns))
    on = settings.get("electronic_signature")
    if on is None:
        on = switches.electronic_signature(practice.id)
    return practice_resource(practice, electronic_signature=on)


def set_endpoint(store: Store, practice: Practice, now: datetime, url: str) -> EndpointResource:
    """Sends webhooks there from now on, also those that were held while the endpoint was off.

    The job that releases them is written with the endpoint, so that none stays held if this ends here. What
    waits for a later attempt is sent at once only if the endpoint was off or elsewhere, and only then is it
    forgotten for how long it has failed: an EMR may well set it at every start, and each time would begin
    afresh what ends with a notice to staff.
    """
    from chalicelib.services.delivery.webhook_release import release_row

    changed = change_practice(
        store,
        practice.id,
        now,
        lambda latest: replace(latest, endpoint=_on_at(latest, url) or Endpoint(url=url)),
        outbox=lambda latest: release_row(practice.id, now, hastens=_on_at(latest, url) is None),
    )
    return endpoint_resource(changed.endpoint or Endpoint(url=url))


def _on_at(practice: Practice, url: str) -> Endpoint | None:
    endpoint = practice.live_endpoint
    return endpoint if endpoint is not None and endpoint.url == url else None
