"""Where everything lives: the checkout's sources, and the folder that one local stack keeps its data in."""

import os
from dataclasses import dataclass
from pathlib import Path

from infrastructure.user_error import UserError


@dataclass(frozen=True)
class LocalPaths:
    """The folder of one local stack; `.local/` for `make run`, a temporary one for the tests."""

    home: Path

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.home / "lock"

    @property
    def supervisor_record(self) -> Path:
        """Which supervisor runs, and whether it is stopping."""
        return self.home / "supervisor.json"

    @property
    def portal(self) -> Path:
        """The contract file: it exists only while the portal is ready."""
        return self.home / "portal.json"

    @property
    def stand_ins(self) -> Path:
        """The same content, for the stand-ins, which start before the portal is said to be ready."""
        return self.home / "stand-ins.json"

    @property
    def practice(self) -> Path:
        """The sample practice and its keys, which are told only once."""
        return self.home / "practice.json"

    @property
    def state(self) -> Path:
        """What the local AWS saves at a clean stop, one JSON file per service."""
        return self.home / "aws" / "state"

    @property
    def objects(self) -> Path:
        """The S3 objects of the local AWS, written as they come."""
        return self.home / "aws" / "s3"

    @property
    def clean_stop(self) -> Path:
        """Exists when the local AWS was stopped and has saved its state."""
        return self.home / "aws" / "stopped-cleanly"

    @property
    def temporary(self) -> Path:
        """TMPDIR of the local AWS: each Lambda worker unzips its own copy of the code there."""
        return self.home / "tmp"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.home / "log"

    @property
    def package(self) -> Path:
        """The packaged app, as deployed to this stack."""
        return self.home / "package"

    def data_of(self, stand_in: str) -> Path:
        """The data folder of a stand-in."""
        return self.home / stand_in

    def log_of(self, process: str) -> Path:
        """The log of one process."""
        return self.logs / f"{process}.log"

    def prepare(self) -> None:
        """Make the folders, readable by their owner only. Raises UserError when they cannot be written."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self.home.chmod(0o700)
            for folder in (self.state, self.objects, self.temporary, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.home} cannot be prepared ({error.strerror}: {error.filename}). "
                f"{_owner_hint(self.home)}"
            ) from error
        self._refuse_unwritable()

    def _refuse_unwritable(self) -> None:
        folders = (self.home, self.home / "aws", self.state, self.objects, self.temporary, self.logs)
        for folder in folders:
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise UserError(f"{folder} cannot be written. {_owner_hint(self.home)}")


def _owner_hint(home: Path) -> str:
    return (
        f"Make the folder yours (sudo chown -R $(id -u):$(id -g) {home}), or remove it and start afresh: "
        "it holds local trial data only."
    )
