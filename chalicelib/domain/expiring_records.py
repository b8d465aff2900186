"""Records that expire: links, codes, sessions, counts of failures, forms not yet submitted, and others.

Of a link, code or session token, only a hash is stored. Every reader checks the expiry, because DynamoDB deletes
late."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class SecretKind(StrEnum):
    SETUP = "setup"
    RESET = "reset"
    NEW_ADDRESS = "new_address"
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
    FAX_LINE = "fax_line"
    JOINT_EMAIL = "joint_email"
    ADDRESS = "address"
    STOP_REMINDERS = "stop_reminders"
    READ_MARKS = "read_marks"
    INVITATION = "invitation"


LINK_LIFETIME = timedelta(minutes=90)
CODE_LIFETIME = timedelta(minutes=10)
BY_HAND_LIFETIME = timedelta(minutes=60)
DRAFT_LIFETIME = timedelta(minutes=60)
SESSION_IDLE = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(hours=12)
PENDING_LOGIN_LIFETIME = timedelta(minutes=5)
ENROL_LIFETIME = timedelta(minutes=15)
REAUTH_AFTER = timedelta(minutes=15)
"""The time after which a session must authenticate again before it may sign."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A record that expires. `key` is the SHA-256 (hex) of the kind and a secret token. The token is not stored.

    - `link` depends on the kind. It is the id of the delivery that emailed a token, the id of the event for a request
      of a link, the digest of a code, the encrypted code of a document's last fax, the secret of an authenticator app
      that is not yet confirmed, the mark of the call that reserved a fax number, or the id of the delivery whose
      email will announce several documents.
    - `access` is the document's counter of corrections and recalls at the row's creation. If the counter has risen
      since, the token is invalid.
    - `tries` counts wrong guesses of a code, or the attempts in a counter.
    - `session_generation` is the provider's `session_generation` at login, and `method` describes how the owner of
      the session was last authenticated.
    - `draft` is JSON: the fields of a form that the provider had not submitted, or the marks of documents that the
      provider has read and wants to sign later."""

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
        return now < self.expires_at

    def is_recently_authenticated(self, now: datetime) -> bool:
        """Return True if the owner of the session was authenticated recently enough to sign."""
        return self.authenticated_at is not None and now - self.authenticated_at < REAUTH_AFTER


def new_secret(kind: SecretKind, token: str, now: datetime, lifetime: timedelta, **fields: Any) -> Secret:
    """Return a new row for a token, which expires after `lifetime`. `fields` are further fields of `Secret`."""
    return Secret(
        key=secret_key(kind, token), version=1, kind=kind, created_at=now, expires_at=now + lifetime, **fields
    )


def secret_key(kind: SecretKind, token: str) -> str:
    """Return the key of a token's row. The hash covers the kind, so a token of one kind is invalid as another kind."""
    return hashlib.sha256(f"{kind}:{token}".encode()).hexdigest()
