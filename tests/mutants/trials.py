"""A pytest plugin that tries each mutant (a change of one place of the app) in a child process.

The children are forked after pytest has collected all tests."""

import gc
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants import coverage_map, fresh
from tests.mutants.children import Child, become_quiet, limit_time, run_children
from tests.mutants.coverage_map import CoverageMap
from tests.mutants.functions import FunctionIndex
from tests.mutants.operators import Mutant

QUICK_TESTS = ("tests/unit/domain", "tests/unit/adapters", "tests/unit/services", "tests/unit/web")
LEFT_OUT = (
    "tests/unit/services/pdf_function/test_largest_file.py",
    "tests/unit/web/api/test_openapi_properties.py",
    "tests/unit/web/http/test_attacks.py",
)
"""Slow tests of times, sizes and random requests. Without them, a run takes half as long and is reproducible."""

WORKERS = 2
PARTS = 12
"""The parts in which the tests are measured. Small parts keep all workers busy to the end."""


class Trials:
    """The trials of these mutants (changes of one place of the app). `survivors` are those with which no test failed.

    A change in the body of a function is made in the forked process: the function gets the changed code. Other changes
    need a process that imports the app later (`fresh`)."""

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self.mutants = mutants
        self.survivors: list[Mutant] = []
        self._items: dict[str, pytest.Item] = {}
        self._failed: set[str] = set()
        self._controls: list[int] = []
        self._stack = ExitStack()
        self._map = coverage_map.load()
        self._imported = CoverageMap()
        self._functions = FunctionIndex([])
        self._forkserver = multiprocessing.get_context("forkserver")
        self._forkserver.set_forkserver_preload(list(fresh.PRELOADED))

    def pytest_sessionstart(self) -> None:
        if self._map is None:
            self._stack.enter_context(coverage_map.recorded(self._imported))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._map is not None and report.failed:
            os._exit(1)
        if report.failed:
            print(report.nodeid, report.longreprtext, sep="\n", file=sys.stderr)
            self._failed.add(report.nodeid)
        self._imported.seconds[report.nodeid] += report.duration

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._stack.close()
        self._items = {item.nodeid: item for item in session.items}
        self._functions = FunctionIndex(sorted({mutant.path for mutant in self.mutants}))
        gc.collect()
        gc.freeze()
        if self._map is None:
            measured = self._measure()
            coverage_map.store(measured)
            self._map = measured
        self._check_controls(self._map)
        run_children(self._trials(self._map), WORKERS)
        return True

    def _measure(self) -> CoverageMap:
        """Run all quick tests once, and return the map of the lines that each test runs.

        A test that fails without any change is reported and left out."""
        modules = sorted({item.path for item in self._items.values()})
        statuses: list[int] = []
        with tempfile.TemporaryDirectory() as folder:
            parts = {Path(folder) / str(number): {*modules[number::PARTS]} for number in range(PARTS)}
            run_children(((self._start_measuring(*part), statuses.append) for part in parts.items()), WORKERS)
            if any(statuses):
                raise pytest.UsageError("The quick tests could not be run.")
            found = self._imported
            for file in parts:
                found.add(CoverageMap(**json.loads(file.read_text())))
        return found

    def _start_measuring(self, file: Path, modules: set[Path]) -> Child:
        return Child.fork(lambda: self._measure_part(modules, file))

    def _measure_part(self, modules: set[Path], file: Path) -> int:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        self._imported = found = CoverageMap()
        items = [item for item in self._items.values() if item.path in modules]
        with coverage_map.recorded(found) as measured:
            for item, following in zip(items, [*items[1:], None], strict=True):
                measured.switch_context(item.nodeid)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        found.leave_out(self._failed)
        file.write_text(json.dumps({"lines": found.lines, "seconds": found.seconds}))
        return 0

    def _check_controls(self, covered: CoverageMap) -> None:
        """Check that the tests pass in a child process if nothing is changed. Otherwise every mutant would seem killed.

        Both ways to apply a change are checked."""
        for at_import in (False, True):
            first = self.mutants[0]
            mutant = replace(first, after=first.text.encode()[first.start : first.end].decode())
            usual = dict(sorted(covered.seconds.items(), key=lambda timed: timed[1])[:20])
            children = iter([(self._start(mutant, usual, at_import=at_import), self._controls.append)])
            run_children(children, 1)
        if any(self._controls):
            raise pytest.UsageError("A trial without a change must pass.")

    def _trials(self, covered: CoverageMap) -> Iterator[tuple[Child, Callable[[int], None]]]:
        for mutant in self.mutants:
            tests = covered.tests_of(mutant.path, mutant.line)
            usual = {test: covered.seconds[test] for test in tests}
            child = self._start(mutant, usual, at_import=covered.runs_at_import(mutant.path, mutant.line))
            yield child, lambda status, mutant=mutant: self._note(mutant, status)  # type: ignore[misc]  # - the default binds the mutant

    def _start(self, mutant: Mutant, usual: Mapping[str, float], *, at_import: bool) -> Child:
        """Start the trial of a mutant in a child process, and return the child. Its status is 0 if no test fails.

        `usual` maps the tests to run to their usual durations. `at_import` is true if the changed line runs at
        import."""
        change = None if at_import else self._functions.find_change(mutant)
        if change is None:
            process = self._forkserver.Process(target=fresh.run, args=(mutant.path, mutant.source(), usual))
            process.start()
            return Child.of_process(process)

        def run() -> int:
            become_quiet()
            change()
            items = [self._items[test] for test in usual]
            for item, following in zip(items, [*items[1:], None], strict=True):
                limit_time(usual[item.nodeid])
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            return 0

        return Child.fork(run)

    def _note(self, mutant: Mutant, status: int) -> None:
        if not status:
            self.survivors.append(mutant)
        print("killed  " if status else "SURVIVED", f"{mutant.path}:{mutant.line}", mutant.name, flush=True)
