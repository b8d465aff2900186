"""The files of NPPES, as CMS publishes them each month: what the columns mean for the portal's NPI registry.

The main file (`npidata_pfile_….csv`) has a row for each NPI, and `pl_pfile_….csv` has the further practice locations.
Source: the *NPPES Data Dissemination Readme* and *Code Values* in the same download."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TextIO

from chalicelib.domain.registry.entries import PersonName, RegistryEntry
from infrastructure.user_error import UserError

NPI = "NPI"
ORGANIZATION = "Provider Organization Name (Legal Business Name)"
LEGAL_NAME = (
    "Provider First Name",
    "Provider Middle Name",
    "Provider Last Name (Legal Name)",
    "Provider Name Suffix Text",
)
OTHER_NAME = (
    "Provider Other First Name",
    "Provider Other Middle Name",
    "Provider Other Last Name",
    "Provider Other Name Suffix Text",
)
FAXES = ("Provider Business Mailing Address Fax Number", "Provider Business Practice Location Address Fax Number")
FURTHER_FAX = "Provider Practice Location Address - Fax Number"
UPDATED = "Last Update Date"
DEACTIVATED = "NPI Deactivation Date"
REACTIVATED = "NPI Reactivation Date"
TAXONOMIES = tuple(f"Healthcare Provider Taxonomy Code_{number}" for number in range(1, 16))

_COLUMNS = (NPI, ORGANIZATION, *LEGAL_NAME, *OTHER_NAME, *FAXES, UPDATED, DEACTIVATED, REACTIVATED, *TAXONOMIES)
_NOT_DIGITS = re.compile(r"\D")
_FAX_DIGITS = 10

Row = Mapping[str, str]
"""The columns of one row that the portal uses, by their names in the file's first line."""


@dataclass(frozen=True, kw_only=True)
class NpiRow:
    """What one row of the main file says: the entry, the fax numbers (E.164), and the day of its last change."""

    entry: RegistryEntry
    faxes: tuple[str, ...]
    changed_on: date | None


def read_npis(file: TextIO) -> Iterator[NpiRow]:
    """Yield the rows of the main file, one at a time. Raises UserError if the file has other columns."""
    return (_read_row(row) for row in _read(file, _COLUMNS))


def read_locations(file: TextIO) -> Iterator[tuple[str, str]]:
    """Yield the NPI and the fax number (E.164) of each further practice location that has a fax.

    Raises UserError if the file has other columns."""
    for row in _read(file, (NPI, FURTHER_FAX)):
        number = _fax(row[FURTHER_FAX])
        if number is not None:
            yield row[NPI], number


def _read(file: TextIO, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a CSV file with these columns only, because a row of the main file has 330 columns."""
    rows = csv.reader(file)
    places = {name.strip(): place for place, name in enumerate(next(rows, []))}
    missing = [name for name in columns if name not in places]
    if missing:
        raise UserError(f"{file.name} is not a file of NPPES. It has no column {missing[0]!r}.")
    wanted = [(name, places[name]) for name in columns]
    for row in rows:
        yield {name: row[place].strip() for name, place in wanted}


def _read_row(row: Row) -> NpiRow:
    off, on = _day(row[DEACTIVATED]), _day(row[REACTIVATED])
    is_off = off is not None and (on is None or on < off)
    days = [day for day in (_day(row[UPDATED]), off, on) if day is not None]
    entry = RegistryEntry(npi=row[NPI], deactivated_on=off) if is_off else _active_entry(row)
    faxes = dict.fromkeys(number for number in map(_fax, () if is_off else (row[name] for name in FAXES)) if number)
    return NpiRow(entry=entry, faxes=tuple(faxes), changed_on=max(days, default=None))


def _active_entry(row: Row) -> RegistryEntry:
    names = [_name(row, LEGAL_NAME), _name(row, OTHER_NAME)]
    return RegistryEntry(
        npi=row[NPI],
        names=tuple(name for name in names if name is not None),
        organization=row[ORGANIZATION] or None,
        taxonomies=tuple(row[name] for name in TAXONOMIES if row[name]),
    )


def _name(row: Row, columns: Sequence[str]) -> PersonName | None:
    """Return a person's name, or None without a last name. NPPES writes `<UNAVAIL>` where it withholds a value."""
    first, middle, last, suffix = (value if "<" not in (value := row[name]) else "" for name in columns)
    return PersonName(first=first, middle=middle, last=f"{last} {suffix}".strip()) if last else None


def _day(text: str) -> date | None:
    """Return a day such as `05/23/2005`, or None for an empty text."""
    return datetime.strptime(text, "%m/%d/%Y").date() if text else None  # noqa: DTZ007 - a day without a time


def _fax(text: str) -> str | None:
    """Return a North American number in E.164, or None for any other text. Many rows have none, or only zeros."""
    digits = _NOT_DIGITS.sub("", text).removeprefix("1")
    return f"+1{digits}" if len(digits) == _FAX_DIGITS and digits[0] > "1" else None
