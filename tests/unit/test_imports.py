"""Test that imports between the packages of the app run in one direction only, without circles.

A room is a package of `chalicelib`, or a module at the root of a layer. `LEVELS` lists the rooms of each layer from the
bottom to the top. A room imports only rooms of lower levels."""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from infrastructure.repository import ROOT
from tests.support.import_graph import parsers_of

PACKAGE = ROOT / "chalicelib"
LAYERS = {
    "domain": {"domain"},
    "pdf": {"pdf"},
    "services": {"services", "domain", "pdf", "settings"},
    "adapters": {"adapters", "services", "domain", "settings"},
    "web": {"web", "services", "domain", "bootstrap", "settings"},
    "bootstrap": {"bootstrap", "adapters", "services", "domain", "settings"},
    "workers": {"workers", "bootstrap", "services", "domain", "adapters"},
    "settings": {"settings"},
}
"""The layers that a layer may import."""

LEVELS: Mapping[str, Sequence[set[str]]] = {
    "services": (
        {
            "concurrency",
            "ignored_numbers",
            "json_schema",
            "labels",
            "normalization",
            "optimistic_retry",
            "pdf_requests",
            "signed_tokens",
            "throttling",
            "transaction",
        },
        {"ports", "delivery_rows", "pagination"},
        {
            "fax_webhooks",
            "linked_files",
            "lookups",
            "pdf_function",
            "qr_svg",
            "registry",
            "shown_names",
            "stopped_reminders",
        },
        {"documents", "authentication"},
        {"review", "pdf_jobs", "accounts", "reminders"},
        {"delivery", "proof", "returned_faxes"},
        {"practices", "scheduling"},
    ),
    "pdf": (
        {"fax_media", "fax_pages", "geometry"},
        {"models"},
        {"page_slices", "reader", "substitute_fonts"},
        {"annotations", "earlier_signatures", "missing_fonts"},
        {"inspection", "rendering", "text"},
        {"drawing", "fax_files", "scan_comparison"},
        {"fax_reading", "placement"},
        {"assembly"},
        {"signing"},
        {"verify"},
    ),
    "web": (
        {"route"},
        {"http", "routes"},
        {"access_log", "access_rules"},
        {"api", "pages"},
        {"denied_access", "assistant_pages"},
        {"dispatch"},
    ),
}
"""The rooms of each layer, from the bottom to the top."""

MAX_SERVICE_FLOORS = 7
MAX_MODULES = 20
HEAVY = {"pypdf", "pypdfium2", "PIL", "reportlab", "pyhanko", "segno", "uharfbuzz", "zxingcpp"}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {dotted(path): path for path in modules(PACKAGE)}


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of all modules that a source file imports. A name may also be that of a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(name: str) -> set[str]:
    """Return the names of the modules of `chalicelib` that the module `name` imports."""
    return {module for module in imported(MODULES[name]) if module in MODULES} - {name}


def layer_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "chalicelib" and len(parts) > 1 else None


def room_of(name: str) -> str | None:
    """Return the package in which a module is below its layer: `text` for `chalicelib.pdf.text.bidi`.

    Return None for a module outside of all layers."""
    parts = name.split(".")
    return parts[2] if parts[0] == "chalicelib" and len(parts) > 2 else None


def level_of(layer: str, room: str) -> int:
    for number, rooms in enumerate(LEVELS[layer]):
        if room in rooms:
            return number
    raise AssertionError(f"chalicelib/{layer}/{room} has no level: add the room to LEVELS")


IN_ROOMS = sorted(name for name in MODULES if layer_of(name) in LEVELS and room_of(name))


def ids(value: object) -> str:
    return str(value).removeprefix("chalicelib.")


@pytest.mark.parametrize("name", sorted(MODULES), ids=ids)
def test_a_layer_imports_only_the_layers_below(name: str) -> None:
    layer = layer_of(name)
    if layer is not None:
        wrong = {module for module in imported(MODULES[name]) if layer_of(module) not in LAYERS[layer] | {None}}
        assert not wrong


@pytest.mark.parametrize(
    "name", sorted(name for name in MODULES if layer_of(name) in LEVELS and room_of(name)), ids=ids
)
def test_a_room_imports_only_rooms_of_lower_levels(name: str) -> None:
    layer, room = str(layer_of(name)), str(room_of(name))
    others = {str(room_of(module)) for module in own_imports(name) if layer_of(module) == layer and room_of(module)}
    upward = {other for other in others - {room} if level_of(layer, other) >= level_of(layer, room)}
    assert not upward, f"{name} imports {sorted(upward)}"


@pytest.mark.parametrize("layer", LEVELS)
def test_the_tree_names_the_rooms_that_exist(layer: str) -> None:
    rooms = {room_of(name) for name in MODULES if layer_of(name) == layer} - {None}
    assert set().union(*LEVELS[layer]) == rooms


def test_services_have_few_floors() -> None:
    assert len(LEVELS["services"]) <= MAX_SERVICE_FLOORS


def test_no_modules_import_one_another_in_a_circle() -> None:
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " imports ".join((*path[path.index(name) :], name))
        if name not in finished:
            for module in own_imports(name):
                visit(module, (*path, name))
            finished.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize("top", ["chalicelib", "infrastructure", "examples", "bench", "tests"])
def test_no_folder_holds_too_many_modules(top: str) -> None:
    folders = {path.parent for path in modules(ROOT / top) if "node_modules" not in path.parts}
    sizes = {folder.relative_to(ROOT): len([*folder.glob("*.py")]) for folder in folders}
    assert {folder: size for folder, size in sizes.items() if size > MAX_MODULES + 1} == {}


@pytest.mark.parametrize("path", modules(PACKAGE / "domain"), ids=lambda path: path.stem)
def test_the_domain_uses_the_standard_library_only(path: Path) -> None:
    outside = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"chalicelib"}
    assert not outside


@pytest.mark.parametrize("path", modules(PACKAGE / "web"), ids=lambda path: path.stem)
def test_the_web_never_imports_a_pdf_library(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & HEAVY


@pytest.mark.parametrize("handler", ["app", "admin", "relay", "documents", "deliveries", "mail_feedback", "follow_up"])
def test_a_function_with_rights_reaches_no_parser(handler: str) -> None:
    assert parsers_of(handler) == set()


@pytest.mark.parametrize("handler", ["inspect", "pdf"])
def test_the_functions_without_rights_reach_the_parsers(handler: str) -> None:
    assert parsers_of(handler) >= {"pypdf", "pypdfium2", "pyhanko", "PIL"}


def reads_environment(path: Path) -> bool:
    names = {"environ", "getenv"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in names:
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            return bool(names & {alias.name for alias in node.names})
    return False


def test_only_settings_reads_the_environment() -> None:
    readers = {path.name for path in [ROOT / "app.py", *modules(PACKAGE)] if reads_environment(path)}
    assert readers == {"settings.py"}
