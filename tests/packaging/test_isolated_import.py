"""Test that each packaged zip contains every Python package that it needs.

The local AWS lends its packages to Lambda functions, so only this test finds a missing package."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infrastructure.package import CODE, LAYER

ROOT = Path(__file__).resolve().parents[2]
# Runs with the standard library alone; its arguments are the code's and the layer's folders.
PRELUDE = """
import sys
sys.path += sys.argv[1:3]
"""
IMPORT_HANDLER = "import importlib; module, name = sys.argv[3].split('.'); "
IMPORT_HANDLER += "assert callable(getattr(importlib.import_module(module), name))"
IMPORT_ALL = """
import importlib, pkgutil, chalicelib
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
"""
IMPORT_NAMED = "import importlib; [importlib.import_module(name) for name in sys.argv[3:]]"
LOAD_TEMPLATES = """
import jinja2
environment = jinja2.Environment(loader=jinja2.PackageLoader("templates", "."), autoescape=True)
names = [name for name in environment.list_templates() if name.endswith((".html", ".txt", ".jinja"))]
assert names
for name in names:
    environment.parse(environment.loader.get_source(environment, name)[0])
"""
HANDLERS = ["admin", "app", "deliveries", "documents", "follow_up", "inspect", "mail_feedback", "pdf", "relay"]


@pytest.fixture(scope="module")
def unpacked(package_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folders = []
    for archive in (CODE, LAYER):
        folder = tmp_path_factory.mktemp(archive.removesuffix(".zip"))
        with zipfile.ZipFile(package_folder / archive) as source:
            source.extractall(folder)
        folders.append(folder)
    code, layer = folders
    (packages,) = layer.glob("python/lib/python*/site-packages")
    return [str(code), str(packages)]


def run_alone(program: str, unpacked: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-c", PRELUDE + program, *unpacked, *arguments]
    return subprocess.run(
        command, cwd=unpacked[0], env={"AWS_REGION": "us-east-1"}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_is_imported_from_the_zips_alone(unpacked: list[str], handler: str) -> None:
    answer = run_alone(IMPORT_HANDLER, unpacked, f"app.{handler}")
    assert answer.returncode == 0, answer.stderr


def test_these_are_all_the_handlers(production: dict[str, Any]) -> None:
    functions = [row for row in production.values() if row["Type"] == "AWS::Serverless::Function"]
    assert sorted(row["Properties"]["Handler"] for row in functions) == [f"app.{name}" for name in HANDLERS]


def test_every_module_that_handlers_import_later_is_in_the_zips(unpacked: list[str]) -> None:
    answer = run_alone(IMPORT_ALL, unpacked)
    assert answer.returncode == 0, answer.stderr


def imported_within_functions() -> set[str]:
    """Return the names of packages, such as zxcvbn, that the app imports inside functions.

    An import of the app alone does not show that they are in the zip."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "chalicelib").rglob("*.py")]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inner = [node for function in functions for node in ast.walk(function)]
    names = {node.module for node in inner if isinstance(node, ast.ImportFrom) and node.module}
    names |= {name.name for node in inner if isinstance(node, ast.Import) for name in node.names}
    return {name for name in names if not name.startswith("chalicelib")}


def test_every_package_that_functions_import_later_is_in_the_zips(unpacked: list[str]) -> None:
    names = imported_within_functions()
    assert {"argon2", "jwt", "zxcvbn", "aws_lambda_powertools.metrics"} <= names
    answer = run_alone(IMPORT_NAMED, unpacked, *sorted(names))
    assert answer.returncode == 0, answer.stderr


def test_every_template_is_found_in_the_layer(unpacked: list[str]) -> None:
    answer = run_alone(LOAD_TEMPLATES, unpacked)
    assert answer.returncode == 0, answer.stderr


def test_the_interpreter_sees_only_the_zips(unpacked: list[str]) -> None:
    answer = run_alone("import ministack", unpacked)
    assert "ModuleNotFoundError" in answer.stderr
