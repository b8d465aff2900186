"""Packaging of the app with Chalice and the merge template, for CloudFormation.

`python -m infrastructure.package --out FOLDER` writes `sam.json`, `deployment.zip` and `layer-deployment.zip`
to FOLDER. If no input has changed since the last time, nothing is written."""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infrastructure import slim_package as slim
from infrastructure import wheelhouse
from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError, run_command

# `.chalice/config.json` has one stage, because AWS and the local run deploy the same package. The stage of
# `make deploy` selects a stack, not a package.
CHALICE_STAGE = "portal"
# The wheels and compiled modules of a package fit only the Python version that made the package.
RUNTIMES = ((3, 11), (3, 12), (3, 13))

# Chalice sees only these files, so nothing else of the checkout can be packaged by accident.
SOURCES = (
    ".chalice/config.json",
    "app.py",
    "chalicelib",
    "infrastructure/policies",
    "infrastructure/template.yaml",
    "requirements.txt",
    "templates",
    "vendor",
)
MACHINERY = ("infrastructure/package.py", "infrastructure/slim_package.py", "infrastructure/wheelhouse.py")
TEMPLATE = "sam.json"
CODE = "deployment.zip"
LAYER = "layer-deployment.zip"
HOST_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def host_architecture() -> str:
    """Return Lambda's name for this machine's processor, such as `arm64`. Raise UserError if Lambda has no such
    processor."""
    machine = platform.machine().lower()
    if machine not in HOST_ARCHITECTURES:
        raise UserError(f"This machine's processor ({machine}) is neither x86-64 nor arm64, which Lambda needs.")
    return HOST_ARCHITECTURES[machine]


def refuse_other_runtimes(version: tuple[int, int]) -> None:
    """Raise UserError if Lambda has no runtime for this Python version, or if the portal was not tested with it."""
    if version not in RUNTIMES:
        known = ", ".join(f"{major}.{minor}" for major, minor in RUNTIMES)
        raise UserError(
            f"This is Python {version[0]}.{version[1]}, which does not fit Lambda. One of {known} is needed. "
            "Remove .venv, and name another Python: make deploy PYTHON=/path/to/python3."
        )


def package(out: Path, progress: Progress, *, architecture: str, for_this_host: bool = False) -> None:
    """Package the app into `out`, unless `out` already has a package from the same inputs.

    `for_this_host` is for the local AWS, whose functions are processes of this machine (Linux or macOS)."""
    fingerprint = inputs_fingerprint(architecture)
    stamp = out / "inputs"
    if stamp.exists() and stamp.read_text() == fingerprint:
        progress.say("The package is up to date")
        return
    progress.say(f"Packaging the app for {architecture}")
    out.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    project = _stage_project(out / "project", architecture)
    wheels = _wheels(project, architecture, out / "wheels", progress)
    _run_chalice(project, out, wheels)
    if for_this_host and sys.platform != "linux":
        _build_for_host(out / LAYER, project)
    _finish(out, progress)
    stamp.write_text(fingerprint)


def inputs_fingerprint(architecture: str) -> str:
    """Return a hash of everything that goes into the package, such as the sources and the Python version.

    If the hash is that of the last package, the app need not be packaged again."""
    digest = hashlib.sha256(f"{architecture} {sys.version_info[:2]}".encode())
    for file in _input_files():
        digest.update(f"\n{file.relative_to(ROOT)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _input_files() -> Iterator[Path]:
    for source in (*SOURCES, *MACHINERY):
        path = ROOT / source
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (file for file in files if file.is_file() and "__pycache__" not in file.parts)


def _stage_project(project: Path, architecture: str) -> Path:
    """Copy the app's sources to the folder `project`, where Chalice packages them, and return the folder.

    The copy of Chalice's configuration names the `architecture`. Chalice also keeps a cache in the folder."""
    for source in SOURCES:
        _copy(ROOT / source, project / source)
    config_file = project / ".chalice" / "config.json"
    config = json.loads(config_file.read_text())
    config["stages"][CHALICE_STAGE]["lambda_architecture"] = architecture
    config_file.write_text(json.dumps(config, indent=2))
    return project


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise UserError(f"{source} is missing. The checkout is incomplete.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))


def _wheels(project: Path, architecture: str, folder: Path, progress: Progress) -> Path | None:
    if sys.platform != "linux":
        return None
    progress.say("Downloading the wheels of the Lambda layer, unless they are already here")
    return wheelhouse.fill(project / "requirements.txt", architecture, folder)


def _run_chalice(project: Path, out: Path, wheels: Path | None) -> None:
    command = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", CHALICE_STAGE]
    command += ["--pkg-format", "cloudformation", "--template-format", "yaml"]
    command += ["--merge-template", "infrastructure/template.yaml", str(out)]
    # Chalice needs a region, although it makes no request.
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    if wheels:
        environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    answer = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(f"Chalice could not package the app:\n{(answer.stdout + answer.stderr)[-3000:]}")


def _finish(out: Path, progress: Progress) -> None:
    # CloudFormation rejects the YAML aliases in Chalice's output.
    template = yaml.safe_load((out / "sam.yaml").read_text())
    (out / TEMPLATE).write_text(json.dumps(template, indent=1, sort_keys=True))
    for archive in (CODE, LAYER):
        slim.slim_once(out / archive, out / "slimmed")
    sizes = ", ".join(f"{archive} {(out / archive).stat().st_size / 1e6:.1f} MB" for archive in (CODE, LAYER))
    progress.say(f"Packaged: {sizes}")


def _build_for_host(layer: Path, project: Path) -> None:
    """Replace the layer's Linux wheels with wheels for this machine, where the local functions run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    tree = layer.parent / "host-layer"
    packages = tree / "python" / "lib" / version / "site-packages"
    shutil.rmtree(tree, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
    command += ["--requirement", str(project / "requirements.txt"), "--target", str(packages)]
    subprocess.run(command, check=True)
    for vendored in (project / "vendor").iterdir():
        shutil.copytree(vendored.resolve(), packages / vendored.name, dirs_exist_ok=True)
    shutil.make_archive(str(layer.with_suffix("")), "zip", tree)


def read_template(out: Path) -> dict[str, Any]:
    """Return the CloudFormation template, as JSON values, that the packaging has written to the folder `out`."""
    template: dict[str, Any] = json.loads((out / TEMPLATE).read_text())
    return template


def main() -> int:
    """Package the app into the folder that is named on the command line."""
    parser = argparse.ArgumentParser(description="Package the app for CloudFormation.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--architecture", choices=sorted(wheelhouse.MACHINES), default="x86_64")
    arguments = parser.parse_args()
    refuse_other_runtimes(sys.version_info[:2])
    progress = Progress(time.time())
    package(arguments.out.resolve(), progress, architecture=arguments.architecture)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
