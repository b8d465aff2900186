"""The contents of a reminder: the documents of all practices that still wait for the providers at one email address."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.follow_up.progress import FollowUpStep
from chalicelib.domain.follow_up.schedule import has_ended
from chalicelib.domain.practices import PracticeCard
from chalicelib.services.documents.provider_matching import BY_EMAIL
from chalicelib.services.labels import KIND_PLURALS, KINDS
from chalicelib.services.normalization import display_phone
from chalicelib.services.ports import Listing, Store

MAX_PENDING_READ = 50
"""The most documents of a provider's pending list that one reminder reads, the first due first."""


@dataclass(frozen=True, kw_only=True)
class WaitingDocuments:
    """The documents that wait for a signature at one email address, as a reminder lists them.

    At least one of them is due for the reminder, or `documents` is empty. `is_last` is true if no other reminder
    follows for one of them."""

    documents: tuple[Document, ...]
    is_last: bool

    @property
    def practice_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(document.practice_id for document in self.documents))


def remind_all(_practice_id: str) -> bool:
    """Return True: the documents of every practice count."""
    return True


def find_waiting(
    store: Store, delivery: Delivery, now: datetime, *, reminds: Callable[[str], bool] = remind_all
) -> WaitingDocuments:
    """Return the documents that still wait for a signature at the recipient's email address, the earliest due first.

    `delivery` is the reminder. It names the documents that are due for it. Everything else that waits in the lists of
    their providers is added. If none of the due documents waits any more, the result is empty. `reminds` is a function
    that says by the id of a practice whether its documents count, because a practice can switch reminders off."""
    due = find_due(store, delivery, now, reminds=reminds)
    providers = [document.provider_id for document in due]
    others = [document for document in _listed(store, providers) if _waits_at(document, delivery.recipient, now)]
    documents = {document.id: document for document in (*due, *others) if reminds(document.practice_id)}
    return WaitingDocuments(
        documents=tuple(sorted(documents.values(), key=lambda document: (document.due_on, document.sent_at))),
        is_last=any(_is_last(document) for document in due),
    )


def find_listed(store: Store, delivery: Delivery, now: datetime) -> tuple[Document, ...]:
    """Return everything that waits at the recipient's email address for the providers whom the reminder was for.

    `delivery` is the reminder, which may be old. The documents that were due for it may be decided by now."""
    named = _named(store, delivery)
    providers = [delivery.provider_id, *(document.provider_id for document in named)]
    found = (*named, *_listed(store, [provider_id for provider_id in providers if provider_id]))
    documents = {document.id: document for document in found}
    return tuple(document for document in documents.values() if _waits_at(document, delivery.recipient, now))


def find_listed_at(store: Store, email: str, provider_id: str, now: datetime) -> tuple[Document, ...]:
    """Return everything in this provider's pending list that waits at this email address."""
    return tuple(document for document in _listed(store, [provider_id]) if _waits_at(document, email, now))


def find_due(
    store: Store, delivery: Delivery, now: datetime, *, reminds: Callable[[str], bool]
) -> tuple[Document, ...]:
    """Return the documents that the reminder names and that still wait for a signature at the recipient's address.

    `reminds` says by the id of a practice whether its documents count."""
    waiting = [document for document in _named(store, delivery) if _waits_at(document, delivery.recipient, now)]
    return tuple(document for document in waiting if reminds(document.practice_id))


def describe_waiting(documents: Sequence[Document], links: Mapping[str, str]) -> dict[str, Any]:
    """Return the values for the templates of an email that lists documents. They contain nothing about a patient.

    `links` has the link to each document by its id."""
    kinds, oldest = Counter(document.kind for document in documents), min(document.sent_at for document in documents)
    is_one_kind, is_one = len(kinds) == 1, len(documents) == 1
    plural = KIND_PLURALS[documents[0].kind] if is_one_kind else "documents"
    return {
        "count": len(documents),
        "what": f"a {KINDS[documents[0].kind].lower()}" if is_one else f"{len(documents)} {plural}",
        "since": _day(oldest, documents[0].practice.time_zone),
        "clinic": _clinics(documents),
        "groups": tuple(_groups(documents, links)),
    }


def _named(store: Store, delivery: Delivery) -> list[Document]:
    return [document for document in map(store.document, delivery.documents) if document is not None]


def _listed(store: Store, provider_ids: Sequence[str]) -> Iterator[Document]:
    for provider_id in dict.fromkeys(provider_ids):
        listing = Listing.PROVIDER_PENDING
        yield from store.documents(listing, provider_id, limit=MAX_PENDING_READ, after=None).items


def _waits_at(document: Document, email: str, now: datetime) -> bool:
    """Return True if the document was emailed to this address and still waits for a signature."""
    is_emailed = document.delivery in BY_EMAIL and document.addressee.email == email
    return is_emailed and not has_ended(document, now)


def _is_last(document: Document) -> bool:
    return document.follow_up is not None and FollowUpStep.LAST_REMINDER in document.follow_up.done


def _groups(documents: Sequence[Document], links: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield one group for each provider and clinic: who should sign, whom to call, and the documents with their links.

    Every reminder names the provider, because more than one provider may read a mailbox."""

    def key(document: Document) -> tuple[str, str]:
        return document.addressee.name_and_credential, document.practice.name

    for (provider, clinic), group in groupby(sorted(documents, key=key), key=key):
        members = list(group)
        yield {
            "provider": provider,
            "clinic": clinic,
            "phone": _phone(members[0].practice),
            "documents": [_describe(document, links[document.id]) for document in members],
        }


def _describe(document: Document, link: str) -> dict[str, str]:
    due = document.due_on
    return {
        "kind": KINDS[document.kind],
        "sent": _day(document.sent_at, document.practice.time_zone),
        "due": f"{due:%B} {due.day}",
        "link": link,
    }


def _clinics(documents: Sequence[Document]) -> str:
    names = list(dict.fromkeys(document.practice.name for document in documents))
    return names[0] if len(names) == 1 else f"{len(names)} clinics"


def _phone(practice: PracticeCard) -> str | None:
    return display_phone(practice.phone) if practice.phone else None


def _day(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%B} {local.day}"
