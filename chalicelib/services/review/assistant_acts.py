"""The acts of an assistant on a provider's document: mark it as ready, and return it after it was signed by hand.

An assistant decides nothing: the returned scan is the decision of the person who signed it."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.assistants import ReadyMark
from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Conflict, FieldError, Invalid, NotFound
from chalicelib.domain.providers import Provider, without_typed_name
from chalicelib.domain.status import is_decidable
from chalicelib.domain.visibility import assists, opens_to
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.identity import identify_assistant
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.normalization import normalize_paragraphs
from chalicelib.services.review.scans import ScanForm, Scans, Uploader

MAX_REMARK_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class AssistantAct:
    """An act of an assistant: the assistant's account, the provider for whom the assistant acts, and the time.

    `authentication` describes how the assistant logged in, in words for the certificate page."""

    assistant: Provider
    principal: Provider
    actor: Actor
    now: datetime
    authentication: str

    @property
    def assistant_name(self) -> str:
        """The assistant's name as the provider or support gave it. An assistant could type somebody else's name."""
        return without_typed_name(self.assistant).name


class AssistantActs:
    """The acts of an assistant on one document. Each checks first that the provider has not removed the assistant."""

    def __init__(self, writer: DocumentWriter, scans: Scans) -> None:
        self._writer = writer
        self._scans = scans

    def mark_ready(self, document: Document, act: AssistantAct, remark: str) -> Document:
        """Mark the document as ready for the provider, and return it. The remark may be empty.

        A newer mark replaces an older one, and the same mark again changes nothing. Raises `Invalid` with the wrong
        field of the form, and `Conflict` if the document waits no more."""
        text, practice = _read_remark(remark), self._writer.practice_of(document)

        def step(current: Document) -> Document:
            self._check(current, act)
            if not is_decidable(current.status):
                raise Conflict("This document is no longer pending, so it wasn't marked.")
            mark = _mark(act, text)
            if current.ready is not None and replace(current.ready, at=act.now) == mark:
                return current
            marked = replace(current, ready=mark)
            recorder = self._writer.recorder(marked, practice, act.actor, act.now)
            # The clinic reads the trail, so the trail has no remark.
            return self._writer.commit(recorder.event(DocumentEventType.MARKED_READY, {"assistant": mark.name}))

        return self._writer.apply_to_latest(document, step)

    def return_scan(self, document: Document, act: AssistantAct, form: ScanForm) -> Document:
        """Record the document as signed by hand, with the scan that the assistant uploaded, and return the document.

        Raises `Invalid` with the wrong field of the form, `Conflict` after another decision, and `NotFound` if the
        provider has removed the assistant in the meantime."""
        uploader = Uploader(
            authentication=f"{act.authentication}, by the assistant {act.assistant_name}",
            identity=identify_assistant(act.principal, act.assistant),
            actor=act.actor,
            now=act.now,
        )
        return self._scans.take(document, form, uploader, lambda current: self._check(current, act))

    def _check(self, document: Document, act: AssistantAct) -> None:
        """Raise `NotFound` unless the document is in the provider's lists and the provider has not removed the
        assistant, by the provider's row as it is now."""
        principal = self._writer.store.provider(act.principal.id)
        if principal is None or not assists(act.assistant, principal) or not opens_to(principal, document):
            raise NotFound("There is no such document.")


def _mark(act: AssistantAct, remark: str | None) -> ReadyMark:
    return ReadyMark(
        provider_id=act.principal.id, assistant_id=act.assistant.id, name=act.assistant_name, at=act.now, remark=remark
    )


def _read_remark(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        remark = normalize_paragraphs(text)
    except ValueError as error:
        raise _wrong_remark("Use letters, digits and line breaks only.") from error
    if len(remark) > MAX_REMARK_CHARS:
        raise _wrong_remark(f"Use at most {MAX_REMARK_CHARS} characters.")
    return remark


def _wrong_remark(message: str) -> Invalid:
    return Invalid(message, errors=[FieldError("remark", message)])
