"""Test the shell script that sets up the Python environment of a new checkout on a new machine."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.repository import ROOT

TOOLS = ("cat", "date", "dirname", "grep", "printf", "sh")
OLD_PYTHON = "#!/bin/sh\nexit 1\n"
PYTHON_WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexit 0\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "infrastructure").mkdir()
    shutil.copy(ROOT / "infrastructure" / "environment.sh", tmp_path / "infrastructure")
    for kind in ("run", "dev"):
        (tmp_path / f"requirements-{kind}.txt").write_text("nothing==1\n")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run(checkout: Path, kind: str = "run") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "infrastructure" / "environment.sh", kind],
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_python_the_error_names_what_to_install(checkout: Path) -> None:
    answer = run(checkout)
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed" in answer.stderr


def test_an_old_python_is_refused(checkout: Path) -> None:
    script(checkout / "bin" / "python3", OLD_PYTHON)
    assert "Python 3.11 or newer is needed" in run(checkout).stderr


def test_without_venv_the_error_names_what_to_install(checkout: Path) -> None:
    script(checkout / "bin" / "python3", PYTHON_WITHOUT_VENV)
    answer = run(checkout)
    assert answer.returncode == 1
    assert "cannot make virtual environments" in answer.stderr
    assert "python3-venv" in answer.stderr


@pytest.mark.parametrize(
    ("installed", "requested", "ready"),
    [("run", "run", True), ("dev", "run", True), ("dev", "dev", True), ("run", "dev", False)],
)
def test_installed_requirements_are_not_installed_again(
    checkout: Path,
    installed: str,
    requested: str,
    ready: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    script(checkout / ".venv" / "bin" / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    content = (checkout / f"requirements-{installed}.txt").read_bytes()
    marker = checkout / ".venv" / f"requirements-{installed}"
    marker.write_text(hashlib.sha256(content).hexdigest() + os.linesep)
    answer = run(checkout, requested)
    assert (answer.returncode == 0 and answer.stdout == "") is ready
