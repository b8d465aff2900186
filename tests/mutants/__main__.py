"""Change one place of the app at a time, and see whether the quick tests notice.

Usage: `python -m tests.mutants --count 200 --seed 1`. The command prints every mutant that survived, and
ends with status 1 if fewer than 95 of 100 mutants were killed. `equivalent.json` names the mutants that no
test can notice, each with the reason. These do not count."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from infrastructure.repository import ROOT
from tests.mutants.coverage_map import CoverageMap, measure
from tests.mutants.operators import Mutant, find_mutants

TARGETS = (
    "chalicelib/domain",
    "chalicelib/services",
    "chalicelib/web/access_rules.py",
    "chalicelib/adapters/webhook_http_client.py",
)
COPIED = ("app.py", "chalicelib", "templates", "tests", "infrastructure", "examples", "docs", "pyproject.toml")
EQUIVALENT = Path(__file__).with_name("equivalent.json")
WORKERS = 2
LONGEST = 600
"""Seconds after which a mutant counts as killed: an endless loop is noticed, too."""

GOAL = 0.95


def target_files() -> list[Path]:
    """Return the source files to mutate, relative to the repository."""
    files = [
        file
        for target in TARGETS
        for file in ([ROOT / target] if target.endswith(".py") else sorted((ROOT / target).rglob("*.py")))
    ]
    return [file.relative_to(ROOT) for file in files]


def draw_mutants(count: int, seed: int) -> list[Mutant]:
    """Choose mutants at random, without the mutants that are known to change nothing."""
    equivalent = json.loads(EQUIVALENT.read_text())
    mutants = [mutant for file in target_files() for mutant in find_mutants(file)]
    candidates = [mutant for mutant in mutants if mutant.name not in equivalent]
    return random.Random(seed).sample(  # noqa: S311 - a reproducible draw, no secret
        candidates, min(count, len(candidates))
    )


def is_killed(mutant: Mutant, folder: Path, coverage: CoverageMap) -> bool:
    """Return True if a quick test fails in a copy of the repository that holds the mutant."""
    tests = coverage.tests_of(mutant.path, mutant.line)
    if not tests:
        return False
    target = folder / mutant.path
    original = target.read_text()
    chosen = folder / "tests.txt"
    chosen.write_text("\n".join(tests))
    target.write_text(mutant.source())
    try:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--durations=0", f"@{chosen}"]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return True
    else:
        return done.returncode != 0
    finally:
        target.write_text(original)


def copy_repository(folder: Path) -> Path:
    """Copy what the quick tests need, without bytecode: a stale file would hide the mutant."""
    ignore = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    (folder / "tests/js/node_modules").symlink_to(ROOT / "tests/js/node_modules")
    return folder


def try_all(mutants: Sequence[Mutant], coverage: CoverageMap) -> list[Mutant]:
    """Run the quick tests on each mutant, and return the mutants that survive."""
    with tempfile.TemporaryDirectory() as base, ThreadPoolExecutor(WORKERS) as pool:
        free: Queue[Path] = Queue()
        for number in range(WORKERS):
            folder = Path(base) / str(number)
            folder.mkdir()
            free.put(copy_repository(folder))

        def try_one(mutant: Mutant) -> bool:
            folder = free.get()
            try:
                killed = is_killed(mutant, folder, coverage)
            finally:
                free.put(folder)
            print("killed  " if killed else "SURVIVED", f"{mutant.path}:{mutant.line}", mutant.name, flush=True)
            return killed

        results = list(pool.map(try_one, mutants))
    return [mutant for mutant, killed in zip(mutants, results, strict=True) if not killed]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    mutants = draw_mutants(options.count, options.seed)
    survivors = try_all(mutants, measure())
    for mutant in survivors:
        print(f"survived: {mutant.path}:{mutant.line} {mutant.scope}: {mutant.before} -> {mutant.after}")
    killed = len(mutants) - len(survivors)
    print(f"{killed} of {len(mutants)} mutants killed ({killed / len(mutants):.1%}), seed {options.seed}")
    return 0 if killed >= GOAL * len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
