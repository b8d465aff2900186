"""The PDF of a document on its way in: strangers' bytes until `inspect` has said yes, then an original."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chalicelib.domain.documents import StoredPdf
from chalicelib.domain.errors import FieldError, Unprocessable, UnprocessableCode
from chalicelib.services.ports import Files, Inspector

MAX_UPLOAD_BYTES = 25 * 1024 * 1024
STAGED = "intake/"

_PDF = "application/pdf"


@dataclass(frozen=True, kw_only=True)
class PdfSource:
    """What an event says of its PDF: the bytes themselves, or the upload they are in.

    `sha256` (lower-case hex), when given, is what these bytes must have.
    """

    data: bytes | None = None
    upload_id: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class InspectedPdf:
    """A PDF that can be signed, in its place, and the active content that was found in it."""

    pdf: StoredPdf
    active_content: tuple[str, ...]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def upload_key(practice_id: str, upload_id: str) -> str:
    """Where a practice's upload lies. The practice is the caller's, so another's upload is never found."""
    return f"uploads/{practice_id}/{upload_id}"


def staged_key(practice_id: str, document_id: str) -> str:
    """Where a PDF lies from its inspection until its document is stored (`services/leftovers.py`)."""
    return f"{STAGED}{practice_id}/{document_id}"


def original_key(practice_id: str, document_id: str) -> str:
    """A place of its own for each document, so that no other depends on what becomes of it."""
    return f"originals/{practice_id}/{document_id}.pdf"


class IncomingPdf:
    """The PDF of one event: read, inspected and kept at most once, however often its intake decides again.

    `fits` may refuse what `inspect` let through, before anything is kept.
    """

    def __init__(
        self,
        practice_id: str,
        document_id: str,
        content: PdfSource,
        fits: Callable[[StoredPdf], None],
        *,
        files: Files,
        inspector: Inspector,
    ) -> None:
        self.document_id = document_id
        self._practice_id = practice_id
        self._content = content
        self._fits = fits
        self._files = files
        self._inspector = inspector
        self._is_kept = False

    @cached_property
    def data(self) -> bytes:
        """The bytes; `Unprocessable` when there is no such upload, or it is not what the EMR hashed."""
        data = self._uploaded() if self._content.data is None else self._content.data
        given = self._content.sha256
        if given is not None and given != sha256(data):
            self._delete_upload()
            raise _refused(
                UnprocessableCode.HASH_MISMATCH, "The PDF that arrived does not have that SHA-256.", "sha256"
            )
        return data

    def _uploaded(self) -> bytes:
        key = upload_key(self._practice_id, self._content.upload_id or "")
        if not self._files.exists(key):
            raise _refused(
                UnprocessableCode.UPLOAD_NOT_FOUND,
                "There is no such upload. Uploads are kept for a day: POST /v1/uploads, send the file there, "
                "then name its upload_id.",
                "upload_id",
            )
        return self._files.get(key)

    def _delete_upload(self) -> None:
        if self._content.upload_id is not None:
            self._files.delete(upload_key(self._practice_id, self._content.upload_id))

    @cached_property
    def original(self) -> InspectedPdf:
        """Has the bytes inspected and puts them among the originals; `Unprocessable` says what is wrong.

        Inspected and copied is a copy of our own, since its sender could still replace an upload. A refused
        upload is deleted. The copy stays until the document is stored: it marks what a crash left.
        """
        self._files.put(self._staged, self.data, _PDF)
        try:
            found = self._inspected()
        except BaseException:
            self._files.delete(self._staged)
            raise
        self._is_kept = True
        self._files.copy(self._staged, found.pdf.key)
        return found

    def settle(self, document_id: str) -> None:
        """Ends it once the event is answered with that document.

        If another try of the event was quicker, nothing names what was kept here. The mark stays, and the
        sweep removes both: this function may not remove originals.
        """
        if self._is_kept and document_id == self.document_id:
            self._files.delete(self._staged)

    @property
    def _staged(self) -> str:
        return staged_key(self._practice_id, self.document_id)

    def _inspected(self) -> InspectedPdf:
        answer = self._inspector.inspect(self._staged, "pdf")
        refused = answer.get("refused")
        if refused:
            self._delete_upload()
            raise _unusable(refused, self._content)
        key = original_key(self._practice_id, self.document_id)
        found = _original(key, self._content.sha256 or sha256(self.data), answer)
        self._fits(found.pdf)
        return found


def _original(key: str, digest: str, answer: Mapping[str, Any]) -> InspectedPdf:
    sizes = tuple((float(width), float(height)) for width, height in answer.get("page_sizes", ()))
    pdf = StoredPdf(key=key, sha256=digest, pages=answer["pages"], page_sizes=sizes)
    return InspectedPdf(pdf=pdf, active_content=tuple(answer.get("active_content", ())))


def _unusable(refused: Mapping[str, str], content: PdfSource) -> Unprocessable:
    return _refused(
        UnprocessableCode(refused["code"].replace("_", "-")),
        refused["detail"],
        "base64" if content.data is not None else "upload_id",
    )


def _refused(code: UnprocessableCode, detail: str, field: str) -> Unprocessable:
    return Unprocessable(detail, code=code, errors=(FieldError(f"data.content.{field}", detail),))
