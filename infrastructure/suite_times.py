"""The command that measures where the time of `make test` goes: seconds per part, and the slowest tests.

`python -m infrastructure.suite_times PART COMMAND…` runs a part (such as the browser tests) and stores its times in
`build/times/`. `python -m infrastructure.suite_times` without arguments prints the stored times of all parts."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from infrastructure.repository import ROOT

FOLDER = ROOT / "build" / "times"
TESTS_SHOWN = 12


@dataclass(frozen=True)
class Test:
    """One test and its time in seconds, setup and teardown included."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Part:
    """One part of `make test`, such as the browser tests: its time in seconds, and its tests if it ran pytest."""

    name: str
    seconds: float
    tests: Sequence[Test]


def run(folder: Path, part: str, command: Sequence[str]) -> int:
    """Run the command of one part of `make test`, store its times in `folder`, and return the command's exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / f"{part}.xml"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    # Only pytest reads this variable.
    environment = os.environ | {"PYTEST_ADDOPTS": f"--junitxml={report}"}
    status = subprocess.run(command, env=environment, check=False).returncode
    (folder / f"{part}.json").write_text(json.dumps({"seconds": time.monotonic() - started}))
    return status


def read(folder: Path) -> list[Part]:
    """Return the measured parts of `make test`, whose times are stored in `folder`, the slowest part first."""
    parts = [
        Part(note.stem, json.loads(note.read_text())["seconds"], list(_tests(note.with_suffix(".xml"))))
        for note in folder.glob("*.json")
    ]
    return sorted(parts, key=lambda part: -part.seconds)


def _tests(report: Path) -> Iterator[Test]:
    if not report.exists():
        return
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest has just written the file
        yield Test(f"{case.get('classname')}::{case.get('name')}", float(case.get("time", 0)))


def summary(parts: Sequence[Part]) -> str:
    """Return the text that `make test` prints at its end: a table of its parts, and a list of the slowest tests."""
    rows = [f"{part.seconds:7.0f} s  {part.name:<8} {len(part.tests) or '':>6}" for part in parts]
    slowest = sorted((test for part in parts for test in part.tests), key=lambda test: -test.seconds)
    tests = [f"{test.seconds:7.1f} s  {test.name}" for test in slowest[:TESTS_SHOWN]]
    return "\n".join(["Where the time went (part, number of tests):", *rows, "The slowest tests:", *tests])


def main() -> int:
    """Run and measure one part of `make test`, or print the summary of all parts if no part is given."""
    if len(sys.argv) > 1:
        return run(FOLDER, sys.argv[1], sys.argv[2:])
    print(summary(read(FOLDER)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
