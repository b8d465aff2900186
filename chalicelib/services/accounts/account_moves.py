"""The last step of moving an account to another email address, which support has started.

The reader of the new address has opened the emailed link and chosen a password. The new address becomes the only
address of the account. The old passkeys, two-step login, sessions and saved signature end: they may be a stranger's."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.account_events import AccountEventType, Origin, account_event
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.providers import Provider, without_credentials
from chalicelib.services.accounts.address_transfers import keys_at
from chalicelib.services.delivery_rows import account_notice, outbox_row
from chalicelib.services.documents.document_moves import move_job
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change, Claim, Job, OutboxRow


def complete_move(
    store: Store, ids: Ids, before: Provider, email: str, password_hash: str, now: datetime, origin: Origin
) -> Change:
    """Return the transaction, for the caller to commit, that gives the account to the reader of the new address.

    The transaction emails every old address and the new address. Its background jobs move into the account the
    documents that were sent to the new address before the move. `before` is the account's row before the move."""
    event_id, old = ids.new("evt"), tuple(other for other in before.proven_emails if other != email)
    after = replace(without_credentials(before), password_hash=password_hash, email=email, emails=(email,))
    notices = tuple(
        account_notice(event_id, after, AccountEventType.ACCOUNT_MOVED, now, recipient=address)
        for address in (email, *old)
    )
    event = account_event(after.id, AccountEventType.ACCOUNT_MOVED, now, origin, unique=event_id)
    jobs = jobs_at(store, after, email)
    rows = (OutboxRow(id=ids.new("out"), created_at=now, jobs=jobs),) if jobs else ()
    return Change(
        at=now,
        providers=(after,),
        claims=(Claim(key=email_claim(email), owner=after.id),),
        released=owned_claims(store, after.id, old),
        account_events=(event,),
        deliveries=notices,
        outbox=(outbox_row(*notices), *rows),
    )


def owned_claims(store: Store, provider_id: str, emails: tuple[str, ...]) -> tuple[Claim, ...]:
    """Return the reservations (claims) of these email addresses that belong to this account, for their release."""
    owners = store.claims([email_claim(email) for email in emails])
    return tuple(Claim(key=key, owner=provider_id) for key, owner in owners.items() if owner == provider_id)


def jobs_at(store: Store, account: Provider, email: str) -> tuple[Job, ...]:
    """Return the background jobs that move documents into the account: those sent to `email` that name its owner.

    Until now, these documents belong to other provider rows. There is one job for each such row."""
    people = dict.fromkeys(store.claims(keys_at(account, email)).values())
    return tuple(move_job(person) for person in people if person != account.id)
