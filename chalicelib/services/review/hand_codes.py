"""Codes that open one document without an account: six digits by email, or eight characters on a fax.

A code's row belongs to its document. The limits on guesses never lock anyone out: a few wrong tries
invalidate an emailed code, and the portal emails only so many codes. For the longer codes on faxes, a growing
wait between wrong tries is enough.
"""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import CODE_LIFETIME, Secret, SecretKind, new_secret, secret_key
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Ids, Store
from chalicelib.services.throttling import Backoff, Quota
from chalicelib.services.transaction import Change

FAX_CODE_LIFETIME = timedelta(days=30)
FAX_CODE_LENGTH = 8
FAX_ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
"""Characters that stay readable on a bad fax. B and 8, I, L and 1, O and 0, S and 5, Z and 2 look alike."""

TRIES_PER_CODE = 5
FAX_GUESSES = Backoff(name="fax-code", free_attempts=10, max_wait=timedelta(seconds=30), lifetime=timedelta(hours=1))
"""The limit on wrong fax codes of a document: about 90,000 guesses at 150,000,000,000 codes in 30 days."""

CODES_PER_HOUR = Quota(kind=SecretKind.CODE, limit=5, period=timedelta(hours=1), min_interval=timedelta(minutes=1))
CODES_PER_DAY = Quota(kind=SecretKind.CODE, limit=20, period=timedelta(hours=24))


@dataclass(frozen=True, kw_only=True)
class CodeEntry:
    """A typed code with the rows that decide whether it opens the document. A missing row is None.

    `wrong` counts the wrong fax codes of the document.
    """

    typed: str
    document: Document | None
    code: Secret | None
    wrong: Secret | None

    def is_right(self, now: datetime) -> bool:
        """Return True if the code opens the document now."""
        code, document = self.code, self.document
        if code is None or document is None or code.link is None:
            return False
        digest = _digest(document.id, self.typed)
        return is_usable(code, document, now) and hmac.compare_digest(code.link, digest)


def read_code_entry(store: Store, document_id: str, typed: str) -> CodeEntry:
    """Return the typed code with its rows, which are read concurrently."""
    typed = normalize_code(typed)
    document, (code, wrong) = run_concurrently(
        lambda: store.document(document_id),
        lambda: run_concurrently(
            lambda: store.secret(secret_key(*_kind_and_token(document_id, typed))),
            lambda: store.secret(FAX_GUESSES.key(document_id)) if is_fax_code(typed) else None,
        ),
    )
    return CodeEntry(typed=typed, document=document, code=code, wrong=wrong)


def is_usable(code: Secret, document: Document, now: datetime) -> bool:
    """Return True unless the code is expired, has had too many wrong tries, or precedes a correction."""
    return code.is_live(now) and code.tries < TRIES_PER_CODE and code.access == document.access


def create_code(store: Store, document: Document, delivery: Delivery, now: datetime, ids: Ids) -> str:
    """Store and return six digits for the email of this delivery, valid for `CODE_LIFETIME`.

    The new code invalidates every code emailed earlier for the document.
    """
    code = ids.code()
    row = replace(_code_row(document, code, delivery, now, CODE_LIFETIME), email=delivery.recipient)

    def step() -> None:
        earlier = store.secret(row.key)
        version = earlier.version + 1 if earlier else 1
        store.commit(Change(at=now, secrets=(replace(row, version=version),)))

    retry_on_conflict(step, retry_on=frozenset({"secret"}))
    return code


def create_fax_code(store: Store, document: Document, delivery: Delivery, now: datetime, ids: Ids) -> str:
    """Store a code for the cover page of this delivery, and return it as `ABCD-EFGH`.

    The code is valid for `FAX_CODE_LIFETIME`. Codes of earlier faxes stay valid until the document's address
    is corrected, because a fax that seemed to fail may have arrived.
    """
    number = int.from_bytes(hashlib.sha256(ids.token().encode()).digest(), "big")
    code = ""
    for _ in range(FAX_CODE_LENGTH):
        number, index = divmod(number, len(FAX_ALPHABET))
        code += FAX_ALPHABET[index]
    store.commit(Change(at=now, secrets=(_code_row(document, code, delivery, now, FAX_CODE_LIFETIME),)))
    return f"{code[:4]}-{code[4:]}"


def normalize_code(typed: str) -> str:
    """Return the capitals and digits of a typed code, at most 20. Blanks and dashes do not count."""
    return "".join(c for c in typed.upper() if c.isascii() and c.isalnum())[:20]


def is_fax_code(code: str) -> bool:
    """Return True if a normalized code has the length of the codes on faxes."""
    return len(code) == FAX_CODE_LENGTH


def _code_row(document: Document, code: str, delivery: Delivery, now: datetime, lifetime: timedelta) -> Secret:
    link = _digest(document.id, code)
    kind, token = _kind_and_token(document.id, code)
    return new_secret(kind, token, now, lifetime, document_id=document.id, link=link, access=delivery.access)


def _kind_and_token(document_id: str, code: str) -> tuple[SecretKind, str]:
    # Emailed codes of a document share one row, so that only the newest works. Each fax code has its own row.
    if is_fax_code(code):
        return SecretKind.FAX_CODE, f"{document_id}:{code}"
    return SecretKind.CODE, f"newest:{document_id}"


def _digest(document_id: str, code: str) -> str:
    return secret_key(SecretKind.CODE, f"{document_id}:{code}")
