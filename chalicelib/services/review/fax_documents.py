"""Documents that are found by the code on a fax's cover page alone, on the page `/fax` (DESIGN 2a, rule (c)).

A guessed code could open any document, so the wrong codes of all sources together are limited too. The web layer limits
each source (`web/http/credential_throttle.py`)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import Channel
from chalicelib.domain.documents import Document, Grant, GrantKind
from chalicelib.domain.errors import FieldError, Invalid, TooManyRequests
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import is_readable
from chalicelib.domain.visibility import names_owner, opens_to
from chalicelib.pdf.fax_pages import read_cover_code, read_page_name
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.closed_numbers import check_fax_code
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.identity import code_data
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.review.by_hand import ByHand, CodeVisitor
from chalicelib.services.review.hand_codes import CodeEntry, fax_code_key, normalize_code
from chalicelib.services.throttling import Quota
from chalicelib.services.transaction import Change

WRONG_CODES = Quota(kind=SecretKind.THROTTLE, limit=1_000, period=timedelta(hours=1))
"""The limit on wrong codes of all visitors together, and of all accounts together.

With 100,000 valid codes, a year of guesses at this rate finds one with a probability of 1 in 70,000.
"""

VISITORS, _ACCOUNTS = "visitors", "accounts"
_RETRY_ON = frozenset({"document", "provider", "secret"})
_WRONG_CODE = FieldError(
    "code", "That code did not open a document. Check it and try again, or call the clinic at the number on the fax."
)
_BUSY = "Too many wrong codes are being entered. Scan the QR code on the fax's cover page, or try again later."


class Addition(Enum):
    """The result of entering a fax's code in an account: the document was added to the account, or why not."""

    ADDED = auto()
    ALREADY_LISTED = auto()
    NAMES_OTHER_PERSON = auto()
    IN_OTHER_ACCOUNT = auto()


@dataclass(frozen=True, kw_only=True)
class FaxedDocument:
    """The document whose fax code a logged-in provider entered, and whether it was added to the provider's account."""

    document: Document
    addition: Addition


class FaxDocuments:
    """Service for the page `/fax`, on which a person enters the code of a fax and gets the fax's document."""

    def __init__(self, writer: DocumentWriter, by_hand: ByHand) -> None:
        self._writer = writer
        self._store = writer.store
        self._by_hand = by_hand

    def open(self, typed: str, visitor: CodeVisitor) -> tuple[str, str]:
        """Return the id of the code's document, and a token that opens the document for an hour.

        Raises the same `Invalid` for an unknown, an expired and a recalled code, another `Invalid` if the fax number
        was reported as wrong, and `TooManyRequests` if too many wrong codes were entered by all visitors."""

        def step() -> tuple[str, str]:
            document, entry = self.find(typed, VISITORS, visitor.now)
            return document.id, self._by_hand.start_visit(document, entry, visitor)

        return retry_on_conflict(step, retry_on=_RETRY_ON)

    def add(self, typed: str, provider: Provider, actor: Actor, now: datetime) -> FaxedDocument:
        """Add the code's document to the lists of this provider's account, if the document names the account's owner.

        A document in the lists of another account stays there. A document that is already in the provider's lists does
        not change. Raises the same errors as `open`."""

        def step() -> FaxedDocument:
            document, _ = self.find(typed, _ACCOUNTS, now)
            check_fax_code(self._store, document)
            latest, holder = run_concurrently(
                lambda: self._store.provider(provider.id), lambda: self._store.provider(document.provider_id)
            )
            latest = latest or provider
            addition = _judge(latest, document, holder)
            if addition is Addition.ADDED:
                document = self._grant(document, latest, actor, now)
            return FaxedDocument(document=document, addition=addition)

        return retry_on_conflict(step, retry_on=_RETRY_ON)

    def find(self, typed: str, group: str, now: datetime) -> tuple[Document, CodeEntry]:
        """Return the document that a typed code opens, and the code's row. Every wrong code raises the same `Invalid`.

        `group` says who entered the code: a person without an account, or a logged-in provider. The wrong codes of all
        people in a group are counted together, and too many of these raise `TooManyRequests`."""
        code = normalize_code(typed)
        key, count_key = fax_code_key(code), secret_key(SecretKind.THROTTLE, f"fax-page:{group}")
        rows = self._store.secrets([key, count_key])
        wrong = WRONG_CODES.count_use(rows.get(count_key), count_key, now)
        if wrong is None:
            raise TooManyRequests(_BUSY, retry_after=900)
        row = rows.get(key)
        document = self._store.document((row.document_id if row else None) or "none")
        entry = CodeEntry(typed=code, source="", document=document, code=row, wrong=None)
        if document is None or not is_readable(document.status) or not entry.is_right(now):
            self._store.commit(Change(at=now, secrets=(wrong,)))
            raise Invalid("The code is wrong or has expired.", errors=[_WRONG_CODE])
        return document, entry

    def _grant(self, document: Document, provider: Provider, actor: Actor, now: datetime) -> Document:
        grant = Grant(kind=GrantKind.FAX_CODE, provider_id=provider.id, email=provider.email)
        granted = replace(document, provider_id=provider.id, granted=grant)
        recorder = self._writer.recorder(granted, self._writer.practice_of(document), actor, now)
        facts = {"channel": Channel.FAX.value, **code_data(document, None)}
        recorder.event(DocumentEventType.ADDED, {**facts, "from": document.provider_id, "to": provider.id})
        practices = tuple(sorted({*provider.practices, document.practice_id}))
        changed = replace(provider, version=provider.version + 1, practices=practices)
        return self._writer.commit(recorder, providers=() if practices == provider.practices else (changed,))


def find_scanned_document(name: str) -> tuple[str, str] | None:
    """Return the document's id and the code in the last part of the link in a faxed page's QR code.

    The code is empty unless the page is a cover. Return None for other text. The document may not exist. Nothing is
    looked up."""
    page = read_page_name(name)
    return (page.document_id, read_cover_code(name) or "") if page else None


def _judge(provider: Provider, document: Document, holder: Provider | None) -> Addition:
    """Decide whether the document is added to the account of the provider, who entered the code of its fax.

    `holder` is the provider to whom the document is assigned now. The document stays there if that account may open it.
    The document must also name the owner of the account to which it is added."""
    if opens_to(provider, document):
        return Addition.ALREADY_LISTED
    if not names_owner(provider, document):
        return Addition.NAMES_OTHER_PERSON
    is_held = holder is not None and opens_to(holder, document)
    return Addition.IN_OTHER_ACCOUNT if is_held else Addition.ADDED
