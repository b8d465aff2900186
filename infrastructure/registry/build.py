"""The build of the portal's NPI registry: from the files of NPPES to 2,000 small sorted files, in bounded memory.

The main file has about 9 million rows in 10 GB, so no step keeps all of it. The build first spreads the rows over a
thousand temporary files by NPI. It then reads one of these files at a time, writes its registry file, and spreads the
fax numbers over a thousand files in the same way."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from chalicelib.domain.npi import is_valid
from chalicelib.domain.registry.entries import FaxEntry, RegistryEntry
from chalicelib.services.registry.registry_files import (
    FAX_FILES,
    NPI_FILES,
    Line,
    all_files,
    decode_entry,
    encode_entry,
    encode_fax,
    fax_file,
    npi_file,
    pack,
)
from infrastructure.registry.nppes import read_locations, read_npis
from infrastructure.user_error import UserError

NAMES_OF_A_FAX = 3
"""The number of names that are kept for one fax number. A hospital's number may have thousands."""

LINES_IN_MEMORY = 200_000


@dataclass(frozen=True)
class BuiltRegistry:
    """The result of a build: the day of the newest entry, the numbers of NPIs and fax numbers, and the filled files.

    `filled` are the S3 keys of the files that have entries."""

    dated: date
    npis: int
    faxes: int
    filled: tuple[str, ...]


class Spill:
    """Temporary files over which lines are spread. Lines are kept in memory until there are `LINES_IN_MEMORY`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, list[str]] = defaultdict(list)
        self._count = 0

    def add(self, name: str, *parts: str) -> None:
        """Add a line of these parts, which have no tabs, to the temporary file `name`."""
        self._waiting[name].append("\t".join(parts))
        self._count += 1
        if self._count >= LINES_IN_MEMORY:
            self._flush()

    def read(self, name: str) -> Iterator[Sequence[str]]:
        """Yield the parts of each line of one temporary file."""
        self._flush()
        file = self._file(name)
        if file.exists():
            with file.open(encoding="utf-8") as lines:
                yield from (line.rstrip("\n").split("\t") for line in lines)

    def _flush(self) -> None:
        for name, lines in self._waiting.items():
            with self._file(name).open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        self._waiting.clear()
        self._count = 0

    def _file(self, name: str) -> Path:
        return self._folder / name.replace("/", "-")


def build(main: TextIO, locations: TextIO | None, folder: Path) -> BuiltRegistry:
    """Write the registry's files below `folder`, each at its S3 key. Files of an earlier build are replaced.

    `main` is the main file of NPPES, and `locations` its file of further practice locations. Raises UserError if a file
    has other columns or no rows."""
    with TemporaryDirectory(prefix="registry-", dir=folder) as temporary:
        by_npi, by_fax = Spill(Path(temporary)), Spill(Path(temporary))
        dated = _spread(main, locations, by_npi)
        if dated is None:
            raise UserError(f"{main.name} has no rows.")
        for beginning in (NPI_FILES, FAX_FILES):
            (folder / beginning).mkdir(parents=True, exist_ok=True)
        counts = {key: _write(folder / key, dated, _lines(key, by_npi, by_fax)) for key in all_files()}
    npis = sum(count for key, count in counts.items() if key.startswith(NPI_FILES))
    filled = tuple(key for key, count in counts.items() if count)
    return BuiltRegistry(dated, npis, sum(counts.values()) - npis, filled)


def _spread(main: TextIO, locations: TextIO | None, spill: Spill) -> date | None:
    """Spread all rows over the temporary files by NPI, and return the day of the newest entry."""
    newest = None
    for row in read_npis(main):
        npi = row.entry.npi
        if is_valid(npi):
            spill.add(npi_file(npi), npi, encode_entry(row.entry), *row.faxes)
            newest = max((day for day in (newest, row.changed_on) if day is not None), default=None)
    for npi, number in read_locations(locations) if locations else ():
        if is_valid(npi):
            spill.add(npi_file(npi), npi, "", number)
    return newest


def _lines(key: str, by_npi: Spill, by_fax: Spill) -> list[Line]:
    """Return the lines of one file. The files by NPI must come first, because they spread the fax numbers."""
    return _npi_lines(key, by_npi, by_fax) if key.startswith(NPI_FILES) else _fax_lines(key, by_fax)


def _npi_lines(key: str, by_npi: Spill, by_fax: Spill) -> list[Line]:
    """Return the lines of one file by NPI, and spread the fax numbers of its NPIs."""
    entries: dict[str, str] = {}
    faxes: dict[str, dict[str, None]] = defaultdict(dict)
    for npi, entry, *numbers in by_npi.read(key):
        faxes[npi] |= dict.fromkeys(numbers)
        if entry:
            entries[npi] = entry
    for npi, text in entries.items():
        entry_of_npi = decode_entry(npi, json.loads(text))
        for number in () if entry_of_npi.deactivated_on else faxes[npi]:
            _spread_fax(by_fax, number, entry_of_npi)
    return list(entries.items())


def _spread_fax(spill: Spill, number: str, entry: RegistryEntry) -> None:
    # A space sorts before every letter, so that organizations come first.
    order = " " if entry.organization else "p"
    spill.add(fax_file(number), number, entry.npi, order, " ".join(entry.name.split()))


def _fax_lines(key: str, spill: Spill) -> list[Line]:
    holders: dict[str, list[Sequence[str]]] = defaultdict(list)
    for number, *holder in spill.read(key):
        holders[number].append(holder)
    return [(number, encode_fax(_fax_entry(found))) for number, found in holders.items()]


def _fax_entry(holders: Iterable[Sequence[str]]) -> FaxEntry:
    """Return the entry of a fax number from the NPI, the order and the name of each of its holders."""
    ordered = sorted(holders, key=lambda holder: (holder[1], holder[2]))
    names = tuple(dict.fromkeys(name for _, _, name in ordered))
    kept = names[:NAMES_OF_A_FAX]
    return FaxEntry(npis=frozenset(npi for npi, _, _ in ordered), names=kept, more=len(names) - len(kept))


def _write(file: Path, dated: date, lines: Sequence[Line]) -> int:
    """Write one file of the registry, and return the number of its lines."""
    file.write_bytes(pack(dated, lines))
    return len(lines)
