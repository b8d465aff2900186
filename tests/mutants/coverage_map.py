"""A map from each line of the app to the quick tests that run the line, stored in `build/`.

By this map, only the tests that can notice a mutant (a change of one place) are run for it."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage

from infrastructure.repository import ROOT

FILE = ROOT / "build" / "mutants" / "coverage.json"
_SOURCES = ("chalicelib", "templates", "tests/unit", "tests/support")


@dataclass
class CoverageMap:
    """The tests that run each line of the app, and the usual durations of the tests.

    `lines` maps each `path:line` to its tests. A line that runs at import has the test `""`. `seconds` maps each test
    to its duration."""

    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: "CoverageMap") -> None:
        for place, tests in other.lines.items():
            self.lines[place].extend(tests)
        self.seconds.update(other.seconds)

    def leave_out(self, tests: Collection[str]) -> None:
        for place, running in self.lines.items():
            self.lines[place] = [test for test in running if test not in tests]
        for test in tests:
            self.seconds.pop(test, None)

    def runs_at_import(self, path: Path, line: int) -> bool:
        return "" in self.lines.get(f"{path}:{line}", [""])

    def tests_of(self, path: Path, line: int) -> list[str]:
        """Return the tests to run for a change of this line: the tests of the line's module first, then the quickest
        first.

        If a line runs at import, every test that runs a line of the file or names its module counts."""
        tests = set(self.lines.get(f"{path}:{line}", [""]))
        if "" in tests:
            tests = self._tests_of_file(path)
        return sorted(tests - {""}, key=lambda test: (not _is_near(test, path), self.seconds.get(test, 0)))

    def _tests_of_file(self, path: Path) -> set[str]:
        running = {test for place, tests in self.lines.items() if place.startswith(f"{path}:") for test in tests}
        module = ".".join(path.with_suffix("").parts[1:])
        naming = {file for file in {_file(test) for test in self.seconds} if module in (ROOT / file).read_text()}
        return running | {test for test in self.seconds if _file(test) in naming}


def _is_near(test: str, path: Path) -> bool:
    return f"test_{path.stem}" in _file(test)


def _file(test: str) -> str:
    return test.partition("::")[0]


@contextmanager
def recorded(found: CoverageMap) -> Iterator[coverage.Coverage]:
    """Add the lines of the app that run in the `with` block to the map `found`, and yield the measuring object.

    With its method `switch_context`, the block names the test that runs next."""
    measured = coverage.Coverage(data_file=None, source=["chalicelib"], config_file=False)
    measured.start()
    yield measured
    measured.stop()
    data = measured.get_data()
    for file in data.measured_files():
        for line, tests in data.contexts_by_lineno(file).items():
            found.lines[f"{Path(file).relative_to(ROOT)}:{line}"].extend(tests)


def load() -> CoverageMap | None:
    """Return the stored map of lines and tests, or None if there is none or a source file has changed since."""
    stored = json.loads(FILE.read_text()) if FILE.exists() else {}
    return _unpack(stored) if stored.get("key") == _key() else None


def store(found: CoverageMap) -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    numbers = {test: number for number, test in enumerate(["", *found.seconds])}
    lines = {place: sorted({numbers[test] for test in tests}) for place, tests in found.lines.items()}
    FILE.write_text(json.dumps({"key": _key(), "tests": [*numbers], "lines": lines, "seconds": found.seconds}))


def _unpack(stored: dict[str, Any]) -> CoverageMap:
    tests = stored["tests"]
    lines = {place: [tests[number] for number in numbers] for place, numbers in stored["lines"].items()}
    return CoverageMap(lines, stored["seconds"])


def _key() -> str:
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for file in sorted((ROOT / folder).rglob("*.*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()
