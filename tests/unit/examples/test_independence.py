import ast
from pathlib import Path

import examples

FOLDER = Path(examples.__file__).parent


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_stand_ins_use_nothing_of_the_portals_own_code() -> None:
    files = list(FOLDER.rglob("*.py"))
    assert len(files) > 10
    for path in files:
        assert not imported(path) & {"chalicelib", "app", "infrastructure", "templates"}, path


def test_the_module_to_copy_needs_only_two_packages() -> None:
    third_party = imported(FOLDER / "clinic" / "portal.py") & {"httpx", "standardwebhooks", "examples", "flask"}
    assert third_party == {"httpx", "standardwebhooks"}
