"""The report for a clinic of providers who have not decided on its documents: for how long, and what worked before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Annotated

from typing_extensions import TypedDict

from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.deliveries import Channel
from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.providers import spelling_key
from chalicelib.domain.status import is_decidable
from chalicelib.domain.timestamps import to_text
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.provider_matching import BY_EMAIL, BY_FAX
from chalicelib.services.json_schema import FixedSchema, Timestamp, to_response
from chalicelib.services.ports import Listing, Store

MAX_OPEN = 1000
"""The most documents of the Unsigned report, oldest first, in which the report looks for documents that wait."""

MAX_RECENT = 500
"""The most documents, newest first, from which the report learns how providers reacted before."""

PAGE_SIZE = 100

MAX_OF_PROVIDER = 50
"""The most pending documents of one provider, and the most past ones, that show the provider's best channel."""

_CHOICES = {Channel.EMAIL: BY_EMAIL, Channel.FAX: BY_FAX}
"""The ways of delivery that use a channel, by the channel."""

_BY_IDENTITY = {
    "account": Channel.EMAIL,
    "emailed_code": Channel.EMAIL,
    "fax_code": Channel.FAX,
    "returned_copy": Channel.FAX,
}
"""The channel that a decision shows, by the way in which the portal established the identity of the signer."""

_BY_VIEW = {
    TransmissionChannel.ACCOUNT: Channel.EMAIL,
    TransmissionChannel.EMAILED_CODE: Channel.EMAIL,
    TransmissionChannel.FAX_CODE: Channel.FAX,
}
"""The channel that a view shows. The arrival of a fax is missing, because it is no reaction of a person."""

_BestChannel = Annotated[str | None, FixedSchema({"enum": ["email", "fax", None]})]


class SilentProvider(TypedDict):
    """A provider with whom documents of the practice wait, as the practice's newest document to this provider says.

    `open` counts the documents that wait for a decision. `oldest_sent_at` is the time at which the first of them was
    sent. A reaction is the first view or the decision. `median_days` is the median time to a reaction, in days, and
    `last_reaction_at` the latest reaction. `best_channel` is the channel to which this provider reacted most often in
    proportion to what was sent. These three are null if the practice has seen no such reaction."""

    name: str
    npi: str | None
    phone: str | None
    email: str | None
    fax: str | None
    open: int
    oldest_sent_at: Timestamp
    median_days: float | None
    last_reaction_at: Timestamp | None
    best_channel: _BestChannel


class SilentProviders(TypedDict):
    """The providers with whom documents of the practice wait, the longest wait first.

    `complete` is false if the practice has too many documents to count. Then the newest of them are missing."""

    providers: list[SilentProvider]
    complete: bool


class SilentProvidersReport:
    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, practice_id: str) -> SilentProviders:
        """Return the practice's report of providers who have not decided on its documents.

        It uses this practice's documents only, and needs at most a fixed number of database reads."""
        (open_documents, complete), (recent, _) = run_concurrently(
            lambda: self._first(Listing.PRACTICE_UNSIGNED_OLDEST, practice_id, most=MAX_OPEN),
            lambda: self._first(Listing.PRACTICE_ALL, practice_id, most=MAX_RECENT),
        )
        documents = {document.id: document for document in (*recent, *open_documents)}
        return {"providers": summarize(list(documents.values())), "complete": complete}

    def _first(self, listing: Listing, practice_id: str, *, most: int) -> tuple[list[Document], bool]:
        """Return the first documents of a list, at most `most`. The second value is True if these are all of the
        list."""
        documents: list[Document] = []
        after: str | None = None
        for _ in range(most // PAGE_SIZE):
            page = self._store.documents(listing, practice_id, limit=PAGE_SIZE, after=after)
            documents += page.items
            after = page.next_after
            if after is None:
                break
        return documents, after is None


def summarize(documents: Sequence[Document]) -> list[SilentProvider]:
    """Return the rows of the report: one for each provider who has yet to decide on at least one of these documents.

    `documents` are those of one practice. The provider with the oldest open document comes first."""
    by_provider: dict[str, list[Document]] = {}
    for document in sorted(documents, key=lambda document: (document.sent_at, document.id)):
        by_provider.setdefault(_person(document.addressee), []).append(document)
    rows = [_summarize_provider(own) for own in by_provider.values() if any(map(_waits, own))]
    return sorted(rows, key=lambda row: row["oldest_sent_at"])


def find_best_channel(store: Store, practice_id: str, provider_id: str, addressee: Addressee) -> Channel | None:
    """Return the channel to which the provider reacted most often to documents of this practice, or None.

    The channel comes from a page of the provider's pending documents and a page of the past ones. Only documents count
    that this practice sent to the same person and to no other email address. Otherwise the choice would tell the
    practice which of its addresses lead to the same account."""
    pending, past = run_concurrently(
        lambda: store.documents(Listing.PROVIDER_PENDING, provider_id, limit=MAX_OF_PROVIDER, after=None),
        lambda: store.documents(Listing.PROVIDER_PAST, provider_id, limit=MAX_OF_PROVIDER, after=None),
    )
    documents = [each for each in (*pending.items, *past.items) if each.practice_id == practice_id]
    return best_channel([each for each in documents if _has_no_other_address(each.addressee, addressee)])


def best_channel(documents: Sequence[Document]) -> Channel | None:
    """Return the channel (email or fax) to which a provider reacted most often, in proportion to what was sent, or
    None.

    For each channel, one document without a reaction is added. So one quick reaction to one email does not outweigh
    many reactions to faxes. The quicker channel wins a tie."""
    scores: dict[Channel, tuple[float, float]] = {}
    for channel, choices in _CHOICES.items():
        days = _days_to_reaction([document for document in documents if _reaction_channel(document) is channel])
        sent = sum(document.delivery in choices for document in documents)
        if days:
            scores[channel] = (len(days) / (sent + 1), -median(days))
    return max(scores, key=lambda channel: scores[channel], default=None)


def _summarize_provider(documents: Sequence[Document]) -> SilentProvider:
    """Return the report's row of one provider. `documents` are the practice's documents to this provider, oldest
    first."""
    newest, waiting = documents[-1].addressee, [document for document in documents if _waits(document)]
    days = _days_to_reaction(documents)
    reactions = [at for document in documents if (at := _reacted_at(document)) is not None]
    channel = best_channel(documents)
    return to_response(
        SilentProvider,
        newest,
        name=newest.name_and_credential,
        open=len(waiting),
        oldest_sent_at=to_text(waiting[0].sent_at),
        median_days=round(median(days), 1) if days else None,
        last_reaction_at=to_text(max(reactions)) if reactions else None,
        best_channel=channel.value if channel else None,
    )


def _person(addressee: Addressee) -> str:
    """Return the key by which the report counts documents for one person: the addressee's NPI, or else the name.

    The portal's own match of people with accounts is not used. It would tell the practice which of its addresses lead
    to the same account."""
    return addressee.npi or spelling_key(addressee.first_name, addressee.last_name)


def _has_no_other_address(earlier: Addressee, addressee: Addressee) -> bool:
    return _person(earlier) == _person(addressee) and earlier.email in (None, addressee.email)


def _waits(document: Document) -> bool:
    return is_decidable(document.status)


def _reacted_at(document: Document) -> datetime | None:
    return min((at for at in (document.viewed_at, document.decided_at) if at is not None), default=None)


def _days_to_reaction(documents: Sequence[Document]) -> list[float]:
    """Return the days that providers took to react to these documents, one number for each document with a reaction.

    A reaction is the first view of a document or the decision on it, whichever came first. The days count from the
    sending. Documents without a reaction are left out."""
    times = [(document.sent_at, _reacted_at(document)) for document in documents]
    return [(reacted_at - sent_at) / timedelta(days=1) for sent_at, reacted_at in times if reacted_at is not None]


def _reaction_channel(document: Document) -> Channel | None:
    """Return the channel (email or fax) that led the provider to view or decide the document, or None if it is not
    clear.

    If the document was sent by one channel only, the reaction is to this channel, even if it came from an account."""
    sent_by = [channel for channel, choices in _CHOICES.items() if document.delivery in choices]
    if len(sent_by) == 1:
        return sent_by[0]
    identity = document.decision.signer.identity if document.decision else None
    by_decision = _BY_IDENTITY.get(identity.method) if identity else None
    return by_decision or (_BY_VIEW.get(document.transmitted_via) if document.transmitted_via else None)
