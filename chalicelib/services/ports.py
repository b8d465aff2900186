"""The protocols of everything outside the services, such as the database, AWS, the fax carrier and the clock.

`adapters` implement the protocols, and `bootstrap` passes the implementations to services."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from chalicelib.domain.account_events import AccountEvent
from chalicelib.domain.audit import AccessEvent, Event
from chalicelib.domain.carriers.fax_results import FaxQuality, FaxReport
from chalicelib.domain.carriers.received_faxes import ReceivedFax
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.follow_up.progress import FollowUpPlan
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.services.pdf_requests import SourceLink, UploadLink
from chalicelib.services.transaction import Change, Job, OutboxRow, RequestRecord

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time as an aware datetime in UTC."""


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """Return a new id such as `doc_4k…`: 128 random bits in lower case, safe in a URL path."""

    def token(self) -> str:
        """Return 256 random bits as text that is safe in a URL, for links and sessions."""

    def code(self) -> str:
        """Return a code of six random digits."""

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""


class Listing(StrEnum):
    """The kinds of lists of documents that the database has: those of a practice, and those of a provider.

    To read a page costs the same in a list of any length."""

    PRACTICE_ALL = "practice_all"
    PRACTICE_UNSIGNED = "practice_unsigned"
    PRACTICE_UNSIGNED_OLDEST = "practice_unsigned_oldest"
    PRACTICE_ATTENTION = "practice_attention"
    PROVIDER_PENDING = "provider_pending"
    PROVIDER_PAST = "provider_past"


class DeliveryListing(StrEnum):
    """The kinds of lists of a practice's messages (deliveries) that the database has. Each is sorted with the newest
    first."""

    ALL = "practice_id"
    FAILED = "practice_failed"
    HELD = "practice_held"


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list. `next_after` is the `after` of the next page, or None at the end of the list."""

    items: tuple[T, ...]
    next_after: str | None


@dataclass(frozen=True)
class Visit:
    """The database rows for one request of a browser: its session (or link or code), the provider, and the document.

    None means that a row is missing or was not asked for."""

    session: Secret | None
    provider: Provider | None
    document: Document | None


class Store(Protocol):
    """The database with the portal's state. Reads of single rows are strongly consistent, and return None for no row.

    Lists read an index first, and then the rows themselves."""

    def commit(self, change: Change) -> None:
        """Write all rows of a change in one transaction, or none of the rows.

        Raises `ConcurrentUpdate` with the kinds of rows that another request has changed, or `Unavailable`."""

    def document(self, document_id: str) -> Document | None: ...
    def events(self, document_id: str) -> tuple[Event, ...]: ...
    def delivery(self, delivery_id: str) -> Delivery | None: ...
    def delivery_by_carrier(self, carrier_id: str) -> Delivery | None: ...
    def deliveries(
        self, listing: DeliveryListing, practice_id: str, *, limit: int, after: str | None
    ) -> Page[Delivery]: ...
    def due_deliveries(self, before: datetime, *, limit: int) -> tuple[Delivery, ...]: ...
    def held_deliveries(self, practice_id: str, *, limit: int) -> tuple[Delivery, ...]: ...
    def follow_up_documents(self, before: datetime, *, limit: int) -> tuple[Document, ...]:
        """Return documents whose `follow_up_at`, the time of their next check, has come.

        At this time, a step of the follow-up (a reminder or call) is due, or a verbal certification (by telephone)
        ends. The index may be out of date, so the caller checks each document's `follow_up_at` again."""

    def unsealed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]: ...
    def provider(self, provider_id: str) -> Provider | None: ...
    def providers(self, *, limit: int, after: str | None) -> Page[Provider]:
        """Return a page of all providers, in no particular order. `after` is the id of the last provider."""

    def practice(self, practice_id: str) -> Practice | None: ...

    def practices(self, ids: Sequence[str] | None = None) -> Iterable[Practice]:
        """Return the practices with these ids, in any order; without ids, all practices (admin function only)."""

    def secret(self, key: str) -> Secret | None: ...
    def request(self, practice_id: str, webhook_id: str) -> RequestRecord | None: ...
    def outbox(self, before: datetime, *, limit: int) -> tuple[OutboxRow, ...]: ...
    def drop_outbox(self, row_id: str) -> None: ...

    def documents(
        self, listing: Listing, owner: str, *, limit: int, after: str | None, before: datetime | None = None
    ) -> Page[Document]:
        """Return a page of the documents in a list of the practice or provider `owner`, in two calls of the database.

        `before` is for lists that are sorted by a time. Rows at or after `before` are left out."""

    def documents_by_id(self, ids: Sequence[str]) -> Sequence[Document]:
        """Return the documents with these ids, in their order, in one call. Missing documents are left out."""

    def moved_documents(self, day: date, shard: str, *, limit: int, after: str | None) -> Page[Document]:
        """Return a page of the documents of one shard (one part of four) whose last audit event was on this day (UTC).

        The daily job copies the last hashes of these documents' audit trails to the bucket with Object Lock."""

    def count(self, listing: Listing, owner: str, *, most: int) -> int:
        """Return the number of documents in one list of a practice or provider, whose id is `owner`, at most `most`."""

    def record_access(self, event: AccessEvent) -> None:
        """Store an access event (who read which part of a document), in one call. Raises `Unavailable`."""

    def access_events(self, document_id: str, *, limit: int, before: int | None) -> Page[AccessEvent]:
        """Return a page of the log of who read a document, newest first, in one call.

        With `before`, the page has only events whose `sort_key` is lower."""

    def oldest_access_events(self, document_id: str, *, limit: int) -> Sequence[AccessEvent]:
        """Return the first entries of the log of who read a document, oldest first, at most `limit`."""

    def received_fax(self, practice_id: str, sort_key: int) -> ReceivedFax | None:
        """Return the practice's received fax with this `sort_key`, or None."""

    def received_faxes(self, practice_id: str, *, limit: int, before: int | None) -> Page[ReceivedFax]:
        """Return a page of the practice's received faxes, newest first, in one call.

        With `before`, the page has only faxes whose `sort_key` is lower."""

    def account_events(self, provider_id: str, *, limit: int, before: int | None) -> Page[AccountEvent]:
        """Return a page of an account's events, such as logins, newest first, in two calls.

        With `before`, the page has only events whose `sort_key` is lower."""

    def waiting_webhooks(self, practice_id: str, *, limit: int, after: str | None) -> Page[Delivery]:
        """Return a page of the practice's webhooks that have failed and wait for another attempt, oldest first."""

    def waiting_messages(
        self, channel: Channel, practice_id: str, recipient: str, *, limit: int
    ) -> tuple[Delivery, ...]:
        """Return the practice's faxes that wait for this number, or the announcements that wait for this email address.

        The oldest come first. The caller checks their status again. `channel` is fax or email."""

    def untimed_documents(self, decided_before: datetime, *, limit: int) -> tuple[Document, ...]:
        """Return at most `limit` sealed documents that were decided before this time and still lack a timestamp.

        The timestamp authority (a service that certifies when a seal existed) failed while a document was sealed. The
        sweep, which runs every minute, queues a job that adds the timestamp."""

    def claims(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the owner's id by key, for keys of claims (rows that reserve a unique value), in one call.

        Keys without an owner are missing from the result."""

    def secrets(self, keys: Sequence[str]) -> Mapping[str, Secret]:
        """Return the secrets (rows of sessions, links, codes or counters) by key, in one call.

        Missing rows are left out. Expired rows are included, because DynamoDB deletes late."""

    def visit(self, session_key: str, provider_id: str | None, document_id: str | None) -> Visit:
        """Read what the access decision for a request needs, in one call: three rows. A missing row is None.

        `session_key` is the key of the row of a session, a link, or a code that the reader entered. The other rows are
        those of the provider and the document. For an id of None, the row is not read."""


EVIDENCE = "evidence/"
"""The prefix of objects in the bucket with Object Lock: originals, scans, sealed files, copies of audit-trail hashes.

Objects of earlier releases have other keys, and stay in the private bucket."""


class EvidenceExists(Exception):
    """Error for a write to the bucket with Object Lock if the key already has other bytes. A key is written once."""


class StoredFileCorrupt(Exception):
    """Error for a stored file whose bytes have changed, or for a sealed file with a fault.

    The portal never releases such a file. An engineer must look at the cause."""


class Files(Protocol):
    """Files in two buckets: keys that begin with `EVIDENCE` in the bucket with Object Lock, others in a private one.

    No key contains text that a stranger chose."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object under this key.

        An object whose key begins with `EVIDENCE`, such as a signed PDF, can never be replaced. For such a key, other
        bytes than the stored bytes raise `EvidenceExists`."""

    def get(self, key: str) -> bytes: ...
    def exists(self, key: str) -> bool: ...
    def ever_written(self, prefix: str) -> Sequence[str]:
        """Return the keys of all objects that were ever written with this prefix, even if they were deleted since.

        So a deletion cannot hide the copies of audit-trail hashes. Only the first 1,000 versions are searched."""

    def copy(self, source: str, target: str) -> None: ...
    def delete(self, key: str) -> None: ...

    def find(self, key: str) -> bytes | None:
        """Return the bytes of an object, or None if there is no such object."""

    def versions(self, key: str) -> Sequence[str]:
        """Return the ids of an object's versions, at most 1,000. Return nothing for a missing object."""

    def erase(self, key: str, versions: Sequence[str]) -> None:
        """Delete these versions of an object for good. Raises `Unavailable` if a version could not be deleted."""

    def older(self, prefix: str, before: datetime) -> Sequence[str]:
        """Return the keys with this prefix whose objects were stored before this time, among the first 1,000 keys."""

    def url(self, key: str, *, seconds: int, file_name: str | None = None, inline: bool = True) -> str:
        """Return a presigned URL for a GET request, valid for `seconds`. The method makes no call to AWS.

        `file_name` is the name under which a browser saves the file, and `inline` lets the browser display it."""

    def upload_form(
        self, key: str, *, max_bytes: int, seconds: int, redirect: str | None = None, content_type_prefix: str = ""
    ) -> tuple[str, Mapping[str, str]]:
        """Return a presigned POST request by which a browser uploads one file: its URL, and the form's other fields.

        After the upload, the bucket redirects the browser to the URL `redirect`, if given. The media type of the file
        must start with `content_type_prefix`."""

    def origin(self) -> str:
        """Return the scheme and host of presigned URLs, which the Content-Security-Policy header must allow."""


class Queues(Protocol):
    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        """Put every job on its queue, after `delay_seconds`. Raises `Unavailable` if a queue refuses a job."""


class Switches(Protocol):
    def electronic_signature(self, practice_id: str) -> bool:
        """Return True if the practice lets providers sign electronically. A change takes effect within 60 seconds."""

    def set_electronic_signature(self, practice_id: str, *, on: bool) -> None: ...

    def sign_without_account(self, practice_id: str) -> bool:
        """Return True if the practice lets a person sign who has no account and enters a code.

        The setting has no effect while Electronic Signature is off. A change takes effect within 60 seconds."""

    def set_sign_without_account(self, practice_id: str, *, on: bool) -> None: ...

    def second_factor(self, practice_ids: Collection[str]) -> bool:
        """Return True if one of the practices requires a second factor. A change takes effect within 60 seconds."""

    def set_second_factor(self, practice_id: str, *, on: bool) -> None: ...

    def follow_up(self, practice_id: str) -> FollowUpPlan:
        """Return the practice's settings for the follow-up of unsigned documents: the days, and whether emails and
        faxes go.

        A change takes effect within 60 seconds."""


class Inspector(Protocol):
    def inspect(
        self,
        key: str,
        kind: str,
        *,
        certificates: Sequence[str] = (),
        authorities: Sequence[str] = (),
        original: str | None = None,
    ) -> Mapping[str, Any]:
        """Return the facts that the `inspect` Lambda function found in an uploaded file, or the reason of its refusal.

        `key` is the file's S3 key, and `kind` is `pdf`, `scan` or `seal`. For a seal (a PDF to verify), `certificates`
        are the fingerprints of the portal's own certificates, and `authorities` those of the timestamp authorities. For
        a scan of a signed copy, `original` is the key of the document's original: a scan with the same pages is
        refused. The result is `{"pages": 3, …}` or `{"refused": {"code": "encrypted", "detail": "…"}}`."""


class PdfFunction(Protocol):
    """A Lambda function without AWS rights, which parses and draws PDFs and pictures (`services/pdf_function`)."""

    def run(self, request: object, result: type[T]) -> T:
        """Call the Lambda function with a request (a class of `services/pdf_requests.py`), and return its result.

        `result` is the class of the result. Raises `Unavailable` if the function returns no result. Raises
        `StoredFileCorrupt` if a file that the function read has another SHA-256 than the request says."""


class LinkedFiles(Protocol):
    """The files to which a request's presigned links lead, for the Lambda function without AWS rights."""

    def read(self, link: SourceLink) -> bytes:
        """Return the bytes of a file. Raises `Unavailable`, and `StoredFileCorrupt` if the SHA-256 differs."""

    def write(self, link: UploadLink, data: bytes, content_type: str, *, name: str = "") -> None:
        """Store an object. If the link is for many objects with one prefix, `name` is the rest of the object's key.

        Raises `Unavailable`."""


class Keys(Protocol):
    def session_key(self) -> bytes:
        """Return the key that signs session tokens. Keys are cached, so most calls make no call to AWS."""

    def known_session_keys(self) -> Sequence[bytes]:
        """Return the session keys whose signatures are valid, newest first: one key, or two keys after a rotation."""

    def find_session_key(self, kid: str) -> bytes | None:
        """Return the session key with this id, or None for an unknown id. A session's token names the id of its key.

        Unknown ids cause at most one AWS call a minute, because strangers can send any id."""


class SessionKeyRotation(Protocol):
    """Rotation of the key that signs sessions. The implementation may write the key, but not read it."""

    def rotated_at(self) -> datetime | None:
        """Return the creation time of the newest session key, or None if there is no key."""

    def rotate(self, key: str) -> None:
        """Store this key as the newest session key. The previous key stays valid, and all older keys become invalid."""


class SealKey(Protocol):
    """The private key with which the portal seals (digitally signs) PDFs. The key never leaves KMS."""

    def sign(self, digest: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature of a SHA-256 digest (32 bytes)."""

    def public_key(self) -> bytes:
        """Return the public key that verifies the portal's seals (digital signatures of PDFs), as SubjectPublicKeyInfo
        (DER)."""


class TimestampAuthority(Protocol):
    def request(self, query: bytes) -> bytes:
        """Send an RFC 3161 query (DER) for a timestamp, and return the reply (DER). Raises `OSError` for no reply."""


class Mailer(Protocol):
    def send(self, *, to: str, message: bytes) -> str:
        """Send a MIME message by SES. Return the id by which SES later reports whether the message arrived."""


@dataclass(frozen=True, kw_only=True)
class FaxOrder:
    """One fax for the fax carrier to send.

    `to` is the number, such as `+15125550100`. `pdf_url` is a presigned URL of the PDF. `client_state` identifies the
    attempt, and the carrier repeats it in every report about the fax."""

    to: str
    pdf_url: str
    client_state: str
    quality: FaxQuality


class FaxRefused(Exception):
    """Error for a fax that the fax carrier refused, and so did not send. `reason` is the carrier's error code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FaxUnknown(Exception):
    """Error for a fax that the fax carrier may or may not have accepted, because no response came."""


@dataclass(frozen=True, kw_only=True)
class IncomingFax:
    """A fax that came in to a number at the carrier. `to` and `sender` are E.164, and `url` leads to the file.

    `is_partial` is true if the call ended before the last page."""

    id: str
    at: datetime
    to: str
    sender: str | None
    url: str
    is_partial: bool


class FaxCarrier(Protocol):
    """The fax carrier: the service that sends faxes. It cannot recognize a fax that it gets twice."""

    def send(self, order: FaxOrder) -> str:
        """Send a fax, and return the carrier's id of the fax.

        Raises `FaxRefused` if the fax itself is at fault, `Unavailable` if the carrier takes no fax at the moment, and
        `FaxUnknown` if the fax may have been sent."""

    def report(self, fax_id: str) -> FaxReport | None:
        """Return the carrier's report on what became of a fax, or None for an unknown id. Raises `Unavailable`."""

    def find(self, to: str, client_state: str, since: datetime) -> FaxReport | None:
        """Look for a fax that the carrier may have accepted, and return the carrier's report on it, or None.

        The portal does not know the carrier's id of such a fax. So the fax is found by its number `to` and by its
        `client_state`, the portal's own mark of the fax (see `FaxOrder`). Only faxes after `since` are searched. Raises
        `Unavailable`."""

    def is_signed(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Return True if the carrier signed the body of a webhook within the last minutes."""

    def read_report(self, body: bytes) -> FaxReport | None:
        """Return the report in a webhook of the carrier, or None for a webhook about an incoming fax.

        Raises `Invalid` for a body that is not an event of the carrier."""

    def read_received(self, body: bytes) -> str | None:
        """Return the carrier's id of a fax that has come in, or None for every other webhook.

        Raises `Invalid` for a body that is not an event of the carrier."""

    def received(self, fax_id: str) -> IncomingFax:
        """Return a fax that has come in. Raises `Unavailable` if the carrier has no file of it now."""

    def download(self, fax: IncomingFax, max_bytes: int) -> bytes | None:
        """Return the file of a fax that has come in, or None if it has more than `max_bytes`.

        Raises `Unavailable` if the link does not work now, and `Unprocessable` for a link to another service."""


class Notifier(Protocol):
    def publish(self, *, practice_id: str, kind: str, subject: str, text: str) -> None:
        """Publish a notice to a practice's staff on the SNS topic. Subscribers filter by the attribute `practice`."""


@dataclass(frozen=True)
class HttpResult:
    """The response to a webhook: its HTTP status and its `Retry-After` in seconds, or `error` if no response came."""

    status: int | None
    retry_after: int | None = None
    error: str | None = None


class WebhookSender(Protocol):
    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        """Send one POST request to a public HTTPS address, without redirects and within 15 seconds in total.

        Return the status of the response, or the error. A failure raises nothing."""
