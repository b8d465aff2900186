"""The wheels that go into the Lambda layer: hash-checked, for the right platform, fetched once.

Chalice checks the hashes of what its first download brings, but replaces wheels that are too new for the
Lambda runtime without checking; given a wheelhouse that already fits, it has nothing to replace.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from infrastructure.user_error import UserError

MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# The C library of each Lambda runtime: Amazon Linux 2 up to Python 3.11, Amazon Linux 2023 from 3.12.
OLDEST_GLIBC_MINOR = 17
NEWEST_GLIBC_MINOR = 26 if sys.version_info < (3, 12) else 34


def fill(requirements: Path, architecture: str, folder: Path) -> Path:
    """Fetch the wheels that `requirements` pins into a folder named after their hash, and answer it.

    Raises UserError when one cannot be had, for instance because it has no wheel for the runtime.
    """
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
            f"The wheels for the Lambda layer could not be fetched:\n{answer.stderr.strip()[-1500:]}\n"
            "Every requirement needs a wheel that fits the Lambda runtime; and is a package index reachable?"
        )


def platforms(architecture: str) -> list[str]:
    """Platform tags that the Lambda runtime can load, the newest first."""
    machine = MACHINES[architecture]
    minors = range(NEWEST_GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1)
    return [f"manylinux_2_{minor}_{machine}" for minor in minors] + [f"manylinux2014_{machine}"]
