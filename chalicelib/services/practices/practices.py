"""Practices: their settings, webhook endpoint, API keys and webhook secrets."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.carriers.fax_addresses import LIVE_TOKENS, fax_address
from chalicelib.domain.claim_keys import api_key_claim
from chalicelib.domain.errors import Conflict, FieldError, Invalid
from chalicelib.domain.practices import ApiKey, Endpoint, Practice, WebhookSecret, is_live
from chalicelib.services.lookups import require_practice
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store, Switches
from chalicelib.services.practices import practice_resource as resources
from chalicelib.services.practices.request_authentication import SECRET_PREFIX, key_digest
from chalicelib.services.transaction import Change, Claim, OutboxRow

KEY_PREFIX = "pp_live_"
LIVE_KEYS = 2
OLD_SECRET_LIFETIME = timedelta(hours=24)
MAX_OLD_SECRETS = 4
"""The most old secrets beside a new one. Every live secret signs every webhook, and the header has little room."""


@dataclass(frozen=True, kw_only=True)
class NewPractice:
    """A new practice. Only this object has the practice's API key and webhook secret in readable form."""

    practice: Practice
    api_key: str
    webhook_secret: str


class Practices:
    def __init__(self, store: Store, switches: Switches, ids: Ids, fax_mail_domain: str = "") -> None:
        self._store = store
        self._switches = switches
        self._ids = ids
        self._fax_mail_domain = fax_mail_domain

    def create(self, name: str, settings: Mapping[str, Any], now: datetime) -> NewPractice:
        """Store a new practice, and return it with its first API key and webhook secret.

        `settings` are normalized fields of `Practice`."""
        key, api_key = _new_key(self._ids, now)
        secret = _new_secret(self._ids, now)
        practice = Practice(
            id=self._ids.new("prc"),
            version=1,
            name=name,
            created_at=now,
            api_keys=(api_key,),
            webhook_secrets=(secret,),
            **settings,
        )
        claim = Claim(key=api_key_claim(api_key.sha256), owner=practice.id)
        self._store.commit(Change(at=now, practices=(practice,), claims=(claim,)))
        return NewPractice(practice=practice, api_key=key, webhook_secret=secret.value)

    def rotate_key(self, practice_id: str, now: datetime, *, end_others: bool = False) -> str:
        """Store and return a new API key. One old key works until the next rotation, or none with `end_others`."""
        key, api_key = _new_key(self._ids, now)
        claim = Claim(key=api_key_claim(api_key.sha256), owner=practice_id)

        def rotate(practice: Practice) -> Practice:
            old_keys = () if end_others else _newest_keys(practice.api_keys, now)
            return replace(practice, api_keys=(*old_keys, api_key))

        self.change(practice_id, now, rotate, claims=(claim,))
        return key

    def rotate_secret(self, practice_id: str, now: datetime, *, end_others: bool = False) -> str:
        """Store and return a new webhook secret.

        Every old secret signs and verifies for `OLD_SECRET_LIFETIME` after its own rotation, even if another
        rotation follows, because the response to a rotation may be lost. `end_others` ends all old secrets
        immediately. Raises `Conflict` if more than `MAX_OLD_SECRETS` old secrets would remain."""
        new = _new_secret(self._ids, now)

        def rotate(practice: Practice) -> Practice:
            old_secrets = () if end_others else _retire(practice.webhook_secrets, now)
            if len(old_secrets) > MAX_OLD_SECRETS:
                raise Conflict(
                    f"{len(old_secrets)} old webhook secrets would still work beside the new one. Wait until "
                    f"some have expired ({OLD_SECRET_LIFETIME // timedelta(hours=1)} hours after their "
                    "rotation), or end all of them with `end_others`."
                )
            return replace(practice, webhook_secrets=(*old_secrets, new))

        self.change(practice_id, now, rotate)
        return new.value

    def rotate_fax_address(self, practice_id: str, now: datetime, *, end_others: bool = False) -> str:
        """Store and return a new email address for forwarded faxes.

        The address before it works until the next rotation, or no longer with `end_others`. Raises `Conflict` if the
        installation takes no such emails."""
        if not self._fax_mail_domain:
            raise Conflict("This installation takes no faxes by email. Set the parameter FaxMailDomain.")
        token = self._ids.new("fax")

        def rotate(practice: Practice) -> Practice:
            old_tokens = () if end_others else practice.fax_tokens[: LIVE_TOKENS - 1]
            return replace(practice, fax_tokens=(token, *old_tokens))

        return str(fax_address(self.change(practice_id, now, rotate), self._fax_mail_domain))

    def resource(self, practice: Practice) -> resources.PracticeResource:
        """Return all settings of the practice as JSON for the EMR."""
        return self._describe(practice, electronic_signature=self._switches.electronic_signature(practice.id))

    def _describe(self, practice: Practice, *, electronic_signature: bool) -> resources.PracticeResource:
        fax_email = fax_address(practice, self._fax_mail_domain)
        return resources.practice_resource(practice, electronic_signature=electronic_signature, fax_email=fax_email)

    def update(self, practice: Practice, settings: Mapping[str, Any], now: datetime) -> resources.PracticeResource:
        """Store the given settings, which are normalized, and return all settings of the practice as JSON.

        `electronic_signature` is stored as the setting that administrators see in the AWS console. `name` is accepted
        only if it is the practice's present name."""
        columns = {name: value for name, value in settings.items() if name not in ("electronic_signature", "name")}
        if settings.get("name", practice.name) != practice.name:
            problem = "belongs to the portal's administrators. Ask them to change it"
            raise Invalid(f"name {problem}.", errors=(FieldError("name", problem),))
        if "electronic_signature" in settings:
            self._switches.set_electronic_signature(practice.id, on=settings["electronic_signature"])
        if columns:
            practice = self.change(practice.id, now, lambda latest: replace(latest, **columns))
        on = settings.get("electronic_signature")
        if on is None:
            on = self._switches.electronic_signature(practice.id)
        return self._describe(practice, electronic_signature=on)

    def set_endpoint(self, practice: Practice, url: str, now: datetime) -> resources.EndpointResource:
        """Send the practice's webhooks to this URL, including the webhooks held while the endpoint was off.

        Jobs send the held webhooks. The transaction that stores the endpoint also stores these jobs, so none is lost.

        An EMR may set the same URL at every start. If the endpoint is on and has this URL, its record of failures
        does not change, so that staff still get a notice of a failing endpoint. Otherwise, the record is empty, and
        failed webhooks that wait for their next attempt are sent now."""
        from chalicelib.services.delivery.webhook_release import release_row

        changed = self.change(
            practice.id,
            now,
            lambda latest: replace(latest, endpoint=_live_endpoint_at(latest, url) or Endpoint(url=url)),
            outbox=lambda latest: release_row(practice.id, now, hastens=_live_endpoint_at(latest, url) is None),
        )
        return resources.endpoint_resource(changed.endpoint or Endpoint(url=url))

    def change(
        self,
        practice_id: str,
        now: datetime,
        step: Callable[[Practice], Practice],
        *,
        claims: tuple[Claim, ...] = (),
        outbox: Callable[[Practice], OutboxRow] | None = None,
    ) -> Practice:
        """Store the result of `step` for the latest version of the practice, and return the changed practice.

        `claims` (unique keys with an owner) are stored in the same transaction, and so is the outbox row that `outbox`
        computes from the practice before the change. Raises `NotFound` if there is no such practice."""

        def attempt() -> Practice:
            practice = require_practice(self._store, practice_id)
            changed = replace(step(practice), version=practice.version + 1)
            rows = (outbox(practice),) if outbox else ()
            self._store.commit(Change(at=now, practices=(changed,), claims=claims, outbox=rows))
            return changed

        return retry_on_conflict(attempt, retry_on=frozenset({"practice"}))


def _new_key(ids: Ids, now: datetime) -> tuple[str, ApiKey]:
    key = KEY_PREFIX + ids.token()
    return key, ApiKey(sha256=key_digest(key), hint=key[: len(KEY_PREFIX) + 4], created_at=now)


def _new_secret(ids: Ids, now: datetime) -> WebhookSecret:
    # Standard Webhooks needs plain base64, and a token is not.
    key = hashlib.sha256(ids.token().encode()).digest()
    return WebhookSecret(value=SECRET_PREFIX + base64.b64encode(key).decode(), created_at=now)


def _newest_keys(keys: tuple[ApiKey, ...], now: datetime) -> tuple[ApiKey, ...]:
    """Return the practice's API keys that stay valid when a new key is added. All other keys end.

    A practice has at most `LIVE_KEYS` keys with the new key, so the newest `LIVE_KEYS - 1` valid keys stay."""
    live = [key for key in keys if is_live(key, now)]
    return tuple(sorted(live, key=lambda key: key.created_at))[-(LIVE_KEYS - 1) :]


def _retire(secrets: tuple[WebhookSecret, ...], now: datetime) -> tuple[WebhookSecret, ...]:
    """Return the webhook secrets that are still valid, with an expiry time, because a new secret replaces them.

    A secret that an earlier rotation has replaced already has an expiry time, which does not change."""
    live = (secret for secret in secrets if is_live(secret, now))
    expires_at = now + OLD_SECRET_LIFETIME
    return tuple(secret if secret.expires_at else replace(secret, expires_at=expires_at) for secret in live)


def _live_endpoint_at(practice: Practice, url: str) -> Endpoint | None:
    """Return the practice's webhook endpoint if it is on and has this URL, and otherwise None."""
    endpoint = practice.live_endpoint
    return endpoint if endpoint is not None and endpoint.url == url else None
