"""The files in S3: the private bucket, and the bucket with Object Lock, whose objects are written once.

The key decides on the bucket: an object whose key begins with the prefix `EVIDENCE` (`evidence/`, such as signed PDFs)
is in the bucket with Object Lock. `S3Files` implements the class `Files` of `services/ports.py`, which describes the
methods."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import ClientError

from chalicelib.adapters.aws_clients import Clients
from chalicelib.domain.errors import Unavailable
from chalicelib.services.ports import EVIDENCE, EvidenceExists

_MISSING = {"403", "404", "AccessDenied", "NoSuchKey", "NotFound"}
"""The error codes with which S3 reports a missing object. A function that may not list the bucket gets a 403."""

logger = Logger(service="portal", child=True)


class S3Files:
    def __init__(self, clients: Clients, bucket: str, evidence_bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket
        self._evidence_bucket = evidence_bucket

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object, and replace an older object with this key in the private bucket.

        In the bucket with Object Lock, the same bytes again change nothing, and other bytes raise `EvidenceExists`."""
        once = {"IfNoneMatch": "*"} if key.startswith(EVIDENCE) else {}
        try:
            self._s3.put_object(**self._place(key), Body=data, ContentType=content_type, **once)
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            if self.get(key) != data:
                raise EvidenceExists(key) from error

    def get(self, key: str) -> bytes:
        return bytes(self._s3.get_object(**self._place(key))["Body"].read())

    def find(self, key: str) -> bytes | None:
        try:
            return self.get(key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise

    def exists(self, key: str) -> bool:
        try:
            self._s3.head_object(**self._place(key))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise
        return True

    def copy(self, source: str, target: str) -> None:
        """Copy an object to another key. For the bucket with Object Lock, read the bytes and store them with `put`.

        So an existing object in that bucket is never replaced."""
        if target.startswith(EVIDENCE):
            stored = self._s3.get_object(**self._place(source))
            self.put(target, stored["Body"].read(), stored["ContentType"])
        else:
            self._s3.copy_object(**self._place(target), CopySource=self._place(source))

    def delete(self, key: str) -> None:
        self._s3.delete_object(**self._place(key))

    def versions(self, key: str) -> Sequence[str]:
        """Return the ids of all stored versions of an object, so that `erase` can delete each of these versions.

        A bucket without versioning has one version of an object, with the id `null`. The result is empty if the object
        is missing or marked as deleted. Older versions of a deleted object may still exist, but are not returned."""
        listed = self._s3.list_object_versions(Bucket=self._place(key)["Bucket"], Prefix=key).get("Versions", ())
        versions = [version for version in listed if version["Key"] == key]
        is_readable = any(version["IsLatest"] for version in versions)
        return tuple(version["VersionId"] for version in versions) if is_readable else ()

    def ever_written(self, prefix: str) -> Sequence[str]:
        listed = self._s3.list_object_versions(Bucket=self._place(prefix)["Bucket"], Prefix=prefix)
        return tuple(version["Key"] for version in listed.get("Versions", ()))

    def erase(self, key: str, versions: Sequence[str]) -> None:
        objects = [{"Key": key, "VersionId": version} for version in versions]
        response = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        codes = sorted({error["Code"] for error in response.get("Errors", ())})
        if codes:
            logger.warning("versions of an object are left", cause=", ".join(codes))
            raise Unavailable("The file could not be removed right now. Please try again in a moment.")

    def older(self, prefix: str, before: datetime) -> Sequence[str]:
        objects = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix).get("Contents", ())
        return tuple(item["Key"] for item in objects if item["LastModified"] < before)

    def url(self, key: str, *, seconds: int, file_name: str | None = None, inline: bool = True) -> str:
        params: dict[str, Any] = {**self._place(key)}
        if file_name is not None:
            kind = "inline" if inline else "attachment"
            params["ResponseContentDisposition"] = f"{kind}; filename*=UTF-8''{quote(file_name)}"
        return str(self._s3.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds))

    def upload_form(
        self, key: str, *, max_bytes: int, seconds: int, redirect: str | None = None, content_type_prefix: str = ""
    ) -> tuple[str, Mapping[str, str]]:
        fields: dict[str, str] = {}
        conditions: list[Any] = [["content-length-range", 1, max_bytes]]
        if redirect is not None:
            fields["success_action_redirect"] = redirect
            conditions.append({"success_action_redirect": redirect})
        if content_type_prefix:
            conditions.append(["starts-with", "$Content-Type", content_type_prefix])
        limits = {"Conditions": conditions, "ExpiresIn": seconds}
        form = self._s3.generate_presigned_post(self._bucket, key, Fields=fields, **limits)
        return form["url"], form["fields"]

    def origin(self) -> str:
        parts = urlsplit(self.url("origin", seconds=1))
        return f"{parts.scheme}://{parts.netloc}"

    def _place(self, key: str) -> Mapping[str, str]:
        return {"Bucket": self._evidence_bucket if key.startswith(EVIDENCE) else self._bucket, "Key": key}

    @property
    def _s3(self) -> Any:
        return self._clients.s3
