"""The cost of the report of unsigned documents for a practice with 100,000 of them: the first page and a late page.

The cost is counted in AWS calls and in rows that queries read. Time is not measured, because the time of the local AWS
grows with the table, and the time of AWS does not."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalice.test import Client

from bench.calls import Call, record_calls
from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.domain.documents import Document
from chalicelib.services.pagination import encode_cursor, list_name
from chalicelib.services.ports import Listing
from tests.support.provider_fixtures import a_document
from tests.support.stack import SamplePractice, Stack

DOCUMENTS = 100_000
PAGE = 50
LATE = 50
"""The number of the page that is compared with the first."""

ROWS_PER_WRITE = 25
WRITERS = 2
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cost:
    """The cost of one page of the report: the names of the AWS calls, and the number of rows that queries read."""

    calls: tuple[str, ...]
    scanned: int


def run(stack: Stack) -> None:
    """Store 100,000 documents, and print the cost of the report's first page and of a late page."""
    practice = stack.practice()
    fill(stack, practice, DOCUMENTS)
    print(f"The Unsigned report of a practice with {DOCUMENTS:,} documents, {PAGE} to a page")
    for number in (1, LATE):
        _, cost = page(practice, DOCUMENTS, number, size=PAGE)
        calls = f"{len(cost.calls)} calls ({', '.join(cost.calls)})"
        print(f"  page {number:<3} {calls}, {cost.scanned} rows read")
    print()


def fill(stack: Stack, practice: SamplePractice, count: int, *, start: int = 0) -> None:
    """Write the documents with the numbers `start` to `count - 1` into the table, so that the practice has a long
    report.

    The documents are pending, and each was sent one second after the one before."""
    client, table = stack.client("dynamodb"), stack.table_name("documents")

    def write(documents: Sequence[Document]) -> None:
        puts = [{"PutRequest": {"Item": rows.document_row(document).serialize()}} for document in documents]
        response = client.batch_write_item(RequestItems={table: puts})
        if response.get("UnprocessedItems"):
            raise SystemExit("The local AWS did not write every row.")

    with ThreadPoolExecutor(WRITERS) as writers:
        for _ in writers.map(write, _batches(practice, start, count)):
            pass


def page(practice: SamplePractice, count: int, number: int, *, size: int) -> tuple[list[str], Cost]:
    """Read a page of the report. Return the ids of its documents and the page's cost. `number` counts pages from 1.

    `count` is the number of all documents, and `size` that of the documents on a page. The cursor of the page is
    computed, so the earlier pages need not be read."""
    cursor = "" if number == 1 else _cursor(practice, count - (number - 1) * size)
    path = f"/v1/documents?report=unsigned&limit={size}&cursor={cursor}"
    with record_calls() as calls:
        report = _get(path, practice)
    return [document["id"] for document in report["documents"]], _cost(calls)


def _cost(calls: Sequence[Call]) -> Cost:
    return Cost(tuple(call.name for call in calls), sum(call.scanned for call in calls))


def _get(path: str, practice: SamplePractice) -> Any:
    from app import app

    response = Client(app).http.get(path, headers={"authorization": f"Bearer {practice.api_key}"})
    if response.status_code != 200:  # noqa: PLR2004 - OK
        raise SystemExit(f"{path} returned {response.status_code}: {response.body.decode()}")
    return response.json_body


def document(practice: SamplePractice, number: int) -> Document:
    """Return the practice's document with this number, to be stored. Number 0 is the oldest."""
    return replace(
        a_document(),
        id=f"doc_{practice.id[4:14]}{number:06d}",
        practice_id=practice.id,
        external_id=f"POC-{number}",
        sent_at=BEGAN + timedelta(seconds=number),
    )


def _cursor(practice: SamplePractice, number: int) -> str | None:
    row = rows.document_row(document(practice, number))
    return encode_cursor(f"{row.sent_key}|{row.id}", of=list_name(Listing.PRACTICE_UNSIGNED, practice.id))


def _batches(practice: SamplePractice, start: int, count: int) -> Iterator[list[Document]]:
    for first in range(start, count, ROWS_PER_WRITE):
        yield [document(practice, number) for number in range(first, min(first + ROWS_PER_WRITE, count))]
