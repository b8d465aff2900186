import re
from pathlib import Path

import pytest

from infrastructure.repository import ROOT

APP = ROOT / "chalicelib"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = ("bench", "chalicelib", "docs", "examples", "infrastructure", "templates", "tests")
FILES = [
    f"/{path.relative_to(ROOT)}"
    for path in (*ROOT.iterdir(), *(file for folder in SOURCES for file in (ROOT / folder).rglob("*.*")))
]
LONGEST_DECISION = 300  # words: about half a page


def packages_in_the_table() -> list[str]:
    _, _, table = ARCHITECTURE.read_text("utf-8").partition("| package |")
    rows = table.split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[1])]


def packages_of_the_app() -> list[str]:
    folders = {module.parent for module in APP.rglob("*.py") if module.name != "__init__.py"}
    return sorted("chalicelib" if folder == APP else str(folder.relative_to(APP)) for folder in folders)


def test_the_architecture_page_describes_every_package_and_no_other() -> None:
    assert sorted(packages_in_the_table()) == packages_of_the_app()


def test_every_decision_has_the_same_short_format() -> None:
    for decision in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = decision.read_text("utf-8")
        headings = re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], decision.name
        assert text.startswith(f"# {int(decision.name[:3])}. "), decision.name
        assert len(text.split()) <= LONGEST_DECISION, decision.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    """A page of the documentation may leave out the first folders of a file's path, as in `delivery/emails.py`."""
    named = set(re.findall(r"`((?:\w+/)*\w+\.(?:py|sh|yaml|md))`", page.read_text("utf-8")))
    assert {path for path in named if not any(file.endswith(f"/{path}") for file in FILES)} == set()
