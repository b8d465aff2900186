"""What the public NPI registry (NPPES, the National Plan and Provider Enumeration System) says about NPIs and faxes.

CMS publishes the registry as files. Nothing in the files is about patients."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class PersonName:
    """A name of a person in the registry, in capitals. `last` includes a suffix such as `JR.`."""

    first: str
    middle: str
    last: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.first, self.middle, self.last) if part)


@dataclass(frozen=True, kw_only=True)
class RegistryEntry:
    """The registry's entry of one NPI, which is a person's or an organization's.

    `names` are the person's legal name and then any other name, such as a former one. `organization` is the name of an
    organization, and None for a person. `taxonomies` are the codes of the professions. An NPI that is deactivated has
    only `deactivated_on`."""

    npi: str
    names: tuple[PersonName, ...] = ()
    organization: str | None = None
    taxonomies: tuple[str, ...] = ()
    deactivated_on: date | None = None

    @property
    def name(self) -> str:
        """The name of the organization, or the legal name of the person. It is empty for a deactivated NPI."""
        return self.organization or next((str(name) for name in self.names), "")


@dataclass(frozen=True, kw_only=True)
class FaxEntry:
    """The registry's entry of one fax number: all NPIs that list the number, and who they are.

    `names` are a few names of these organizations and people, organizations first. `more` counts the names that are
    left out."""

    npis: frozenset[str]
    names: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class RegistryCheck:
    """The result of the check of a document's addressee against the registry, which the document keeps.

    `dated` is the day of the registry's newest entry. `agrees` is true if the addressee's NPI is a person's with the
    addressee's name, and is not deactivated."""

    dated: date
    agrees: bool
