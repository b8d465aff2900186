"""Codes that open one document without an account: six digits by email, or twelve characters on a fax.

The code on a fax also finds its document by itself (`fax_documents`). The covers of earlier releases have codes of
eight characters, which work on the page of their document only.

Wrong tries are counted per source (the client's network), so one reader's wrong codes do not stop another reader. After
a few wrong tries, a source needs a new emailed code. After many wrong tries from several sources, the code is invalid
for everybody. For the longer codes on faxes, a growing wait between the wrong tries of a source is enough."""

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
FAX_CODE_LENGTH = 12
FORMER_FAX_CODE_LENGTH = 8
FAX_ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
"""Characters that stay readable on a bad fax. B and 8, I, L and 1, O and 0, S and 5, Z and 2 look alike."""

TRIES_PER_SOURCE = 5
TRIES_PER_CODE = 50
"""The limits on wrong tries of an emailed code. One source's wrong tries do not stop another source."""

FAX_GUESSES = Backoff(name="fax-code", free_attempts=10, max_wait=timedelta(seconds=30), lifetime=timedelta(hours=1))
"""The limit on a source's wrong fax codes of one document: about 90,000 guesses in 30 days.

There are 60,000,000,000,000,000 codes, and 150,000,000,000 of the former length.
"""

CODES_PER_HOUR = Quota(kind=SecretKind.CODE, limit=5, period=timedelta(hours=1), min_interval=timedelta(minutes=1))
CODES_PER_DAY = Quota(kind=SecretKind.CODE, limit=20, period=timedelta(hours=24))


@dataclass(frozen=True, kw_only=True)
class CodeEntry:
    """A typed code, with the stored rows that decide whether the code opens the document. A missing row is None.

    `code` is the row of the stored code. `source` is the client's network, and `wrong` is the row that counts the wrong
    codes which this source has entered for this document. For an emailed code, the count is valid only for the code
    whose digest is in `wrong.link`, and starts again with the next emailed code."""

    typed: str
    source: str
    document: Document | None
    code: Secret | None
    wrong: Secret | None

    def is_blocked(self, now: datetime) -> bool:
        """Return True if this source (the client's network) entered too many wrong codes and must not try again now."""
        if is_fax_code(self.typed):
            return FAX_GUESSES.wait_left(self.wrong, now) > timedelta()
        return self._tries >= TRIES_PER_SOURCE

    @property
    def _tries(self) -> int:
        is_same_code = self.wrong is not None and self.code is not None and self.wrong.link == self.code.link
        return self.wrong.tries if self.wrong is not None and is_same_code else 0

    def count_wrong(self, document: Document, now: datetime) -> tuple[Secret, ...]:
        """Count the wrong code against its source and, for an emailed code, against the code. Return the rows to store.

        The result is empty for a code of six digits if no emailed code is valid, because there is nothing to guess."""
        code, wrong = self.code, self.wrong
        if is_fax_code(self.typed):
            return (FAX_GUESSES.add_attempt(wrong, f"{document.id}:{self.source}", now),)
        if code is None or not is_usable(code, document, now):
            return ()
        token, tries = _guesses_token(document.id, self.source), self._tries + 1
        row = new_secret(SecretKind.THROTTLE, token, now, CODE_LIFETIME, tries=tries, link=code.link)
        of_source = replace(row, version=wrong.version + 1 if wrong else 1)
        return (replace(code, version=code.version + 1, tries=code.tries + 1), of_source)

    def is_right(self, now: datetime) -> bool:
        """Return True if the typed code opens the document now."""
        code, document = self.code, self.document
        if code is None or document is None or code.link is None:
            return False
        digest = _digest(document.id, self.typed)
        return is_usable(code, document, now) and hmac.compare_digest(code.link, digest)


def read_code_entry(store: Store, document_id: str, typed: str, source: str) -> CodeEntry:
    """Return the typed code with the stored rows that decide whether the code opens the document."""
    typed = normalize_code(typed)
    guesses = secret_key(SecretKind.THROTTLE, _guesses_token(document_id, source))
    counter = FAX_GUESSES.key(f"{document_id}:{source}") if is_fax_code(typed) else guesses
    document, (code, wrong) = run_concurrently(
        lambda: store.document(document_id),
        lambda: run_concurrently(
            lambda: store.secret(secret_key(*_kind_and_token(document_id, typed))), lambda: store.secret(counter)
        ),
    )
    return CodeEntry(typed=typed, source=source, document=document, code=code, wrong=wrong)


def _guesses_token(document_id: str, source: str) -> str:
    return f"code-guesses:{document_id}:{source}"


def is_usable(code: Secret, document: Document, now: datetime) -> bool:
    """Return True if the code still works: not expired, not tried too often, and no new address or recall since."""
    return code.is_live(now) and code.tries < TRIES_PER_CODE and code.access == document.access


def create_code(store: Store, document: Document, delivery: Delivery, now: datetime, ids: Ids) -> str:
    """Store and return a code of six digits for the email of this delivery, valid for `CODE_LIFETIME`.

    The new code invalidates every code emailed earlier for the document."""
    code = ids.code()
    row = replace(_code_row(document, code, delivery, now, CODE_LIFETIME), email=delivery.recipient)

    def step() -> None:
        earlier = store.secret(row.key)
        version = earlier.version + 1 if earlier else 1
        store.commit(Change(at=now, secrets=(replace(row, version=version),)))

    retry_on_conflict(step, retry_on=frozenset({"secret"}))
    return code


def create_fax_code(store: Store, document: Document, delivery: Delivery, now: datetime, ids: Ids) -> str:
    """Store a code for the cover page of this delivery, and return it as `ABCD-EFGH-JKMN`.

    The code is valid for `FAX_CODE_LIFETIME`. Codes of earlier faxes stay valid until the document's address
    is corrected, because a fax that seemed to fail may have arrived."""
    number = int.from_bytes(hashlib.sha256(ids.token().encode()).digest(), "big")
    code = ""
    for _ in range(FAX_CODE_LENGTH):
        number, index = divmod(number, len(FAX_ALPHABET))
        code += FAX_ALPHABET[index]
    store.commit(Change(at=now, secrets=(_code_row(document, code, delivery, now, FAX_CODE_LIFETIME),)))
    return "-".join(code[start : start + 4] for start in range(0, FAX_CODE_LENGTH, 4))


def reuse_fax_code(
    store: Store, document: Document, delivery: Delivery, now: datetime, ids: Ids, *, original: bytes
) -> str:
    """Return the code for the cover page of this fax: the code of the document's last fax, or a new code.

    A code that is still valid is used again, so that all faxes of a document have one code. It is then valid for
    `FAX_CODE_LIFETIME` from now on. To be read again, the code is stored encrypted. The key comes from the bytes of the
    document's original, which are not in the database."""
    token = f"last-of:{document.id}"

    def step() -> str:
        last = store.secret(secret_key(SecretKind.FAX_CODE, token))
        if last is not None and last.link is not None:
            code = _mask(bytes.fromhex(last.link), last.created_at, original).decode("latin-1")
            row = store.secret(fax_code_key(normalize_code(code)))
            if row is not None and is_usable(row, document, now):
                store.commit(Change(at=now, secrets=(_renew(last, now), _renew(row, now))))
                return code
        code = create_fax_code(store, document, delivery, now, ids)
        masked = _mask(code.encode(), now, original).hex()
        fresh = new_secret(SecretKind.FAX_CODE, token, now, FAX_CODE_LIFETIME, link=masked)
        store.commit(Change(at=now, secrets=(replace(fresh, version=last.version + 1 if last else 1),)))
        return code

    return retry_on_conflict(step, retry_on=frozenset({"secret"}))


def _renew(row: Secret, now: datetime) -> Secret:
    return replace(row, version=row.version + 1, expires_at=now + FAX_CODE_LIFETIME)


def _mask(code: bytes, at: datetime, original: bytes) -> bytes:
    """Return the code of a fax encrypted, or an encrypted code decrypted, by the same operation (XOR).

    The key comes from the time `at` and the bytes of the document's original."""
    key = hashlib.sha256(at.isoformat().encode() + original).digest()
    return bytes(a ^ b for a, b in zip(code, key, strict=False))


def fax_code_key(code: str) -> str:
    """Return the store's key for a normalized code on a fax. The code alone is enough to find its document."""
    return secret_key(SecretKind.FAX_CODE, code)


def normalize_code(typed: str) -> str:
    """Return the capital letters and digits of a typed code, at most 20. Blanks and dashes are removed."""
    return "".join(c for c in typed.upper() if c.isascii() and c.isalnum())[:20]


def is_fax_code(code: str) -> bool:
    """Return True if a normalized code is as long as a code on a fax, and so is not an emailed code."""
    return len(code) in (FAX_CODE_LENGTH, FORMER_FAX_CODE_LENGTH)


def _code_row(document: Document, code: str, delivery: Delivery, now: datetime, lifetime: timedelta) -> Secret:
    link = _digest(document.id, code)
    kind, token = _kind_and_token(document.id, code)
    return new_secret(kind, token, now, lifetime, document_id=document.id, link=link, access=delivery.access)


def _kind_and_token(document_id: str, code: str) -> tuple[SecretKind, str]:
    # Emailed codes of a document share one row, so that only the newest works. Each fax code has its own row.
    if len(code) == FAX_CODE_LENGTH:
        return SecretKind.FAX_CODE, code
    if len(code) == FORMER_FAX_CODE_LENGTH:
        return SecretKind.FAX_CODE, f"{document_id}:{code}"
    return SecretKind.CODE, f"newest:{document_id}"


def _digest(document_id: str, code: str) -> str:
    return secret_key(SecretKind.CODE, f"{document_id}:{code}")
