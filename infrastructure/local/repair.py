"""Repair of the data of `make run`, after the local AWS was killed and its files and tables no longer agree.

The local AWS writes an S3 object to disk immediately, but a table only at a clean stop. So some objects may belong to
documents that no longer exist. Those objects are removed. Some documents may lack an object. Those documents are
reported."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.local.stack import LocalStack
from infrastructure.user_error import run_command

# An object with one of these prefixes belongs to the documents whose record names its key.
NAMED_PREFIXES = (
    *(f"evidence/{folder}/" for folder in ("originals", "signed", "scans")),
    *("originals/", "signed/", "scans/"),
)
# An object with this prefix belongs to the document in the next part of its key.
PAGES_PREFIX = "pages/"
OBJECTS_PER_DELETION = 1000


@dataclass(frozen=True)
class Findings:
    """The differences between the S3 objects and the table of documents, after the local AWS was killed.

    `orphans` are the keys of objects without a document. `missing` are (document id, key) pairs of missing objects."""

    orphans: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]


def compare(records: Mapping[str, Any], keys: Iterable[str]) -> Findings:
    """Return the differences between the documents and the S3 objects, after the local AWS was killed.

    `records` maps each document's id to its JSON, which names the keys of its objects. `keys` are the keys of all
    objects."""
    present = frozenset(keys)
    named = {document: frozenset(_named_keys(record)) for document, record in records.items()}
    wanted = frozenset().union(*named.values())
    orphans = [key for key in sorted(present) if not _belongs(key, wanted, records)]
    missing = [(document, key) for document in sorted(named) for key in sorted(named[document] - present)]
    return Findings(tuple(orphans), tuple(missing))


def _named_keys(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith(NAMED_PREFIXES):
            yield value
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _named_keys(part)


def _belongs(key: str, wanted: frozenset[str], records: Mapping[str, Any]) -> bool:
    if key.startswith(NAMED_PREFIXES):
        return key in wanted
    if key.startswith(PAGES_PREFIX):
        return key.split("/")[1] in records
    return True


def repair(stack: LocalStack) -> list[str]:
    """Remove the S3 objects without a document. Return sentences for a person about removed and missing objects."""
    outputs = stack.outputs()
    records = dict(_records(stack.client("dynamodb"), outputs["DocumentsTable"]))
    s3 = stack.client("s3")
    buckets = [outputs["Bucket"], outputs["EvidenceBucket"]]
    findings = compare(records, [key for bucket in buckets for key in _keys(s3, bucket)])
    for bucket in buckets:
        _remove(s3, bucket, findings.orphans)
    return describe(findings)


def describe(findings: Findings) -> list[str]:
    """Return the differences as sentences for a person. The sentences name documents, but no patient."""
    lines = [f"Document {document} lacks its object {key}" for document, key in findings.missing]
    if findings.orphans:
        lines.append(f"Removed {len(findings.orphans)} stored files of documents that no longer exist")
    return lines or ["Files and documents agree"]


def _records(dynamodb: Any, table: str) -> Iterator[tuple[str, Any]]:
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table, ProjectionExpression="id, #record", ExpressionAttributeNames={"#record": "record"}
    )
    for page in pages:
        for row in page["Items"]:
            yield row["id"]["S"], json.loads(row["record"]["S"])


def _keys(s3: Any, bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (row["Key"] for row in page.get("Contents", []))


def _remove(s3: Any, bucket: str, keys: tuple[str, ...]) -> None:
    for start in range(0, len(keys), OBJECTS_PER_DELETION):
        batch = [{"Key": key} for key in keys[start : start + OBJECTS_PER_DELETION]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})


def main() -> int:
    """Repair the data of the local AWS at the port that is the only argument, and print what was found."""
    for line in repair(LocalStack(int(sys.argv[1]))):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
