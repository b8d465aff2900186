"""The PDF of a `document.sent` event: fetch the PDF, have it inspected, and store it as the document's original.

The PDF is untrusted until the `inspect` function has accepted it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chalicelib.domain.documents import StoredPdf
from chalicelib.domain.errors import FieldError, Unprocessable, UnprocessableCode
from chalicelib.pdf import models
from chalicelib.services.ports import EVIDENCE, Files, Inspector

MAX_UPLOAD_BYTES, MAX_PAGES = models.MAX_BYTES, models.MAX_PAGES
STAGING_PREFIX = "intake/"

FONT_MISSING = "font-missing"
"""The code of the warning that text of a PDF cannot be shown to the provider, because its font is not in the PDF."""

_PDF = "application/pdf"
_MAX_NAMED = 5
_MISSING_FONT = "It may look different or be missing on the provider's screen. Embed all fonts, and send a new version."


@dataclass(frozen=True, kw_only=True)
class PdfSource:
    """Where the PDF of a `document.sent` event is: its bytes, or the id of an earlier upload.

    `sha256` (lower-case hex) is the hash that the EMR stated, if any."""

    data: bytes | None = None
    upload_id: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class InspectedPdf:
    """A stored PDF that can be signed, with the names of its active content, such as JavaScript.

    `undrawn_pages` are the numbers of the pages with a font that is not in the PDF and cannot be drawn."""

    pdf: StoredPdf
    active_content: tuple[str, ...]
    undrawn_pages: tuple[int, ...] = ()

    @property
    def warnings(self) -> Mapping[str, str]:
        """The warnings for the EMR: a sentence for a person, by the code of the warning."""
        if not self.undrawn_pages:
            return {}
        named = ", ".join(map(str, self.undrawn_pages[:_MAX_NAMED]))
        more = " and others" if len(self.undrawn_pages) > _MAX_NAMED else ""
        where = f"page {named}" if len(self.undrawn_pages) == 1 else f"pages {named}{more}"
        return {FONT_MISSING: f"The PDF does not contain the font of some text on {where}. {_MISSING_FONT}"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def upload_key(practice_id: str, upload_id: str) -> str:
    """Return the S3 key of a practice's upload. The key contains the practice, so no other practice can read it."""
    return f"uploads/{practice_id}/{upload_id}"


def original_key(practice_id: str, document_id: str) -> str:
    """Return the S3 key of a document's original PDF. No two documents share a file."""
    return EVIDENCE + former_original_key(practice_id, document_id)


def former_original_key(practice_id: str, document_id: str) -> str:
    """Return the S3 key of a document's original PDF in releases before there was a bucket with Object Lock."""
    return f"originals/{practice_id}/{document_id}.pdf"


@dataclass
class IncomingPdf:
    """The PDF of one `document.sent` event. The PDF is read, inspected and stored at most once.

    If the intake must decide again after a conflict, it uses the same object and does not repeat this work. `validate`
    may raise an error to refuse a PDF that `inspect` accepted. It runs before the original is stored."""

    practice_id: str
    document_id: str
    source: PdfSource
    validate: Callable[[StoredPdf], None]
    files: Files
    inspector: Inspector
    _data: bytes | None = field(default=None, init=False)
    _inspected: InspectedPdf | None = field(default=None, init=False)

    @property
    def staging_key(self) -> str:
        """Return the S3 key of the temporary copy, which exists until the document is stored (see `orphan_cleanup`)."""
        return f"{STAGING_PREFIX}{self.practice_id}/{self.document_id}"

    def read(self) -> bytes:
        """Return the bytes of the PDF. Raises `Unprocessable` for a missing upload or another SHA-256."""
        if self._data is None:
            data = self._fetch_upload() if self.source.data is None else self.source.data
            if self.source.sha256 is not None and self.source.sha256 != sha256(data):
                self._delete_upload()
                raise _refuse(
                    UnprocessableCode.HASH_MISMATCH, "The PDF that arrived does not have that SHA-256.", "sha256"
                )
            self._data = data
        return self._data

    def inspect_and_store(self) -> InspectedPdf:
        """Inspect the PDF, store it as an original and return its facts. Raises `Unprocessable` for a refused PDF.

        The portal inspects and stores its own staged (temporary) copy, because the sender could still replace the
        upload. A refused upload is deleted. The staged copy remains until the document is stored, and marks the
        original of an intake that crashed."""
        if self._inspected is None:
            self.files.put(self.staging_key, self.read(), _PDF)
            try:
                inspected = self._inspect()
            except BaseException:
                self.files.delete(self.staging_key)
                raise
            self.files.put(inspected.pdf.key, self.read(), _PDF)
            self._inspected = inspected
        return self._inspected

    def discard_staging(self, stored_document_id: str) -> None:
        """Delete the staged (temporary) copy of this PDF, if the document `stored_document_id` was stored with the PDF.

        If the event only repeated an earlier document, the staged copy remains. The orphan cleanup then deletes this
        copy and its original, which no document needs."""
        if self._inspected is not None and stored_document_id == self.document_id:
            self.files.delete(self.staging_key)

    def _fetch_upload(self) -> bytes:
        key = upload_key(self.practice_id, self.source.upload_id or "")
        if not self.files.exists(key):
            raise _refuse(
                UnprocessableCode.UPLOAD_NOT_FOUND,
                "There is no such upload. An upload is available for a day. Call POST /v1/uploads, send the "
                "file there, then send its upload_id.",
                "upload_id",
            )
        return self.files.get(key)

    def _delete_upload(self) -> None:
        if self.source.upload_id is not None:
            self.files.delete(upload_key(self.practice_id, self.source.upload_id))

    def _inspect(self) -> InspectedPdf:
        result = self.inspector.inspect(self.staging_key, "pdf")
        refusal = result.get("refused")
        if refusal:
            self._delete_upload()
            name = "base64" if self.source.data is not None else "upload_id"
            raise _refuse(UnprocessableCode(refusal["code"].replace("_", "-")), refusal["detail"], name)
        key, digest = original_key(self.practice_id, self.document_id), self.source.sha256 or sha256(self.read())
        sizes = tuple((float(width), float(height)) for width, height in result.get("page_sizes", ()))
        pdf = StoredPdf(key=key, sha256=digest, pages=result["pages"], page_sizes=sizes)
        self.validate(pdf)
        return InspectedPdf(
            pdf=pdf,
            active_content=tuple(result.get("active_content", ())),
            undrawn_pages=tuple(result.get("undrawn_pages", ())),
        )


def _refuse(code: UnprocessableCode, detail: str, name: str) -> Unprocessable:
    return Unprocessable(detail, code=code, errors=(FieldError(f"data.content.{name}", detail),))
