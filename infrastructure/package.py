"""Packages the app with Chalice and the merge template, into what CloudFormation deploys.

`python -m infrastructure.package --out FOLDER` leaves `sam.json`, `deployment.zip` and
`layer-deployment.zip` in FOLDER. Nothing is done when nothing that goes in has changed.
"""

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

# The one stage of `.chalice/config.json`: what is deployed to AWS is deployed locally. The stage that
# `make deploy` asks for tells stacks apart, not packages.
CHALICE_STAGE = "portal"
# Lambda runs what it is given with the Python that packaged it: wheels and compiled modules fit no other.
RUNTIMES = ((3, 11), (3, 12), (3, 13))

# All that Chalice gets to see; nothing else of the checkout can be packaged by accident.
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
    """Lambda's name for this machine's processor. Raises UserError for one that Lambda has not."""
    machine = platform.machine().lower()
    if machine not in HOST_ARCHITECTURES:
        raise UserError(f"This machine's processor ({machine}) is neither x86-64 nor arm64, as Lambda wants.")
    return HOST_ARCHITECTURES[machine]


def refuse_other_runtimes(version: tuple[int, int]) -> None:
    """Raise UserError for a Python that Lambda has no runtime of, or that nothing here was tried with."""
    if version not in RUNTIMES:
        known = ", ".join(f"{major}.{minor}" for major, minor in RUNTIMES)
        raise UserError(
            f"This is Python {version[0]}.{version[1]}, and what it packages would not run in Lambda: one of "
            f"{known} is needed. Remove .venv, and name one: make deploy PYTHON=/path/to/python3."
        )


def package(out: Path, progress: Progress, *, architecture: str, for_this_host: bool = False) -> None:
    """Package the app into `out`, unless what is there was made from the same inputs.

    `for_this_host`: the functions will run as processes of this machine, which may not be a Linux.
    """
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
    """A hash of all that goes into a package."""
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
    """Copy the sources to where only they are. Chalice's own cache there is kept: it saves time."""
    for source in SOURCES:
        _copy(ROOT / source, project / source)
    config_file = project / ".chalice" / "config.json"
    config = json.loads(config_file.read_text())
    config["stages"][CHALICE_STAGE]["lambda_architecture"] = architecture
    config_file.write_text(json.dumps(config, indent=2))
    return project


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise UserError(f"{source} is missing; is this a whole checkout?")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))


def _wheels(project: Path, architecture: str, folder: Path, progress: Progress) -> Path | None:
    if sys.platform != "linux":
        return None
    progress.say("Fetching the wheels of the Lambda layer, unless they are here already")
    return wheelhouse.fill(project / "requirements.txt", architecture, folder)


def _run_chalice(project: Path, out: Path, wheels: Path | None) -> None:
    command = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", CHALICE_STAGE]
    command += ["--pkg-format", "cloudformation", "--template-format", "yaml"]
    command += ["--merge-template", "infrastructure/template.yaml", str(out)]
    # Chalice wants a region even offline.
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    if wheels:
        environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    answer = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise UserError(f"Chalice could not package the app:\n{(answer.stdout + answer.stderr)[-3000:]}")


def _finish(out: Path, progress: Progress) -> None:
    # CloudFormation does not take the aliases that Chalice's YAML has.
    template = yaml.safe_load((out / "sam.yaml").read_text())
    (out / TEMPLATE).write_text(json.dumps(template, indent=1, sort_keys=True))
    for archive in (CODE, LAYER):
        slim.slim_once(out / archive, out / "slimmed")
    sizes = ", ".join(f"{archive} {(out / archive).stat().st_size / 1e6:.1f} MB" for archive in (CODE, LAYER))
    progress.say(f"Packaged: {sizes}")


def _build_for_host(layer: Path, project: Path) -> None:
    """Replace the layer's Linux wheels by this machine's: a local Lambda is a process of this machine."""
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
    """The packaged template."""
    template: dict[str, Any] = json.loads((out / TEMPLATE).read_text())
    return template


def main() -> int:
    """The command line."""
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
