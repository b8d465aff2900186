import json
import sys
from pathlib import Path

from infrastructure import suite_times as times

REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_quick" time="0.2"/>
<testcase classname="tests.test_a" name="test_slow" time="3.0"/>
</testsuite></testsuites>"""


def note_part(folder: Path, name: str, seconds: float, report: str | None = None) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"seconds": seconds}))
    if report:
        (folder / f"{name}.xml").write_text(report)


def test_the_summary_shows_the_slowest_parts_and_tests_first(tmp_path: Path) -> None:
    note_part(tmp_path, "lint", 4.0)
    note_part(tmp_path, "web", 12.0, REPORT)
    assert times.summary(times.read(tmp_path)).splitlines() == [
        "Where the time went (part, number of tests):",
        "     12 s  web           2",
        "      4 s  lint           ",
        "The slowest tests:",
        "    3.0 s  tests.test_a::test_slow",
        "    0.2 s  tests.test_a::test_quick",
    ]


def test_a_part_keeps_its_exit_status_and_gets_the_path_of_its_report(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['PYTEST_ADDOPTS']); sys.exit(3)"
    assert times.run(tmp_path / "times", "rules", [sys.executable, "-c", code]) == 3
    assert [part.name for part in times.read(tmp_path / "times")] == ["rules"]
