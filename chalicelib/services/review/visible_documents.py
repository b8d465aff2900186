"""The lists of an account: the provider's documents that the account may open (DESIGN 2a)."""

from datetime import datetime

from chalicelib.domain.documents import Document
from chalicelib.domain.providers import Provider
from chalicelib.domain.visibility import opens_to
from chalicelib.services.ports import Listing, Page, Store

_MAX_READS = 20
"""The most reads of a list for one page. Only a list with many hidden documents needs more than one read."""


def read_visible(
    store: Store,
    listing: Listing,
    provider: Provider,
    *,
    limit: int,
    after: str | None = None,
    before: datetime | None = None,
) -> Page[Document]:
    """Return a page of the documents in a list that the account may open. The other documents are skipped."""
    shown: list[Document] = []
    for _ in range(_MAX_READS):
        page = store.documents(listing, provider.id, limit=limit - len(shown), after=after, before=before)
        shown += [document for document in page.items if opens_to(provider, document)]
        after = page.next_after
        if len(shown) == limit or after is None:
            break
    return Page(tuple(shown), after)


def count_pending(store: Store, provider: Provider, *, most: int) -> int:
    """Return the number of pending documents that the account may open, at most `most`."""
    return len(read_visible(store, Listing.PROVIDER_PENDING, provider, limit=most).items)
