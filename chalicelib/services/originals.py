"""The PDF of a document on its way in: strangers' bytes until `inspect` has said yes, then an original."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.documents import StoredPdf
from chalicelib.domain.errors import FieldError, Unprocessable
from chalicelib.services.ports import Files, Ids, Inspector

MAX_UPLOAD_BYTES = 25 * 1024 * 1024

_PDF = "application/pdf"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What an event says of its PDF: the bytes themselves, or the upload they are in.

    `sha256` (hex), when given, is what an upload's bytes must have.
    """

    data: bytes | None = None
    upload_id: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Original:
    """A PDF that can be signed, in its place, and the active content that was found in it."""

    pdf: StoredPdf
    active_content: tuple[str, ...]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def upload_key(practice_id: str, upload_id: str) -> str:
    """Where a practice's upload lies. The practice is the caller's, so another's upload is never found."""
    return f"uploads/{practice_id}/{upload_id}"


class Originals:
    def __init__(self, *, files: Files, inspector: Inspector, ids: Ids) -> None:
        self._files = files
        self._inspector = inspector
        self._ids = ids

    def read(self, practice_id: str, content: Content) -> bytes:
        """The bytes; `Unprocessable` when there is no such upload, or it is not what the EMR hashed."""
        if content.data is not None:
            return content.data
        key = upload_key(practice_id, content.upload_id or "")
        if not self._files.exists(key):
            raise _refused(
                "upload-not-found",
                "There is no such upload. Uploads are kept for a day: POST /v1/uploads, send the file there, "
                "then name its upload_id.",
                "upload_id",
            )
        data = self._files.get(key)
        if content.sha256 not in (None, sha256(data)):
            self._files.delete(key)
            raise _refused("hash-mismatch", "The uploaded file does not have that SHA-256.", "sha256")
        return data

    def keep(
        self, practice_id: str, content: Content, data: bytes, fits: Callable[[StoredPdf], None]
    ) -> Original:
        """Has the bytes inspected and puts them among the originals; `Unprocessable` says what is wrong.

        Inspected and copied is a copy of our own, since its sender could still replace an upload. A refused
        upload is deleted. `fits` may refuse too, before anything is kept.
        """
        digest = sha256(data)
        with self._held_for_inspection(data) as key:
            answer = self._inspector.inspect(key, "pdf")
            refused = answer.get("refused")
            if refused:
                self._forget(practice_id, content)
                raise _unusable(refused, content)
            original = _original(f"originals/{practice_id}/{digest}.pdf", digest, answer)
            fits(original.pdf)
            self._files.copy(key, original.pdf.key)
        return original

    @contextmanager
    def _held_for_inspection(self, data: bytes) -> Iterator[str]:
        key = f"uploads/intake/{self._ids.new('upl')}"
        self._files.put(key, data, _PDF)
        try:
            yield key
        finally:
            self._files.delete(key)

    def _forget(self, practice_id: str, content: Content) -> None:
        if content.upload_id is not None:
            self._files.delete(upload_key(practice_id, content.upload_id))


def _original(key: str, digest: str, answer: Mapping[str, Any]) -> Original:
    sizes = tuple((float(width), float(height)) for width, height in answer.get("page_sizes", ()))
    pdf = StoredPdf(key=key, sha256=digest, pages=answer["pages"], page_sizes=sizes)
    return Original(pdf=pdf, active_content=tuple(answer.get("active_content", ())))


def _unusable(refused: Mapping[str, str], content: Content) -> Unprocessable:
    return _refused(
        refused["code"].replace("_", "-"),
        refused["detail"],
        "base64" if content.data is not None else "upload_id",
    )


def _refused(code: str, detail: str, field: str) -> Unprocessable:
    return Unprocessable(detail, code=code, errors=(FieldError(f"data.content.{field}", detail),))
