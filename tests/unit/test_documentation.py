import re

from infrastructure.repository import ROOT

APP = ROOT / "chalicelib"
ARCHITECTURE = ROOT / "docs" / "architecture.md"


def packages_in_the_table() -> list[str]:
    _, _, table = ARCHITECTURE.read_text("utf-8").partition("| package |")
    rows = table.split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[1])]


def packages_of_the_app() -> list[str]:
    folders = {module.parent for module in APP.rglob("*.py") if module.name != "__init__.py"}
    return sorted("chalicelib" if folder == APP else str(folder.relative_to(APP)) for folder in folders)


def test_the_architecture_page_describes_every_package_and_no_other() -> None:
    assert sorted(packages_in_the_table()) == packages_of_the_app()
