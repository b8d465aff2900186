"""Mutation testing: change one place of the app at a time (a mutant), and see whether the quick tests fail.

Usage: `python -m tests.mutants --count 200 --seed 1`. The command prints every mutant that survived, that is, with
which no test failed. It ends with status 1 if fewer than 95 of 100 mutants were killed. `equivalent.json` names the
mutants that no test can notice, each with the reason. These do not count."""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from infrastructure.repository import ROOT
from tests.mutants.operators import Mutant, find_mutants
from tests.mutants.trials import LEFT_OUT, QUICK_TESTS, Trials

TARGETS = (
    "chalicelib/domain",
    "chalicelib/services",
    "chalicelib/web/access_rules.py",
    "chalicelib/adapters/webhook_http_client.py",
)
EQUIVALENT = Path(__file__).with_name("equivalent.json")
GOAL = 0.95


def target_files() -> list[Path]:
    """Return the source files of the app that are changed in mutation testing, relative to the repository."""
    files = [
        file
        for target in TARGETS
        for file in ([ROOT / target] if target.endswith(".py") else sorted((ROOT / target).rglob("*.py")))
    ]
    return [file.relative_to(ROOT) for file in files]


def draw_mutants(count: int, seed: int) -> list[Mutant]:
    """Return `count` random mutants (changes of one place of the app) to try. The same seed gives the same mutants."""
    mutants = [mutant for file in target_files() for mutant in find_mutants(file)]
    return random.Random(seed).sample(mutants, min(count, len(mutants)))  # noqa: S311 - a reproducible draw, no secret


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    started = time.monotonic()
    drawn = draw_mutants(options.count, options.seed)
    equivalent = json.loads(EQUIVALENT.read_text())
    trials = Trials([mutant for mutant in drawn if mutant.name not in equivalent])
    ignored = [f"--ignore={file}" for file in LEFT_OUT]
    status = pytest.main(
        ["-s", "-p", "no:cacheprovider", "-p", "no:terminal", *ignored, *QUICK_TESTS], plugins=[trials]
    )
    if status:
        return int(status)
    for mutant in trials.survivors:
        print(f"survived: {mutant.path}:{mutant.line} {mutant.scope}: {mutant.before} -> {mutant.after}")
    tried = len(trials.mutants)
    killed = tried - len(trials.survivors)
    print(f"seed {options.seed}: {killed} killed, {tried - killed} survived, {len(drawn) - tried} equivalent")
    print(f"{killed / tried:.1%} of {tried} mutants killed in {(time.monotonic() - started) / 60:.0f} minutes")
    return 0 if killed >= GOAL * tried else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
