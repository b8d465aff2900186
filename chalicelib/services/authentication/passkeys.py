"""Passkeys (WebAuthn level 2): what a browser's answer proves. What it was asked is in `passkey_options`.

The library that checks answers is imported only when there is one to check. User verification is required,
so that a passkey is two factors in one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from chalicelib.domain.account_events import AccountEvent, Origin
from chalicelib.domain.errors import ConcurrentUpdate, Unauthenticated
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Passkey
from chalicelib.services.authentication.passkey_challenges import LIFETIME, decoded, encoded, is_challenge
from chalicelib.services.authentication.sessions import Sessions, logged_in
from chalicelib.services.ports import Keys, Store
from chalicelib.services.transaction import Change

METHOD = "passkey"
MOST_PASSKEYS = 10
MAX_ANSWER = 16 * 1024

_NOT_RIGHT = "This passkey could not be checked. Try again, or use your password."


@dataclass(frozen=True)
class _Answer:
    """A browser's answer with the challenge that it says it answers."""

    credential: Mapping[str, Any]
    challenge: bytes


class Passkeys:
    def __init__(self, store: Store, keys: Keys, sessions: Sessions, *, portal_url: str) -> None:
        self._store = store
        self._keys = keys
        self._sessions = sessions
        self._origin = portal_url
        self._rp_id = urlsplit(portal_url).hostname or ""

    def enrolled(self, provider: Provider, answer: str, name: str, now: datetime) -> tuple[Passkey, Secret]:
        """The new passkey, and the challenge's row to be written with it. Raises `Unauthenticated`."""
        from webauthn import verify_registration_response
        from webauthn.helpers.exceptions import WebAuthnException

        read = self._read(answer, provider.id, now)
        try:
            verified = verify_registration_response(
                credential=dict(read.credential),
                expected_challenge=read.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise Unauthenticated(_NOT_RIGHT) from error
        made = Passkey(
            id=encoded(verified.credential_id),
            public_key=encoded(verified.credential_public_key),
            count=verified.sign_count,
            name=name,
            created_at=now,
        )
        return made, _spent(read.challenge, now)

    def log_in(
        self, answer: str, now: datetime, origin: Origin, replaces: Secret | None = None
    ) -> tuple[Provider, str]:
        """The provider whose passkey it is, and the value of the session cookie. Raises `Unauthenticated`."""
        read = self._read(answer, "", now)
        handle = (read.credential.get("response") or {}).get("userHandle")
        provider = self._store.provider(_owner(handle))
        if provider is None or not provider.has_account:
            raise Unauthenticated(_NOT_RIGHT)
        used = self._checked(provider, read, now)
        session, cookie = self._sessions.start(provider, now, METHOD)
        ended = (replaces,) if replaces else ()
        told = logged_in(provider, session, origin)
        self._commit(used, read, (session,), ended, now, told=(told,))
        return provider, cookie

    def answered(self, provider: Provider, answer: str, now: datetime) -> tuple[Provider, Secret]:
        """The provider with this use of their passkey noted, and the challenge's row. `Unauthenticated`."""
        read = self._read(answer, provider.id, now)
        return self._checked(provider, read, now), _spent(read.challenge, now)

    def confirm(self, session: Secret, provider: Provider, answer: str, now: datetime) -> tuple[Secret, str]:
        """The session of who has just used their passkey again, and its cookie. Raises `Unauthenticated`."""
        read = self._read(answer, provider.id, now)
        used = self._checked(provider, read, now)
        renewed, cookie = self._sessions.renew(session, now, METHOD)
        self._commit(used, read, (renewed,), (session,), now)
        return renewed, cookie

    def _commit(
        self,
        used: Provider,
        read: _Answer,
        secrets: tuple[Secret, ...],
        ended: tuple[Secret, ...],
        now: datetime,
        *,
        told: tuple[AccountEvent, ...] = (),
    ) -> None:
        written = (*secrets, _spent(read.challenge, now))
        try:
            self._store.commit(
                Change(at=now, secrets=written, dropped=ended, providers=(used,), account_events=told)
            )
        except ConcurrentUpdate as lost:
            raise Unauthenticated(_NOT_RIGHT) from lost

    def _read(self, answer: str, subject: str, now: datetime) -> _Answer:
        """The answer, if it is to a challenge of ours for this subject."""
        try:
            credential = json.loads(answer[:MAX_ANSWER])
            client = json.loads(decoded(credential["response"]["clientDataJSON"]))
            challenge = decoded(client["challenge"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unauthenticated(_NOT_RIGHT) from error
        keys = self._keys.known_session_keys()
        if not any(is_challenge(key, challenge, subject, now) for key in keys):
            raise Unauthenticated("That took too long. Please try again.")
        return _Answer(credential, challenge)

    def _checked(self, provider: Provider, read: _Answer, now: datetime) -> Provider:
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import WebAuthnException

        kept = next((each for each in provider.passkeys if each.id == read.credential.get("id")), None)
        if kept is None:
            raise Unauthenticated(_NOT_RIGHT)
        try:
            verified = verify_authentication_response(
                credential=dict(read.credential),
                expected_challenge=read.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=decoded(kept.public_key),
                credential_current_sign_count=kept.count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise Unauthenticated(_NOT_RIGHT) from error
        used = replace(kept, count=verified.new_sign_count, last_used_at=now)
        passkeys = tuple(used if each.id == used.id else each for each in provider.passkeys)
        return replace(provider, version=provider.version + 1, passkeys=passkeys)


def _owner(handle: object) -> str:
    try:
        return decoded(handle).decode() if isinstance(handle, str) else ""
    except ValueError:
        return ""


def _spent(challenge: bytes, now: datetime) -> Secret:
    """A row that can be written once: the same answer sent again finds it there."""
    return Secret(
        key=secret_key(SecretKind.PASSKEY, encoded(challenge)),
        version=1,
        kind=SecretKind.PASSKEY,
        created_at=now,
        expires_at=now + LIFETIME,
    )
