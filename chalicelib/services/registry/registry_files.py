"""The files of the NPI registry: their keys, and how entries are written in them and found again.

There are 1,000 files by NPI and 1,000 by fax number, so that one small GET finds an entry. A file is gzipped text. Its
first line is the day of the registry. Every other line is a key (an NPI or a fax number), a tab and JSON."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from chalicelib.domain.registry.entries import FaxEntry, PersonName, RegistryEntry

PREFIX = "registry/"
NPI_FILES, FAX_FILES = f"{PREFIX}npi/", f"{PREFIX}fax/"
"""The beginnings of the S3 keys of the files by NPI and by fax number."""

Line = tuple[str, str]
"""The key of an entry (an NPI or a fax number), and the entry as JSON."""


def npi_file(npi: str) -> str:
    """Return the S3 key of the file with an NPI: it is named after the digits 2 to 4 of the NPI."""
    return NPI_FILES + npi[1:4]


def fax_file(number: str) -> str:
    """Return the S3 key of the file with a fax number: it is named after the number's last three digits."""
    return FAX_FILES + number[-3:]


def all_files() -> tuple[str, ...]:
    """Return the S3 keys of all files, those by NPI first. A build writes every file, so no older file remains."""
    return tuple(f"{beginning}{number:03}" for beginning in (NPI_FILES, FAX_FILES) for number in range(1000))


def pack(dated: date, lines: Iterable[Line]) -> bytes:
    """Return the bytes of a file with these lines, sorted by key. The same lines always give the same bytes."""
    rows = (f"{key}\t{entry}" for key, entry in sorted(lines))
    return gzip.compress("\n".join((dated.isoformat(), *rows, "")).encode(), mtime=0)


class RegistryFile:
    """The content of one file of the registry, from the bytes that `pack` returned."""

    def __init__(self, packed: bytes) -> None:
        self._text = gzip.decompress(packed)

    @property
    def dated(self) -> date:
        """The day of the registry's newest entry."""
        return date.fromisoformat(self._text.partition(b"\n")[0].decode())

    def find(self, key: str) -> Mapping[str, Any] | None:
        """Return the entry of an NPI or fax number as it was encoded, or None if the file has no such entry."""
        _, found, rest = self._text.partition(f"\n{key}\t".encode())
        return dict(json.loads(rest.partition(b"\n")[0])) if found else None


def encode_entry(entry: RegistryEntry) -> str:
    """Return the entry of an NPI as JSON, without the NPI and without what it lacks."""
    facts = {name: value for name, value in asdict(entry).items() if value and name != "npi"}
    names = {"names": [[name.first, name.middle, name.last] for name in entry.names]} if entry.names else {}
    since = {"deactivated_on": entry.deactivated_on.isoformat()} if entry.deactivated_on else {}
    return _compact({**facts, **names, **since})


def decode_entry(npi: str, facts: Mapping[str, Any]) -> RegistryEntry:
    """Return the entry of an NPI from the facts that `encode_entry` wrote. Unknown facts are ignored."""
    since = facts.get("deactivated_on")
    return RegistryEntry(
        npi=npi,
        names=tuple(
            PersonName(first=first, middle=middle, last=last) for first, middle, last in facts.get("names", ())
        ),
        organization=facts.get("organization"),
        taxonomies=tuple(facts.get("taxonomies", ())),
        deactivated_on=date.fromisoformat(since) if since else None,
    )


def encode_fax(entry: FaxEntry) -> str:
    """Return the entry of a fax number as JSON."""
    return _compact({"npis": sorted(entry.npis), "names": entry.names, "more": entry.more})


def decode_fax(facts: Mapping[str, Any]) -> FaxEntry:
    """Return the entry of a fax number from the facts that `encode_fax` wrote. Unknown facts are ignored."""
    return FaxEntry(npis=frozenset(facts["npis"]), names=tuple(facts["names"]), more=facts.get("more", 0))


def _compact(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, separators=(",", ":"))
