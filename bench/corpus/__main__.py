"""The command `make corpus DIR=…`, which tries the portal on a folder of an operator's own PDFs before going live."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.corpus.programs import missing_programs
from bench.corpus.results import FAILURES, FileResult, Outcome, report
from bench.corpus.runner import SECONDS, Check, check_all
from bench.corpus.stored_results import StoredResults
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError, run_command


def find_files(folder: Path) -> list[str]:
    """Return the paths of all PDFs below the folder, relative to it. Raises UserError if there are none."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix.lower() == ".pdf")
    files = [file for file in found if (folder / file).is_file()]
    if not files:
        raise UserError(f"There is no PDF in the folder {folder}. Name a folder with DIR=…, for example DIR=~/plans.")
    return files


def check_folder(folder: Path, stored: StoredResults, check: Check, *, processes: int, seconds: float) -> int:
    """Check the files that have no stored result, print the report on all files, and return the exit status.

    The status is 1 if the portal accepted a file and then failed, so that it was not sealed, not valid or changed."""
    files = find_files(folder)
    results = [result for file in files if (result := stored.find(file, folder / file)) is not None]
    done = {result.file for result in results}
    _say(f"{len(files)} files, of which {len(done)} have a result of an earlier run")
    todo = [file for file in files if file not in done]
    for result in check_all(folder, todo, check, processes=processes, seconds=seconds):
        stored.add(result)
        results.append(result)
        if len(results) % 100 == 0:
            _say(f"{len(results)} of {len(files)} files")
    print("\n".join(_print_all(results)))
    return int(any(result.outcome in FAILURES for result in results))


def _print_all(results: Sequence[FileResult]) -> Iterator[str]:
    """Yield a line for each file that was not sealed, the failures last, and then the report."""
    ordered = sorted(results, key=lambda result: (result.outcome in FAILURES, result.outcome, result.file))
    yield from (result.line for result in ordered if result.outcome is not Outcome.SEALED)
    yield ""
    yield from report(results)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Check the folder that is named on the command line."""
    parser = argparse.ArgumentParser(prog="make corpus", description="Try the portal on a folder of PDFs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="the time limit of one file")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "corpus.jsonl")
    arguments = parser.parse_args()
    os.environ["POWERTOOLS_LOG_LEVEL"] = "CRITICAL"  # The app's loggers read this variable when they are imported.
    from bench.corpus.file_check import FileCheck
    from bench.sealing import local_key
    from chalicelib.pdf.signing.trial import warm_up

    warm_up()  # All processes then share the fonts and libraries.
    missing = missing_programs()
    if missing:
        _say(f"Not installed, so their checks are left out: {', '.join(missing)}")
    sealer, _ = local_key()
    return check_folder(
        arguments.folder.expanduser(),
        StoredResults.open(arguments.results),
        lambda file, data: FileCheck(sealer).run(file, data),
        processes=arguments.processes,
        seconds=arguments.seconds,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
