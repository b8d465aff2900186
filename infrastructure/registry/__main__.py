"""The command `make registry`, which makes the portal's NPI registry from the public files of NPPES, and uploads it."""

import argparse
import contextlib
import sys
import time
from pathlib import Path

from chalicelib.services.registry.registry_files import all_files
from infrastructure.cloudformation import aws_target, describe
from infrastructure.progress import Progress
from infrastructure.registry.build import BuiltRegistry, build
from infrastructure.registry.upload import upload
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError, run_command

FEWEST_NPIS = 5_000_000
"""The number of NPIs below which a file is not the complete one. A weekly file has only the changes of its week."""


def make_registry(main: Path, locations: Path | None, folder: Path) -> BuiltRegistry:
    """Write the registry's files below `folder`. Raises UserError if a file cannot be read."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.ExitStack() as files:
            opened = files.enter_context(main.open(encoding="utf-8", newline=""))
            further = files.enter_context(locations.open(encoding="utf-8", newline="")) if locations else None
            return build(opened, further, folder)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The files of NPPES cannot be read: {error}") from error


def refuse_part(built: BuiltRegistry) -> None:
    """Raise UserError if the registry has too few NPIs, because the portal would warn about everybody else."""
    if built.npis < FEWEST_NPIS:
        raise UserError(
            f"The file has only {built.npis:,} NPIs, so nothing was uploaded. Use the complete monthly file "
            "(npidata_pfile_20050523-….csv), not a weekly one. See docs/operations.md, The NPI registry."
        )


def main() -> int:
    """Make the registry from the files that are named on the command line, and upload it if a stage is named."""
    parser = argparse.ArgumentParser(description="Make the NPI registry from the files of NPPES.")
    parser.add_argument("file", type=Path, help="npidata_pfile_….csv")
    parser.add_argument("--faxes", type=Path, help="pl_pfile_….csv, the further practice locations")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "registry")
    parser.add_argument("--stage", help="upload to the portal of this stage")
    arguments = parser.parse_args()
    progress = Progress(time.time())
    progress.say("Reading the files of NPPES, which takes about ten minutes")
    built = make_registry(arguments.file, arguments.faxes, arguments.out)
    progress.say(f"The registry of {built.dated} has {built.npis:,} NPIs and {built.faxes:,} fax numbers")
    refuse_part(built)
    if arguments.stage:
        _upload(arguments.stage, arguments.out)
        progress.say(f"Uploaded to the portal of the stage {arguments.stage}")
    return 0


def _upload(stage: str, folder: Path) -> None:
    target = aws_target(stage)
    stack = describe(target)
    if stack is None:
        raise UserError(f"There is no portal with the stage {stage}. Deploy it first.")
    upload(target.client("s3"), stack.outputs["Bucket"], folder, all_files())


if __name__ == "__main__":
    sys.exit(run_command(main))
