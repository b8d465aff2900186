"""Who a document is for: one person, whatever address was used (docs/architecture.md, State)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.claim_keys import addressee_claim, email_claim, identity_claims, npi_claim
from chalicelib.domain.documents import Addressee, DeliveryChoice, Document
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Invalid
from chalicelib.domain.providers import Provider, same_name_as, same_person
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Claim

BY_EMAIL = (DeliveryChoice.EMAIL, DeliveryChoice.BOTH)
BY_FAX = (DeliveryChoice.FAX, DeliveryChoice.BOTH)

_CONFLICT = (
    "This email address is another provider's username, and an account belongs to one person. Send to the "
    "provider's own address, or by fax."
)


@dataclass(frozen=True, kw_only=True)
class ProviderMatch:
    """The provider with what is to be written about them: `stored` is None for a new one."""

    provider: Provider
    stored: Provider | None
    claims: tuple[Claim, ...]

    def changed_rows(self) -> tuple[Provider, ...]:
        """The provider's row, if it is new or differs from the one that is stored."""
        if self.provider == self.stored:
            return ()
        version = self.stored.version + 1 if self.stored else 1
        return (replace(self.provider, version=version),)

    def with_practice(self, practice_id: str) -> "ProviderMatch":
        """With the note that this practice sends them documents."""
        practices = tuple(sorted({*self.provider.practices, practice_id}))
        return replace(self, provider=replace(self.provider, practices=practices))

    def with_setup_email(self, document_id: str, now: datetime) -> "ProviderMatch":
        """With the note that a mail with a setup link is on its way, because of this document."""
        provider = replace(self.provider, setup_mailed_at=now, setup_document=document_id)
        return replace(self, provider=provider)

    def without_setup_email(self) -> "ProviderMatch":
        """As if no mail with a setup link had gone out: what was mailed no longer works."""
        provider = replace(self.provider, setup_mailed_at=None, setup_document=None)
        return replace(self, provider=provider)


def check_reachable(addressee: Addressee, delivery: DeliveryChoice) -> None:
    """`Invalid` naming what is missing: an email needs an address, a fax a number."""
    errors = []
    if delivery in BY_EMAIL and addressee.email is None:
        errors.append(FieldError("data.provider.email", f"is needed for delivery by {delivery}"))
    if delivery in BY_FAX and addressee.fax is None:
        errors.append(FieldError("data.provider.fax", f"is needed for delivery by {delivery}"))
    if errors:
        detail = "; ".join(f"{each.field} {each.message}" for each in errors)
        raise Invalid(f"{detail}.", errors=errors)


def mailbox_claim(document: Document, owners: Mapping[str, str]) -> tuple[Claim, ...]:
    """That this is the newest document mailed to its address, for who asks for a link before an account."""
    email = document.addressee.email
    if document.delivery not in BY_EMAIL or email is None:
        return ()
    key = addressee_claim(email)
    return (Claim(key=key, owner=document.id, replaces=owners.get(key)),)


def resolve(
    store: Store, ids: Ids, addressee: Addressee, owners: Mapping[str, str], *, other_than: str | None = None
) -> ProviderMatch:
    """The provider this addressee is; raises `Conflict` `provider-conflict`.

    `owners` are those of `matching_claims`. `other_than` is a provider it cannot be.
    """
    stored = _by_account(store, addressee, owners) or _by_identity(store, addressee, owners, other_than)
    provider = stored or Provider(
        id=ids.new("prv"), version=1, first_name=addressee.first_name, last_name=addressee.last_name
    )
    free = [key for key in identity_claims(addressee) if key not in owners]
    if provider.has_account:
        # An account's NPI is what its owner confirmed; no clinic can give it another.
        free = [key for key in free if key != npi_claim(addressee.npi or "")]
        provider = _confirmed(provider, addressee)
    else:
        provider = _completed(provider, addressee, free=_is_free(store, provider, addressee, owners))
    claims = tuple(Claim(key=key, owner=provider.id) for key in free)
    return ProviderMatch(provider=provider, stored=stored, claims=claims)


def _by_account(store: Store, addressee: Addressee, owners: Mapping[str, str]) -> Provider | None:
    owner = owners.get(email_claim(addressee.email)) if addressee.email else None
    found = store.provider(owner) if owner else None
    if found is not None and not same_person(found, addressee):
        wrong = FieldError("data.provider.email", "belongs to another provider; use their own, or a fax")
        raise Conflict(_CONFLICT, code=ConflictCode.PROVIDER_CONFLICT, errors=(wrong,))
    return found


def _by_identity(
    store: Store, addressee: Addressee, owners: Mapping[str, str], other_than: str | None
) -> Provider | None:
    candidates = dict.fromkeys(owners[key] for key in identity_claims(addressee) if key in owners)
    for owner in candidates:
        found = store.provider(owner) if owner != other_than else None
        if found is not None and same_person(found, addressee) and _is_known_at(found, addressee, owners):
            return found
    return None


def _is_named_at(provider: Provider, addressee: Addressee, owners: Mapping[str, str]) -> bool:
    """Whether more than the NPI leads to this provider: the same name at the same address or fax."""
    return any(owners.get(key) == provider.id for key in identity_claims(replace(addressee, npi=None)))


def _is_known_at(provider: Provider, addressee: Addressee, owners: Mapping[str, str]) -> bool:
    """Whether what was sent to this provider may be seen by whoever reads the addressee's mail.

    An NPI is public. Until someone has made the account, another address under the same NPI may be a
    mistyped one, and its reader must not come by what other clinics sent (docs/decisions/003). One that the
    owner of an account typed may be anybody's: it finds nothing until a clinic has confirmed it.
    """
    if provider.npi_self_stated and not _is_named_at(provider, addressee, owners):
        return False
    if provider.has_account or provider.mailed_to in {None, addressee.email} or addressee.email is None:
        return True
    person = identity_claims(replace(addressee, npi=None, fax=None))
    return any(owners.get(key) == provider.id for key in person)


def _is_free(store: Store, provider: Provider, addressee: Addressee, owners: Mapping[str, str]) -> bool:
    """Whether no account has this NPI by a clinic's word; what its owner only typed gives way to one."""
    owner = owners.get(npi_claim(addressee.npi or ""))
    if owner in {None, provider.id}:
        return True
    holder = store.provider(owner or "")
    return holder is None or not holder.has_account or holder.npi_self_stated


def _confirmed(account: Provider, addressee: Addressee) -> Provider:
    """With the word of a clinic, if it gives the very NPI that the account's owner typed."""
    same = addressee.npi is not None and addressee.npi == account.npi and same_name_as(account, addressee)
    return replace(account, npi_self_stated=account.npi_self_stated and not same)


def _completed(provider: Provider, addressee: Addressee, *, free: bool) -> Provider:
    """With what the clinic knows and we did not; an NPI only if it is not someone else's already."""
    return replace(
        provider,
        npi=provider.npi or (addressee.npi if free else None),
        credential=provider.credential or addressee.credential,
        mailed_to=provider.mailed_to or addressee.email,
    )
