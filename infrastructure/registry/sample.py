"""The small invented NPI registry of `make run`, in which the sample clinic's provider is found.

The files have the columns of the files of NPPES that the build reads. Every name and number in them is invented."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infrastructure.registry.build import build
from infrastructure.registry.upload import upload

FOLDER = Path(__file__).parent
SAMPLE, SAMPLE_LOCATIONS = FOLDER / "sample.csv", FOLDER / "sample_locations.csv"


def load_sample(s3: Any, bucket: str) -> None:
    """Build the registry from the invented files, and upload those of its files that have entries.

    So an NPI that is far from the invented ones gives no warning at all."""
    with TemporaryDirectory() as folder, SAMPLE.open(newline="") as npis, SAMPLE_LOCATIONS.open(newline="") as faxes:
        built = build(npis, faxes, Path(folder))
        upload(s3, bucket, Path(folder), built.filled)
