"""What the Unsigned report of a large practice costs: its first page against a late one.

Not in time: the local AWS's own grows with the table, AWS's does not. In calls, and in the rows that
queries look at.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalice.test import Client

from bench.calls import Call, recorded
from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.domain.documents import Document
from chalicelib.services.pagination import cursor_of, list_name
from chalicelib.services.ports import Listing
from tests.support.provider_fixtures import a_document
from tests.support.stack import SamplePractice, Stack

DOCUMENTS = 100_000
PAGE = 50
LATE = 50
"""The number of the page that is held against the first."""

ROWS_PER_WRITE = 25
WRITERS = 2
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cost:
    """Of one page: the calls by name, and the rows looked at."""

    calls: tuple[str, ...]
    scanned: int


def run(stack: Stack) -> None:
    """Prints a line per page."""
    practice = stack.practice()
    fill(stack, practice, DOCUMENTS)
    print(f"The Unsigned report of a practice with {DOCUMENTS:,} documents, {PAGE} to a page")
    for number in (1, LATE):
        _, cost = page(practice, DOCUMENTS, number, size=PAGE)
        calls = f"{len(cost.calls)} calls ({', '.join(cost.calls)})"
        print(f"  page {number:<3} {calls}, {cost.scanned} rows scanned")
    print()


def fill(stack: Stack, practice: SamplePractice, count: int, *, start: int = 0) -> None:
    """Puts the documents from number `start` up to `count` into the table, as intake would have written them.

    They are pending, and were sent a second apart.
    """
    client, table = stack.client("dynamodb"), stack.table_name("documents")

    def write(documents: Sequence[Document]) -> None:
        puts = [{"PutRequest": {"Item": rows.document_row(each).serialize()}} for each in documents]
        answer = client.batch_write_item(RequestItems={table: puts})
        if answer.get("UnprocessedItems"):
            raise SystemExit("The local AWS left rows out.")

    with ThreadPoolExecutor(WRITERS) as writers:
        for _ in writers.map(write, _batches(practice, start, count)):
            pass


def page(practice: SamplePractice, count: int, number: int, *, size: int) -> tuple[list[str], Cost]:
    """The ids on that page of the report, counted from 1, and what it cost the function in this process.

    It is asked for by its cursor alone: a cursor is a place in the order, so none of the pages before has
    to be read for it.
    """
    cursor = "" if number == 1 else _cursor(practice, count - (number - 1) * size)
    path = f"/v1/documents?report=unsigned&limit={size}&cursor={cursor}"
    with recorded() as calls:
        answer = _get(path, practice)
    return [each["id"] for each in answer["documents"]], _cost(calls)


def _cost(calls: Sequence[Call]) -> Cost:
    return Cost(tuple(call.name for call in calls), sum(call.scanned for call in calls))


def _get(path: str, practice: SamplePractice) -> Any:
    from app import app

    answer = Client(app).http.get(path, headers={"authorization": f"Bearer {practice.api_key}"})
    if answer.status_code != 200:  # noqa: PLR2004 - OK
        raise SystemExit(f"{path} answered {answer.status_code}: {answer.body.decode()}")
    return answer.json_body


def document(practice: SamplePractice, number: int) -> Document:
    """The document of that number, the oldest being 0."""
    return replace(
        a_document(),
        id=f"doc_{practice.id[4:14]}{number:06d}",
        practice_id=practice.id,
        external_id=f"POC-{number}",
        sent_at=BEGAN + timedelta(seconds=number),
    )


def _cursor(practice: SamplePractice, number: int) -> str | None:
    row = rows.document_row(document(practice, number))
    return cursor_of(f"{row.sent_key}|{row.id}", of=list_name(Listing.PRACTICE_UNSIGNED, practice.id))


def _batches(practice: SamplePractice, start: int, count: int) -> Iterator[list[Document]]:
    for first in range(start, count, ROWS_PER_WRITE):
        yield [document(practice, number) for number in range(first, min(first + ROWS_PER_WRITE, count))]
