"""The rule that decides which providers' accounts may open a document (DESIGN 2a, docs/decisions/003).

A clinic's statements about a provider never open the documents of another clinic."""

from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.providers import Provider, has_same_last_name, has_same_name, is_separated


def opens_to(provider: Provider, document: Document) -> bool:
    """Return True if the document is in this provider's lists now, and the provider's account may open the document.

    Every read of a document by an account is checked by this function. It compares the document's `provider_id` and
    then applies the rules of `may_hold`."""
    return document.provider_id == provider.id and may_hold(provider, document)


def may_hold(provider: Provider, document: Document) -> bool:
    """Return True if the rules permit the document in the lists of this provider's account.

    The document need not be in the lists now: `opens_to` checks that too. The document must name the account's person,
    and one of three conditions must be true: (a) the document was addressed to a proven address of the account, (b) the
    document's practice has itself addressed the person at a proven address, or (c) the owner entered the code of the
    document's fax. A document that its addressee handed over to a colleague (d) opens only to an account that has
    proven the address to which the giver handed it."""
    granted = document.granted
    if not names_owner(provider, document):
        return False
    if document.handed_over:
        return _is_at(provider, document)
    is_granted = granted is not None and granted.provider_id == provider.id and granted.email in provider.proven_emails
    return is_granted or _is_at(provider, document) or _has_addressed(document.practice_id, provider)


def assists(assistant: Provider, provider: Provider) -> bool:
    """Return True if the account is an assistant's whom this provider has invited, and has not removed since.

    Such an assistant may read every document that the provider's account may open, and decides none. Every read by an
    assistant is checked by this function, with the provider's row as it is now."""
    if not (assistant.is_assistant and assistant.has_account and provider.has_account):
        return False
    return any(entry.account_id == assistant.id for entry in provider.assistants)


def names_owner(provider: Provider, document: Document) -> bool:
    """Return True if the provider has an account, and the addressee of the document is the person who owns the account.

    `names_person` compares the two by NPI and name. This alone does not let the account open the document."""
    at_address = _is_at(provider, document)
    return bool(provider.proven_emails) and names_person(provider, document.addressee, at_address=at_address)


def names_person(provider: Provider, addressee: Addressee, *, at_address: bool) -> bool:
    """Return True if the addressee of a document is this provider, by NPI and name.

    `at_address` is true if the document was addressed to the provider's own mailbox. Then the same NPI is enough,
    however the name is spelled. Otherwise, the last name must be the same too. An NPI that the owner of the account
    typed may be anybody's, so it never replaces the name. If one of the two has no NPI, the whole name must be the
    same. A person whom support has separated from the provider is never this provider."""
    if is_ruled_out(provider, addressee):
        return False
    if not provider.npi or not addressee.npi:
        return has_same_name(provider, addressee)
    is_enough = at_address and not provider.npi_self_stated
    return provider.npi == addressee.npi and (is_enough or has_same_last_name(provider, addressee))


def is_ruled_out(provider: Provider, addressee: Addressee) -> bool:
    """Return True if no document for this addressee can ever belong to this person, whatever the names are.

    Support has closed the person's account, or has separated the addressee from the person. No document belongs to an
    assistant, although a clinic may address one to the assistant's name and email address."""
    return provider.is_assistant or provider.closed_at is not None or is_separated(provider, addressee)


def _is_at(provider: Provider, document: Document) -> bool:
    return document.addressee.email in provider.proven_emails


def _has_addressed(practice_id: str, provider: Provider) -> bool:
    """Return True if this practice has itself addressed the provider at a proven address of the account."""
    return not set(provider.proven_emails).isdisjoint(provider.addressed_by.get(practice_id, ()))
