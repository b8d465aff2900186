"""Test the erasure of files with several versions in S3, and reads of missing files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.s3_files import S3Files
from chalicelib.domain.errors import Unavailable
from chalicelib.services.ports import EVIDENCE, EvidenceExists

KEY = "uploads/verify/chk_1"


@dataclass
class Bucket:
    """A fake S3 bucket that keeps versions. `objects` are (key, version), newest first.

    `hidden` keys have a delete marker. `locked` versions cannot be deleted. `refusal` is the error code for a missing
    object."""

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
    return S3Files(clients, "bucket", "evidence")


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


# Evidence


@dataclass
class TwoBuckets:
    """A fake of both S3 buckets, without versions. Like S3, it refuses a write with `If-None-Match` if the key
    exists."""

    objects: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803 - the names of boto3
        Key: str,  # noqa: N803 - the names of boto3
        Body: bytes,  # noqa: N803 - the names of boto3
        ContentType: str,  # noqa: N803 - the names of boto3
        IfNoneMatch: str | None = None,  # noqa: N803 - the names of boto3
    ) -> None:
        if IfNoneMatch == "*" and (Bucket, Key) in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Bucket, Key] = (Body, ContentType)

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:  # noqa: N803 - the names of boto3
        data, kind = self.objects[Bucket, Key]
        return {"Body": BytesIO(data), "ContentType": kind}


ORIGINAL = f"{EVIDENCE}originals/prc_1/doc_1.pdf"


def two_buckets() -> tuple[TwoBuckets, S3Files]:
    buckets = TwoBuckets()
    clients: Any = SimpleNamespace(s3=buckets)
    return buckets, S3Files(clients, "bucket", "evidence")


def test_evidence_is_written_once() -> None:
    buckets, files = two_buckets()
    files.put(ORIGINAL, b"%PDF", "application/pdf")
    files.put(ORIGINAL, b"%PDF", "application/pdf")
    with pytest.raises(EvidenceExists):
        files.put(ORIGINAL, b"%PDF forged", "application/pdf")
    assert buckets.objects == {("evidence", ORIGINAL): (b"%PDF", "application/pdf")}
    assert files.get(ORIGINAL) == b"%PDF"


def test_another_refusal_of_a_put_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets, files = two_buckets()

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    monkeypatch.setattr(buckets, "put_object", refuse)
    with pytest.raises(ClientError, match="SlowDown"):
        files.put(ORIGINAL, b"%PDF", "application/pdf")


def test_a_copy_becomes_evidence_by_a_conditional_put() -> None:
    buckets, files = two_buckets()
    files.put("uploads/1", b"a scan", "image/png")
    files.copy("uploads/1", f"{EVIDENCE}scans/1")
    assert buckets.objects["evidence", f"{EVIDENCE}scans/1"] == (b"a scan", "image/png")


def test_a_file_of_an_earlier_release_is_read_from_its_bucket() -> None:
    buckets, files = two_buckets()
    buckets.objects["bucket", "originals/prc_1/doc_1.pdf"] = (b"%PDF", "application/pdf")
    assert files.get("originals/prc_1/doc_1.pdf") == b"%PDF"
