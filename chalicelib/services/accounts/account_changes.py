"""The transaction by which owners change their account: their login settings or the account's email addresses.

The transaction stores the provider's row, the owner's new session, the notice emails and the account's event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.account_events import UNKNOWN, AccountEventType, Origin, account_event
from chalicelib.domain.errors import ConcurrentUpdate, FieldError, Invalid
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.providers import Provider, without_sessions
from chalicelib.services.authentication.sessions import Sessions, switched_practices
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.optimistic_retry import retry_on_latest
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, merge

_RETRY_ON = frozenset({"provider", "claim"})


@dataclass(frozen=True)
class AccountOwner:
    """The owner of an account who asks for a change: the session, the provider, the time, and the client's address.

    Callers check first that the owner has entered the password or a passkey recently."""

    session: Secret
    provider: Provider
    now: datetime
    origin: Origin = UNKNOWN


@dataclass(frozen=True)
class AccountChange:
    """The result of a change of an account: the value of the new session cookie, and the new recovery codes, if any.

    `account` is the provider's row with the change. The page shows `codes` once. The database has only their hashes."""

    cookie: str
    account: Provider
    codes: tuple[str, ...] = ()


class AccountWriter:
    """The writer that commits the changes which owners make to their accounts, such as a new password.

    Every change also ends the owner's other sessions, sends a notice by email, and adds an event to the account's
    activity."""

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
        names: tuple[str, str] | None = None,
        recipients: Sequence[str] = (),
    ) -> str:
        """Commit the changed provider, end all other sessions, and return the cookie of the owner's renewed session.

        The `recipients` (by default the username) get an email of the type `event_type`, in case a stranger made the
        change. `more` holds further rows of the transaction. `email` is the address that the owner added or removed,
        and `names` are the owner's names before and after a correction. Raise `ConcurrentUpdate` if another request
        has changed the account or a row of `more` in the meantime."""
        provider, now = without_sessions(changed), owner.now
        report = self._report(owner, provider, event_type, email, names, recipients)
        generation, practices = provider.session_generation, switched_practices(provider)
        renewed, cookie = self._sessions.renew(owner.session, now, session_generation=generation, practices=practices)
        change = Change(at=now, providers=(provider,), secrets=(renewed,), dropped=(owner.session,))
        self._store.commit(merge(merge(change, report), more))
        return cookie

    def apply_to_latest(self, owner: AccountOwner, step: Callable[[AccountOwner], AccountChange]) -> AccountChange:
        """Call `step` with the owner's account, and return its result. If `step` meets a conflict, repeat it.

        A conflict means that another request has changed the same rows; each repetition reads the account again. Raise
        `Invalid` if the other request has ended the owner's session, or if the conflicts persist."""

        def read() -> AccountOwner:
            latest = self._store.provider(owner.provider.id)
            if latest is None or latest.session_generation != owner.provider.session_generation:
                raise changed_elsewhere()
            return replace(owner, provider=latest)

        try:
            return retry_on_latest(step, initial=owner, read=read, retry_on=_RETRY_ON)
        except ConcurrentUpdate as conflict:
            raise changed_elsewhere() from conflict

    def _report(
        self,
        owner: AccountOwner,
        provider: Provider,
        event_type: AccountEventType,
        email: str | None,
        names: tuple[str, str] | None,
        recipients: Sequence[str],
    ) -> Change:
        """Return the rows that report a change: an email to each recipient, and an event of the account's activity.

        `provider` is the row after the change. Without `recipients`, the email goes to the username. For `email` and
        `names`, see `commit`."""
        event_id, now = self._ids.new("evt"), owner.now
        notices = tuple(
            replace(account_notice(event_id, provider, event_type.value, now, recipient=recipient), body=email)
            for recipient in recipients or (None,)
        )
        event = account_event(provider.id, event_type, now, owner.origin, unique=event_id, email=email, names=names)
        return Change(at=now, deliveries=notices, account_events=(event,), outbox=(outbox_row(*notices),))


def changed_elsewhere() -> Invalid:
    """Return the error to raise when two requests have changed one account at the same time (`ConcurrentUpdate`).

    Its message asks the owner to try again."""
    message = "Your account was changed in another place at the same time. Please try again."
    return wrong_entry("form", message)


def wrong_entry(field: str, message: str) -> Invalid:
    """Return the error to raise for one wrong field of a form, with a sentence for the person who filled it in."""
    return Invalid(message, errors=[FieldError(field, message)])
