"""The search for the provider to whom a document is addressed (DESIGN 2a, docs/decisions/003).

The statements of one practice never lead to a person of another practice. NPI, fax number and name find a person
only among those that the same practice has addressed. An email address finds the person who reads it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.claim_keys import (
    addressee_claim,
    email_claim,
    first_addressee_claim,
    known_claims,
    matching_claims,
    person_claims,
    spelled_known_claims,
)
from chalicelib.domain.deliveries import Channel
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.errors import FieldError, invalid_fields
from chalicelib.domain.providers import (
    Provider,
    has_same_name,
    is_separated,
    npi_key,
    searched_spellings,
    separation_key,
    spelling_key,
    without_typed_name,
)
from chalicelib.domain.visibility import is_ruled_out, names_person
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Claim

BY_EMAIL = (DeliveryChoice.EMAIL, DeliveryChoice.BOTH)
BY_FAX = (DeliveryChoice.FAX, DeliveryChoice.BOTH)


@dataclass(frozen=True, kw_only=True)
class ProviderMatch:
    """The result of the search for a document's provider: the provider, and the rows to store with the document.

    `claims` are new rows that reserve a unique value, such as an email address, for this provider. `stored` is the
    provider's row as it was read, or None for a new provider. `may_set_up` is false if the email address already
    belongs to another account. `names_other_person` is true if the same practice addressed another person at this email
    address before. `displaced` are the ids of other providers without an email address, to whom the practice's faxes
    for this addressee went before. Their documents move to this provider."""

    provider: Provider
    stored: Provider | None
    claims: tuple[Claim, ...] = ()
    may_set_up: bool = True
    names_other_person: bool = False
    displaced: tuple[str, ...] = ()

    def changed_rows(self) -> tuple[Provider, ...]:
        """Return the provider's row to store, in its next version, or nothing if the row has not changed."""
        if self.provider == self.stored:
            return ()
        version = self.stored.version + 1 if self.stored else 1
        return (replace(self.provider, version=version),)

    def with_setup_email(self, document_id: str, now: datetime) -> "ProviderMatch":
        """Return the match, with a setup email recorded on the provider: its document and its time."""
        provider = replace(self.provider, setup_mailed_at=now, setup_document=document_id)
        return replace(self, provider=provider)

    def without_setup_email(self) -> "ProviderMatch":
        """Return the match without the record of a setup email whose link is dead, so that another one can be sent."""
        provider = replace(self.provider, setup_mailed_at=None, setup_document=None)
        return replace(self, provider=provider)


def check_reachable(addressee: Addressee, delivery: DeliveryChoice) -> None:
    """Raise `Invalid` with the fields that are missing: the email address or fax number that the delivery needs."""
    errors = []
    if delivery in BY_EMAIL and addressee.email is None:
        errors.append(FieldError("data.provider.email", f"is needed for delivery by {delivery}"))
    if delivery in BY_FAX and addressee.fax is None:
        errors.append(FieldError("data.provider.fax", f"is needed for delivery by {delivery}"))
    if delivery is DeliveryChoice.AUTO and addressee.email is None and addressee.fax is None:
        errors.append(FieldError("data.provider.email", "or data.provider.fax is needed for delivery by auto"))
    if errors:
        raise invalid_fields(errors)


def resolve_choice(
    delivery: DeliveryChoice, addressee: Addressee, *, may_fax: bool = True, best: Channel | None = None
) -> DeliveryChoice:
    """Return the way of delivery: the given one, or for `auto` the one that the portal chooses for this addressee.

    A document goes by fax only if this is the best channel of the provider, or if there is no email address. Otherwise
    it goes by email, and by fax too if there is a number: at once or later, as with `both`. `may_fax` is false if the
    fax number was reported as wrong. `best` is the channel to which the provider reacted most often."""
    if delivery is not DeliveryChoice.AUTO:
        return delivery
    has_fax = addressee.fax is not None and may_fax
    if addressee.email is None or (has_fax and best is Channel.FAX):
        return DeliveryChoice.FAX
    return DeliveryChoice.BOTH if has_fax else DeliveryChoice.EMAIL


def mailbox_claim(document: Document, owners: Mapping[str, str]) -> tuple[Claim, ...]:
    """Return the claim (a row) that names the document as the newest one emailed to its address, or an empty tuple.

    If a person without an account asks for a setup link, the link is for the document that the claim names. `owners`
    maps the keys of stored claims to the ids of their owners. A document that is not sent by email gives an empty
    tuple."""
    email = document.addressee.email
    if document.delivery not in BY_EMAIL or email is None:
        return ()
    key = addressee_claim(email)
    return (Claim(key=key, owner=document.id, replaces=owners.get(key)),)


class ProviderMatcher:
    """The search for the provider to whom a practice addressed a document.

    The search reads claims. A claim is a row that leads from a key, such as an email address or NPI, to the provider
    who owns it. `owners` maps the keys of `matching_claims` to the ids of the owners. `unlinked` is a provider's row
    with changes that are not stored yet, and is used in place of the stored row. `is_newest` is false for a new search
    about an old document. Such a search leaves the claims of other providers alone, unless support has decided about
    them (`_is_given_up`)."""

    def __init__(
        self,
        store: Store,
        ids: Ids,
        practice_id: str,
        addressee: Addressee,
        owners: Mapping[str, str],
        *,
        unlinked: Provider | None = None,
        is_newest: bool = True,
    ) -> None:
        self._store = store
        self._ids = ids
        self._practice_id = practice_id
        self._addressee = addressee
        self._owners = owners
        self._is_newest = is_newest
        self._rows = {unlinked.id: unlinked} if unlinked else {}

    def match_colleague(self) -> ProviderMatch:
        """Return the person to whom an addressee handed a document over, with the claims that must be stored.

        Only the email address finds an existing person, and nothing is recorded as stated by the practice: a provider's
        statement about a colleague opens no document of the practice, and confirms no NPI."""
        addressee = self._addressee
        stored = self._account_at_address() or self._person_at_address()
        person = stored or Provider(
            id=self._ids.new("prv"),
            version=1,
            first_name=addressee.first_name,
            last_name=addressee.last_name,
            credential=addressee.credential,
            mailed_to=addressee.email,
        )
        practices = tuple(sorted({*person.practices, self._practice_id}))
        provider = self._separate(replace(person, practices=practices))
        return ProviderMatch(provider=provider, stored=stored, claims=self._person_claims(provider))

    def match(self) -> ProviderMatch:
        """Return the existing provider who is the addressee, or a new provider, with the claims that must be stored."""
        addressee = self._addressee
        stored = self._account_at_address() or self._person_at_address() or self._known_person()
        provider = stored or Provider(
            id=self._ids.new("prv"), version=1, first_name=addressee.first_name, last_name=addressee.last_name
        )
        provider = self._separate(complete(provider, addressee, self._practice_id))
        known = self._known_claims(provider)
        return ProviderMatch(
            provider=provider,
            stored=stored,
            claims=(*self._person_claims(provider), *known, *self._first_addressee_claim()),
            may_set_up=self._owners.get(email_claim(addressee.email or "")) in (None, provider.id),
            names_other_person=self._names_other_person(),
            displaced=self._displaced(known),
        )

    # Where the provider is looked for, in this order

    def _account_at_address(self) -> Provider | None:
        """Return the account whose owner reads the addressee's email address, if the owner is the addressee, or None.

        The row that leads from the address to the account may remain after the address is removed from the account, so
        the account's own list of addresses decides."""
        email = self._addressee.email or ""
        account = self._row(self._owners.get(email_claim(email)))
        is_proven = account is not None and email in account.proven_emails
        if account is not None and is_proven and names_person(account, self._addressee, at_address=True):
            return account
        return None

    def _person_at_address(self) -> Provider | None:
        """Return the person without an account whom any practice addressed at the same email address, or None."""
        people = filter(self._is_at_address, self._claim_owners(person_claims(self._addressee)))
        return next((person for person in people if names_person(person, self._addressee, at_address=True)), None)

    def _known_person(self) -> Provider | None:
        """Return the person whom the same practice addressed before by another address or by fax, or None."""
        practice_id, addressee = self._practice_id, self._addressee
        keys = (*known_claims(practice_id, addressee), *spelled_known_claims(practice_id, addressee))
        people = filter(self._may_hold, self._claim_owners(keys))
        return next((person for person in people if names_person(person, self._addressee, at_address=False)), None)

    def _claim_owners(self, keys: Iterable[str]) -> Iterator[Provider]:
        rows = (self._row(self._owners.get(key)) for key in keys)
        return (row for row in rows if row is not None)

    def _may_hold(self, person: Provider) -> bool:
        """Return True if the person's addresses permit that a document for the addressee is in the person's lists.

        If the person has an account, this practice must have addressed the person at a proven address of the account. A
        person without an account must have no email address, or the addressee's address. If the addressee has no
        address, the person may also have an address at which this practice addressed the person."""
        addressed = set(person.addressed_by.get(self._practice_id, ()))
        if person.has_account:
            return not addressed.isdisjoint(person.proven_emails)
        if person.mailed_to is None or person.mailed_to == self._addressee.email:
            return True
        return self._addressee.email is None and person.mailed_to in addressed

    # Claims

    def _person_claims(self, provider: Provider) -> tuple[Claim, ...]:
        """Return the claims to store, by which later documents to the addressee's email address find this provider.

        A claim is a row that reserves a key for one owner. Here, a key has the email address with the person's name or
        NPI, and the owner is the provider. A provider with an account or with another address gets no claims. If
        another person at the same address owns a key, the key remains with that person, unless support has decided that
        the person is not the addressee. Any other owner, such as an account, loses the key to this provider."""
        if not self._is_at_address(provider):
            return ()
        keys = person_claims(self._addressee)
        keys = keys[: 2 if self._addressee.npi else 1]
        claims = []
        for key in keys:
            owner = self._owners.get(key)
            if owner != provider.id and not self._is_held_by_other_person(owner, key):
                claims.append(Claim(key=key, owner=provider.id, replaces=owner))
        return tuple(claims)

    def _is_held_by_other_person(self, owner: str | None, key: str) -> bool:
        """Return True if another person at the addressee's email address owns the claim on `key` and is to keep it.

        A claim is a row that leads from the key (a name or NPI at the address) to a provider, its `owner`. The person
        loses the claim only if `_is_given_up` permits this."""
        holder = self._row(owner)
        return holder is not None and self._is_at_address(holder) and not self._is_given_up(holder, key)

    def _known_claims(self, provider: Provider) -> tuple[Claim, ...]:
        owners = {key: self._owners.get(key) for key in known_claims(self._practice_id, self._addressee)}
        return tuple(
            Claim(key=key, owner=provider.id, replaces=owner)
            for key, owner in owners.items()
            if owner is None or (owner != provider.id and (self._is_newest or self._is_given_up(self._row(owner), key)))
        )

    def _is_given_up(self, holder: Provider | None, key: str) -> bool:
        """Return True if the addressee's provider may take a claim (a row that reserves `key`) from its owner `holder`.

        This requires that support has closed the holder's account or decided that the holder is not the addressee. A
        claim on the holder's own name or NPI remains with the holder, unless the account was closed."""
        if holder is None or not is_ruled_out(holder, self._addressee):
            return False
        own = self._as_addressee(holder, holder.npi)
        return holder.closed_at is not None or key not in (*person_claims(own), *known_claims(self._practice_id, own))

    def _separate(self, provider: Provider) -> Provider:
        """Return the provider with a record of other people at the same address or with the same NPI, in
        `other_people`.

        They are the people in the rows read by this search whom support separated from the document's addressee.
        Without the record, the portal could take one of them for this provider when a later document names that
        person."""
        people = [
            self._as_addressee(row, self._addressee.npi)
            for row in self._rows.values()
            if row.id != provider.id and is_separated(row, self._addressee)
        ]
        others = {separation_key(provider, person) for person in people} - {separation_key(provider, self._addressee)}
        return replace(provider, other_people=tuple(sorted({*provider.other_people, *others})))

    def _as_addressee(self, row: Provider, npi: str | None) -> Addressee:
        named = without_typed_name(row)
        return replace(self._addressee, first_name=named.first_name, last_name=named.last_name, npi=npi)

    def _first_addressee_claim(self) -> tuple[Claim, ...]:
        email = self._addressee.email
        key = first_addressee_claim(self._practice_id, email or "")
        if email is None or key in self._owners:
            return ()
        return (Claim(key=key, owner=_as_named(self._addressee)),)

    def _names_other_person(self) -> bool:
        """Return True if this practice has already named another person at the addressee's email address.

        Only this practice's own statements count, so the result reveals nothing about accounts."""
        first = self._owners.get(first_addressee_claim(self._practice_id, self._addressee.email or ""))
        if first is None:
            return False
        npi, _, name = first.partition("|")
        if npi and self._addressee.npi:
            return npi != self._addressee.npi
        return name not in searched_spellings(self._addressee.first_name, self._addressee.last_name)

    def _displaced(self, known: tuple[Claim, ...]) -> tuple[str, ...]:
        """Return the ids of other providers to whom this practice's faxes for the addressee no longer lead.

        `known` are the claims to store: each leads from the addressee's NPI or name to the addressee's provider. If a
        claim replaces another provider's claim, that provider is in the result, unless it has an account or an email
        address. The caller then moves the documents of these providers."""
        rows = (self._row(claim.replaces) for claim in known)
        ids = [row.id for row in rows if row is not None and not row.has_account and row.mailed_to is None]
        return tuple(dict.fromkeys(ids))

    def _is_at_address(self, person: Provider) -> bool:
        email = self._addressee.email
        return email is not None and not person.has_account and person.mailed_to == email

    def _row(self, provider_id: str | None) -> Provider | None:
        """Return the row of a provider, or of the account into which the person was merged, or None for no such row.

        A row is read from the store only once."""
        if provider_id is None:
            return None
        if provider_id not in self._rows:
            row = self._store.provider(provider_id)
            if row is None:
                return None
            self._rows[provider_id] = row
        row = self._rows[provider_id]
        return self._row(row.merged_into) if row.merged_into else row


def match_again(store: Store, ids: Ids, document: Document) -> ProviderMatch:
    """Return the provider to whom a stored document belongs now, found by a new search. Nothing is stored."""
    owners = store.claims(matching_claims(document.practice_id, document.addressee))
    matcher = ProviderMatcher(store, ids, document.practice_id, document.addressee, owners, is_newest=False)
    return matcher.match_colleague() if document.handed_over else matcher.match()


def unlink(provider: Provider, practice_id: str, email: str) -> Provider:
    """Return the provider's row without the record that this practice addressed the provider at this email address.

    A practice that corrected a wrong address no longer shows its documents to the reader of that address."""
    remaining = tuple(other for other in provider.addressed_by.get(practice_id, ()) if other != email)
    others = {key: value for key, value in provider.addressed_by.items() if key != practice_id}
    return replace(provider, addressed_by={**others, practice_id: remaining} if remaining else others)


def _as_named(addressee: Addressee) -> str:
    return f"{addressee.npi or ''}|{spelling_key(addressee.first_name, addressee.last_name)}"


def complete(provider: Provider, addressee: Addressee, practice_id: str) -> Provider:
    """Return the provider's row with what this practice states about the addressee: NPI, credential and addresses.

    The owner of an account has confirmed the account's facts, so a practice can only confirm the account's NPI."""
    if provider.has_account:
        provider = _confirm_npi(provider, addressee)
    else:
        provider = replace(
            provider,
            npi=provider.npi or (None if npi_key(addressee.npi) in provider.other_people else addressee.npi),
            credential=provider.credential or addressee.credential,
            mailed_to=provider.mailed_to or addressee.email,
        )
    own = provider.proven_emails if provider.has_account else (provider.mailed_to,)
    addressed = set(provider.addressed_by.get(practice_id, ())) | ({addressee.email or ""} & set(own))
    states_npi = addressee.npi is not None and addressee.npi == provider.npi and not provider.npi_self_stated
    return replace(
        provider,
        practices=tuple(sorted({*provider.practices, practice_id})),
        npi_stated_by=tuple(sorted({*provider.npi_stated_by, *([practice_id] if states_npi else ())})),
        addressed_by={**provider.addressed_by, **({practice_id: tuple(sorted(addressed))} if addressed else {})},
    )


def _confirm_npi(account: Provider, addressee: Addressee) -> Provider:
    """Return the account with its NPI confirmed if the clinic states the same NPI and name as the account's owner."""
    same = addressee.npi is not None and addressee.npi == account.npi and has_same_name(account, addressee)
    return replace(account, npi_self_stated=account.npi_self_stated and not same)
