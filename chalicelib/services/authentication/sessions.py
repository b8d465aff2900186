"""Sessions: a signed cookie that names a row; the row and the account decide whether it lives."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.account_events import AccountEvent, AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.expiring_records import SESSION_IDLE, SESSION_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.session_keys import key_id
from chalicelib.domain.timestamps import epoch
from chalicelib.services.ports import Ids, Keys, Store, Visit
from chalicelib.services.transaction import Change

ALGORITHM = "HS256"
AUDIENCE = "provider-portal"
TOUCHED_AT_MOST_EVERY = timedelta(minutes=1)
PASSWORD = "account password"  # noqa: S105 - words for the certificate

_MAX_COOKIE = 2048


@dataclass(frozen=True)
class Ticket:
    """What a session cookie names: a row by its key, and whose it is."""

    key: str
    provider_id: str


class Sessions:
    """Opens, reads, keeps alive and ends sessions. `issuer` is the portal's URL."""

    def __init__(self, store: Store, keys: Keys, ids: Ids, *, issuer: str) -> None:
        self._store = store
        self._keys = keys
        self._ids = ids
        self._issuer = issuer

    def start(self, provider: Provider, now: datetime, method: str = PASSWORD) -> tuple[Secret, str]:
        """A new session's row, to be committed, and the cookie's value."""
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
        return row, self._sign(token, provider.id, row)

    def renew(
        self,
        session: Secret,
        now: datetime,
        method: str | None = None,
        *,
        session_generation: int | None = None,
    ) -> tuple[Secret, str]:
        """The session under another token; it ends when it would have.

        A `method` says that its owner has just been authenticated by it; `session_generation`: others end.

        The row is to be committed, and the one before dropped with it.
        """
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
        return row, self._sign(token, session.provider_id or "", row)

    def read(self, cookie: str, now: datetime) -> Ticket | None:
        """What the cookie names; None unless we signed it and it has not run out. Reads no row."""
        import jwt

        if not cookie or len(cookie) > _MAX_COOKIE:
            return None
        try:
            key = self._keys.find_session_key(jwt.get_unverified_header(cookie).get("kid", ""))
            if key is None:
                return None
            claims = jwt.decode(cookie, key, [ALGORITHM], **self._checks())
        except jwt.InvalidTokenError:
            return None
        return _ticket(claims, now)

    def visit(self, cookie: str, now: datetime, document_id: str | None = None) -> Visit | None:
        """Session, provider and document in one read; None unless the session lives."""
        ticket = self.read(cookie, now)
        if ticket is None:
            return None
        found = self._store.visit(ticket.key, ticket.provider_id, document_id)
        return found if is_live(found, now) else None

    def lapsed(self, cookie: str, now: datetime, document_id: str) -> Visit | None:
        """As `visit`, but also for a session that nothing has ended but its idleness."""
        ticket = self.read(cookie, now)
        if ticket is None:
            return None
        found = self._store.visit(ticket.key, ticket.provider_id, document_id)
        return found if _still_counts(found, now) else None

    def touch(self, session: Secret, now: datetime) -> None:
        """Notes that the session was used: at most once a minute, and not when another request just did."""
        seen = session.last_seen_at or session.created_at
        if now - seen < TOUCHED_AT_MOST_EVERY:
            return
        touched = replace(session, version=session.version + 1, last_seen_at=now)
        try:
            self._store.commit(Change(at=now, secrets=(touched,)))
        except ConcurrentUpdate:
            return

    def end(self, session: Secret, now: datetime, origin: Origin) -> None:
        """Ends it for good: the cookie finds nothing any more."""
        owner = session.provider_id or ""
        told = account_event(owner, AccountEventType.LOGGED_OUT, now, origin, unique=session.key)
        self._store.commit(Change(at=now, dropped=(session,), account_events=(told,)))

    def _sign(self, token: str, provider_id: str, row: Secret) -> str:
        import jwt

        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": provider_id,
            "sid": token,
            "iat": epoch(row.created_at),
            "exp": epoch(row.expires_at),
        }
        key = self._keys.session_key()
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": key_id(key)})

    def _checks(self) -> dict[str, Any]:
        """The expiry is compared with our own clock in `_ticket`."""
        required = ["iss", "aud", "sub", "sid", "iat", "exp"]
        options = {"require": required, "verify_exp": False, "verify_iat": False}
        return {"audience": AUDIENCE, "issuer": self._issuer, "options": options}


def logged_in(provider: Provider, session: Secret, origin: Origin) -> AccountEvent:
    """The entry that belongs to a new session's row."""
    return account_event(
        provider.id,
        AccountEventType.LOGGED_IN,
        session.created_at,
        origin,
        unique=session.key,
        method=session.method,
    )


def time_left(session: Secret, now: datetime) -> timedelta:
    """How long a session that is being used now lasts without another request: what `touch` makes of it."""
    seen = session.last_seen_at or session.created_at
    noted = now if now - seen >= TOUCHED_AT_MOST_EVERY else seen
    return min(noted + SESSION_IDLE, session.expires_at) - now


def is_live(visit: Visit, now: datetime) -> bool:
    """Whether this row still opens this account: neither over, idle, logged out nor outdated."""
    session = visit.session
    if session is None or not _still_counts(visit, now):
        return False
    return now - (session.last_seen_at or session.created_at) < SESSION_IDLE


def _still_counts(visit: Visit, now: datetime) -> bool:
    """All of that but idleness."""
    session, provider = visit.session, visit.provider
    if session is None or provider is None or session.kind is not SecretKind.SESSION:
        return False
    return (
        session.live(now)
        and session.provider_id == provider.id
        and session.session_generation == provider.session_generation
        and provider.has_account
    )


def _ticket(claims: dict[str, Any], now: datetime) -> Ticket | None:
    token, owner, ends = claims["sid"], claims["sub"], claims["exp"]
    if not (isinstance(token, str) and isinstance(owner, str) and isinstance(ends, int)):
        return None
    if not owner or epoch(now) >= ends:
        return None
    return Ticket(secret_key(SecretKind.SESSION, token), owner)
