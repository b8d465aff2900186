import zipfile
from pathlib import Path, PurePosixPath

import pytest

from infrastructure.package import CODE, LAYER
from infrastructure.repository import ROOT

MEGABYTE = 1_000_000
LAMBDA_LIMIT = 250 * MEGABYTE


def files(archive: Path) -> dict[str, int]:
    with zipfile.ZipFile(archive) as source:
        return {entry.filename: entry.file_size for entry in source.infolist()}


@pytest.fixture(scope="module")
def code(package_folder: Path) -> dict[str, int]:
    return files(package_folder / CODE)


@pytest.fixture(scope="module")
def layer(package_folder: Path) -> dict[str, int]:
    """Return the files of the packaged Lambda layer: a dict from the path below `site-packages` to the size in
    bytes."""
    found = files(package_folder / LAYER)
    assert all("/site-packages/" in name for name in found)
    return {name.partition("/site-packages/")[2]: size for name, size in found.items()}


def test_the_code_zip_holds_the_app_and_chalice_only(code: dict[str, int]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in code}
    assert tops == {"app.py", "chalice", "chalicelib", "__pycache__"}
    assert [name for name in code if name.startswith("__pycache__/")] == [
        name for name in code if name.startswith("__pycache__/app.")
    ]


def test_the_code_zip_holds_all_of_chalicelib(code: dict[str, int]) -> None:
    sources = (path for path in (ROOT / "chalicelib").rglob("*") if path.is_file())
    expected = {path.relative_to(ROOT).as_posix() for path in sources if "__pycache__" not in path.parts}
    assert {name for name in code if name.startswith("chalicelib/") and "__pycache__" not in name} == expected


def test_the_templates_are_in_the_layer(layer: dict[str, int]) -> None:
    sources = (path for path in (ROOT / "templates").rglob("*") if path.is_file())
    expected = {path.relative_to(ROOT).as_posix() for path in sources if "__pycache__" not in path.parts}
    assert {name for name in layer if name.startswith("templates/") and "__pycache__" not in name} == expected


def test_the_layer_holds_the_pinned_requirements_and_nothing_else(layer: dict[str, int]) -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = {line.split("==")[0].replace("-", "_").lower() for line in lines if "==" in line}
    shipped = {name.split("-")[0].replace(".", "_").lower() for name in layer if ".dist-info/" in name}
    assert shipped <= pinned
    assert {"boto3", "pynamodb", "pypdf", "reportlab"} <= shipped


def test_no_tests_or_tools_are_shipped(code: dict[str, int], layer: dict[str, int]) -> None:
    unwanted = {"tests", "examples", "infrastructure", "pip", "setuptools", "ministack", "pytest"}
    tops = {PurePosixPath(name).parts[0] for name in [*code, *layer]}
    assert tops & unwanted == set()


def test_the_zips_stay_small(package_folder: Path) -> None:
    # Fonts are four fifths of the code zip. A font is opened only if a name or a page needs it.
    assert (package_folder / CODE).stat().st_size < 7 * MEGABYTE
    assert (package_folder / LAYER).stat().st_size < 45 * MEGABYTE


def test_code_and_layer_fit_a_function(code: dict[str, int], layer: dict[str, int]) -> None:
    assert sum(code.values()) + sum(layer.values()) < LAMBDA_LIMIT
