"""Search of a provider's past documents by patient, practice, kind or date.

The list is read backwards from the last day of the search, one window at a time. One request reads at most
`MAX_WINDOWS` windows and returns the place where the next request continues, so the cost of a request does
not grow with the number of past documents (docs/decisions/012-searching-the-past.md)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.domain.certification.rules import local_day
from chalicelib.domain.documents import Document
from chalicelib.domain.providers import Provider, contract, expand, name_key, plain_letters
from chalicelib.domain.visibility import opens_to
from chalicelib.services.labels import KINDS
from chalicelib.services.ports import Listing, Page, Store

WINDOW = 25
"""Documents that one read returns, and the most that one page of results shows."""

MAX_WINDOWS = 8
MAX_WORDS = 10
MAX_JOINED = 3
"""The most words that one name may be made of, as in De La Cruz."""

_MAX_UTC_OFFSET = timedelta(hours=14)
_EARLIEST, _LATEST = date(2000, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True, kw_only=True)
class PastSearch:
    """The conditions of a search in a provider's decided documents. A document must meet all of them.

    Each of `words` must begin a word of the patient, practice, kind or title. Spaces, apostrophes and hyphens inside a
    name do not matter: `obrien` finds O'Brien, and `de la cruz` finds Delacruz. `first` and `last` limit the day of the
    decision, in the practice's time zone."""

    words: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None

    def matches(self, document: Document) -> bool:
        text = f"{document.patient.name} {document.practice.name} {KINDS[document.kind]} {document.title}"
        return _begin_words(self.words, _spelled_words(text)) and self._includes_day(_decided_on(document))

    def is_past_end(self, document: Document) -> bool:
        """Return True if the document was decided before the first day of the search.

        The list has the newest decision first, so no later document in it can match, and the search stops."""
        decided = _decided_on(document)
        return self.first is not None and decided is not None and decided < self.first - timedelta(days=1)

    def _includes_day(self, day: date | None) -> bool:
        if self.first is None and self.last is None:
            return True
        return day is not None and (self.first or day) <= day <= (self.last or day)


def parse_search(text: str, first: str, last: str) -> PastSearch | None:
    """Return the search in a submitted form, or None for an empty form. An invalid day counts as empty."""
    words = tuple(_split_words(text)[:MAX_WORDS])
    search = PastSearch(words=words, first=_parse_day(first), last=_parse_day(last))
    return None if search == PastSearch() else search


def find_past(store: Store, provider: Provider, search: PastSearch, after: str | None) -> Page[Document]:
    """Return the next matches among the provider's past documents: at most `WINDOW`, newest decision first.

    `after` is the page's `next_after` of the previous call. A page may have few or no matches, because one call
    reads only a part of the list. `next_after` is None at the end of the list."""
    before = None
    if search.last is not None:
        before = datetime.combine(search.last, time.max, UTC) + _MAX_UTC_OFFSET
    results: list[Document] = []
    for _ in range(MAX_WINDOWS):
        page = store.documents(Listing.PROVIDER_PAST, provider.id, limit=WINDOW, after=after, before=before)
        matching = [item for item in page.items if opens_to(provider, item) and search.matches(item)]
        if len(results) + len(matching) > WINDOW:
            return Page(tuple(results), after)
        results += matching
        if page.next_after is None or any(search.is_past_end(document) for document in page.items):
            return Page(tuple(results), None)
        after = page.next_after
    return Page(tuple(results), after)


def _split_words(text: str) -> list[str]:
    return plain_letters(name_key(text, "")).split()


def _spelled_words(text: str) -> Collection[str]:
    """Return the words of a document, each also joined with the words after it, and in other spellings."""
    texts = {text, expand(text), contract(text)}
    return {joined for spelled in texts for joined in _joined(_split_words(spelled))}


def _joined(words: Sequence[str]) -> Iterator[str]:
    """Yield every run of up to `MAX_JOINED` words, written as one word."""
    for start in range(len(words)):
        for count in range(1, MAX_JOINED + 1):
            yield "".join(words[start : start + count])


def _begin_words(searched: Sequence[str], words: Collection[str]) -> bool:
    """Return True if the searched words, one by one or joined with their neighbors, begin words of the document."""
    return not searched or any(
        any(word.startswith("".join(searched[:count])) for word in words) and _begin_words(searched[count:], words)
        for count in range(1, min(MAX_JOINED, len(searched)) + 1)
    )


def _parse_day(text: str) -> date | None:
    """Return a day of the form, or None for an invalid day and for a day on which no document can exist."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _EARLIEST <= day <= _LATEST else None


def _decided_on(document: Document) -> date | None:
    at = document.decided_at
    return local_day(at, document) if at else None
