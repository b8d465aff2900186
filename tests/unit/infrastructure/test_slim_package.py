import zipfile
from functools import cached_property
from pathlib import Path

import pytest

from chalicelib.adapters.aws_clients import Clients
from infrastructure.slim_package import BOTOCORE_SERVICES, is_unused, slim, slim_once

PACKAGES = "python/lib/python3.11/site-packages"


def archive(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "path",
    [
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/data/s3/2006-03-01/examples-1.json",
        "reportlab/tests/test_x.py",
        "boto3/data/s3/2006-03-01/resources-1.json",
        "boto3-1.0.dist-info/RECORD",
        "phonenumbers/geodata/data0.py",
        "PIL/_imaging.pyi",
        "jinja2/__pycache__/x.cpython-311.pyc",
    ],
)
def test_files_that_no_function_needs_are_omitted(path: str) -> None:
    assert is_unused(path)


@pytest.mark.parametrize(
    "path",
    [
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/endpoints.json",
        "pypdf/_writer.py",
        "boto3-1.0.dist-info/METADATA",
        "phonenumbers/data/region_US.py",
        "pydantic/latest.py",
        "templates/tests.html",
    ],
)
def test_files_that_a_function_needs_stay(path: str) -> None:
    assert not is_unused(path)


def test_the_same_files_make_the_same_zip(tmp_path: Path) -> None:
    files = {f"{PACKAGES}/a/__init__.py": "x = 1\n", f"{PACKAGES}/a/tests/test_a.py": ""}
    first = archive(tmp_path / "first.zip", files)
    second = archive(tmp_path / "second.zip", dict(reversed(files.items())))
    slim(first)
    slim(second)
    assert first.read_bytes() == second.read_bytes()


def test_an_archive_with_a_cached_result_is_not_slimmed_again(tmp_path: Path) -> None:
    files = {f"{PACKAGES}/a/__init__.py": "x = 1\n"}
    first, second = archive(tmp_path / "layer.zip", files), tmp_path / "again" / "layer.zip"
    second.parent.mkdir()
    second.write_bytes(first.read_bytes())
    slim_once(first, tmp_path / "cache")
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(b"cached")
    slim_once(second, tmp_path / "cache")
    assert second.read_bytes() == b"cached"


def test_modules_are_compiled_without_a_check_of_dates(tmp_path: Path) -> None:
    zip_ = archive(tmp_path / "code.zip", {"app.py": "x = 1\n"})
    slim(zip_)
    with zipfile.ZipFile(zip_) as slimmed:
        names = slimmed.namelist()
        compiled = slimmed.read(next(name for name in names if name.endswith(".pyc")))
    assert "app.py" in names
    # PEP 552: bit 0 means that the module refers to its source by a hash; unset bit 1, that no check is made.
    assert int.from_bytes(compiled[4:8], "little") == 0b01


def test_the_package_has_the_services_that_the_code_has_clients_of() -> None:
    services: list[str] = []
    clients = Clients("us-east-1", make=lambda service, _: services.append(service))
    for name, member in vars(Clients).items():
        if isinstance(member, cached_property):
            getattr(clients, name)
    # PynamoDB creates the client of DynamoDB.
    assert {*services, "dynamodb"} == BOTOCORE_SERVICES
