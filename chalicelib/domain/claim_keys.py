"""The keys of claims. A claim is a row that reserves a unique value, such as an email address, for one owner."""

from chalicelib.domain.documents import Addressee
from chalicelib.domain.providers import name_key, searched_spellings, spelling_key


def email_claim(email: str) -> str:
    """Return the key of the row that reserves an email address for one account, so that no other account can use it."""
    return f"email#{email}"


def addressee_claim(email: str) -> str:
    """Return the key of the row that names the newest document that was emailed to an address.

    If a person without an account asks for a setup link at this address, the link is for that document."""
    return f"addressee#{email}"


def stopped_reminders_claim(email: str) -> str:
    """Return the key of the row which says that the reader of this mailbox stopped reminders by email."""
    return f"no-reminders#{email}"


def external_claim(practice_id: str, external_id: str) -> str:
    """Return the key of the row that reserves an `external_id`, a practice's own id of a document, for one document.

    The row has the portal's id of the document, so the document can be found by the practice's id."""
    return f"external#{practice_id}|{external_id}"


def fax_number_claim(practice_id: str, number: str) -> str:
    """Return the key of the row that says whether a practice may send faxes to a number that was reported as wrong.

    The row's owner is a `FaxNumberState`. No row means that nobody reported the number to this practice."""
    return f"fax-number#{practice_id}|{number}"


def api_key_claim(digest: str) -> str:
    """Return the key of the row that leads from an API key, given by its SHA-256 (hex), to the key's practice."""
    return f"apikey#{digest}"


def own_fax_number_claim(number: str) -> str:
    """Return the key of the row that leads from a fax number at the carrier to the practice that owns the number."""
    return f"faxnumber#{number}"


def carrier_fax_claim(carrier_id: str) -> str:
    """Return the key of the row that leads from the carrier's id of a received fax to the fax, so it is stored once."""
    return f"carrierfax#{carrier_id}"


def fax_mail_claim(practice_id: str, message_sha256: str) -> str:
    """Return the key of the row that leads from an email with faxes to SES's id of it, so its copies are ignored.

    `message_sha256` is the hash (hex) of the email's Message-ID, which its sender chose."""
    return f"faxmail#{practice_id}|{message_sha256}"


def fax_assignment_claim(fax_id: str) -> str:
    """Return the key of the row that leads from a received fax to the document to which staff assigned its pages."""
    return f"faxassigned#{fax_id}"


def sealed_claim(sha256: str) -> str:
    """Return the key of the row that leads from a sealed PDF, given by its SHA-256 (hex), to the PDF's document."""
    return f"sealed#{sha256}"


def proof_claim(document_id: str, facts_sha256: str) -> str:
    """Return the key of the row that leads from the facts of a proof of transmission to the proof's sealed PDF.

    `facts_sha256` is the hash (hex) of the proof's JSON. The row has the SHA-256 (hex) of the PDF."""
    return f"proof#{document_id}|{facts_sha256}"


def person_claims(addressee: Addressee) -> tuple[str, ...]:
    """Return the keys of the lookup rows (claims) that may name a provider without an account, in this order.

    Each row leads from an email address and an NPI or a name to the provider who was addressed there. The first key
    has the NPI, if there is one, and the next key the usual spelling of the name. Other spellings follow."""
    email, npi = addressee.email, addressee.npi
    if email is None:
        return ()
    by_npi = (f"person#{email}|npi#{npi}",) if npi else ()
    names = (
        spelling_key(addressee.first_name, addressee.last_name),
        # Rows of earlier releases have this spelling.
        name_key(addressee.first_name, addressee.last_name),
        *searched_spellings(addressee.first_name, addressee.last_name),
    )
    return (*by_npi, *dict.fromkeys(f"person#{email}|{name}" for name in names))


def known_claims(practice_id: str, addressee: Addressee) -> tuple[str, ...]:
    """Return the keys of the lookup rows (claims) that may name a provider whom this practice addressed before.

    Each row leads from the addressee's NPI or name to this provider. The key with the NPI comes first. Every practice
    has rows of its own, so the statements of one practice never lead another practice to a provider."""
    npi, name = addressee.npi, spelling_key(addressee.first_name, addressee.last_name)
    by_npi = (f"known#{practice_id}|npi#{npi}",) if npi else ()
    return (*by_npi, f"known#{practice_id}|name#{name}")


def spelled_known_claims(practice_id: str, addressee: Addressee) -> tuple[str, ...]:
    """Return the keys of `known_claims` for all spellings of the addressee's name, the usual spelling first.

    No row is stored under another spelling for this addressee. The practice may have spelled the name so before."""
    names = searched_spellings(addressee.first_name, addressee.last_name)
    return tuple(f"known#{practice_id}|name#{name}" for name in names)


def first_addressee_claim(practice_id: str, email: str) -> str:
    """Return the key of the row that names the first person whom a practice addressed at an email address.

    By this row, the portal notices if the practice later names another person at the same address."""
    return f"known#{practice_id}|email#{email}"


def matching_claims(practice_id: str, addressee: Addressee) -> tuple[str, ...]:
    """Return the keys of all lookup rows (claims) from which a document's addressee can be matched with a provider.

    These are the rows of the email address, the keys of `person_claims`, and those of `known_claims`. A caller reads
    all rows at once, and uses them to choose the provider of a document of this practice."""
    email = addressee.email
    by_email = (email_claim(email), addressee_claim(email), first_addressee_claim(practice_id, email)) if email else ()
    known = (*known_claims(practice_id, addressee), *spelled_known_claims(practice_id, addressee))
    return tuple(dict.fromkeys((*by_email, *person_claims(addressee), *known)))
