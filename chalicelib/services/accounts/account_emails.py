"""The email addresses of an account: the owner adds one more address with an emailed code, or removes an address.

The first address is the username. An account can open the documents that were sent to one of its addresses, if the
documents name the owner of the account."""

from datetime import datetime

from chalicelib.domain.account_events import AccountEventType
from chalicelib.domain.errors import NotFound
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.account_changes import AccountChange, AccountOwner, AccountWriter, wrong_entry
from chalicelib.services.accounts.address_codes import AddressCodes, wrong_code
from chalicelib.services.accounts.address_transfers import AddressTransfer, gain, lose
from chalicelib.services.normalization import describe_wrong_email, normalize_email
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, OutboxRow

MAX_EMAILS = 5


class AccountEmails:
    """The actions with which an owner adds or removes email addresses of an account.

    Callers check first that the owner has entered the password or a passkey recently."""

    def __init__(self, store: Store, ids: Ids, writer: AccountWriter) -> None:
        self._store = store
        self._ids = ids
        self._writer = writer
        self._codes = AddressCodes(store, ids)

    def ask_for_code(self, owner: AccountOwner, typed: str) -> None:
        """Queue an email with a code to the typed address. The code proves that the owner reads email there.

        If another account has the address, a background job sends no code, and the owner who typed the address does
        not learn the reason. Raise `Invalid` if the text is no email address, if this account already has the
        address or the largest number of addresses, or if it has requested too many codes."""
        try:
            email = normalize_email(typed)
        except ValueError as error:
            raise wrong_entry("email", describe_wrong_email(typed)) from error
        _check_new(owner.provider, email)
        self._codes.request(owner.provider.id, email, owner.now)

    def pending_email(self, provider: Provider, now: datetime) -> str | None:
        """Return the address for which the account last requested a code, so that the page can name it.

        Return None if no request waits for its code. The address of another account is returned too, although no code
        is sent to it, so that the page does not reveal that account."""
        return self._codes.pending_email(provider.id, now)

    def add(self, owner: AccountOwner, code: str, source: str) -> AccountChange:
        """Add the address of the account's request if the code is right, and email all addresses of the account.

        `source` is the client's network, in which wrong codes are counted. Raise `Invalid` with the same message for
        a wrong code, for too many tries, and for an address that another account has just added."""
        request = self._codes.check(owner.provider.id, code, source, owner.now)
        email = request.email or ""

        def step(current: AccountOwner) -> AccountChange:
            transfer = gain(self._store, current.provider, email)
            if transfer is None:
                raise wrong_code()
            recipients = transfer.account.proven_emails
            return self._commit(current, transfer, AccountEventType.EMAIL_ADDED, email, recipients, spent=(request,))

        return self._writer.apply_to_latest(owner, step)

    def remove(self, owner: AccountOwner, email: str) -> AccountChange:
        """Remove an address from the account, and email all addresses. The address is then free for another account.

        The owner can no longer open documents that only this address opened. Raise `NotFound` if the account does not
        have the address, or if the address is the username."""

        def step(current: AccountOwner) -> AccountChange:
            if email not in current.provider.proven_emails[1:]:
                raise NotFound("There is no such email address.")
            transfer = lose(self._store, self._ids, current.provider, email)
            recipients = current.provider.proven_emails
            return self._commit(current, transfer, AccountEventType.EMAIL_REMOVED, email, recipients)

        return self._writer.apply_to_latest(owner, step)

    def _commit(
        self,
        owner: AccountOwner,
        transfer: AddressTransfer,
        event_type: AccountEventType,
        email: str,
        recipients: tuple[str, ...],
        *,
        spent: tuple[Secret, ...] = (),
    ) -> AccountChange:
        jobs = OutboxRow(id=self._ids.new("out"), created_at=owner.now, jobs=transfer.jobs)
        more = Change(
            at=owner.now,
            providers=transfer.people,
            claims=transfer.claims,
            released=transfer.released,
            spent=spent,
            outbox=(jobs,),
        )
        cookie = self._writer.commit(owner, transfer.account, event_type, more=more, email=email, recipients=recipients)
        return AccountChange(cookie, transfer.account)


def _check_new(provider: Provider, email: str) -> None:
    if email in provider.proven_emails:
        raise wrong_entry("email", "This address is already in your account.")
    if len(provider.proven_emails) >= MAX_EMAILS:
        raise wrong_entry("email", f"An account can have {MAX_EMAILS} email addresses. Remove one first.")
