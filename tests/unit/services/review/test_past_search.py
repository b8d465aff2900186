from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.documents import Document, Kind
from chalicelib.domain.practices import PracticeCard
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.ports import Page
from chalicelib.services.review.past_search import MAX_WINDOWS, WINDOW, PastSearch, find_past, parse_search
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER, a_document, a_store


class CountingStore(FakeStore):
    """A fake database that counts the documents that it returns in lists, to test the cost of a search."""

    looked_at = 0

    def documents(self, *args: Any, **kwargs: Any) -> Page[Document]:
        found = super().documents(*args, **kwargs)
        self.looked_at += len(found.items)
        return found


def returned(number: int, **changes: Any) -> Document:
    """Return a document with the number, marked as returned `number` days before START, at 1 PM in Chicago."""
    known = {
        "id": f"doc_{number:04}",
        "status": Status.RETURNED,
        "outcome": Outcome.BY_HAND,
        "returned_at": START - timedelta(days=number),
        **changes,
    }
    return a_document(**known)


def named(number: int, first_name: str, last_name: str) -> Document:
    patient = replace(a_document().patient, first_name=first_name, last_name=last_name)
    return returned(number, patient=patient)


def a_past(*documents: Document) -> CountingStore:
    store = CountingStore()
    store.tables = a_store().tables
    for document in documents:
        store.commit(Change(at=START, documents=(document,)))
    return store


def ids(store: FakeStore, search: PastSearch | None, after: str | None = None) -> list[str]:
    assert search is not None
    return [item.id for item in find_past(store, PROVIDER, search, after).items]


@pytest.mark.parametrize("typed", ["garcia", "GARC", "josé", "jose garcia-lopez", "hill jose", "plan lopez"])
def test_every_searched_word_must_begin_a_word_of_the_document(typed: str) -> None:
    store = a_past(named(1, "Ada", "Byron"), named(2, "José", "García-López"))
    assert ids(store, parse_search(typed, "", "")) == ["doc_0002"]


@pytest.mark.parametrize(
    ("first_name", "last_name", "typed"),
    [
        ("Ann", "O'Brien", "obrien"),
        ("Ann", "O'Brien", "ann o'brien"),
        ("Ann", "OBrien", "o'brien"),
        ("Ann", "O\u2019Brien", "obri"),
        ("Juan", "de la Cruz", "delacruz"),
        ("Juan", "Dela Cruz", "de la cruz juan"),
        ("Juan", "Delacruz", "dela cruz"),
        ("Ron", "Mc Donald", "mcdonald"),
        ("Ron", "McDonald", "mc donald"),
        ("Eva", "Smith-Jones", "smithjones"),
        ("Eva", "Müller", "mueller"),
        ("Eva", "Mueller", "muller"),
        ("Eva", "Søndergård", "sondergard"),
        ("", "Suharto", "suharto"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(first_name: str, last_name: str, typed: str) -> None:
    store = a_past(named(1, "Ada", "Byron"), named(2, first_name, last_name))
    assert ids(store, parse_search(typed, "", "")) == ["doc_0002"]


@pytest.mark.parametrize("typed", ["brienann", "obrien byron", "oann", "annobrienhill"])
def test_words_that_are_not_beside_one_another_are_not_one_name(typed: str) -> None:
    store = a_past(named(1, "Ada", "Byron"), named(2, "Ann", "O'Brien"))
    assert ids(store, parse_search(typed, "", "")) == []


@pytest.mark.parametrize("typed", ["arcia", "jose byron", "juniper"])
def test_other_words_match_nothing(typed: str) -> None:
    store = a_past(named(1, "Ada", "Byron"), named(2, "José", "García-López"))
    assert ids(store, parse_search(typed, "", "")) == []


def test_practice_and_kind_are_found() -> None:
    juniper = returned(3, practice=PracticeCard(name="Juniper Rehab"), kind=Kind.ORDER)
    store = a_past(returned(1), juniper)
    assert ids(store, parse_search("juniper", "", "")) == ["doc_0003"]
    assert ids(store, parse_search("order", "", "")) == ["doc_0003"]


def test_days_are_in_the_practices_time_zone_and_inclusive() -> None:
    late = returned(0, returned_at=START + timedelta(hours=10, minutes=30))
    store = a_past(late, *(returned(number) for number in range(1, 6)))
    assert late.decided_at is not None
    assert late.decided_at.date() == date(2026, 11, 23), "in UTC; it is still the 22nd in Chicago"
    assert ids(store, parse_search("", "2026-11-20", "2026-11-22")) == ["doc_0000", "doc_0001", "doc_0002"]
    assert ids(store, parse_search("", "2026-11-18", "2026-11-18")) == ["doc_0004"]


def test_only_documents_near_the_searched_days_are_read() -> None:
    store = a_past(*(returned(number) for number in range(300)))
    found = ids(store, parse_search("", "2026-04-10", "2026-04-12"))
    assert len(found) == 3
    assert store.looked_at <= 2 * WINDOW


def test_one_request_reads_a_limited_number_and_returns_where_to_continue() -> None:
    store = a_past(*(returned(number) for number in range(WINDOW * MAX_WINDOWS)), named(400, "Rare", "Name"))
    search = parse_search("rare", "", "")
    assert search is not None
    first = find_past(store, PROVIDER, search, None)
    assert (first.items, store.looked_at) == ((), WINDOW * MAX_WINDOWS)
    assert ids(store, search, first.next_after) == ["doc_0400"]


def test_pages_have_at_most_25_documents_and_together_every_match_once() -> None:
    store = a_past(*(returned(number, kind=(Kind.ORDER, Kind.OTHER)[number % 2]) for number in range(150)))
    search, after, seen = PastSearch(words=("order",)), None, []
    while True:
        page = find_past(store, PROVIDER, search, after)
        assert len(page.items) <= 25
        seen += [item.id for item in page.items]
        after = page.next_after
        if after is None:
            break
    assert seen == [f"doc_{number:04}" for number in range(0, 150, 2)]


@pytest.mark.parametrize("filled", [("", "", ""), (" . ", "yesterday", "2026-13-01")])
def test_an_empty_form_is_no_search(filled: tuple[str, str, str]) -> None:
    assert parse_search(*filled) is None


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1999-12-31", "soon"])
def test_an_invalid_or_impossible_day_is_ignored(day: str) -> None:
    store = a_past(returned(1))
    assert parse_search("", day, "") is None
    assert parse_search("", "", day) is None
    assert ids(store, parse_search("byron", day, day)) == ["doc_0001"]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, [0, 1, 2, 3]),
        (date(2026, 11, 21), None, [0, 1]),
        (None, date(2026, 11, 21), [1, 2, 3]),
        (date(2026, 11, 20), date(2026, 11, 21), [1, 2]),
        (date(2026, 11, 21), date(2026, 11, 20), []),
    ],
)
def test_a_search_may_have_a_first_day_a_last_day_both_or_neither(
    first: date | None, last: date | None, found: list[int]
) -> None:
    search = PastSearch(first=first, last=last)
    assert [number for number in range(4) if search.matches(returned(number))] == found


def test_the_reading_ends_when_all_older_documents_are_before_the_first_day() -> None:
    """The search stops one day before its first day, because the time zones of practices differ."""
    search = PastSearch(first=date(2026, 11, 20))
    assert [search.is_past_end(returned(number)) for number in range(1, 6)] == [False, False, False, True, True]
    assert PastSearch(last=date(2026, 11, 20)).is_past_end(returned(5)) is False
    assert search.is_past_end(a_document()) is False


def test_a_document_without_a_decision_matches_no_day() -> None:
    assert PastSearch(first=date(2000, 1, 1)).matches(a_document()) is False
    assert PastSearch().matches(a_document()) is True


def test_a_page_is_filled_exactly_before_the_next_request() -> None:
    store = a_past(
        *(returned(number, kind=Kind.ORDER) for number in range(WINDOW)), *(returned(99 + n) for n in range(9))
    )
    page = find_past(store, PROVIDER, PastSearch(words=("order",)), None)
    assert (len(page.items), page.next_after) == (WINDOW, None)


@pytest.mark.parametrize(("day", "valid"), [("2000-01-01", True), ("2999-12-31", True), ("3000-01-01", False)])
def test_the_days_of_the_form_have_limits(*, day: str, valid: bool) -> None:
    assert (parse_search("", day, "") is not None) is valid
    assert (parse_search("", "", day) is not None) is valid


def test_ten_words_are_searched() -> None:
    search = parse_search(" ".join("abcdefghijklm"), "", "")
    assert search is not None
    assert "".join(search.words) == "abcdefghij"
    assert (WINDOW, MAX_WINDOWS) == (25, 8)
