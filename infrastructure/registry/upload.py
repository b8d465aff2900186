"""The upload of a built NPI registry to the portal's private bucket, in AWS or in the local AWS."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

UPLOADS_AT_ONCE = 16


def upload(s3: Any, bucket: str, folder: Path, keys: Iterable[str]) -> None:
    """Upload these files of the registry, which are below `folder`, to the bucket.

    A portal in use meanwhile reads old and new files, each complete. So an upload may be repeated at any time."""

    def put(key: str) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=(folder / key).read_bytes(), ContentType="application/gzip")

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(put, keys))
