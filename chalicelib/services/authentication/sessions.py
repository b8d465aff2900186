"""The sessions of logged-in providers. A session consists of a signed cookie (a JWT) and a row in the database.

A session is live while its cookie and row have not expired, its row exists, and its account has not ended it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.account_events import AccountEvent, AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import SESSION_IDLE, SESSION_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.session_keys import key_id
from chalicelib.domain.timestamps import epoch_seconds
from chalicelib.services.ports import Ids, Keys, Store, Visit
from chalicelib.services.transaction import Change

ALGORITHM = "HS256"
AUDIENCE = "provider-portal"
TOUCH_INTERVAL = timedelta(minutes=1)
PASSWORD = "account password"  # noqa: S105 - words for the certificate

_MAX_COOKIE_CHARS = 2048
_MAX_PRACTICES = 20
# `_session_claims` compares the expiry with the portal's own clock, which tests can set.
_OPTIONS: Any = {"require": ["iss", "aud", "sub", "sid", "iat", "exp"], "verify_exp": False, "verify_iat": False}


@dataclass(frozen=True)
class SessionClaims:
    """The contents of a valid session cookie: the key of the session's row, and the provider's id.

    `practices` are ids of practices that have sent documents to the provider, each of which may require a second factor
    by its setting. They are in the cookie so that a request reads these settings and the session at the same time. The
    tuple is empty for a provider who has a second factor, because the setting then does not matter."""

    key: str
    provider_id: str
    practices: tuple[str, ...] = ()


@dataclass(frozen=True)
class RenewedSession:
    """A session after its owner has entered the password or a passkey again, as signatures and account changes require.

    `session` is the new row, and `cookie` is the new value of the session cookie."""

    session: Secret
    cookie: str
    provider: Provider


class Sessions:
    """The starting, reading, renewing and ending of providers' sessions. `issuer` is the portal's URL, for the JWT."""

    def __init__(self, store: Store, keys: Keys, ids: Ids, *, issuer: str) -> None:
        self._store = store
        self._keys = keys
        self._ids = ids
        self._issuer = issuer

    def start(self, provider: Provider, now: datetime, method: str = PASSWORD) -> tuple[Secret, str]:
        """Return the row of a new session, for the caller to commit, and the value of its cookie.

        `method` describes how the provider logged in, for the account's activity and the certificate page."""
        token = self._ids.token()
        row = Secret(
            key=secret_key(SecretKind.SESSION, token),
            version=1,
            kind=SecretKind.SESSION,
            created_at=now,
            expires_at=now + SESSION_LIFETIME,
            provider_id=provider.id,
            session_generation=provider.session_generation,
            last_seen_at=now,
            authenticated_at=now,
            method=method,
        )
        return row, self._sign(token, provider.id, row, switched_practices(provider))

    def renew(
        self,
        session: Secret,
        now: datetime,
        method: str | None = None,
        *,
        session_generation: int | None = None,
        practices: Sequence[str] = (),
    ) -> tuple[Secret, str]:
        """Return the row and the cookie of the session under a new token. The time of its expiry does not change.

        The caller commits the returned row and deletes the old row. Pass `method` if the provider has just been
        authenticated in this way. Pass the account's new `session_generation` if all other sessions end.
        `practices` are the ids of the practices whose setting may require a second factor of this provider."""
        token = self._ids.token()
        row = replace(
            session,
            key=secret_key(SecretKind.SESSION, token),
            version=1,
            last_seen_at=now,
            authenticated_at=now if method else session.authenticated_at,
            method=method or session.method,
            session_generation=session_generation or session.session_generation,
        )
        return row, self._sign(token, session.provider_id or "", row, practices)

    def read(self, cookie: str, now: datetime) -> SessionClaims | None:
        """Return the contents of a session cookie, or None if the cookie is not signed by the portal or has expired.

        The session's row is not read, so the session may have ended."""
        import jwt

        if not cookie or len(cookie) > _MAX_COOKIE_CHARS:
            return None
        try:
            key = self._keys.find_session_key(jwt.get_unverified_header(cookie).get("kid", ""))
            if key is None:
                return None
            claims = jwt.decode(cookie, key, [ALGORITHM], options=_OPTIONS, audience=AUDIENCE, issuer=self._issuer)
        except jwt.InvalidTokenError:
            return None
        return _session_claims(claims, now)

    def visit(self, cookie: str, now: datetime, document_id: str | None = None) -> Visit | None:
        """Read the rows that a request needs: the session of the cookie, its provider and, if asked for, a document.

        Return None if the session is not live. If the document does not exist, it is None in the result. The caller
        checks whether the provider may read the document."""
        visit = self._read_visit(cookie, now, document_id)
        return visit if visit and is_live(visit, now) else None

    def visit_even_if_idle(self, cookie: str, now: datetime, document_id: str) -> Visit | None:
        """Read the same rows as `visit`, but accept a session that has ended by idleness.

        So the form of a provider who was idle too long is not lost, but saved as a draft. Return None if the session
        has ended for any other reason."""
        visit = self._read_visit(cookie, now, document_id)
        return visit if visit and _is_live_or_idle(visit, now) else None

    def _read_visit(self, cookie: str, now: datetime, document_id: str | None) -> Visit | None:
        claims = self.read(cookie, now)
        return self._store.visit(claims.key, claims.provider_id, document_id) if claims else None

    def touch(self, session: Secret, now: datetime) -> None:
        """Store that the session is in use, so that it does not end by idleness. Write at most once a minute.

        If another request writes at the same time, do nothing."""
        seen = session.last_seen_at or session.created_at
        if now - seen < TOUCH_INTERVAL:
            return
        touched = replace(session, version=session.version + 1, last_seen_at=now)
        try:
            self._store.commit(Change(at=now, secrets=(touched,)))
        except ConcurrentUpdate:
            return

    def end(self, session: Secret, now: datetime, origin: Origin) -> None:
        """End a session at logout: delete its row, and store the logout as an event for the account's activity page.

        `origin` is the client's IP address and browser."""
        owner = session.provider_id or ""
        event = account_event(owner, AccountEventType.LOGGED_OUT, now, origin, unique=session.key)
        self._store.commit(Change(at=now, dropped=(session,), account_events=(event,)))

    def _sign(self, token: str, provider_id: str, row: Secret, practices: Sequence[str]) -> str:
        import jwt

        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": provider_id,
            "practices": list(practices),
            "sid": token,
            "iat": epoch_seconds(row.created_at),
            "exp": epoch_seconds(row.expires_at),
        }
        key = self._keys.session_key()
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": key_id(key)})


def switched_practices(provider: Provider) -> tuple[str, ...]:
    """Return the ids of the provider's practices, each of which may require a second factor by its setting.

    The session's cookie holds these ids, so that a request reads the settings and the session at the same time. The
    result is empty for a provider who has a second factor, because the setting then does not matter."""
    return () if provider.has_second_factor else provider.practices[:_MAX_PRACTICES]


def login_event(provider: Provider, session: Secret, origin: Origin) -> AccountEvent:
    """Return the event of a login, which the account's activity page shows, for the caller to commit with the session.

    `origin` is the client's IP address and browser."""
    return account_event(
        provider.id, AccountEventType.LOGGED_IN, session.created_at, origin, unique=session.key, method=session.method
    )


def time_left(session: Secret, now: datetime) -> timedelta:
    """Return how long the session lasts if no request follows the present one. The page then warns before the end.

    The session ends by idleness or at its expiry. The time of last use is stored at most once a minute."""
    seen = session.last_seen_at or session.created_at
    stored = now if now - seen >= TOUCH_INTERVAL else seen
    return min(stored + SESSION_IDLE, session.expires_at) - now


def is_live(visit: Visit, now: datetime) -> bool:
    """Return True if the session in `visit` (the rows of a request) exists, belongs to the account, and has not ended.

    A session ends by its expiry, by idleness, or when all sessions of the account end."""
    session = visit.session
    if session is None or not _is_live_or_idle(visit, now):
        return False
    return now - (session.last_seen_at or session.created_at) < SESSION_IDLE


def _is_live_or_idle(visit: Visit, now: datetime) -> bool:
    session, provider = visit.session, visit.provider
    if session is None or provider is None or session.kind is not SecretKind.SESSION:
        return False
    return (
        session.is_live(now)
        and session.provider_id == provider.id
        and session.session_generation == provider.session_generation
        and provider.has_account
    )


def _session_claims(claims: dict[str, Any], now: datetime) -> SessionClaims | None:
    token, owner, expires_at = claims["sid"], claims["sub"], claims["exp"]
    if not (isinstance(token, str) and isinstance(owner, str) and isinstance(expires_at, int)):
        return None
    if not owner or epoch_seconds(now) >= expires_at:
        return None
    practices = tuple(id for id in claims.get("practices") or () if isinstance(id, str))
    return SessionClaims(secret_key(SecretKind.SESSION, token), owner, practices)
