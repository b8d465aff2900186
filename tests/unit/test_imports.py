"""Imports point one way: web and app -> services -> domain, pdf; only bootstrap imports adapters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {
    "domain": {"domain"},
    "pdf": {"pdf"},
    "services": {"services", "domain", "pdf"},
    "adapters": {"adapters", "services", "domain", "settings"},
    "web": {"web", "services", "domain", "bootstrap", "settings"},
    "bootstrap": {"bootstrap", "adapters", "services", "settings"},
    "workers": {"workers", "bootstrap", "services", "adapters"},
    "settings": {"settings"},
}
SETTINGS_TYPE_ONLY = {"services"}
HEAVY = {"pypdf", "pypdfium2", "PIL", "reportlab", "pyhanko", "segno", "uharfbuzz"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / "chalicelib" / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "chalicelib" and len(parts) > 1 else None


def sources() -> list[tuple[str, Path]]:
    found = [(layer, path) for layer in LAYERS for path in modules(layer)]
    single = ("bootstrap", "workers", "settings")
    return found + [(name, ROOT / "chalicelib" / f"{name}.py") for name in single]


@pytest.mark.parametrize(("layer", "path"), sources(), ids=lambda value: getattr(value, "stem", value))
def test_imports_point_one_way(layer: str, path: Path) -> None:
    allowed = LAYERS[layer] | ({"settings"} if layer in SETTINGS_TYPE_ONLY else set())
    wrong = {name for name in imported(path) if layer_of(name) not in allowed | {None}}
    assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", modules("domain"), ids=lambda path: path.stem)
def test_the_domain_uses_the_standard_library_only(path: Path) -> None:
    import sys

    outside = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"chalicelib"}
    assert not outside


@pytest.mark.parametrize("path", modules("web"), ids=lambda path: path.stem)
def test_the_web_never_imports_a_pdf_library(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & HEAVY


def test_only_settings_reads_the_environment() -> None:
    readers = {
        path.name
        for path in [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
        if "os" in set(imported(path)) and ("environ" in path.read_text() or "getenv" in path.read_text())
    }
    assert readers == {"settings.py"}
