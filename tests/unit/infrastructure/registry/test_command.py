import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.services.registry.registry_files import RegistryFile, all_files, npi_file
from infrastructure.cloudformation import Stack
from infrastructure.registry import __main__ as command
from infrastructure.registry.build import BuiltRegistry
from infrastructure.registry.sample import SAMPLE, SAMPLE_LOCATIONS, load_sample
from infrastructure.user_error import UserError


class FakeS3:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803 - boto3's names
        assert ContentType == "application/gzip"
        self.objects[Bucket, Key] = Body


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    """Return the S3 of a deployed portal with the stage `test`. Other stages are not deployed."""
    s3 = FakeS3()
    stack = Stack(outputs={"Bucket": "portal-files"}, parameters={}, status="UPDATE_COMPLETE")
    monkeypatch.setattr(command, "aws_target", lambda stage: SimpleNamespace(client=lambda _: s3, stage=stage))
    monkeypatch.setattr(command, "describe", lambda target: stack if target.stage == "test" else None)
    return s3


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str, fewest: int = 6) -> int:
    arguments = ["registry", str(SAMPLE), "--faxes", str(SAMPLE_LOCATIONS), "--out", str(folder), *options]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(command, "FEWEST_NPIS", fewest)
    return command.main()


def test_every_file_is_uploaded_to_the_portals_bucket(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "new", "--stage", "test") == 0
    assert set(s3.objects) == {("portal-files", key) for key in all_files()}
    assert RegistryFile(s3.objects["portal-files", npi_file("1234567893")]).find("1234567893")
    output = capsys.readouterr().out
    assert "The registry of 2026-11-02 has 6 NPIs and 5 fax numbers" in output
    assert "Uploaded to the portal of the stage test" in output


def test_without_a_stage_nothing_is_uploaded(s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, tmp_path) == 0
    assert s3.objects == {}
    assert (tmp_path / npi_file("1234567893")).exists()


def test_a_file_that_is_not_complete_is_not_uploaded(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"only 6 NPIs, so nothing was uploaded\. Use the complete monthly file"):
        run(monkeypatch, tmp_path, "--stage", "test", fewest=7)
    assert s3.objects == {}


def test_a_registry_of_five_million_npis_is_complete() -> None:
    complete = BuiltRegistry(date(2026, 11, 2), npis=5_000_000, faxes=1, filled=())
    command.refuse_part(complete)
    with pytest.raises(UserError, match="only 4,999,999 NPIs"):
        command.refuse_part(BuiltRegistry(date(2026, 11, 2), 4_999_999, 1, ()))


@pytest.mark.usefixtures("s3")
def test_a_stage_that_is_not_deployed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no portal with the stage other\. Deploy it first"):
        run(monkeypatch, tmp_path, "--stage", "other")


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"The files of NPPES cannot be read: .*none\.csv"):
        command.make_registry(tmp_path / "none.csv", None, tmp_path)


def test_the_sample_has_only_files_with_entries() -> None:
    s3: Any = FakeS3()
    load_sample(s3, "portal-files")
    assert len(s3.objects) == 11
    assert RegistryFile(s3.objects["portal-files", npi_file("1234567893")]).find("1234567893")
