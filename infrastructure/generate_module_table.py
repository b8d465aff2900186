"""The table of modules in `docs/architecture.md`, made of their docstrings: `make guide` writes it anew.

A test fails when it is not what it would be, and when a module says nothing of itself.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from infrastructure.repository import ROOT

ARCHITECTURE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "chalicelib"

_MADE = re.compile(r"(<!-- made: modules -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    ARCHITECTURE.write_text(made_anew(ARCHITECTURE.read_text()))


def made_anew(text: str) -> str:
    """The page with the table as the code has it now."""
    table = "\n".join(("| module | what it is |", "|---|---|", *_rows()))
    return _MADE.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)


def summary(module: Path) -> str:
    """The first paragraph of a module's docstring, in one line; `ValueError` for a module without."""
    said = ast.get_docstring(ast.parse(module.read_text("utf-8")))
    if not said:
        raise ValueError(f"{module} has no docstring")
    return " ".join(said.split("\n\n")[0].split())


def modules() -> Iterator[Path]:
    """Every module, the package's own first, then folder by folder."""
    paths = (each for each in PACKAGE.rglob("*.py") if each.name != "__init__.py")
    return iter(sorted(paths, key=lambda path: (len(path.parts), path)))


def _rows() -> Iterator[str]:
    for each in modules():
        name = each.relative_to(PACKAGE)
        yield f"| `{name}` | {summary(each).replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    main()
