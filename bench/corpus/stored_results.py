"""The results of earlier runs, in a file, so that a run that was interrupted goes on where it ended.

A result counts only for the same bytes and the same code of the portal."""

import hashlib
from contextlib import suppress
from pathlib import Path

from bench.corpus.results import FileResult
from chalicelib.services.documents.incoming_pdf import sha256
from infrastructure.repository import ROOT


def hash_code(root: Path = ROOT) -> str:
    """Return the SHA-256 (hex) of the portal's Python code, and of this tool's, by which a new release is known."""
    digest = hashlib.sha256()
    for path in sorted(path for top in ("chalicelib", "bench/corpus") for path in (root / top).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class StoredResults:
    """The results in a file: the hash of the code in the first line, and then one result in each line (JSON)."""

    def __init__(self, path: Path, results: dict[str, FileResult]) -> None:
        self._path = path
        self._results = results

    @classmethod
    def open(cls, path: Path, code: str | None = None) -> "StoredResults":
        """Open the file, or begin a new one if there is none or the code has changed. `code` is the code's hash."""
        code = code or hash_code()
        first, *lines = path.read_text().splitlines() if path.exists() else [""]
        if first == code:
            return cls(path, _read(lines))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{code}\n")
        return cls(path, {})

    def find(self, file: str, path: Path) -> FileResult | None:
        """Return the stored result of the file at `path`, whose name below the folder is `file`, or None."""
        result = self._results.get(file)
        return result if result is not None and result.sha256 == sha256(path.read_bytes()) else None

    def add(self, result: FileResult) -> None:
        """Append a result to the file."""
        with self._path.open("a") as target:
            target.write(f"{result.to_json()}\n")


def _read(lines: list[str]) -> dict[str, FileResult]:
    results = {}
    for line in lines:
        with suppress(ValueError):  # The last line is incomplete if the run was killed.
            result = FileResult.from_json(line)
            results[result.file] = result
    return results
