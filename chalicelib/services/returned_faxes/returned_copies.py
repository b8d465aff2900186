"""The copies of a document that came back by fax, as they are recorded in the document's row."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.carriers.document_copies import CopyPage, ReturnedCopy
from chalicelib.domain.carriers.received_faxes import ReceivedFax
from chalicelib.domain.certification.facts import AttentionReason, more_urgent
from chalicelib.domain.deliveries import NoticeKind
from chalicelib.domain.documents import Document
from chalicelib.domain.status import is_decidable
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.transaction import Change

MAX_COPIES = 20
"""The most copies on a document's row. Older copies remain in the list of faxes and in the audit trail."""


def add_copy(
    writer: DocumentWriter,
    document: Document,
    fax: ReceivedFax,
    pages: tuple[CopyPage, ...],
    *,
    actor: Actor,
    now: datetime,
) -> Change:
    """Return the change that records a copy of a document that came back by fax, for the caller to commit.

    If the document waits for a decision, staff are then asked to say what is on the copy."""
    copy = ReturnedCopy(fax_id=fax.id, received_at=fax.received_at, pages=pages, is_partial=fax.is_partial)
    waits = is_decidable(document.status)
    attention = more_urgent(document.attention, AttentionReason.COPY_RECEIVED) if waits else document.attention
    after = replace(document, copies=(*document.copies, copy)[-MAX_COPIES:], attention=attention)
    facts = {"fax": fax.id, "sha256": fax.sha256, "pages": [page.page for page in pages]}
    recorder = writer.recorder(after, writer.practice_of(document), actor, now)
    recorder.event(DocumentEventType.COPY_RECEIVED, facts, webhook=True)
    return (recorder.notice(NoticeKind.NEEDS_ATTENTION) if waits else recorder).change()
