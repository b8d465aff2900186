"""What lives for a while: links, codes and sessions, of which only a hash is kept; counts of failures;
drafts; the key of an app that is being set up. Its expiry is checked wherever it is used.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class SecretKind(StrEnum):
    SETUP = "setup"
    RESET = "reset"
    CODE = "code"
    FAX_CODE = "fax_code"
    BY_HAND = "by_hand"
    SESSION = "session"
    FORGOTTEN = "forgotten"
    THROTTLE = "throttle"
    PENDING_LOGIN = "half"
    AUTHENTICATOR = "authenticator"
    PASSKEY = "passkey"
    DRAFT = "draft"


LINK_LIFETIME = timedelta(minutes=90)
CODE_LIFETIME = timedelta(minutes=10)
BY_HAND_LIFETIME = timedelta(minutes=60)
DRAFT_LIFETIME = timedelta(minutes=60)
SESSION_IDLE = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(hours=12)
PENDING_LOGIN_LIFETIME = timedelta(minutes=5)
ENROL_LIFETIME = timedelta(minutes=15)
REAUTH_AFTER = timedelta(minutes=15)
"""How long after its authentication a session may sign without another."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A row of the TTL table. `key` is the SHA-256 (hex) of kind and token; the token itself is not kept.

    `link` is what the row belongs to: the delivery that mailed a setup or reset token, the event that answers
    a question for a link, the digest of a code; of an app being set up it is the key itself, which the page
    shows again until it is confirmed. `access` is the document's at the time; `tries` counts wrong guesses of
    a code; `session_generation` is the provider's at login (sessions), `method` how their owner was last
    authenticated, in words; `draft` is what was written (JSON).
    """

    key: str
    version: int
    kind: SecretKind
    created_at: datetime
    expires_at: datetime
    provider_id: str | None = None
    document_id: str | None = None
    email: str | None = None
    link: str | None = None
    access: int = 1
    tries: int = 0
    session_generation: int = field(default=1, metadata={"stored_as": "epoch"})
    last_seen_at: datetime | None = None
    authenticated_at: datetime | None = None
    method: str | None = None
    draft: str | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it still counts: TTL deletes late, so every reader asks."""
        return now < self.expires_at

    def is_recently_authenticated(self, now: datetime) -> bool:
        """Whether a session's owner was authenticated recently enough to sign."""
        return self.authenticated_at is not None and now - self.authenticated_at < REAUTH_AFTER


def secret_key(kind: SecretKind, token: str) -> str:
    """Where a token's row lies: the hash covers the kind, so a token of another kind finds nothing."""
    return hashlib.sha256(f"{kind}:{token}".encode()).hexdigest()
