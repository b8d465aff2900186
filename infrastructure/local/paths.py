"""The folders and files of one local stack."""

import os
from dataclasses import dataclass
from pathlib import Path

from infrastructure.user_error import UserError


@dataclass(frozen=True)
class LocalPaths:
    """The folder of one local stack: `.local/` for `make run`, a temporary folder for tests."""

    home: Path

    @property
    def lock(self) -> Path:
        """Return the file that the supervisor locks as long as it runs."""
        return self.home / "lock"

    @property
    def supervisor_record(self) -> Path:
        """Return the file with the supervisor's process id and state (`running` or `stopping`)."""
        return self.home / "supervisor.json"

    @property
    def portal(self) -> Path:
        """Return the file `portal.json` with the addresses and keys. The file exists only while the portal is ready."""
        return self.home / "portal.json"

    @property
    def stand_ins(self) -> Path:
        """Return the copy of `portal.json` for the clinic and the mailbox, which start before the original exists."""
        return self.home / "stand-ins.json"

    @property
    def practice(self) -> Path:
        """Return the file with the sample practice and its keys. The portal shows the keys only once."""
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
        """Return the file that exists if the local AWS was stopped and has saved its state."""
        return self.home / "aws" / "stopped-cleanly"

    @property
    def temporary(self) -> Path:
        """Return the TMPDIR of the local AWS, in which each Lambda worker unzips a copy of the code."""
        return self.home / "tmp"

    @property
    def logs(self) -> Path:
        """Return the folder with one log file per process."""
        return self.home / "log"

    @property
    def package(self) -> Path:
        """Return the folder with the package that is deployed to this stack."""
        return self.home / "package"

    def data_of(self, stand_in: str) -> Path:
        """Return the data folder of the stand-in with this name (`clinic` or `mailbox`)."""
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
