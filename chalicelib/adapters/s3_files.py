"""The private bucket: the `Files` of `services/ports.py`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import ClientError

from chalicelib.adapters.aws_clients import Clients
from chalicelib.domain.errors import Unavailable

_MISSING = {"403", "404", "AccessDenied", "NoSuchKey", "NotFound"}
"""403 too, which a GET says in words: S3 answers so to a role that may read an object, but not list the
bucket, when it is not there.
"""

logger = Logger(service="portal", child=True)


class S3Files:
    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    def get(self, key: str) -> bytes:
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    def find(self, key: str) -> bytes | None:
        try:
            return self.get(key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise

    def exists(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise
        return True

    def copy(self, source: str, target: str) -> None:
        self._s3.copy_object(
            Bucket=self._bucket, Key=target, CopySource={"Bucket": self._bucket, "Key": source}
        )

    def delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def versions(self, key: str) -> Sequence[str]:
        """`null` for what was written to a bucket that keeps no versions.

        None of an object that the lifecycle has hidden behind a marker: it cannot be read any more.
        """
        listed = self._s3.list_object_versions(Bucket=self._bucket, Prefix=key).get("Versions", ())
        found = [each for each in listed if each["Key"] == key]
        is_there = any(each["IsLatest"] for each in found)
        return tuple(each["VersionId"] for each in found) if is_there else ()

    def erase(self, key: str, versions: Sequence[str]) -> None:
        """In one call, which S3 answers with 200 even where it has left some."""
        named = [{"Key": key, "VersionId": each} for each in versions]
        answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": named, "Quiet": True})
        left = sorted({each["Code"] for each in answer.get("Errors", ())})
        if left:
            logger.warning("versions of an object are left", cause=", ".join(left))
            raise Unavailable("The file could not be removed just now. Try again in a moment.")

    def older(self, prefix: str, before: datetime) -> Sequence[str]:
        found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix).get("Contents", ())
        return tuple(each["Key"] for each in found if each["LastModified"] < before)

    def url(self, key: str, *, seconds: int, file_name: str | None = None, inline: bool = True) -> str:
        params: dict[str, Any] = {"Bucket": self._bucket, "Key": key}
        if file_name is not None:
            kind = "inline" if inline else "attachment"
            params["ResponseContentDisposition"] = f"{kind}; filename*=UTF-8''{quote(file_name)}"
        url: str = self._s3.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)
        return url

    def upload_form(
        self,
        key: str,
        *,
        max_bytes: int,
        seconds: int,
        redirect: str | None = None,
        content_type_prefix: str = "",
    ) -> tuple[str, Mapping[str, str]]:
        fields: dict[str, str] = {}
        conditions: list[Any] = [["content-length-range", 1, max_bytes]]
        if redirect is not None:
            fields["success_action_redirect"] = redirect
            conditions.append({"success_action_redirect": redirect})
        if content_type_prefix:
            conditions.append(["starts-with", "$Content-Type", content_type_prefix])
        form = self._s3.generate_presigned_post(
            self._bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=seconds
        )
        return form["url"], form["fields"]

    def origin(self) -> str:
        parts = urlsplit(self.url("origin", seconds=1))
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def _s3(self) -> Any:
        return self._clients.s3
