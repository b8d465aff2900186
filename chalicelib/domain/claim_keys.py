"""Keys of claims. A claim is a unique thing, such as an NPI or an email address, and its one owner."""

from chalicelib.domain.documents import Addressee
from chalicelib.domain.providers import name_key


def email_claim(email: str) -> str:
    """Return the key of the claim whose owner is the account with this username."""
    return f"email#{email}"


def addressee_claim(email: str) -> str:
    """Return the key of the claim whose owner is the newest document addressed to this email address."""
    return f"addressee#{email}"


def npi_claim(npi: str) -> str:
    """Return the key of the claim whose owner is the provider with this NPI."""
    return f"npi#{npi}"


def external_claim(practice_id: str, external_id: str) -> str:
    """Return the key of the claim whose owner is the document with this `external_id` in this practice."""
    return f"external#{practice_id}|{external_id}"


def api_key_claim(digest: str) -> str:
    """Return the key of the claim whose owner is the practice with this API key. `digest` is its SHA-256."""
    return f"apikey#{digest}"


def sealed_claim(sha256: str) -> str:
    """Return the key of the claim whose owner is the document with this sealed PDF."""
    return f"sealed#{sha256}"


def identity_claims(addressee: Addressee) -> tuple[str, ...]:
    """Return the keys of the claims that identify a provider without an account, the strongest first."""
    name = name_key(addressee.first_name, addressee.last_name)
    by_email = (f"person#{addressee.email}|{name}",) if addressee.email else ()
    by_npi = (npi_claim(addressee.npi),) if addressee.npi else ()
    by_fax = (f"fax#{addressee.fax}|{name}",) if addressee.fax else ()
    return (*by_email, *by_npi, *by_fax)


def matching_claims(addressee: Addressee) -> tuple[str, ...]:
    """Return the key of every claim that decides which provider this addressee is."""
    by_email = (email_claim(addressee.email), addressee_claim(addressee.email)) if addressee.email else ()
    return (*by_email, *identity_claims(addressee))
