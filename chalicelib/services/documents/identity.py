"""The facts about a signer's identity that a decision records, as they are known at that time (DESIGN 2a, 5.5)."""

from dataclasses import asdict
from datetime import date

from chalicelib.domain.documents import Document, Identity
from chalicelib.domain.providers import Provider, is_same_spelling, without_typed_name


def identify_account(provider: Provider, document: Document) -> Identity:
    """Return the facts about the identity of a provider who decides on the document while logged in to an account.

    The decision records these facts. They say, for example, whether the owner proved to read the document's address."""
    email = document.addressee.email
    is_known = email is not None and email in provider.proven_emails
    sent_to = mask(email or "") if is_known else None
    source, of_npi = _npi_source(provider, document)
    same_npi = provider.npi is not None and provider.npi == document.addressee.npi
    is_named = _is_named(provider, document)
    of_name = " Name typed by the owner of the account." if provider.name_self_stated and not is_named else ""
    registry_on, of_registry = _registry_source(document, is_addressee=same_npi and is_named)
    own = f"{sent_to}, an address given by {_supplier(document)}"
    address = own if is_known else "another address than this document's"
    added = f" The owner added the document with {_fax_code(document)}." if document.granted else ""
    return Identity(
        method="account",
        sent_to=sent_to,
        supplied_by=_supplied_by(document) if is_known else None,
        npi_source=source,
        registry_on=registry_on,
        statement=f"Account of a person who proved to read email at {address}.{added}{of_name}{of_npi}{of_registry}",
    )


def _is_named(provider: Provider, document: Document) -> bool:
    """Return True if the document names the provider as a signature would: by the present name, not by a former one."""
    addressee = document.addressee
    return is_same_spelling((provider.first_name, provider.last_name), (addressee.first_name, addressee.last_name))


def identify_visitor(document: Document, email: str | None, *, act: str = "", npi: str | None = None) -> Identity:
    """Return the facts about the identity of a person who decides on the document without an account, by a code.

    The decision records these facts. `email` is the address to which the code was sent, or None if the code was on the
    document's fax. `act` says what the person did, such as `Signed on screen`. `npi` is the NPI that the person
    typed."""
    sent_to, supplier = _code_recipient(document, email), _supplier(document)
    route = f"the code sent to {sent_to}, an address given by {supplier}" if email else _fax_code(document)
    source, of_npi = _typed_npi_source(document, npi)
    # Whoever types an NPI signs in the addressee's name.
    is_addressee = npi is not None and npi == document.addressee.npi
    registry_on, of_registry = _registry_source(document, is_addressee=is_addressee)
    start = f"{act}, without an account," if act else "Without an account,"
    return Identity(
        method="emailed_code" if email else "fax_code",
        sent_to=sent_to,
        supplied_by=_supplied_by(document),
        npi_source=source,
        registry_on=registry_on,
        statement=f"{start} by someone who entered {route}.{of_npi}{of_registry}",
    )


def _registry_source(document: Document, *, is_addressee: bool) -> tuple[date | None, str]:
    """Return the day of the NPI registry that has the signer's NPI and name, and a sentence for the certificate.

    The portal compared the addressee with the registry. So without `is_addressee` (the signer has the addressee's NPI
    and name), return None and an empty text."""
    check = document.registry
    if check is None or not check.agrees or not is_addressee:
        return None, ""
    return check.dated, f" NPI and name agree with the public NPI registry of {check.dated.isoformat()}."


def identify_assistant(provider: Provider, assistant: Provider) -> Identity:
    """Return the facts about the identity of an assistant who returns a document that the provider signed by hand.

    No address is among the facts, because the practice gave none and sees the facts."""
    name = without_typed_name(assistant).name
    statement = f"Returned by {name}, an assistant whom {provider.name_and_credential} has invited."
    return Identity(method="assistant", sent_to=None, supplied_by=None, statement=statement)


def _typed_npi_source(document: Document, npi: str | None) -> tuple[str | None, str]:
    """Return who stated the NPI of a signer without an account, as a code and as a sentence for the certificate.

    `npi` is the NPI that this person typed."""
    if npi is None:
        return None, ""
    if npi == document.addressee.npi:
        return _supplied_by(document), f" NPI stated by {_supplier(document)}."
    return "signer", " NPI typed by the signer."


def _fax_code(document: Document) -> str:
    number, practice = mask(document.addressee.fax or ""), document.practice.name
    own = "".join(f", or to {mask(other)}, a number given in the provider's account" for other in _own_faxes(document))
    return f"the code on a fax to {number}, a number given by {practice}{own}"


def _code_recipient(document: Document, email: str | None) -> str:
    """Return the masked address or fax number to which the document's code was sent.

    All faxes of a document have one code, so there can be several numbers."""
    if email:
        return mask(email)
    return " or ".join(map(mask, (document.addressee.fax or "", *_own_faxes(document))))


def _own_faxes(document: Document) -> tuple[str, ...]:
    """Return the provider's own fax numbers, which no clinic stated, to which the document and its code were faxed."""
    return document.follow_up.own_faxes if document.follow_up else ()


def code_data(document: Document, email: str | None) -> dict[str, str]:
    """Return where the document's code was sent and who gave this address, as data for an audit event.

    `email` is the address of an emailed code, or None for the code on a fax."""
    return {"sent_to": _code_recipient(document, email), "supplied_by": _supplied_by(document)}


def _supplied_by(document: Document) -> str:
    """Return who named the addressee with address and NPI: the `practice`, or after a hand-over the `colleague`."""
    return "colleague" if document.handed_over else "practice"


def _supplier(document: Document) -> str:
    """Return the name of the practice, or of the colleague, who stated the addressee's address and NPI."""
    return document.giver.name_and_credential if document.giver else document.practice.name


def mask(address: str) -> str:
    """Return an email address or fax number with its middle hidden, such as `dr.r…@example.com` or `…0100`."""
    local, at, domain = address.partition("@")
    return f"{local[: min(4, len(local) // 2)]}…@{domain}" if at else f"…{address[-4:]}"


def _npi_source(provider: Provider, document: Document) -> tuple[str | None, str]:
    """Return the source of the account's NPI, as a code and as a sentence. The sentence names no other practice.

    Without an NPI, return None and an empty text."""
    if provider.npi is None:
        return None, ""
    states_npi = document.addressee.npi == provider.npi and not document.handed_over
    practices = {*provider.npi_stated_by, *([document.practice_id] if states_npi else [])}
    if len(practices) > 1:
        return "practices", f" NPI confirmed by {len(practices)} clinics."
    if document.practice_id in practices:
        return "practice", f" NPI stated by {document.practice.name}."
    if provider.npi_self_stated:
        return "owner", " NPI typed by the owner of the account."
    return "other_practice", " NPI stated by another clinic."


def identity_data(identity: Identity | None) -> dict[str, object]:
    """Return the facts about the signer's identity as data for the audit event of the decision, without the sentence.

    Return an empty dict if there are none."""
    if identity is None:
        return {}
    facts = {name: value for name, value in asdict(identity).items() if name not in ("statement", "registry_on")}
    registry = {"registry_on": identity.registry_on.isoformat()} if identity.registry_on else {}
    return {"identity": {**facts, **registry}}
