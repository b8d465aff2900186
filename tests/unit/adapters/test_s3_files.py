"""Test erasure in a bucket with versions, and reads of missing objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.s3_files import S3Files
from chalicelib.domain.errors import Unavailable

KEY = "uploads/verify/chk_1"


@dataclass
class Bucket:
    """A fake bucket with versions. `objects` are (key, version), newest first.

    `hidden` keys have a delete marker. `locked` versions cannot be deleted. `refusal` is the error code for a
    missing object.
    """

    objects: list[tuple[str, str]] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()
    locked: frozenset[str] = frozenset()
    refusal: str = "404"

    def head_object(self, **_: Any) -> Mapping[str, Any]:
        raise ClientError({"Error": {"Code": self.refusal}}, "HeadObject")

    def get_object(self, **_: Any) -> Mapping[str, Any]:
        raise ClientError({"Error": {"Code": self.refusal}}, "GetObject")

    def list_object_versions(self, *, Prefix: str, **_: Any) -> Mapping[str, Any]:  # noqa: N803 - the name of boto3
        versions: list[dict[str, Any]] = []
        for key, version in self.objects:
            newest = key not in self.hidden and all(other["Key"] != key for other in versions)
            versions.append({"Key": key, "VersionId": version, "IsLatest": newest})
        versions = [version for version in versions if version["Key"].startswith(Prefix)]
        return {"Versions": versions} if versions else {}

    def delete_objects(self, *, Delete: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:  # noqa: N803 - the name of boto3
        named = [(item["Key"], item["VersionId"]) for item in Delete["Objects"]]
        left = [item for item in named if item[1] in self.locked]
        self.objects = [item for item in self.objects if item not in named or item in left]
        errors = [{"Key": key, "VersionId": version, "Code": "AccessDenied"} for key, version in left]
        return {"Errors": errors} if errors else {}


def files(bucket: Bucket) -> S3Files:
    clients: Any = SimpleNamespace(s3=bucket)
    return S3Files(clients, "bucket")


def test_all_versions_of_one_object_are_erased() -> None:
    neighbour = (f"{KEY}0", "v9")
    bucket = Bucket([(KEY, "v2"), (KEY, "v1"), neighbour])
    versions = files(bucket).versions(KEY)
    assert versions == ("v2", "v1")
    files(bucket).erase(KEY, versions)
    assert bucket.objects == [neighbour]


def test_an_object_behind_a_delete_marker_has_no_versions() -> None:
    bucket = Bucket([(KEY, "v2"), (KEY, "v1")], hidden=frozenset({KEY}))
    assert files(bucket).versions(KEY) == ()


def test_a_version_that_is_left_raises_although_s3_returns_200() -> None:
    bucket = Bucket([(KEY, "v1"), (KEY, "v2")], locked=frozenset({"v1"}))
    with pytest.raises(Unavailable):
        files(bucket).erase(KEY, ["v1", "v2"])
    assert bucket.objects == [(KEY, "v1")]


@pytest.mark.parametrize("code", ["403", "404", "AccessDenied", "NoSuchKey"])
def test_a_missing_object_is_none_for_every_code_of_s3(code: str) -> None:
    bucket = Bucket(refusal=code)
    assert not files(bucket).exists(KEY)
    assert files(bucket).find(KEY) is None


def test_any_other_error_of_s3_is_raised() -> None:
    with pytest.raises(ClientError):
        files(Bucket(refusal="SlowDown")).find(KEY)
