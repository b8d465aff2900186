"""The warnings about an addressee whom the public NPI registry describes otherwise than the clinic.

A warning never refuses a document: the registry may be weeks old, and a person may know better."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from chalicelib.domain.documents import Addressee
from chalicelib.domain.registry.entries import FaxEntry, RegistryCheck, RegistryEntry
from chalicelib.domain.registry.names import is_same_name, may_be_same_person


class RegistryWarning(StrEnum):
    """The codes of the warnings about an addressee, as the EMR gets them."""

    NOT_IN_REGISTRY = "npi-not-in-registry"
    DEACTIVATED = "npi-deactivated"
    OTHER_NAME = "npi-other-name"
    NOT_PRACTITIONER = "npi-not-practitioner"
    FAX_OF_OTHERS = "fax-of-others"


MAY_CERTIFY = ("20", "363A", "363L", "364S", "213E", "152W", "390200000X")
"""The beginnings of the taxonomy codes (NUCC) of people who may certify a plan of care, for which no warning is given.

They are physicians, PAs, NPs and CNSs (42 CFR 424.24), podiatrists and optometrists within their scope, and residents,
who have the code of students."""


@dataclass(frozen=True, kw_only=True)
class RegistryFindings:
    """The result of a comparison with the registry: what the document keeps, and each warning with its sentence."""

    check: RegistryCheck
    warnings: Mapping[str, str]


def compare(addressee: Addressee, entry: RegistryEntry | None, fax: FaxEntry | None, dated: date) -> RegistryFindings:
    """Return what the registry says about an addressee with an NPI.

    `entry` is the registry's entry of the NPI, and `fax` that of the addressee's fax number. Each is None if the
    registry has no such entry. `dated` is the day of the registry's newest entry."""
    registry = f"The NPI registry of {dated.isoformat()}"
    warnings = dict([*_npi_warnings(addressee, entry, registry), *_fax_warnings(addressee, fax, registry)])
    return RegistryFindings(check=RegistryCheck(dated=dated, agrees=_agrees(addressee, entry)), warnings=warnings)


def _agrees(addressee: Addressee, entry: RegistryEntry | None) -> bool:
    names = () if entry is None or entry.deactivated_on is not None else entry.names
    return any(is_same_name(addressee.first_name, addressee.last_name, name) for name in names)


def _npi_warnings(addressee: Addressee, entry: RegistryEntry | None, registry: str) -> list[tuple[str, str]]:
    if entry is None:
        return [(RegistryWarning.NOT_IN_REGISTRY, f"{registry} does not have this NPI. Check its digits.")]
    if entry.deactivated_on is not None:
        since = entry.deactivated_on.isoformat()
        return [(RegistryWarning.DEACTIVATED, f"{registry} says that this NPI was deactivated on {since}.")]
    if entry.organization is not None:
        return [(RegistryWarning.NOT_PRACTITIONER, f"{registry} has this NPI for an organization: {entry.name}.")]
    warnings: list[tuple[str, str]] = []
    if not may_be_same_person(addressee.first_name, addressee.last_name, entry.names):
        warnings.append((RegistryWarning.OTHER_NAME, f"{registry} has this NPI for another name: {entry.name}."))
    if not _may_certify(entry):
        problem = "lists no profession for this NPI that may certify a plan of care"
        warnings.append((RegistryWarning.NOT_PRACTITIONER, f"{registry} {problem}: {entry.name}."))
    return warnings


def _may_certify(entry: RegistryEntry) -> bool:
    """Return False if the registry lists professions for a person, and none of them may certify a plan of care."""
    return not entry.taxonomies or any(code.startswith(MAY_CERTIFY) for code in entry.taxonomies)


def _fax_warnings(addressee: Addressee, fax: FaxEntry | None, registry: str) -> list[tuple[str, str]]:
    if fax is None or addressee.npi in fax.npis:
        return []
    owners = ", ".join(fax.names) + (f" and {fax.more} more" if fax.more else "")
    return [(RegistryWarning.FAX_OF_OTHERS, f"{registry} has this fax number for {owners}, and not for this NPI.")]
