"""The list of a provider's assistants: the provider invites an assistant by email, and removes one at any time.

Nothing is looked up about the address of an invitation, so the pages reveal no account (decision 57)."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.account_events import AccountEventType, account_event
from chalicelib.domain.assistants import Assistant, with_entry
from chalicelib.domain.deliveries import Delivery, MessageType
from chalicelib.domain.errors import FieldError, Invalid, NotFound
from chalicelib.domain.expiring_records import Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.account_changes import AccountChange, AccountOwner, AccountWriter, wrong_entry
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.normalization import normalize_email, normalize_line
from chalicelib.services.ports import Ids, Store
from chalicelib.services.throttling import Quota
from chalicelib.services.transaction import Change

MAX_ASSISTANTS = 10
MAX_NAME_CHARS = 100

INVITATIONS_PER_HOUR = Quota(
    kind=SecretKind.INVITATION, limit=5, period=timedelta(hours=1), min_interval=timedelta(seconds=30)
)
INVITATIONS_PER_DAY = Quota(kind=SecretKind.INVITATION, limit=20, period=timedelta(hours=24))

_MAX_PRACTICES = 100
"""The most clinics of a provider whose reply-to addresses are compared with the address of an invitation."""

_TOO_MANY = (
    f"You can send {INVITATIONS_PER_HOUR.limit} invitations an hour and {INVITATIONS_PER_DAY.limit} a day. "
    f"Wait {INVITATIONS_PER_HOUR.min_interval.seconds} seconds between two."
)
_CLINICS_ADDRESS = "This is a clinic's address. Invite a person in your own office."


class AssistantList:
    """The actions of a provider on the list of assistants.

    Callers check first that the owner has entered the password or a passkey recently."""

    def __init__(self, store: Store, ids: Ids, writer: AccountWriter) -> None:
        self._store = store
        self._ids = ids
        self._writer = writer

    def invite(self, owner: AccountOwner, name: str, email: str) -> AccountChange:
        """Add an assistant to the list, and queue the email with the link by which the assistant accepts.

        The result is the same for every address that is not the provider's own, in the list, or a clinic's. Raise
        `Invalid` with the wrong fields of the form, if the list is full, or after too many invitations."""
        typed_name, address = _read_form(name, email)
        self._refuse_clinics_address(owner.provider, address)

        def step(current: AccountOwner) -> AccountChange:
            _check_new(current.provider, address)
            message = self._invitation(current, address)
            entry = Assistant(
                id=self._ids.new("ast"), name=typed_name, email=address, invited_at=current.now, invitation=message.id
            )
            changed = replace(current.provider, assistants=(*current.provider.assistants, entry))
            more = self._sending(current, message)
            return self._commit(current, changed, AccountEventType.ASSISTANT_INVITED, address, more)

        return self._writer.apply_to_latest(owner, step)

    def resend(self, owner: AccountOwner, assistant_id: str) -> AccountChange:
        """Queue a new invitation to an assistant who has not accepted yet. The links of earlier emails stop working.

        Raise `NotFound` if no such assistant waits in the list, and `Invalid` after too many invitations."""

        def step(current: AccountOwner) -> AccountChange:
            entry = _find(current.provider, assistant_id)
            if entry.account_id is not None:
                raise NotFound("This assistant has accepted already.")
            message = self._invitation(current, entry.email)
            renewed = replace(entry, invitation=message.id, invited_at=current.now)
            changed = replace(current.provider, assistants=with_entry(current.provider.assistants, renewed))
            more = self._sending(current, message)
            return self._commit(current, changed, AccountEventType.ASSISTANT_INVITED, entry.email, more)

        return self._writer.apply_to_latest(owner, step)

    def remove(self, owner: AccountOwner, assistant_id: str) -> AccountChange:
        """Remove an assistant, whose access to the provider's documents ends with the commit, and email the assistant.

        An invitation that was not accepted stops working. Raise `NotFound` if there is no such assistant."""

        def step(current: AccountOwner) -> AccountChange:
            entry = _find(current.provider, assistant_id)
            others = tuple(other for other in current.provider.assistants if other.id != entry.id)
            changed = replace(current.provider, assistants=others)
            more = self._leaving(current, entry)
            return self._commit(current, changed, AccountEventType.ASSISTANT_REMOVED, entry.email, more)

        return self._writer.apply_to_latest(owner, step)

    def _commit(
        self, owner: AccountOwner, changed: Provider, event_type: AccountEventType, email: str, more: Change
    ) -> AccountChange:
        return AccountChange(self._writer.commit(owner, changed, event_type, more=more, email=email), changed)

    def _refuse_clinics_address(self, provider: Provider, email: str) -> None:
        """Raise `Invalid` if replies to one of the provider's clinics go to this address.

        The reader of a clinic's mailbox would see the documents of all other clinics."""
        practices = self._store.practices(provider.practices[:_MAX_PRACTICES]) if provider.practices else ()
        if email in {(practice.reply_to or "").lower() for practice in practices}:
            raise wrong_entry("assistant_email", _CLINICS_ADDRESS)

    def _invitation(self, owner: AccountOwner, email: str) -> Delivery:
        event_id = self._ids.new("evt")
        return account_notice(event_id, owner.provider, MessageType.INVITATION, owner.now, recipient=email)

    def _sending(self, owner: AccountOwner, message: Delivery) -> Change:
        counts = self._count(owner)
        return Change(at=owner.now, secrets=counts, deliveries=(message,), outbox=(outbox_row(message),))

    def _count(self, owner: AccountOwner) -> tuple[Secret, Secret]:
        """Return the counters of the provider's invitations after one more. Raise `Invalid` if there are too many."""
        names = (f"{period}:{owner.provider.id}" for period in ("hour", "day"))
        hour_key, day_key = (secret_key(SecretKind.INVITATION, name) for name in names)
        rows = self._store.secrets([hour_key, day_key])
        hour = INVITATIONS_PER_HOUR.count_use(rows.get(hour_key), hour_key, owner.now)
        day = INVITATIONS_PER_DAY.count_use(rows.get(day_key), day_key, owner.now)
        if hour is None or day is None:
            raise wrong_entry("assistant_email", _TOO_MANY)
        return hour, day

    def _leaving(self, owner: AccountOwner, entry: Assistant) -> Change:
        """Return the rows by which an assistant's account learns that the provider has removed the assistant.

        There are none if the assistant has not accepted the invitation."""
        account = self._store.provider(entry.account_id) if entry.account_id else None
        if account is None or account.email is None:
            return Change(at=owner.now)
        provider, event_id = owner.provider, self._ids.new("evt")
        remaining = tuple(other for other in account.assists if other != provider.id)
        left = replace(account, version=account.version + 1, assists=remaining)
        event = account_event(
            account.id, AccountEventType.PROVIDER_LEFT, owner.now, owner.origin, unique=event_id, email=provider.email
        )
        kind = MessageType.ASSISTS_NO_MORE
        message = account_notice(event_id, provider, kind, owner.now, recipient=account.email)
        return Change(
            at=owner.now,
            providers=(left,),
            account_events=(event,),
            deliveries=(message,),
            outbox=(outbox_row(message),),
        )


def _read_form(name: str, email: str) -> tuple[str, str]:
    """Return the name and the address of the form. Raise `Invalid` with every wrong field."""
    errors, line, address = [], "", ""
    try:
        line = " ".join(normalize_line(name).split())
    except ValueError:
        errors.append(FieldError("assistant_name", "Enter the assistant's first and last name."))
    if len(line) > MAX_NAME_CHARS:
        errors.append(FieldError("assistant_name", f"Use at most {MAX_NAME_CHARS} characters."))
    try:
        address = normalize_email(email)
    except ValueError:
        message = "Enter the assistant's own email address, such as name@example.com."
        errors.append(FieldError("assistant_email", message))
    if errors:
        raise Invalid("Please check the highlighted fields.", errors=errors)
    return line, address


def _check_new(provider: Provider, email: str) -> None:
    if email in provider.proven_emails:
        raise wrong_entry("assistant_email", "This is your own address. An assistant needs another one.")
    if email in {entry.email for entry in provider.assistants}:
        raise wrong_entry("assistant_email", "You have already invited this address. See the list above.")
    if len(provider.assistants) >= MAX_ASSISTANTS:
        raise wrong_entry("assistant_email", f"You can have {MAX_ASSISTANTS} assistants. Remove one first.")


def _find(provider: Provider, assistant_id: str) -> Assistant:
    entry = next((entry for entry in provider.assistants if entry.id == assistant_id), None)
    if entry is None:
        raise NotFound("There is no such assistant.")
    return entry
