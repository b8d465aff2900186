"""The options with which a page asks the browser to use or to create a passkey (WebAuthn).

This module imports neither the database nor the WebAuthn library, so that the login page loads fast."""

import json
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.services.authentication.passkey_challenges import LIFETIME, make_challenge
from chalicelib.services.signed_tokens import to_base64url

if TYPE_CHECKING:
    from chalicelib.domain.providers import Provider
    from chalicelib.services.ports import Ids, Keys

_ALGORITHMS = (-7, -8, -257)  # ES256, EdDSA, RS256
_MILLISECONDS = int(LIFETIME.total_seconds()) * 1000


class PasskeyOptions:
    """The maker of WebAuthn options as JSON for a page's script.

    The device must verify its user, such as by a PIN or a fingerprint, so a passkey counts as two factors."""

    def __init__(self, keys: "Keys", ids: "Ids", *, portal_url: str) -> None:
        self._keys = keys
        self._ids = ids
        self._rp_id = urlsplit(portal_url).hostname or ""

    def for_login(self, now: datetime, provider: "Provider | None" = None) -> str:
        """Return the JSON for the browser's call `navigator.credentials.get`, which responds with a passkey.

        Only passkeys of the `provider` are accepted, or every passkey of this site if the provider is not known yet."""
        subject = provider.id if provider else ""
        return json.dumps(
            {
                "challenge": self._challenge(subject, now),
                "rpId": self._rp_id,
                "timeout": _MILLISECONDS,
                "userVerification": "required",
                "allowCredentials": _credentials(provider) if provider else [],
            }
        )

    def for_enrolment(self, provider: "Provider", now: datetime) -> str:
        """Return the JSON for the browser's call `navigator.credentials.create`, which makes a new passkey.

        The passkey is for this provider's account. The device does not make a second passkey for one account."""
        return json.dumps(
            {
                "challenge": self._challenge(provider.id, now),
                "timeout": _MILLISECONDS,
                "attestation": "none",
                "rp": {"id": self._rp_id, "name": "Provider Portal"},
                "user": {
                    "id": to_base64url(provider.id.encode()),
                    "name": provider.email,
                    "displayName": provider.name,
                },
                "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in _ALGORITHMS],
                "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
                "excludeCredentials": _credentials(provider),
            }
        )

    def _challenge(self, subject: str, now: datetime) -> str:
        return make_challenge(self._keys.session_key(), subject, self._ids.token(), now)


def _credentials(provider: "Provider") -> list[dict[str, str]]:
    return [{"type": "public-key", "id": passkey.id} for passkey in provider.passkeys]
