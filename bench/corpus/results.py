"""The results of `make corpus`: what happened to each file, and the report about all files.

A result has a file's name, a page and a reason, and nothing of the file's content."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """What happened to a file. Every outcome except `SEALED` and `REFUSED` is a failure of the portal."""

    SEALED = "sealed"
    REFUSED = "refused"
    NOT_SEALED = "accepted, not sealed"
    NOT_VALID = "sealed, not valid"
    CHANGED = "changed outside the signature block"
    STUCK = "stuck"
    CRASHED = "crashed"


FAILURES = frozenset(Outcome) - {Outcome.SEALED, Outcome.REFUSED}


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """What happened to one file. `file` is its path below the folder, and `sha256` (hex) is the hash of its bytes.

    `page` counts from 1, and is 0 if the reason concerns the whole file. `unseen` are the pages that the portal cannot
    show to the signer. `way` is the way in which the sealed file was made (`Attempt`). `block` is true if the signature
    block is on a page of the document, and not only on the certificate page. `megabytes` is the peak memory of the
    largest process."""

    file: str
    sha256: str = ""
    outcome: Outcome
    reason: str = ""
    page: int = 0
    pages: int = 0
    unseen: tuple[int, ...] = ()
    way: str = ""
    block: bool = False
    seconds: float = 0.0
    megabytes: float = 0.0

    @property
    def line(self) -> str:
        """The line about this file for a person. Line breaks and other control characters in the name are escaped."""
        name = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in self.file)
        page = f", page {self.page}" if self.page else ""
        return f"{self.outcome}: {name}{page}: {self.reason}"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the result that `to_json` wrote. Raises `ValueError` for a line that was not written to its end."""
        values = json.loads(text)
        return cls(**{**values, "outcome": Outcome(values["outcome"]), "unseen": tuple(values["unseen"])})


_SLOWEST = 5


def report(results: Sequence[FileResult]) -> Iterator[str]:
    """Yield the lines of the report: the outcomes, the reasons with their counts, and the slowest and largest files."""
    yield f"{len(results):6}  files"
    yield from _count(result.outcome.value for result in results)
    yield from _section("Refused, by reason", _count(_reasons(results, frozenset({Outcome.REFUSED}))))
    yield from _section("Failed, by reason", _count(_reasons(results, FAILURES)))
    sealed = [result for result in results if result.outcome is Outcome.SEALED]
    yield from _section("Sealed, by the way in which the file was made", _count(result.way for result in sealed))
    unseen = [f"        {result.file}: {', '.join(map(str, result.unseen))}" for result in results if result.unseen]
    yield from _section("Pages that cannot be shown to the signer", unseen)
    if results:
        yield from _section("Slowest", _largest(results, "seconds", "s"))
        yield from _section("Largest in memory", _largest(results, "megabytes", "MB"))


def _reasons(results: Sequence[FileResult], outcomes: frozenset[Outcome]) -> Iterator[str]:
    return (result.reason for result in results if result.outcome in outcomes)


def _count(values: Iterable[str]) -> list[str]:
    return [f"{count:6}  {value}" for value, count in Counter(values).most_common()]


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", title, *lines)


def _largest(results: Sequence[FileResult], name: str, unit: str) -> list[str]:
    ordered = sorted(results, key=lambda result: float(getattr(result, name)), reverse=True)
    return [f"{getattr(result, name):6.1f} {unit}  {result.file}" for result in ordered[:_SLOWEST]]
