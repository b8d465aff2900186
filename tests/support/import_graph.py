"""The modules of `chalicelib` that each Lambda function can import, found by a search of the sources.

Tests need them to prove that functions with AWS rights load no PDF parser. Imports inside functions count too. In
`workers.py`, each function counts only with the imports in its own body."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infrastructure.repository import ROOT

PARSERS = frozenset({"PIL", "pyhanko", "pypdf", "pypdfium2", "reportlab"})
"""The libraries that parse or draw PDFs and pictures. pyHanko's part for certificates is a library of its own."""

_WORKERS = "chalicelib.workers"
_BY_NAME = {
    "chalicelib.bootstrap": "chalicelib.adapters.",
    "chalicelib.services.pdf_function.works": "chalicelib.services.pdf_function.",
}
"""The modules that import other modules by their names. The annotations of `bootstrap` import its services too."""

_WEB = {"chalicelib.web.dispatch", "chalicelib.web.routes"}


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _paths() -> dict[str, Path]:
    return {_dotted(path): path for path in (ROOT / "chalicelib").rglob("*.py")}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports_of(module: str) -> frozenset[str]:
    by_name = {name for name in _paths() if name.startswith(_BY_NAME.get(module, "-"))}
    return frozenset({*_imported(ast.parse(_paths()[module].read_text())), *by_name})


def _reach(start: set[str]) -> set[str]:
    """Return the modules in `start`, and every module of `chalicelib` that they import, directly or through others."""
    reached, waiting = set[str](), [name for name in start if name in _paths()]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [other for other in imports_of(name) if other in _paths() and other != _WORKERS]
    return reached


def reach_of_handler(handler: str) -> set[str]:
    """Return the names of the modules that a Lambda function can import.

    `handler` is the function's name in `app.py`. The handler `app` serves the web routes."""
    if handler == "app":
        routed = {name for name in _paths() if name.startswith(("chalicelib.web.pages.", "chalicelib.web.api."))}
        return _reach(_WEB | routed | {"chalicelib.bootstrap"})
    tree = ast.parse(_paths()[_WORKERS].read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    common = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    start = {name for node in common for name in _imported(node)}
    called, waiting = set[str](), [handler, *(name for name in functions if name.startswith(("_", "run_")))]
    while waiting:
        name = waiting.pop()
        if name not in called:
            called.add(name)
            start |= set(_imported(functions[name]))
            nodes = [node for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]
            waiting += [node.id for node in nodes if node.id in functions]
    return _reach(start)


def parsers_of(handler: str) -> set[str]:
    """Return the libraries that parse or draw PDFs and pictures, among those that a Lambda function can import.

    `handler` is the function's name in `app.py`. A function with AWS rights must load none of them."""
    names = {name for module in reach_of_handler(handler) for name in imports_of(module)}
    return {name.split(".")[0] for name in names} & PARSERS
