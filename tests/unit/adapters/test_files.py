"""Erasing from a bucket that keeps versions, and what is not there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.files import S3Files

KEY = "uploads/verify/chk_1"


@dataclass
class Bucket:
    """One object: its versions, oldest first, and what was asked."""

    versions: list[str] = field(default_factory=list)
    refusal: str = "404"
    asked: list[tuple[str, str]] = field(default_factory=list)

    def head_object(self, **_: Any) -> Mapping[str, Any]:
        self.asked.append(("head", self.versions[-1] if self.versions else ""))
        if not self.versions:
            raise ClientError({"Error": {"Code": self.refusal}}, "HeadObject")
        return {"VersionId": self.versions[-1]}

    def get_object(self, **_: Any) -> Mapping[str, Any]:
        raise ClientError({"Error": {"Code": self.refusal}}, "GetObject")

    def delete_object(self, *, VersionId: str, **_: Any) -> None:  # noqa: N803 - boto3's
        self.asked.append(("delete", VersionId))
        self.versions.remove(VersionId)


def files(bucket: Bucket) -> S3Files:
    clients: Any = SimpleNamespace(s3=bucket)
    return S3Files(clients, "bucket")


def test_what_is_known_is_erased_without_asking_and_then_all_that_is_left() -> None:
    bucket = Bucket(["v1", "v2", "v3"])
    files(bucket).erase(KEY, "v2")
    assert bucket.versions == []
    assert bucket.asked == [
        ("delete", "v2"), ("head", "v3"), ("delete", "v3"), ("head", "v1"), ("delete", "v1"), ("head", ""),
    ]  # fmt: skip


def test_one_version_costs_two_calls() -> None:
    bucket = Bucket(["v1"])
    files(bucket).erase(KEY, "v1")
    assert bucket.asked == [("delete", "v1"), ("head", "")]


@pytest.mark.parametrize("code", ["403", "404", "AccessDenied", "NoSuchKey"])
def test_what_is_not_there_is_none_however_s3_says_it(code: str) -> None:
    bucket = Bucket(refusal=code)
    assert files(bucket).latest(KEY) is None
    assert files(bucket).find(KEY) is None


def test_any_other_refusal_is_one() -> None:
    with pytest.raises(ClientError):
        files(Bucket(refusal="SlowDown")).find(KEY)
