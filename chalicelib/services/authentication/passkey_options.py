"""What a browser is asked when it shall use or make a passkey (WebAuthn level 2).

Apart from the checking of its answers: the login page asks for every visitor, and needs no table for it.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.services.authentication.passkey_challenges import LIFETIME, encoded, make_challenge

if TYPE_CHECKING:
    from chalicelib.domain.providers import Provider
    from chalicelib.services.ports import Ids, Keys

_ALGORITHMS = (-7, -8, -257)  # ES256, EdDSA, RS256
_MILLISECONDS = int(LIFETIME.total_seconds()) * 1000


class PasskeyOptions:
    """User verification is required, so that a passkey is two factors in one."""

    def __init__(self, keys: "Keys", ids: "Ids", *, portal_url: str) -> None:
        self._keys = keys
        self._ids = ids
        self._rp_id = urlsplit(portal_url).hostname or ""

    def for_login(self, now: datetime, provider: "Provider | None" = None) -> str:
        """JSON for `navigator.credentials.get`: any passkey of ours, or one of this provider."""
        subject = provider.id if provider else ""
        return json.dumps(
            {
                "challenge": self._challenge(subject, now),
                "rpId": self._rp_id,
                "timeout": _MILLISECONDS,
                "userVerification": "required",
                "allowCredentials": _listed(provider) if provider else [],
            }
        )

    def for_enrolment(self, provider: "Provider", now: datetime) -> str:
        """JSON for `navigator.credentials.create`."""
        return json.dumps(
            {
                "challenge": self._challenge(provider.id, now),
                "timeout": _MILLISECONDS,
                "attestation": "none",
                "rp": {"id": self._rp_id, "name": "Provider Portal"},
                "user": {
                    "id": encoded(provider.id.encode()),
                    "name": provider.email,
                    "displayName": provider.name,
                },
                "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in _ALGORITHMS],
                "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
                "excludeCredentials": _listed(provider),
            }
        )

    def _challenge(self, subject: str, now: datetime) -> str:
        return make_challenge(self._keys.session_key(), subject, self._ids.token(), now)


def _listed(provider: "Provider") -> list[dict[str, str]]:
    return [{"type": "public-key", "id": each.id} for each in provider.passkeys]
