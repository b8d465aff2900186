"""The folders and files in which one local run of the portal (`make run`, or a test) keeps its data."""

import os
from dataclasses import dataclass
from pathlib import Path

from infrastructure.user_error import UserError


@dataclass(frozen=True)
class LocalPaths:
    """The folder in which a local run of the portal keeps its data, and the places of files and folders below it.

    The folder is `.local/` for `make run`, and a temporary folder for tests."""

    home: Path

    @property
    def lock(self) -> Path:
        """Return the file that is locked while a run is active, so that no second run uses the same folder.

        The supervisor, the process that starts and stops the others, holds the lock."""
        return self.home / "lock"

    @property
    def supervisor_record(self) -> Path:
        """Return the file with the process id and the state (`running` or `stopping`) of the supervisor.

        The supervisor is the process that starts and stops the others. By this file, a new run decides whether to wait
        for an earlier run."""
        return self.home / "supervisor.json"

    @property
    def portal(self) -> Path:
        """Return the file `portal.json` with the addresses and keys, by which other programs reach the portal.

        The file exists only while the portal is ready."""
        return self.home / "portal.json"

    @property
    def stand_ins(self) -> Path:
        """Return the copy of `portal.json` (addresses and keys) for the sample clinic and the mailbox.

        These two programs start before the portal is ready, when `portal.json` does not exist yet."""
        return self.home / "stand-ins.json"

    @property
    def practice(self) -> Path:
        """Return the file with the id and keys of the sample practice, for the next run.

        The portal shows the keys only once, when it creates the practice."""
        return self.home / "practice.json"

    @property
    def state(self) -> Path:
        """Return the folder in which the local AWS saves one JSON file per service at a clean stop."""
        return self.home / "aws" / "state"

    @property
    def objects(self) -> Path:
        """Return the folder with the S3 objects of the local AWS, which are written immediately."""
        return self.home / "aws" / "s3"

    @property
    def clean_stop(self) -> Path:
        """Return the file that exists only if the local AWS has saved its state and was then stopped."""
        return self.home / "aws" / "stopped-cleanly"

    @property
    def temporary(self) -> Path:
        """Return the folder for temporary files (TMPDIR) of the local AWS.

        In this folder, each Lambda worker unzips its copy of the code."""
        return self.home / "tmp"

    @property
    def logs(self) -> Path:
        """Return the folder with the logs, one file for each process that `make run` starts."""
        return self.home / "log"

    @property
    def package(self) -> Path:
        """Return the folder with the packaged app (zips and template) that is deployed to the local AWS."""
        return self.home / "package"

    def data_of(self, stand_in: str) -> Path:
        """Return the data folder of a stand-in: the program with this name, such as `clinic`, that replaces an outside
        system."""
        return self.home / stand_in

    def log_of(self, process: str) -> Path:
        """Return the log file of the process with this name."""
        return self.logs / f"{process}.log"

    def prepare(self) -> None:
        """Create the folders, readable only by their owner. Raise UserError if a folder is not writable."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self.home.chmod(0o700)
            for folder in (self.state, self.objects, self.temporary, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.home} cannot be prepared ({error.strerror}: {error.filename}). {_owner_hint(self.home)}"
            ) from error
        self._refuse_unwritable()

    def _refuse_unwritable(self) -> None:
        folders = (self.home, self.home / "aws", self.state, self.objects, self.temporary, self.logs)
        for folder in folders:
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise UserError(f"{folder} cannot be written. {_owner_hint(self.home)}")


def _owner_hint(home: Path) -> str:
    return (
        f"Make the folder yours (sudo chown -R $(id -u):$(id -g) {home}), or remove the folder: "
        "it holds only local test data."
    )
