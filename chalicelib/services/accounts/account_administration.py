"""The actions of support on providers' accounts: separate two people, release an address, close or move an account.

Every change is emailed to all addresses of the account, and is recorded among the account's events with the name of
the employee of support. An action that has already been done changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.account_events import UNKNOWN, AccountEventType, account_event
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import MessageType
from chalicelib.domain.documents import Addressee
from chalicelib.domain.errors import Conflict, FieldError, invalid_field
from chalicelib.domain.providers import (
    Provider,
    names_of,
    npi_key,
    separation_key,
    spelling_key,
    with_name,
    without_credentials,
)
from chalicelib.services.accounts.account_moves import jobs_at, owned_claims
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.documents.document_moves import move_job
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, OutboxRow, merge

_RETRY_ON = frozenset({"provider", "claim"})


@dataclass(frozen=True)
class SupportAction:
    """The circumstances of a change that support makes: the name of the employee (`operator`), and the time."""

    operator: str
    now: datetime


class AccountAdministration:
    """The changes that support makes to providers' accounts. Each method commits one transaction to the database."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids

    def find(self, email: str) -> Provider:
        """Return the provider whose account has this email address. Raises `Invalid` if no account has the address."""
        key = email_claim(email)
        provider = self._store.provider(self._store.claims([key]).get(key, "prv_nobody"))
        if provider is None or email not in provider.proven_emails:
            raise invalid_field("email", "is held by no account")
        return provider

    def separate(self, provider_id: str, person: Addressee, action: SupportAction, *, remove_npi: bool) -> None:
        """Separate a person from a provider with whom the person's documents were matched by mistake.

        The documents that name the person leave the provider's lists at once, and a background job moves these
        documents to the right person. With `remove_npi`, the provider also loses the NPI, which belongs to the other
        person. Raises `Invalid` if the provider is unknown or closed, or if both people have the same name and NPI."""

        def change(before: Provider) -> Change | None:
            if before.closed_at is not None:
                raise invalid_field("provider_id", "names a closed account")
            _require_other_person(before, person, remove_npi=remove_npi)
            key = separation_key(before, person)
            keys = {key, npi_key(person.npi)} if remove_npi else {key}
            after = replace(before, other_people=tuple(sorted({*before.other_people, *keys})))
            if remove_npi and before.npi == person.npi:
                after = replace(after, npi=None, npi_stated_by=())
            if not before.has_account:
                after = replace(after, link=None, setup_mailed_at=None, setup_document=None)
            moves = OutboxRow(id=self._ids.new("out"), created_at=action.now, jobs=(move_job(before.id),))
            if after == before:
                return Change(at=action.now, outbox=(moves,))
            after = replace(after, version=before.version + 1)
            reported = self._change(after, AccountEventType.PEOPLE_SEPARATED, action, before.proven_emails)
            return merge(reported, Change(at=action.now, outbox=(moves,)))

        self._commit(provider_id, change)

    def correct_name(self, provider_id: str, first_name: str, last_name: str, action: SupportAction) -> None:
        """Correct the name of an account's owner, for example after a marriage.

        Documents with the name before still open in the account, and so do documents with the corrected name. Those
        that came before the correction are in the lists of another row, so a background job moves them. The account's
        event has both names. Raises `Invalid` if there is no such account. If the account has this name already, only
        the job runs again."""

        def change(before: Provider) -> Change | None:
            _require_account(before)
            is_same = (before.first_name, before.last_name) == (first_name, last_name)
            if is_same and not before.name_self_stated:
                return self._moves_to(before, action)
            after = replace(with_name(before, first_name, last_name), version=before.version + 1)
            corrected = self._change(
                after, AccountEventType.NAME_CORRECTED, action, before.proven_emails, names=(before.name, after.name)
            )
            moves = self._moves_to(after, action)
            return merge(corrected, moves) if moves else corrected

        self._commit(provider_id, change)

    def release_address(self, provider_id: str, email: str, action: SupportAction) -> None:
        """Remove an email address from an account, so that another account can add the address.

        The account can no longer open documents that were sent to this address, unless the practice of a document
        has also sent to a remaining address of the account. Raises `Conflict` if the address is the username, and
        `Invalid` if there is no such account. Does nothing if the account does not have the address."""

        def change(before: Provider) -> Change | None:
            _require_account(before)
            if email == before.email:
                raise Conflict(
                    "This address is the account's username. Use move_account to give the account another username, "
                    "or close_account to end the account.",
                    errors=(FieldError("email", "is the account's username"),),
                )
            if email not in before.proven_emails:
                return None
            remaining = tuple(other for other in before.proven_emails if other != email)
            after = replace(before, version=before.version + 1, emails=remaining)
            event_type = AccountEventType.ADDRESS_RELEASED
            addresses = before.proven_emails
            return self._change(after, event_type, action, addresses, released=(email,), email=email)

        self._commit(provider_id, change)

    def close(self, provider_id: str, action: SupportAction) -> None:
        """Close an account for good: remove its logins, sessions, links and saved signature, and free its addresses.

        The provider's past signatures stay valid. From now on, only a code by email or fax opens the account's
        documents. A new account at one of the addresses belongs to another person, and does not get the documents."""

        def change(before: Provider) -> Change | None:
            if before.closed_at is not None:
                return None
            _require_account(before)
            after = replace(without_credentials(before), email=None, emails=(), closed_at=action.now)
            addresses = before.proven_emails
            return self._change(after, AccountEventType.ACCOUNT_CLOSED, action, addresses, released=addresses)

        self._commit(provider_id, change)

    def start_move(self, provider_id: str, email: str, action: SupportAction) -> None:
        """Email a link to a new address, with which the reader of that address can take control of the account.

        Until the link is used, the account works as before. A second call emails a new link and ends the older link.
        If `email` is the account's own username, the call cancels a move that has started. Raises `Conflict` if
        another account holds the address, and `Invalid` if there is no such account or if it is an assistant's."""

        def change(before: Provider) -> Change | None:
            _require_account(before)
            if email == before.email:
                return self._cancel_move(before, action)
            if before.is_assistant:
                raise invalid_field("provider_id", "names an assistant, whom a provider can invite at the new address")
            self._require_free(email, before.id)
            link = account_notice(self._ids.new("evt"), before, MessageType.NEW_ADDRESS, action.now, recipient=email)
            after = replace(before, version=before.version + 1, move_link=link.id)
            reported = self._change(after, AccountEventType.MOVE_STARTED, action, before.proven_emails)
            return merge(reported, Change(at=action.now, deliveries=(link,), outbox=(outbox_row(link),)))

        self._commit(provider_id, change)

    def _cancel_move(self, before: Provider, action: SupportAction) -> Change | None:
        if before.move_link is None:
            return None
        after = replace(before, version=before.version + 1, move_link=None)
        return self._change(after, AccountEventType.MOVE_CANCELLED, action, before.proven_emails)

    # The parts of every action

    def _commit(self, provider_id: str, change: Callable[[Provider], Change | None]) -> None:
        """Call `change` with the stored row of a provider, and commit the transaction that `change` returns.

        If `change` returns None, nothing is committed. If another request changes the same rows at the same time, the
        row is read again and `change` is called again. Raises `Invalid` for an unknown provider id."""

        def step() -> None:
            provider = self._store.provider(provider_id)
            if provider is None:
                raise invalid_field("provider_id", "names no provider")
            row_change = change(provider)
            if row_change is not None:
                self._store.commit(row_change)

        retry_on_conflict(step, retry_on=_RETRY_ON)

    def _moves_to(self, account: Provider, action: SupportAction) -> Change | None:
        """Return the row that queues the jobs to move documents into the account, or None if nothing is to move.

        The documents are those at the account's addresses that name its owner and are in other rows' lists."""
        jobs = dict.fromkeys(job for email in account.proven_emails for job in jobs_at(self._store, account, email))
        row = OutboxRow(id=self._ids.new("out"), created_at=action.now, jobs=tuple(jobs))
        return Change(at=action.now, outbox=(row,)) if jobs else None

    def _require_free(self, email: str, provider_id: str) -> None:
        key = email_claim(email)
        if self._store.claims([key]).get(key, provider_id) != provider_id:
            raise Conflict(
                "Another account holds this address. Close that account or release the address first.",
                errors=(FieldError("email", "is held by another account"),),
            )

    def _change(
        self,
        after: Provider,
        event_type: AccountEventType,
        action: SupportAction,
        addresses: tuple[str, ...],
        *,
        released: tuple[str, ...] = (),
        email: str | None = None,
        names: tuple[str, str] | None = None,
    ) -> Change:
        """Return the transaction of a change by support: the provider's row, an event, and emails to `addresses`.

        `released` are the addresses whose reservations are deleted, so that other accounts may add them. `email` is the
        address that the account's activity page shows beside the event. `names` are the owner's names before and after
        a correction."""
        event_id, now = self._ids.new("evt"), action.now
        notices = tuple(account_notice(event_id, after, event_type, now, recipient=address) for address in addresses)
        operator = action.operator
        event = account_event(
            after.id, event_type, now, UNKNOWN, unique=event_id, operator=operator, email=email, names=names
        )
        return Change(
            at=now,
            providers=(after,),
            account_events=(event,),
            released=owned_claims(self._store, after.id, released),
            deliveries=notices,
            outbox=(outbox_row(*notices),) if notices else (),
        )


def _require_account(provider: Provider) -> None:
    if not provider.has_account:
        raise invalid_field("provider_id", "names no account")


def _require_other_person(provider: Provider, person: Addressee, *, remove_npi: bool) -> None:
    """Check that a name or an NPI distinguishes a provider from the `person` whom support separates from the provider.

    Raise `Invalid` if both have the same name and `person` has no NPI of their own, because the portal could then not
    decide which of them a document names. Also raise `Invalid` if `remove_npi` is set and the provider has an account,
    or `person` has no NPI."""
    if remove_npi and (provider.has_account or person.npi is None):
        raise invalid_field("remove_npi", "needs the npi of the other person, and a provider without an account")
    is_same_npi = person.npi is None or person.npi == provider.npi
    names = {spelling_key(*name) for name in names_of(provider)}
    if is_same_npi and spelling_key(person.first_name, person.last_name) in names:
        raise invalid_field("last_name", "and npi are the provider's own, so nothing tells the two people apart")
