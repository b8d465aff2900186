"""The provider that a document is addressed to (docs/architecture.md, State).

A person has one provider row, whatever addresses the clinics use for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.claim_keys import addressee_claim, email_claim, identity_claims, npi_claim
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Invalid
from chalicelib.domain.providers import Provider, has_same_name, is_same_person
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Claim

BY_EMAIL = (DeliveryChoice.EMAIL, DeliveryChoice.BOTH)
BY_FAX = (DeliveryChoice.FAX, DeliveryChoice.BOTH)

_PROVIDER_CONFLICT = (
    "This email address is another provider's username, and an account belongs to one person. Send to the "
    "provider's own address, or by fax."
)


@dataclass(frozen=True, kw_only=True)
class ProviderMatch:
    """The provider of a document with what is still to be written: the changed row and new claims.

    `stored` is the row as it was read, or None for a new provider.
    """

    provider: Provider
    stored: Provider | None
    claims: tuple[Claim, ...]

    def changed_rows(self) -> tuple[Provider, ...]:
        """Return the provider's row in its next version, or nothing if the stored row is the same."""
        if self.provider == self.stored:
            return ()
        version = self.stored.version + 1 if self.stored else 1
        return (replace(self.provider, version=version),)

    def with_practice(self, practice_id: str) -> "ProviderMatch":
        """Return the match with the practice among those that send documents to the provider."""
        practices = tuple(sorted({*self.provider.practices, practice_id}))
        return replace(self, provider=replace(self.provider, practices=practices))

    def with_setup_email(self, document_id: str, now: datetime) -> "ProviderMatch":
        """Return the match with a note that a setup email for this document is on its way."""
        provider = replace(self.provider, setup_mailed_at=now, setup_document=document_id)
        return replace(self, provider=provider)

    def without_setup_email(self) -> "ProviderMatch":
        """Return the match without the note of an earlier setup email, whose link no longer works."""
        provider = replace(self.provider, setup_mailed_at=None, setup_document=None)
        return replace(self, provider=provider)


def check_reachable(addressee: Addressee, delivery: DeliveryChoice) -> None:
    """Check that the addressee has an email address or a fax number, as the delivery needs.

    Raises `Invalid` with the missing fields.
    """
    errors = []
    if delivery in BY_EMAIL and addressee.email is None:
        errors.append(FieldError("data.provider.email", f"is needed for delivery by {delivery}"))
    if delivery in BY_FAX and addressee.fax is None:
        errors.append(FieldError("data.provider.fax", f"is needed for delivery by {delivery}"))
    if errors:
        detail = "; ".join(f"{error.field} {error.message}" for error in errors)
        raise Invalid(f"{detail}.", errors=errors)


def mailbox_claim(document: Document, owners: Mapping[str, str]) -> tuple[Claim, ...]:
    """Return the claim that the document is the newest one emailed to its address.

    A person without an account who asks for a setup link gets the link for that document. A document that
    does not go out by email has no such claim.
    """
    email = document.addressee.email
    if document.delivery not in BY_EMAIL or email is None:
        return ()
    key = addressee_claim(email)
    return (Claim(key=key, owner=document.id, replaces=owners.get(key)),)


def match_provider(
    store: Store, ids: Ids, addressee: Addressee, owners: Mapping[str, str], *, excluded: str | None = None
) -> ProviderMatch:
    """Return the existing provider that the addressee is, or a new one.

    `owners` are the owners of `matching_claims(addressee)`. `excluded` is the id of a provider that the
    addressee cannot be. Raises `Conflict` (`provider-conflict`) if the email address is another person's
    username.
    """
    stored = _match_account(store, addressee, owners) or _match_identity(store, addressee, owners, excluded)
    provider = stored or Provider(
        id=ids.new("prv"), version=1, first_name=addressee.first_name, last_name=addressee.last_name
    )
    unclaimed = [key for key in identity_claims(addressee) if key not in owners]
    if provider.has_account:
        # The owner has confirmed the account's NPI, so no clinic can give the account another one.
        unclaimed = [key for key in unclaimed if key != npi_claim(addressee.npi or "")]
        provider = _confirm_npi(provider, addressee)
    else:
        is_free = _is_npi_free(store, provider, addressee, owners)
        provider = _complete(provider, addressee, npi_is_free=is_free)
    claims = tuple(Claim(key=key, owner=provider.id) for key in unclaimed)
    return ProviderMatch(provider=provider, stored=stored, claims=claims)


def _match_account(store: Store, addressee: Addressee, owners: Mapping[str, str]) -> Provider | None:
    owner = owners.get(email_claim(addressee.email)) if addressee.email else None
    provider = store.provider(owner) if owner else None
    if provider is not None and not is_same_person(provider, addressee):
        problem = FieldError("data.provider.email", "belongs to another provider; use their own, or a fax")
        raise Conflict(_PROVIDER_CONFLICT, code=ConflictCode.PROVIDER_CONFLICT, errors=(problem,))
    return provider


def _match_identity(
    store: Store, addressee: Addressee, owners: Mapping[str, str], excluded: str | None
) -> Provider | None:
    """Return the provider that owns one of the addressee's claims, the strongest claim first."""
    candidates = dict.fromkeys(owners[key] for key in identity_claims(addressee) if key in owners)
    for owner in candidates:
        provider = store.provider(owner) if owner != excluded else None
        if (
            provider is not None
            and is_same_person(provider, addressee)
            and _may_reader_see(provider, addressee, owners)
        ):
            return provider
    return None


def _is_named_at(provider: Provider, addressee: Addressee, owners: Mapping[str, str]) -> bool:
    """Return True if the provider has the addressee's name at the same email address or fax number."""
    return any(owners.get(key) == provider.id for key in identity_claims(replace(addressee, npi=None)))


def _may_reader_see(provider: Provider, addressee: Addressee, owners: Mapping[str, str]) -> bool:
    """Return True if the reader of the addressee's email may see what this provider was sent before.

    An NPI is public. While the provider has no account, another email address with the same NPI may be a
    typing error, and its reader must not see other clinics' documents (docs/decisions/003). An NPI that an
    account's owner typed may be anybody's, so it does not match until a clinic has confirmed it.
    """
    if provider.npi_self_stated and not _is_named_at(provider, addressee, owners):
        return False
    if provider.has_account or provider.mailed_to in {None, addressee.email} or addressee.email is None:
        return True
    by_name_and_email = identity_claims(replace(addressee, npi=None, fax=None))
    return any(owners.get(key) == provider.id for key in by_name_and_email)


def _is_npi_free(store: Store, provider: Provider, addressee: Addressee, owners: Mapping[str, str]) -> bool:
    """Return True unless the NPI belongs to another account and a clinic has confirmed it."""
    owner = owners.get(npi_claim(addressee.npi or ""))
    if owner in {None, provider.id}:
        return True
    holder = store.provider(owner or "")
    return holder is None or not holder.has_account or holder.npi_self_stated


def _confirm_npi(account: Provider, addressee: Addressee) -> Provider:
    """Return the account with its self-stated NPI confirmed, if the clinic gives the same NPI and name."""
    same = addressee.npi is not None and addressee.npi == account.npi and has_same_name(account, addressee)
    return replace(account, npi_self_stated=account.npi_self_stated and not same)


def _complete(provider: Provider, addressee: Addressee, *, npi_is_free: bool) -> Provider:
    """Return the provider with the facts from the clinic that were missing. A taken NPI is left out."""
    return replace(
        provider,
        npi=provider.npi or (addressee.npi if npi_is_free else None),
        credential=provider.credential or addressee.credential,
        mailed_to=provider.mailed_to or addressee.email,
    )
