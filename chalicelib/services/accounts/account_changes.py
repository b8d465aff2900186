"""The transaction of a change to an account: the new row, a new session for the owner, the emails and the event."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.account_events import UNKNOWN, AccountEventType, Origin, account_event
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.providers import Provider
from chalicelib.services.authentication.sessions import Sessions, switched_practices
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, merge


@dataclass(frozen=True)
class AccountOwner:
    """The owner of an account who makes a request: the session, the provider, the time and the request's origin.

    The session must be recently authenticated."""

    session: Secret
    provider: Provider
    now: datetime
    origin: Origin = UNKNOWN


@dataclass(frozen=True)
class AccountChange:
    """The result of a change of an account: the value of the new session cookie, and new recovery codes, if any."""

    cookie: str
    codes: tuple[str, ...] = ()


class AccountWriter:
    """Writer of the changes that owners make to their accounts."""

    def __init__(self, store: Store, ids: Ids, sessions: Sessions) -> None:
        self._store = store
        self._ids = ids
        self._sessions = sessions

    def commit(
        self,
        owner: AccountOwner,
        changed: Provider,
        event_type: AccountEventType,
        *,
        more: Change,
        email: str | None = None,
        recipients: Sequence[str] = (),
    ) -> str:
        """Commit the changed provider, end the other sessions, and return the cookie of the owner's renewed session.

        `event_type` is also the type of the emails to the `recipients`, or else to the username. `more` are further
        rows of the transaction. `email` is the address that the change is about. Raise `ConcurrentUpdate` if the
        account or a row of `more` has changed in the meantime."""
        provider, now, event_id = without_sessions(changed), owner.now, self._ids.new("evt")
        generation = provider.session_generation
        renewed, cookie = self._sessions.renew(
            owner.session, now, session_generation=generation, practices=switched_practices(provider)
        )
        notices = tuple(
            replace(account_notice(event_id, provider, event_type.value, now, recipient=recipient), body=email)
            for recipient in recipients or (provider.email or "",)
        )
        event = account_event(provider.id, event_type, now, owner.origin, unique=event_id, email=email)
        change = Change(
            at=now,
            providers=(provider,),
            secrets=(renewed,),
            dropped=(owner.session,),
            deliveries=notices,
            account_events=(event,),
            outbox=(outbox_row(*notices),),
        )
        self._store.commit(merge(change, more))
        return cookie


def without_sessions(provider: Provider) -> Provider:
    """Return the next version of the provider's row, in which all sessions are ended."""
    generation = provider.session_generation + 1
    return replace(provider, version=provider.version + 1, session_generation=generation)


def changed_elsewhere() -> Invalid:
    """Return the error for a change that another change of the same account has prevented."""
    message = "Your account was changed in another place at the same time. Please try again."
    return Invalid(message, errors=[FieldError("form", message)])
