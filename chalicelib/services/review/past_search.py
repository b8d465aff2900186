"""Finding a past document by patient, practice, kind or date, at a cost that does not grow with the past.

The list is read backwards from the last day asked for, a window at a time; one request looks at no more than
`WINDOWS` of them and tells where to go on (docs/decisions/012-searching-the-past.md).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from chalicelib.domain.documents import Document
from chalicelib.domain.providers import name_key
from chalicelib.services.labels import KINDS
from chalicelib.services.ports import Listing, Page, Store

WINDOW = 25
WINDOWS = 8
MAX_WORDS = 10

_FURTHEST_ZONE = timedelta(hours=14)
_EARLIEST, _LATEST = date(2000, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True, kw_only=True)
class PastSearch:
    """`words` are beginnings of words of the patient, practice, kind or title; days are the practice's."""

    words: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None

    def finds(self, document: Document) -> bool:
        there = _words(
            f"{document.patient.name} {document.practice.name} {KINDS[document.kind]} {document.title}"
        )
        named = all(any(each.startswith(word) for each in there) for word in self.words)
        return named and self._in_days(_decided_on(document))

    def is_over(self, document: Document) -> bool:
        """Whether this and everything before it is too old."""
        decided = _decided_on(document)
        return self.first is not None and decided is not None and decided < self.first - timedelta(days=1)

    def _in_days(self, day: date | None) -> bool:
        if self.first is None and self.last is None:
            return True
        return day is not None and (self.first or day) <= day <= (self.last or day)


def searching(text: str, first: str, last: str) -> PastSearch | None:
    """What was filled in; None for nothing. A day that is none is left out."""
    search = PastSearch(words=tuple(_words(text)[:MAX_WORDS]), first=_day(first), last=_day(last))
    return None if search == PastSearch() else search


def find(store: Store, provider_id: str, search: PastSearch, after: str | None) -> Page[Document]:
    """At most `WINDOW` documents, newest decision first, and where to search on."""
    before = None
    if search.last is not None:
        before = datetime.combine(search.last, time.max, UTC) + _FURTHEST_ZONE
    found: list[Document] = []
    for _ in range(WINDOWS):
        seen = store.documents(Listing.PROVIDER_PAST, provider_id, limit=WINDOW, after=after, before=before)
        matching = [each for each in seen.items if search.finds(each)]
        if len(found) + len(matching) > WINDOW:
            return Page(tuple(found), after)
        found += matching
        if seen.next_after is None or any(search.is_over(each) for each in seen.items):
            return Page(tuple(found), None)
        after = seen.next_after
    return Page(tuple(found), after)


def _words(text: str) -> list[str]:
    return name_key(text, "").split()


def _day(text: str) -> date | None:
    """None for a day before or after all documents: it is as if nothing had been filled in."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _EARLIEST <= day <= _LATEST else None


def _decided_on(document: Document) -> date | None:
    at = document.decided_at
    return at.astimezone(ZoneInfo(document.practice.time_zone)).date() if at else None
