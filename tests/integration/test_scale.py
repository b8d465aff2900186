"""Test that every page of a long report costs the same, and that a new document neither repeats nor hides a row."""

from collections.abc import Iterator

import pytest
from chalice.test import Client

from app import app
from bench import calls, scale
from chalicelib import bootstrap
from chalicelib.settings import settings
from tests.support.stack import SamplePractice, Stack

DOCUMENTS, PAGE, LATE = 520, 10, 50


@pytest.fixture
def large(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[SamplePractice]:
    """Yield a practice with many documents. This process runs the web function on the deployed tables."""
    for name, value in calls.environment(stack).items():
        monkeypatch.setenv(name, value)
    bootstrap.install(None)
    settings.cache_clear()
    practice = stack.practice()
    scale.fill(stack, practice, DOCUMENTS)
    yield practice
    bootstrap.install(None)
    settings.cache_clear()


def test_the_first_page_and_the_50th_cost_the_same(large: SamplePractice) -> None:
    scale.page(large, DOCUMENTS, 1, size=PAGE)  # the first call reads values that later calls reuse
    first_ids, first = scale.page(large, DOCUMENTS, 1, size=PAGE)
    late_ids, late = scale.page(large, DOCUMENTS, LATE, size=PAGE)
    assert len(first_ids) == len(late_ids) == PAGE
    assert late_ids[0] == scale.document(large, DOCUMENTS - 1 - (LATE - 1) * PAGE).id
    assert first == late
    assert first.calls.count("Query") == 1
    assert len(first.calls) <= 4
    # One more row than the page shows tells whether there is another page.
    assert first.scanned == PAGE + 1


def test_documents_sent_while_a_report_is_read_neither_repeat_nor_hide_rows(
    stack: Stack, large: SamplePractice
) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    sent = DOCUMENTS
    while cursor is not None:
        answer = Client(app).http.get(
            f"/v1/documents?report=unsigned&limit=100&cursor={cursor}",
            headers={"authorization": f"Bearer {large.api_key}"},
        )
        assert answer.status_code == 200, answer.body
        seen.extend(document["id"] for document in answer.json_body["documents"])
        cursor = answer.json_body["next_cursor"]
        scale.fill(stack, large, sent + 3, start=sent)
        sent += 3
    assert seen == [scale.document(large, number).id for number in reversed(range(DOCUMENTS))]
