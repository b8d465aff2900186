"""Verification of passkeys (WebAuthn level 2), and the login with a passkey.

The functions import the WebAuthn library themselves, because the import is slow and few requests need it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from chalicelib.domain.account_events import Origin
from chalicelib.domain.errors import ConcurrentUpdate, Unauthenticated
from chalicelib.domain.expiring_records import Secret, SecretKind, new_secret
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Passkey
from chalicelib.services.authentication.passkey_challenges import LIFETIME, is_valid_challenge
from chalicelib.services.authentication.sessions import RenewedSession, Sessions, login_event
from chalicelib.services.ports import Keys, Store
from chalicelib.services.signed_tokens import from_base64url, to_base64url
from chalicelib.services.transaction import Change

METHOD = "passkey"
MAX_PASSKEYS = 10
MAX_RESPONSE_CHARS = 16 * 1024

_FAILED = "We couldn't verify this passkey. Try again, or use your password."


@dataclass(frozen=True)
class _Response:
    """A browser's parsed WebAuthn response, and the random challenge of the portal that the response repeats."""

    credential: Mapping[str, Any]
    challenge: bytes


class Passkeys:
    def __init__(self, store: Store, keys: Keys, sessions: Sessions, *, portal_url: str) -> None:
        self._store = store
        self._keys = keys
        self._sessions = sessions
        self._origin = portal_url
        self._rp_id = urlsplit(portal_url).hostname or ""

    def verify_registration(
        self, provider: Provider, response: str, name: str, now: datetime
    ) -> tuple[Passkey, Secret]:
        """Verify the browser's response (JSON) to a request for a new passkey of the provider's account.

        Return the passkey with this name, and the row that prevents a second use of the challenge, both for the
        caller to commit. Raise `Unauthenticated` if the verification fails."""
        from webauthn import verify_registration_response
        from webauthn.helpers.exceptions import WebAuthnException

        parsed = self._parse(response, provider.id, now)
        try:
            verified = verify_registration_response(
                credential=dict(parsed.credential),
                expected_challenge=parsed.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise Unauthenticated(_FAILED) from error
        passkey = Passkey(
            id=to_base64url(verified.credential_id),
            public_key=to_base64url(verified.credential_public_key),
            count=verified.sign_count,
            name=name,
            created_at=now,
        )
        return passkey, _used_challenge(parsed.challenge, now)

    def log_in(
        self, response: str, now: datetime, origin: Origin, previous_session: Secret | None = None
    ) -> tuple[Provider, str]:
        """Log in the owner of a passkey, and return the owner and the value of the session cookie.

        `response` is the browser's WebAuthn response (JSON). The new session, the login event, and the passkey's new
        signature counter and time of use are stored. `previous_session` is deleted. Raise `Unauthenticated` if the
        verification fails."""
        parsed = self._parse(response, "", now)
        handle = (parsed.credential.get("response") or {}).get("userHandle")
        provider = self._store.provider(_provider_id(handle))
        if provider is None or not provider.has_account:
            raise Unauthenticated(_FAILED)
        used = self._verify(provider, parsed, now)
        session, cookie = self._sessions.start(provider, now, METHOD)
        ended = (previous_session,) if previous_session else ()
        event = login_event(provider, session, origin)
        secrets = (session, _used_challenge(parsed.challenge, now))
        change = Change(at=now, secrets=secrets, dropped=ended, providers=(used,), account_events=(event,))
        self._commit(change)
        return provider, cookie

    def verify_authentication(self, provider: Provider, response: str, now: datetime) -> tuple[Provider, Secret]:
        """Verify a passkey as the second step of the provider's login. `response` is the browser's response (JSON).

        Return the provider with the passkey's new signature counter and time of use, and the row that prevents a second
        use of the challenge. The caller commits both. Raise `Unauthenticated` if the verification fails."""
        parsed = self._parse(response, provider.id, now)
        return self._verify(provider, parsed, now), _used_challenge(parsed.challenge, now)

    def reauthenticate(self, session: Secret, provider: Provider, response: str, now: datetime) -> RenewedSession:
        """Verify a passkey of a logged-in provider, before a signature or a change of the account.

        Store and return the renewed session, which counts as recently authenticated, with its new cookie. Raise
        `Unauthenticated` if the verification fails."""
        parsed = self._parse(response, provider.id, now)
        used = self._verify(provider, parsed, now)
        renewed, cookie = self._sessions.renew(session, now, METHOD)
        secrets = (renewed, _used_challenge(parsed.challenge, now))
        self._commit(Change(at=now, secrets=secrets, dropped=(session,), providers=(used,)))
        return RenewedSession(renewed, cookie, used)

    def _commit(self, change: Change) -> None:
        try:
            self._store.commit(change)
        except ConcurrentUpdate as conflict:
            raise Unauthenticated(_FAILED) from conflict

    def _parse(self, response: str, subject: str, now: datetime) -> _Response:
        """Return the parsed browser's response (JSON). The passkey's signature is not verified yet.

        Raise `Unauthenticated` if the text is not a response, or if the portal did not make its challenge for this
        provider (`subject`; empty at a login) within the last minutes."""
        try:
            credential = json.loads(response[:MAX_RESPONSE_CHARS])
            client = json.loads(from_base64url(credential["response"]["clientDataJSON"]))
            challenge = from_base64url(client["challenge"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unauthenticated(_FAILED) from error
        if not is_valid_challenge(self._keys.known_session_keys(), challenge, subject, now):
            raise Unauthenticated("That took too long. Please try again.")
        return _Response(credential, challenge)

    def _verify(self, provider: Provider, parsed: _Response, now: datetime) -> Provider:
        """Verify a passkey's signature, and return the provider's next version, for the caller to commit.

        The returned version has the passkey's new signature counter and the time of this use. Raise `Unauthenticated`
        if the provider has no such passkey or the signature is wrong."""
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import WebAuthnException

        credential_id = parsed.credential.get("id")
        passkey = next((item for item in provider.passkeys if item.id == credential_id), None)
        if passkey is None:
            raise Unauthenticated(_FAILED)
        try:
            verified = verify_authentication_response(
                credential=dict(parsed.credential),
                expected_challenge=parsed.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=from_base64url(passkey.public_key),
                credential_current_sign_count=passkey.count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise Unauthenticated(_FAILED) from error
        used = replace(passkey, count=verified.new_sign_count, last_used_at=now)
        passkeys = tuple(used if item.id == used.id else item for item in provider.passkeys)
        return replace(provider, version=provider.version + 1, passkeys=passkeys)


def _provider_id(handle: object) -> str:
    try:
        return from_base64url(handle).decode() if isinstance(handle, str) else ""
    except ValueError:
        return ""


def _used_challenge(challenge: bytes, now: datetime) -> Secret:
    """Return the row that marks a challenge as used. The row can be stored only once, so a repeated response fails."""
    return new_secret(SecretKind.PASSKEY, to_base64url(challenge), now, LIFETIME)
