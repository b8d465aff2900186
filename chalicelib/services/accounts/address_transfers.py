"""The transfer of an email address to an account, or from an account to a person without an account.

Practices send documents to addresses whose readers have no account. For such a reader, the database has a provider
row without a password, here called a person. When an account proves an address, it receives the names, NPIs and
documents of the person there who is the account's owner. When an account loses the address, a person receives these
facts again. The job `move` moves the documents. A person at the address with another name stays separate."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.claim_keys import email_claim, known_claims, person_claims
from chalicelib.domain.documents import Addressee
from chalicelib.domain.providers import Provider, names_of, without_typed_name
from chalicelib.domain.visibility import names_person
from chalicelib.services.documents.document_moves import check_job, move_job
from chalicelib.services.documents.provider_matching import complete, unlink
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Claim, Job

MAX_PRACTICES = 35
"""The most practices for which one transaction makes future faxes go to another person (DynamoDB limits a transaction).

For a further practice, the next fax does the same."""

MAX_NAMES = 3
"""The most names of one person, the newest first, under which other rows of the person are looked for.

Each name has up to a dozen keys, and DynamoDB limits one read and one transaction to 100 rows."""


@dataclass(frozen=True, kw_only=True)
class AddressTransfer:
    """The rows to commit for a transfer: the changed account, the changed people without an account, claims and jobs.

    A claim reserves a unique value, such as an email address, for one owner. `released` are claims to delete. The
    caller must raise the version of `account` before the commit. The versions of `people` are already raised."""

    account: Provider
    people: tuple[Provider, ...]
    claims: tuple[Claim, ...]
    released: tuple[Claim, ...] = ()
    jobs: tuple[Job, ...]


def gain(store: Store, account: Provider, email: str) -> AddressTransfer | None:
    """Return the transfer that adds a proven email address to the account, for the caller to commit.

    Return None if an account has the address already. The transfer reserves the address for the account. It also
    reserves the owner's name and NPI at the address, so that a document that arrives at the same time is matched with
    the account, and not with a new person."""
    address, keys = email_claim(email), keys_at(account, email)
    owners = store.claims([address, *keys])
    if address in owners:
        return None
    gained, people = replace(account, emails=(*account.proven_emails, email)), []
    for person in _people(store, account, email, owners):
        for practice_id in person.addressed_by:
            gained = complete(gained, _stated(person, email, practice_id), practice_id)
        people.append(replace(person, version=person.version + 1, addressed_by={}, merged_into=account.id))
    free = [key for key in keys if key not in owners]
    return AddressTransfer(
        account=gained,
        people=tuple(people),
        claims=tuple(Claim(key=key, owner=account.id) for key in (address, *free)),
        jobs=(*(move_job(person.id) for person in people), check_job(account.id)),
    )


def lose(store: Store, ids: Ids, account: Provider, email: str) -> AddressTransfer:
    """Return the transfer that removes an email address from the account, for the caller to commit.

    If practices have sent documents to the address, the transfer gives them to a person: a provider row without an
    account, which is created if there is none. The person receives the name, address and NPI that these practices
    stated, their documents to the address, and their later faxes. What belongs to a remaining address of the account
    stays with the account."""
    owners = store.claims(keys_at(account, email))
    practices = [practice_id for practice_id, emails in account.addressed_by.items() if email in emails]
    lost = replace(account, emails=tuple(other for other in account.proven_emails if other != email))
    for practice_id in practices:
        lost = unlink(lost, practice_id, email)
    people = [replace(person, merged_into=None) for person in _people(store, account, email, owners)]
    claims: tuple[Claim, ...] = ()
    if practices:
        heir, *others = people or [_new_person(ids, account, email)]
        for practice_id in practices:
            heir = complete(heir, _stated(account, email, practice_id), practice_id)
        people = [heir, *others]
        claims = (*_claims_at_address(account, heir, email, owners), *_claims_of_faxes(store, lost, heir, practices))
    people = [replace(person, version=person.version + 1) for person in people]
    released = (Claim(key=email_claim(email), owner=account.id),)
    return AddressTransfer(
        account=lost, people=tuple(people), claims=claims, released=released, jobs=(move_job(account.id),)
    )


def _people(store: Store, account: Provider, email: str, owners: Mapping[str, str]) -> list[Provider]:
    """Return the provider rows without an account at this address whose name and NPI are those of the account's owner.

    A claim reserves a value, here a name or NPI at the address, for one provider row. `owners` maps the keys of claims
    to the ids of these rows."""
    rows = [store.provider(owner) for owner in dict.fromkeys(owners.values())]
    return [row for row in rows if row is not None and _is_same_person(account, row, email)]


def _is_same_person(account: Provider, row: Provider, email: str) -> bool:
    is_here = not row.has_account and row.mailed_to == email
    return is_here and names_person(account, _addressee(row, email), at_address=True)


def _new_person(ids: Ids, account: Provider, email: str) -> Provider:
    named = without_typed_name(account)
    return Provider(
        id=ids.new("prv"), version=0, first_name=named.first_name, last_name=named.last_name, mailed_to=email
    )


def _claims_at_address(account: Provider, heir: Provider, email: str, owners: Mapping[str, str]) -> list[Claim]:
    """Return the reservations (claims) by which later documents to an address go to a person, not to the account.

    The account has given up the address, and the `heir`, a provider row without an account, receives it. A claim
    reserves a name or NPI at the address for one provider row. `owners` maps the keys of stored claims to the ids of
    these rows. Claims of other people are left out."""
    keys = [key for key in person_claims(_addressee(account, email)) if owners.get(key) in (None, account.id)]
    return [Claim(key=key, owner=heir.id, replaces=account.id) for key in keys]


def _claims_of_faxes(store: Store, lost: Provider, heir: Provider, practices: Collection[str]) -> list[Claim]:
    """Return the reservations (claims) by which later faxes of these practices are matched with the `heir`.

    The heir is the person without an account who receives the address. `lost` is the account without the address. A
    practice that has also sent to a remaining address of the account is left out: its faxes still go to the account."""
    proven = set(lost.proven_emails)
    ended = [practice_id for practice_id in practices if proven.isdisjoint(lost.addressed_by.get(practice_id, ()))]
    named = _addressee(lost, None)
    keys = [key for practice_id in ended[:MAX_PRACTICES] for key in known_claims(practice_id, named)]
    owners = store.claims(keys)
    return [Claim(key=key, owner=heir.id, replaces=lost.id) for key in keys if owners.get(key) == lost.id]


def keys_at(account: Provider, email: str) -> tuple[str, ...]:
    """Return the keys of the reservations (claims) of the owner's NPI and names at this email address.

    The names are those by which documents name the owner: the present one and those before corrections, but none that
    the owner typed."""
    owner = _addressee(account, email)
    named = (replace(owner, first_name=first, last_name=last) for first, last in names_of(account)[:MAX_NAMES])
    return tuple(dict.fromkeys(key for addressee in named for key in person_claims(addressee)))


def _stated(person: Provider, email: str, practice_id: str) -> Addressee:
    """Return what a practice has stated about the person at this email address: name, address and, if stated, NPI.

    The NPI is None if only other practices stated it, so that their statement never counts as this practice's."""
    addressee = _addressee(person, email)
    return addressee if practice_id in person.npi_stated_by else replace(addressee, npi=None)


def _addressee(person: Provider, email: str | None) -> Addressee:
    named = without_typed_name(person)
    return Addressee(
        first_name=named.first_name,
        last_name=named.last_name,
        credential=person.credential,
        npi=person.npi,
        email=email,
    )
