"""The Python packages (wheels) of the Lambda layer, downloaded once, for the Lambda runtime, with checked hashes.

Chalice checks the hashes of its first download. It then replaces wheels that are too new for the Lambda runtime, and
does not check the replacements. With the wheels of this module, Chalice replaces nothing."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from infrastructure.user_error import UserError

MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# The runtimes up to Python 3.11 use glibc 2.26 (Amazon Linux 2), the later ones 2.34 (Amazon Linux 2023).
OLDEST_GLIBC_MINOR = 17
NEWEST_GLIBC_MINOR = 26 if sys.version_info < (3, 12) else 34


def fill(requirements: Path, architecture: str, folder: Path) -> Path:
    """Download the wheels that the file `requirements` pins, unless they were downloaded before, and return their
    folder.

    The folder is below `folder`. Raises UserError if a wheel cannot be downloaded, for instance because none fits the
    Lambda runtime."""
    target = folder / _fingerprint(requirements, architecture)
    if target.exists():
        return target
    shutil.rmtree(folder, ignore_errors=True)
    draft = folder / "draft"
    _download(requirements, architecture, draft)
    draft.rename(target)
    return target


def _fingerprint(requirements: Path, architecture: str) -> str:
    label = f"{sys.version_info[:2]} {architecture} ".encode()
    return hashlib.sha256(label + requirements.read_bytes()).hexdigest()[:16]


def _download(requirements: Path, architecture: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={sys.version_info.major}.{sys.version_info.minor}"]
    command += [f"--platform={platform}" for platform in platforms(architecture)]
    command += ["--requirement", str(requirements), "--dest", str(target)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(
            f"The wheels for the Lambda layer could not be downloaded:\n{answer.stderr.strip()[-1500:]}\n"
            "Check that a package index is reachable and that every requirement has a wheel for Lambda."
        )


def platforms(architecture: str) -> list[str]:
    """Return the platform tags of wheels that the Lambda runtime can load, such as `manylinux_2_34_x86_64`, newest
    first.

    `architecture` is Lambda's name of the processor, `x86_64` or `arm64`."""
    machine = MACHINES[architecture]
    minors = range(NEWEST_GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1)
    return [f"manylinux_2_{minor}_{machine}" for minor in minors] + [f"manylinux2014_{machine}"]
