"""The programs of other makers that check a sealed file, if they are installed: pdftoppm and pdfsig (Poppler), qpdf.

They share no code with the portal's libraries, so they notice faults that the portal's own checks cannot notice."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

NAMES = ("pdftoppm", "pdfsig", "qpdf")
"""The programs. Debian and Ubuntu have them in the packages `poppler-utils` and `qpdf`."""

SECONDS = 60
"""The time limit of one call of a program. A page takes 0.1 seconds."""

PAGES_PER_CALL = 10
_SIDE = 1000
_VALID = "Signature is Valid."
_QPDF_ERRORS = 2


def missing_programs() -> list[str]:
    """Return the names of the programs that are not installed, and whose checks are left out."""
    return [name for name in NAMES if shutil.which(name) is None]


def is_seal_valid(file: Path) -> bool:
    """Return True if pdfsig finds the last signature of the file valid, or is not installed."""
    if shutil.which("pdfsig") is None:
        return True
    shown = subprocess.run(["pdfsig", "-nocert", str(file)], capture_output=True, timeout=SECONDS, check=False)
    verdicts = re.findall(r"Signature Validation: (.+)", shown.stdout.decode(errors="replace"))
    return verdicts[-1:] == [_VALID]


def has_syntax_errors(file: Path) -> bool:
    """Return True if qpdf finds errors in the file that it cannot repair. Without qpdf, return False."""
    if shutil.which("qpdf") is None:
        return False
    checked = subprocess.run(["qpdf", "--check", str(file)], capture_output=True, timeout=SECONDS, check=False)
    return checked.returncode == _QPDF_ERRORS


def render_with_poppler(file: Path, folder: Path, first: int, last: int) -> Iterator[Image.Image | None]:
    """Yield the pages of a PDF as Poppler draws them, and None for a page that it cannot draw in `SECONDS`.

    The pages are those from `first` to `last`, counted from 1. The images are at most 1,000 pixels high or wide. The
    program writes them to `folder`, which must be empty."""
    pages = ["-f", str(first), "-l", str(last)]
    command = ["pdftoppm", "-cropbox", "-scale-to", str(_SIDE), *pages, str(file), str(folder / "page")]
    try:
        subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        drawn = {int(path.stem.rpartition("-")[2]): path for path in folder.glob("page-*.ppm")}
    except subprocess.TimeoutExpired:
        drawn = {}
    for number in range(first, last + 1):
        yield _read(drawn[number]) if number in drawn else None


def _read(file: Path) -> Image.Image | None:
    try:
        with Image.open(file) as picture:
            return picture.convert("RGB")
    except OSError:
        return None
