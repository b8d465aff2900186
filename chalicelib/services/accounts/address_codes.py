"""Codes of six digits by email, with which an owner proves to read email at one more address of the account.

The web function stores a request. The deliveries function makes the code when it sends the email, unless another
account has the address. So a page, and the time until it appears, never reveals whether an account has an address.
A code works only for the account's newest request."""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import Channel, Delivery, MessageType
from chalicelib.domain.errors import ConcurrentUpdate, FieldError, Invalid, MessageOutdated
from chalicelib.domain.expiring_records import CODE_LIFETIME, Secret, SecretKind, new_secret, secret_key
from chalicelib.services.delivery_rows import PORTAL_PRACTICE, new_delivery, outbox_row
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store
from chalicelib.services.throttling import Quota
from chalicelib.services.transaction import Change

TRIES_PER_SOURCE = 5
TRIES_PER_CODE = 10
"""The limits on wrong tries of one code, from one client network and in total.

Only somebody who is logged in to the account can try a code, so these limits may be low."""

CODES_PER_HOUR = Quota(kind=SecretKind.ADDRESS, limit=5, period=timedelta(hours=1), min_interval=timedelta(minutes=1))
CODES_PER_DAY = Quota(kind=SecretKind.ADDRESS, limit=20, period=timedelta(hours=24))

_RETRY_ON = frozenset({"secret"})
_TOO_MANY = f"You can request one code a minute, {CODES_PER_HOUR.limit} an hour and {CODES_PER_DAY.limit} a day."
_WRONG = "That code didn't work. Check it, or request a new one."
_OUTDATED = "The request was replaced or has expired."
_TAKEN = "The address belongs to an account."


class AddressCodes:
    """The requests for a code that proves an email address, and the making and checking of the codes."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids

    # For the account's owner

    def request(self, provider_id: str, email: str, now: datetime) -> None:
        """Store the account's request to add this address, and queue the email with the code.

        The new request replaces the account's earlier request, whose code no longer works. Raise `Invalid` if the
        account has requested too many codes."""
        retry_on_conflict(lambda: self._request(provider_id, email, now), retry_on=_RETRY_ON)

    def _request(self, provider_id: str, email: str, now: datetime) -> None:
        hour_key, day_key = (secret_key(SecretKind.ADDRESS, f"{name}:{provider_id}") for name in ("hour", "day"))
        rows = self._store.secrets([_key(provider_id), hour_key, day_key])
        hour = CODES_PER_HOUR.count_use(rows.get(hour_key), hour_key, now)
        day = CODES_PER_DAY.count_use(rows.get(day_key), day_key, now)
        if hour is None or day is None:
            raise Invalid(_TOO_MANY, errors=[FieldError("email", _TOO_MANY)])
        earlier = rows.get(_key(provider_id))
        request = new_secret(
            SecretKind.ADDRESS, f"newest:{provider_id}", now, CODE_LIFETIME, provider_id=provider_id, email=email
        )
        request = replace(request, version=earlier.version + 1 if earlier else 1)
        mail = _email(MessageType.ADDRESS_CODE, email, provider_id, event_id=self._ids.new("evt"), now=now)
        self._store.commit(Change(at=now, secrets=(request, hour, day), deliveries=(mail,), outbox=(outbox_row(mail),)))

    def pending_email(self, provider_id: str, now: datetime) -> str | None:
        """Return the address of the account's newest request, or None if there is none or it has expired."""
        request = self._store.secret(_key(provider_id))
        return request.email if request is not None and request.is_live(now) else None

    def check(self, provider_id: str, typed: str, source: str, now: datetime) -> Secret:
        """Return the account's request if the typed code is right. The caller adds its address and deletes the request.

        Count a wrong code, for the client network `source` and in total. Raise the same `Invalid` for a wrong code,
        an expired request, and too many wrong codes."""
        request = retry_on_conflict(lambda: self._check(provider_id, typed, source, now), retry_on=_RETRY_ON)
        if request is None:
            raise wrong_code()
        return request

    def _check(self, provider_id: str, typed: str, source: str, now: datetime) -> Secret | None:
        request = self._store.secret(_key(provider_id))
        if request is None or not request.is_live(now) or request.tries >= TRIES_PER_CODE:
            return None
        token = f"guesses:{provider_id}:{source}:{request.created_at.isoformat()}"
        guesses = self._store.secret(secret_key(SecretKind.ADDRESS, token))
        tries = guesses.tries if guesses else 0
        if tries >= TRIES_PER_SOURCE:
            return None
        if hmac.compare_digest(request.link or "", _digest(provider_id, typed)):
            return request
        wrong = new_secret(SecretKind.ADDRESS, token, now, CODE_LIFETIME, tries=tries + 1)
        counted = replace(request, version=request.version + 1, tries=request.tries + 1)
        rows = (counted, replace(wrong, version=guesses.version + 1 if guesses else 1))
        self._store.commit(Change(at=now, secrets=rows))
        return None

    # For the worker that sends the email

    def create_code(self, delivery: Delivery, now: datetime) -> str:
        """Make the code that an email is about to contain, store its hash with the request, and return the code.

        If the email is sent again, the new code replaces the old one. Raise `MessageOutdated` if the email must not be
        sent: the request has expired, there is a newer request, or an account has the address. The owner of that
        account then gets an email about the attempt instead."""
        code = self._ids.code()
        retry_on_conflict(lambda: self._store_code(delivery, code, now), retry_on=_RETRY_ON)
        return code

    def _store_code(self, delivery: Delivery, code: str, now: datetime) -> None:
        provider_id, email = delivery.provider_id or "", delivery.recipient
        request = self._store.secret(_key(provider_id))
        is_current = request is not None and (request.email, request.created_at) == (email, delivery.created_at)
        if request is None or not is_current or not request.is_live(now):
            raise MessageOutdated(_OUTDATED)
        owner = self._store.claims([email_claim(email)]).get(email_claim(email))
        if owner is not None:
            self._inform(owner, delivery, now)
            raise MessageOutdated(_TAKEN)
        digest = _digest(provider_id, code)
        self._store.commit(Change(at=now, secrets=(replace(request, version=request.version + 1, link=digest),)))

    def _inform(self, owner_id: str, request: Delivery, now: datetime) -> None:
        """Queue an email to the account that has the address: somebody tried to add the address to another account.

        `request` is the email with a code that is not sent. A repeated call for the same request queues nothing."""
        owner = self._store.provider(owner_id)
        if owner is None or owner.email is None or owner.id == request.provider_id:
            return
        notice = _email(MessageType.ADDRESS_TAKEN, owner.email, owner.id, event_id=request.event_id, now=now)
        notice = replace(notice, body=request.recipient)
        try:
            self._store.commit(Change(at=now, deliveries=(notice,), outbox=(outbox_row(notice),)))
        except ConcurrentUpdate as conflict:
            if conflict.parts != ("delivery",):
                raise


def _email(type: MessageType, recipient: str, provider_id: str, *, event_id: str, now: datetime) -> Delivery:
    return new_delivery(
        Channel.EMAIL, type, recipient, event_id=event_id, practice_id=PORTAL_PRACTICE, now=now, provider_id=provider_id
    )


def wrong_code() -> Invalid:
    return Invalid(_WRONG, errors=[FieldError("code", _WRONG)])


def _key(provider_id: str) -> str:
    return secret_key(SecretKind.ADDRESS, f"newest:{provider_id}")


def _digest(provider_id: str, code: str) -> str:
    digits = "".join(character for character in code if character.isascii() and character.isdigit())
    return secret_key(SecretKind.ADDRESS, f"code:{provider_id}:{digits}")
