"""What the services need of the outside, as protocols; `adapters` implement them, `bootstrap` wires them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from chalicelib.domain.account_events import AccountEvent
from chalicelib.domain.audit import Event
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.transaction import Change, Job, OutboxRow, RequestRecord

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, UTC and aware."""


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """A fresh id such as `doc_4k…`: 128 random bits, lower case, safe in a path."""

    def token(self) -> str:
        """256 random bits, URL-safe: for links and sessions."""

    def code(self) -> str:
        """Six random digits."""

    def jitter(self) -> float:
        """A random number in 0..1."""


class Listing(StrEnum):
    """The lists that can be paged; each is an index whose cost does not grow with what is not shown."""

    PRACTICE_ALL = "practice_all"
    PRACTICE_UNSIGNED = "practice_unsigned"
    PROVIDER_PENDING = "provider_pending"
    PROVIDER_PAST = "provider_past"


class DeliveryListing(StrEnum):
    """The lists of a practice's messages out, newest first."""

    ALL = "practice_id"
    FAILED = "practice_failed"
    HELD = "practice_held"


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list; `next_after` goes back in as `after`, None at the end."""

    items: tuple[T, ...]
    next_after: str | None


@dataclass(frozen=True)
class Visit:
    """What one BatchGetItem brings for a request with a session cookie; None for what does not exist."""

    session: Secret | None
    provider: Provider | None
    document: Document | None


class Store(Protocol):
    """State. Single reads are consistent; lists go through an index and re-read the rows."""

    def commit(self, change: Change) -> None:
        """Write the whole change in one transaction. Raises `ConcurrentUpdate` or `Unavailable`."""

    def document(self, document_id: str) -> Document | None: ...

    def documents(
        self, listing: Listing, owner: str, *, limit: int, after: str | None, before: datetime | None = None
    ) -> Page[Document]:
        """A page for a practice or provider id: two calls, the index and a BatchGetItem.

        `before`, for lists sorted by a time, leaves out what is as late or later, without reading it.
        """

    def count(self, listing: Listing, owner: str, *, most: int) -> int:
        """How many there are, counted no further than `most`."""

    def events(self, document_id: str) -> tuple[Event, ...]: ...

    def account_events(self, provider_id: str, *, limit: int, before: int | None) -> Page[AccountEvent]:
        """The trail of an account, newest first, from before a `place` on: one call, whatever its length."""

    def delivery(self, delivery_id: str) -> Delivery | None: ...

    def delivery_by_carrier(self, carrier_id: str) -> Delivery | None: ...

    def deliveries(
        self, listing: DeliveryListing, practice_id: str, *, limit: int, after: str | None
    ) -> Page[Delivery]: ...

    def due_deliveries(self, before: datetime, *, limit: int) -> tuple[Delivery, ...]: ...

    def held_deliveries(self, practice_id: str, *, limit: int) -> tuple[Delivery, ...]: ...

    def waiting_webhooks(self, practice_id: str, *, limit: int, after: str | None) -> Page[Delivery]:
        """Those that have failed and wait for a later attempt, oldest first."""

    def unsealed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]: ...

    def untimed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]:
        """Sealed, but without the timestamp that the authority failed to give."""

    def provider(self, provider_id: str) -> Provider | None: ...

    def practice(self, practice_id: str) -> Practice | None: ...

    def claims(self, keys: Sequence[str]) -> Mapping[str, str]:
        """The owners of those keys that are claimed, in one call."""

    def secret(self, key: str) -> Secret | None: ...

    def secrets(self, keys: Sequence[str]) -> Mapping[str, Secret]:
        """Those of the keys that have a row, in one call; expired ones too, since TTL deletes late."""

    def visit(self, session_key: str, provider_id: str | None, document_id: str | None) -> Visit:
        """Any secret with the provider and document it is about, in one call."""

    def request(self, practice_id: str, webhook_id: str) -> RequestRecord | None: ...

    def outbox(self, before: datetime, *, limit: int) -> tuple[OutboxRow, ...]: ...

    def drop_outbox(self, row_id: str) -> None: ...


class Files(Protocol):
    """The private bucket. Keys are ours, never a stranger's text."""

    def put(self, key: str, data: bytes, content_type: str) -> None: ...

    def get(self, key: str) -> bytes: ...

    def find(self, key: str) -> bytes | None:
        """Like `get`, and None where there is nothing."""

    def exists(self, key: str) -> bool: ...

    def versions(self, key: str) -> Sequence[str]:
        """Of an object that is there: all of them, 1,000 at most; none where there is nothing to read."""

    def copy(self, source: str, target: str) -> None: ...

    def delete(self, key: str) -> None: ...

    def erase(self, key: str, versions: Sequence[str]) -> None:
        """These versions of it are gone for good, not for a day only; `Unavailable` when one is left."""

    def older(self, prefix: str, before: datetime) -> Sequence[str]:
        """The keys below a prefix that were last written before then, of the first 1,000 that there are."""

    def url(self, key: str, *, seconds: int, file_name: str | None = None, inline: bool = True) -> str:
        """A presigned GET (s3v4); costs no AWS call."""

    def upload_form(
        self,
        key: str,
        *,
        max_bytes: int,
        seconds: int,
        redirect: str | None = None,
        content_type_prefix: str = "",
    ) -> tuple[str, Mapping[str, str]]:
        """A presigned POST: the URL and the fields to send before the file."""

    def origin(self) -> str:
        """Scheme and host of its URLs, for the Content-Security-Policy."""


class Queues(Protocol):
    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        """Enqueues all, checking every entry's answer; raises `Unavailable` when one was refused."""


class Switches(Protocol):
    def electronic_signature(self, practice_id: str) -> bool:
        """The Electronic Signature switch of a practice; seen within 60 s of a change."""

    def set_electronic_signature(self, practice_id: str, *, on: bool) -> None: ...

    def second_factor(self, practice_ids: Collection[str]) -> bool:
        """Whether one of these practices, or the portal where it says nothing else, asks for a second factor
        of who reads its documents; seen within 60 s of a change.
        """

    def set_second_factor(self, practice_id: str, *, on: bool) -> None: ...


class Inspector(Protocol):
    def inspect(self, key: str, kind: str, *, certificates: Sequence[str] = ()) -> Mapping[str, Any]:
        """What the `inspect` function says of an upload (`kind` is `pdf`, `scan` or `seal`).

        For a seal it is told the fingerprints of our certificates.

        `{"pages": 3, …}`, or `{"refused": {"code": "encrypted", "detail": "…"}}`.
        """


class Keys(Protocol):
    def session_key(self) -> bytes:
        """The key that signs session tokens; cached, so no call per request."""

    def known_session_keys(self) -> Sequence[bytes]:
        """The keys whose signatures count, newest first: two, once there was a rotation."""

    def find_session_key(self, kid: str) -> bytes | None:
        """The key of this `kid`. One that is not known is looked for, but not with every request."""


class SessionKeyRotation(Protocol):
    """Rotates the key of the sessions, without being able to read it."""

    def rotated_at(self) -> datetime | None:
        """When the key that is newest was made."""

    def rotate(self, key: str) -> None:
        """Makes this the newest key and keeps the one before it; what was before that is dead."""


class SealKey(Protocol):
    """The key that seals are made with. It never leaves its service."""

    def sign(self, digest: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 over a SHA-256 digest (32 bytes)."""

    def public_key(self) -> bytes:
        """Its public half: SubjectPublicKeyInfo, DER."""


class TimestampAuthority(Protocol):
    def request(self, query: bytes) -> bytes:
        """The reply to a DER-encoded RFC 3161 query; `OSError` when there is none."""


class Mailer(Protocol):
    def send(self, *, to: str, message: bytes) -> str:
        """Hands a MIME message to SES over TLS; answers SES's message id."""


class Notifier(Protocol):
    def publish(self, *, practice_id: str, kind: str, subject: str, text: str) -> None:
        """Tells staff by the SNS topic, with the practice as an attribute to filter by."""


@dataclass(frozen=True)
class HttpResult:
    """A receiver's answer: its status, `retry_after` in seconds if it said so, or `error` if none came."""

    status: int | None
    retry_after: int | None = None
    error: str | None = None


class WebhookSender(Protocol):
    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        """One POST, public HTTPS addresses only, no redirects, 15 s in all."""
