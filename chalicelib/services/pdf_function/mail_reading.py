"""The search for faxes (PDFs, TIFFs) in an email from anybody, in a forked process, because it may be hostile."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.message import Message

from chalicelib.pdf.fax_media import PDF_TYPE, TIFF_TYPE, fax_media_type
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_sandboxed
from chalicelib.services.pdf_requests import FILE_TYPE, MailContents, ReadMail
from chalicelib.services.ports import LinkedFiles

MAX_FILES = 10
"""The most faxes in one email. A fax service attaches one."""

MAX_PARTS = 100
"""The most parts of one email, such as texts and pictures."""

SECONDS = 10.0
"""The CPU time limit."""

MEMORY = 512 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. An email has at most 30 MB."""

UNREADABLE = "The email could not be read."
NO_FAX = "The email has no PDF and no TIFF."
TOO_MANY_FILES = f"The email has more than {MAX_FILES} faxes."
TOO_MANY_PARTS = f"The email has more than {MAX_PARTS} parts."
FILE_TOO_LARGE = "A fax in the email is larger than 20 MB."


def read(request: ReadMail, files: LinkedFiles) -> MailContents:
    """Write the faxes in an email, and return their number.

    A file counts as a fax by its bytes, whatever its name or type is. If the email breaks a limit, nothing is written,
    and the result says why."""
    data = files.read(request.source)
    try:
        head, *faxes = run_sandboxed(lambda: _take_apart(data, request.max_file_bytes), seconds=SECONDS)
    except SandboxKilled:
        return MailContents(0, "", UNREADABLE)
    for number, fax in enumerate(faxes, start=1):
        files.write(request.files, fax, FILE_TYPE, name=str(number))
    return MailContents(len(faxes), **json.loads(head))


def _take_apart(data: bytes, max_file_bytes: int) -> Iterator[bytes]:
    """Yield the facts of an email as JSON, and then the faxes in it."""
    with limit_memory(MEMORY):
        try:
            message = message_from_bytes(data)
            refused, faxes = _find_faxes(message, max_file_bytes)
            message_id = str(message["Message-ID"] or "").strip()
        except (RecursionError, ValueError, LookupError):
            refused, faxes, message_id = UNREADABLE, [], ""
    sha256 = hashlib.sha256(message_id.encode(errors="replace")).hexdigest() if message_id else ""
    yield json.dumps({"message_sha256": sha256, "refused": refused}).encode()
    yield from faxes


def _find_faxes(message: Message, max_file_bytes: int) -> tuple[str, Sequence[bytes]]:
    """Return the reason for which the email is refused, or an empty text, and the faxes in the email."""
    faxes: list[bytes] = []
    for count, part in enumerate(message.walk(), start=1):
        if count > MAX_PARTS:
            return TOO_MANY_PARTS, []
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and fax_media_type(content) in (PDF_TYPE, TIFF_TYPE):
            faxes.append(content)
    refused = _refuse(faxes, max_file_bytes)
    return refused, [] if refused else faxes


def _refuse(faxes: Sequence[bytes], max_file_bytes: int) -> str:
    if not faxes:
        return NO_FAX
    if len(faxes) > MAX_FILES:
        return TOO_MANY_FILES
    return FILE_TOO_LARGE if any(len(fax) > max_file_bytes for fax in faxes) else ""
