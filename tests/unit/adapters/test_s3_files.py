"""Erasing from a bucket that keeps versions, and what is not there."""

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
    """What lies in it, by key and version, the newest first; `hidden` keys have a marker on top, `locked`
    versions stay; `refusal` tells what is not there.
    """

    objects: list[tuple[str, str]] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()
    locked: frozenset[str] = frozenset()
    refusal: str = "404"

    def head_object(self, **_: Any) -> Mapping[str, Any]:
        raise ClientError({"Error": {"Code": self.refusal}}, "HeadObject")

    def get_object(self, **_: Any) -> Mapping[str, Any]:
        raise ClientError({"Error": {"Code": self.refusal}}, "GetObject")

    def list_object_versions(self, *, Prefix: str, **_: Any) -> Mapping[str, Any]:  # noqa: N803 - boto3's
        found: list[dict[str, Any]] = []
        for key, each in self.objects:
            newest = key not in self.hidden and all(other["Key"] != key for other in found)
            found.append({"Key": key, "VersionId": each, "IsLatest": newest})
        found = [each for each in found if each["Key"].startswith(Prefix)]
        return {"Versions": found} if found else {}

    def delete_objects(self, *, Delete: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:  # noqa: N803 - same
        named = [(each["Key"], each["VersionId"]) for each in Delete["Objects"]]
        left = [each for each in named if each[1] in self.locked]
        self.objects = [each for each in self.objects if each not in named or each in left]
        errors = [{"Key": key, "VersionId": each, "Code": "AccessDenied"} for key, each in left]
        return {"Errors": errors} if errors else {}


def files(bucket: Bucket) -> S3Files:
    clients: Any = SimpleNamespace(s3=bucket)
    return S3Files(clients, "bucket")


def test_all_versions_of_an_object_are_erased_and_nothing_beside_it() -> None:
    neighbour = (f"{KEY}0", "v9")
    bucket = Bucket([(KEY, "v2"), (KEY, "v1"), neighbour])
    versions = files(bucket).versions(KEY)
    assert versions == ("v2", "v1")
    files(bucket).erase(KEY, versions)
    assert bucket.objects == [neighbour]


def test_what_the_lifecycle_has_hidden_is_not_there_any_more() -> None:
    bucket = Bucket([(KEY, "v2"), (KEY, "v1")], hidden=frozenset({KEY}))
    assert files(bucket).versions(KEY) == ()


def test_a_version_that_is_left_is_told_although_s3_answers_with_200() -> None:
    bucket = Bucket([(KEY, "v1"), (KEY, "v2")], locked=frozenset({"v1"}))
    with pytest.raises(Unavailable):
        files(bucket).erase(KEY, ["v1", "v2"])
    assert bucket.objects == [(KEY, "v1")]


@pytest.mark.parametrize("code", ["403", "404", "AccessDenied", "NoSuchKey"])
def test_what_is_not_there_is_none_however_s3_says_it(code: str) -> None:
    bucket = Bucket(refusal=code)
    assert not files(bucket).exists(KEY)
    assert files(bucket).find(KEY) is None


def test_any_other_refusal_is_one() -> None:
    with pytest.raises(ClientError):
        files(Bucket(refusal="SlowDown")).find(KEY)
