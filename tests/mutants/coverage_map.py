"""A map from each line of the app to the quick tests that run the line. It is stored in `build/`."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infrastructure.repository import ROOT

FOLDER = ROOT / "build" / "mutants"
QUICK_TESTS = ("tests/unit/domain", "tests/unit/adapters", "tests/unit/services", "tests/unit/web")
_DATA = "MUTANTS_COVERAGE"


@dataclass(frozen=True)
class CoverageMap:
    """The tests that run each line of the app.

    `lines` maps each `path:line` to its tests. `seconds` maps each test to its duration."""

    lines: dict[str, list[str]]
    seconds: dict[str, float]

    def tests_of(self, path: Path, line: int) -> list[str]:
        """Return the tests that run a line, the quickest first.

        A line that runs at import belongs to no test: then every test that runs a line of the file counts."""
        tests = self.lines.get(f"{path}:{line}") or sorted(self._tests_of_file(path))
        return sorted(tests, key=lambda test: (path.stem not in test, self.seconds.get(test, 0)))

    def _tests_of_file(self, path: Path) -> set[str]:
        prefix = f"{path}:"
        return {test for place, tests in self.lines.items() if place.startswith(prefix) for test in tests}


class Plugin:
    """A pytest plugin that reports to coverage which test is running."""

    def __init__(self) -> None:
        import coverage

        self._seconds: dict[str, float] = {}
        self._coverage = coverage.Coverage(data_file=None, source=["chalicelib"], config_file=False)
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0) + report.duration

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        data = self._coverage.get_data()
        lines: dict[str, list[str]] = defaultdict(list)
        for file in data.measured_files():
            for line, tests in data.contexts_by_lineno(file).items():
                place = f"{Path(file).relative_to(ROOT)}:{line}"
                lines[place].extend(test for test in tests if test)
        Path(os.environ[_DATA]).write_text(json.dumps({"lines": lines, "seconds": self._seconds}))


def measure() -> CoverageMap:
    """Run the quick tests once under coverage, and return the map."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = FOLDER / "coverage.json"
    command = [sys.executable, "-m", "tests.mutants.coverage_map", *QUICK_TESTS]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, _DATA: str(data)}, check=False)
    if done.returncode:
        raise SystemExit("The quick tests must be green before mutants can be tried.")
    return CoverageMap(**json.loads(data.read_text()))


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--durations=0", *sys.argv[1:]], plugins=[Plugin()]))
