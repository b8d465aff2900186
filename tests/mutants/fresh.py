"""The trial of a mutant (a change of the app) in a process that has not imported the app yet.

A change outside of functions takes effect only at import, so it needs such a process."""

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from infrastructure.repository import ROOT
from tests.mutants.children import become_quiet, limit_time

PRELOADED = (
    "tests.mutants.fresh",
    "argon2",
    "boto3",
    "chalice",
    "coverage",
    "jinja2",
    "pydantic",
    "pyhanko.sign",
    "pynamodb.models",
    "pypdf",
    "reportlab.pdfgen.canvas",
)
"""Modules that are imported once, before the trials are forked. None of them is part of the app."""


class _Loader(SourceFileLoader):
    """An import loader that runs the changed source of a module in place of the source on disk."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.get_filename(fullname), "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, path: Path, source: str) -> None:
        self._name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        self._loader = _Loader(self._name, str(ROOT / path), source)

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader)


class _Limits:
    """A pytest plugin that limits the time of each test, since a mutant may cause an endless loop."""

    def __init__(self, usual: Mapping[str, float]) -> None:
        self._usual = usual

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        limit_time(self._usual[item.nodeid])


def run(path: Path, source: str, usual: Mapping[str, float]) -> None:
    """Run tests with the changed `source` of the module at `path`, until one fails. Then end this process.

    The exit status is 1 if a test failed, which kills the mutant, and 0 otherwise. `usual` maps each test to its usual
    duration in seconds."""
    os.setsid()
    become_quiet()
    if any(name.partition(".")[0] == "chalicelib" for name in sys.modules):
        raise RuntimeError("The app is imported already.")
    sys.meta_path.insert(0, _Finder(path, source))
    os.chdir(ROOT)
    files = list(dict.fromkeys(test.partition("::")[0] for test in usual))
    tests = sorted(usual, key=lambda test: files.index(test.partition("::")[0]))
    plugins = [_Limits(usual)]
    os._exit(bool(tests) and pytest.main(["-x", "-q", "-s", "-p", "no:cacheprovider", *tests], plugins) != 0)
