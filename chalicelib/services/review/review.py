"""The provider's side of a document: pending and past, opening it, approve and decline (DESIGN 5.3, 5.4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import NoticeKind
from chalicelib.domain.documents import Decision, DeclineReason, Document, Signer, SigningMethod
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Invalid, NotFound
from chalicelib.domain.jobs import JobName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider, is_same_person
from chalicelib.domain.signatures import Signature
from chalicelib.domain.status import Action, is_decidable
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import DocumentWriter, needs_view
from chalicelib.services.documents.recorder import Actor, Recorder
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Listing, Page, Store, Switches
from chalicelib.services.review import signature_input as signing
from chalicelib.services.review.past_search import PastSearch, find
from chalicelib.services.review.signature_input import tidy
from chalicelib.services.transaction import Change

PAGE_LENGTH = 25
COUNTED_TO = 100
"""Pending documents are counted no further: the title then says `99+`."""

CONSENT_VERSION = "2026-11"
"""Names the text in `templates/pages/_consent.html`; a changed text gets another version."""

MAX_NOTE = 2000
NOTE_REQUIRED: Mapping[DeclineReason, str] = {
    DeclineReason.CHANGE_THE_PLAN: "Tell the clinic what should change.",
    DeclineReason.OTHER: "Tell the clinic why, in a few words.",
}
"""The reasons that say nothing without a note, and how it is asked for."""


@dataclass(frozen=True, kw_only=True)
class PendingDocuments:
    """A page of what waits; `count` is of all pages, at most `COUNTED_TO`."""

    documents: tuple[Document, ...]
    next_after: str | None
    count: int


@dataclass(frozen=True, kw_only=True)
class OpenedDocument:
    """A document as the provider meets it.

    `can_sign`: Electronic Signature is on for its practice; `addressed`: it names this very person.
    """

    document: Document
    can_sign: bool
    is_addressee: bool


@dataclass(frozen=True, kw_only=True)
class ProviderAction:
    """The provider who acts, when, and how they were authenticated (a plain phrase).

    `asked_again` tells that they had to authenticate once more in order to sign. `practice` is the
    document's, where it has been read ahead.
    """

    provider: Provider
    actor: Actor
    now: datetime
    authentication: str
    reauthenticated: bool = False
    practice: Practice | None = None


@dataclass(frozen=True, kw_only=True)
class ApprovalForm:
    """What the provider filled in to sign. `pages_shown` are page numbers from 1, as the browser saw them.

    `consents_to` is the version of the consent that stood above the button. `signature` is `typed`, `drawn`
    (then `drawing` is the browser's JSON) or `saved`; `remember` keeps it for next time.
    """

    typed_name: str
    signature: str = "typed"
    drawing: str = ""
    remember: bool = False
    note: str = ""
    pages_shown: frozenset[int] = frozenset()
    read_statement: bool = False
    consents_to: str = ""


@dataclass(frozen=True, kw_only=True)
class DeclineForm:
    """What the provider filled in to decline. `reason` is still to be checked.

    `other_name` and `other_address` are of who signs instead, if they are known.
    """

    reason: str
    note: str = ""
    other_name: str = ""
    other_address: str = ""


class Review:
    def __init__(self, writer: DocumentWriter, switches: Switches) -> None:
        self._writer = writer
        self._switches = switches

    # Lists

    def pending(self, provider_id: str, after: str | None) -> PendingDocuments:
        """The oldest due first."""
        page, count = run_concurrently(
            lambda: self._page(Listing.PROVIDER_PENDING, provider_id, after),
            lambda: self._store.count(Listing.PROVIDER_PENDING, provider_id, most=COUNTED_TO),
        )
        whole = after is None and page.next_after is None
        return PendingDocuments(
            documents=page.items, next_after=page.next_after, count=len(page.items) if whole else count
        )

    def past(self, provider_id: str, after: str | None, search: PastSearch | None = None) -> Page[Document]:
        """The newest decision first; all of it, or what a search finds."""
        if search is not None:
            return find(self._store, provider_id, search, after)
        return self._page(Listing.PROVIDER_PAST, provider_id, after)

    def next_pending(self, provider_id: str, *, besides: str) -> Document | None:
        """The one due first, other than the document just decided."""
        found = self._store.documents(Listing.PROVIDER_PENDING, provider_id, limit=2, after=None)
        return next((each for each in found.items if each.id != besides), None)

    # One document

    def find_document(self, document_id: str) -> Document | None:
        """Return a document, or None. Use it only for pages that show nothing about the patient."""
        return self._store.document(document_id)

    def reload(self, document: Document) -> Document:
        """Return the latest version of a document that another request may have changed."""
        return self._store.document(document.id) or document

    def can_sign(self, document: Document | None) -> bool:
        """Return True if a document can be signed in the portal: its practice has Electronic Signature on.

        Also return True if there is no document, so that pages do not reveal which ids exist.
        """
        return document is None or self._switches.electronic_signature(document.practice_id)

    def prefetch_practice(self, document: Document) -> Practice | None:
        """The practice, where a view or a decision is to be recorded; its switch is then known too."""
        return self._practice_and_switch(document)[0] if is_decidable(document.status) else None

    def open(self, document: Document, by: ProviderAction) -> OpenedDocument:
        """Records the first view once the pages can be seen; tells whether it can be signed here."""
        _check_addressee(document, by.provider)
        is_addressee = is_same_person(by.provider, document.addressee)
        if not document.pages_ready or not needs_view(document):
            return OpenedDocument(
                document=document, can_sign=self.can_sign(document), is_addressee=is_addressee
            )
        practice, can_sign = self._practice_and_switch(document, by.practice)
        viewed = self._viewed(document, practice, by)
        return OpenedDocument(document=viewed, can_sign=can_sign, is_addressee=is_addressee)

    def record_download(self, document: Document, by: ProviderAction) -> Document:
        """The provider fetches the original: a view too."""
        _check_addressee(document, by.provider)
        if not needs_view(document):
            return document
        practice = by.practice or self._writer.practice_of(document)
        return self._viewed(document, practice, by)

    def approve(self, document: Document, given: ApprovalForm, by: ProviderAction) -> Document:
        """Signs electronically; the same again changes nothing.

        Raises `Invalid` with the fields to mend, `Conflict` when it cannot be signed (any more) or, with
        the code `electronic-signature-off`, not here.
        """
        _check_addressee(document, by.provider)
        practice, can_sign = self._practice_and_switch(document, by.practice)
        signature = signing.read(given.signature, given.typed_name, given.drawing, by.provider)

        def check(current: Document) -> None:
            if not can_sign:
                raise Conflict(
                    f"{current.practice.name} has switched electronic signatures off, so nothing was signed. "
                    "Sign it by hand instead.",
                    code=ConflictCode.ELECTRONIC_SIGNATURE_OFF,
                )
            _check_person(current, by.provider)
            _check_approval(given, current, by.provider, signature)

        decision = _approval(given, document.original.pages, by, signature)

        def record(recorder: Recorder, decision: Decision) -> Recorder:
            return _record_approval(recorder, decision, by)

        remembered = signature if given.remember else None
        return self._decide(document, practice, decision, by, check, record, remembered)

    def decline(self, document: Document, given: DeclineForm, by: ProviderAction) -> Document:
        """Refuses with a reason; the same again changes nothing. Raises `Invalid` and `Conflict`."""
        _check_addressee(document, by.provider)
        practice = by.practice or self._writer.practice_of(document)
        reason = _reason(given.reason)

        def check(_: Document) -> None:
            _check_refusal(given, reason)

        return self._decide(document, practice, _refusal(given, reason, by), by, check, _record_refusal)

    def _decide(
        self,
        document: Document,
        practice: Practice,
        decision: Decision,
        by: ProviderAction,
        check: Callable[[Document], None],
        record: Callable[[Recorder, Decision], Recorder],
        remembered: Signature | None = None,
    ) -> Document:
        def step(current: Document) -> Document:
            _check_addressee(current, by.provider)
            if is_decidable(current.status):
                check(current)
            decided = current.decide(decision)
            if decided is None:
                return current
            recorder = self._writer.recorder(decided, practice, by.actor, by.now)
            change = record(recorder, decision).change()
            self._store.commit(replace(change, providers=self._kept(decision, by, remembered)))
            return change.documents[0]

        return self._writer.apply_to_latest(document, step)

    def _kept(
        self, decision: Decision, by: ProviderAction, remembered: Signature | None
    ) -> tuple[Provider, ...]:
        """The provider with what this decision adds: their first consent, a signature for next time."""
        if remembered is None and decision.consent_version in (None, by.provider.consent_version):
            return ()
        latest = self._store.provider(by.provider.id) or by.provider
        kept = signing.with_signature(_with_consent(latest, decision, by.now), remembered)
        return () if kept == latest else (replace(kept, version=latest.version + 1),)

    def forget_signature(self, provider: Provider, now: datetime) -> Provider:
        """The saved signature is gone; documents that were signed with it stay as they are."""

        def step() -> Provider:
            latest = self._store.provider(provider.id) or provider
            if latest.saved_signature is None:
                return latest
            forgetful = replace(latest, version=latest.version + 1, saved_signature=None)
            self._store.commit(Change(at=now, providers=(forgetful,)))
            return forgetful

        return retry_on_conflict(step, retry_on=frozenset({"provider"}))

    def _viewed(self, document: Document, practice: Practice, by: ProviderAction) -> Document:
        def may_view(current: Document) -> None:
            _check_addressee(current, by.provider)

        return self._writer.record_first_view(document, practice, by.actor, by.now, may_view)

    def _practice_and_switch(
        self, document: Document, practice: Practice | None = None
    ) -> tuple[Practice, bool]:
        if practice is not None:
            return practice, self.can_sign(document)
        return run_concurrently(lambda: self._writer.practice_of(document), lambda: self.can_sign(document))

    def _page(self, listing: Listing, provider_id: str, after: str | None) -> Page[Document]:
        return self._store.documents(listing, provider_id, limit=PAGE_LENGTH, after=after)

    @property
    def _store(self) -> Store:
        return self._writer.store


def _check_addressee(document: Document, provider: Provider) -> None:
    """Access has been checked before; this is the rule itself: nobody acts on what is another's.

    Checked again on every fresh read: a correction in between may have named another provider.
    """
    if document.provider_id != provider.id:
        raise NotFound("There is no such document.")


def _with_consent(provider: Provider, decision: Decision, now: datetime) -> Provider:
    if decision.consent_version in (None, provider.consent_version):
        return provider
    return replace(provider, consent_version=decision.consent_version, consented_at=now)


def _approval(given: ApprovalForm, pages: int, by: ProviderAction, signature: Signature | None) -> Decision:
    drawing = signature.drawing if signature else None
    return Decision(
        action=Action.APPROVE,
        signer=_signer(by),
        decided_at=by.now,
        note=tidy(given.note) or None,
        typed_name=signature.typed if signature else None,
        strokes=drawing.strokes if drawing else (),
        strokes_aspect=drawing.aspect if drawing else 1.0,
        consent_version=CONSENT_VERSION,
        pages_shown=tuple(page for page in range(1, pages + 1) if page in given.pages_shown),
        read_statement=given.read_statement,
    )


def _refusal(given: DeclineForm, reason: DeclineReason | None, by: ProviderAction) -> Decision:
    return Decision(
        action=Action.DECLINE,
        signer=_signer(by),
        decided_at=by.now,
        note=_refusal_note(given, reason) or None,
        decline_reason=reason,
    )


def _signer(by: ProviderAction) -> Signer:
    provider = by.provider
    return Signer(
        name=provider.name,
        credential=provider.credential,
        npi=provider.npi,
        method=SigningMethod.ELECTRONIC,
        authentication=by.authentication,
        provider_id=provider.id,
    )


def _record_approval(recorder: Recorder, decision: Decision, by: ProviderAction) -> Recorder:
    data = {
        **_signer_facts(decision.signer),
        "asked_again": by.reauthenticated,
        "consent_version": decision.consent_version,
        "pages_shown": list(decision.pages_shown),
        "read_statement": decision.read_statement,
    }
    private = {"note": decision.note} if decision.note else {}
    return recorder.event(DocumentEventType.DECISION_APPROVED, data, private=private).job(JobName.SEAL)


def _record_refusal(recorder: Recorder, decision: Decision) -> Recorder:
    data = {**_signer_facts(decision.signer), "reason": decision.decline_reason}
    private = {"note": decision.note} if decision.note else {}
    recorder.event(DocumentEventType.DECLINED, data, private=private, webhook=True)
    return recorder.notice(NoticeKind.DECLINED).job(JobName.SEAL)


def _signer_facts(signer: Signer) -> Mapping[str, Any]:
    return {
        "signer": {"name": signer.name, "credential": signer.credential, "npi": signer.npi},
        "authentication": signer.authentication,
    }


def _check_approval(
    given: ApprovalForm, document: Document, provider: Provider, signature: Signature | None
) -> None:
    errors = signing.errors(given.signature, signature, provider)
    unread = set(range(1, document.original.pages + 1)) - given.pages_shown
    if unread and not given.read_statement:
        errors.append(FieldError("read_statement", "Please read every page, then tick that you have."))
    if CONSENT_VERSION not in (given.consents_to, provider.consent_version):
        errors.append(FieldError("consent", "Please read what you agree to by signing, then sign."))
    _refuse_if(errors + _note_errors(given.note))


def _check_refusal(given: DeclineForm, reason: DeclineReason | None) -> None:
    errors = _note_errors(_refusal_note(given, reason))
    if reason is None:
        errors.append(FieldError("reason", "Choose a reason, so that the clinic knows what to do."))
    elif reason in NOTE_REQUIRED and not tidy(given.note):
        errors.append(FieldError("note", NOTE_REQUIRED[reason]))
    _refuse_if(errors)


def _refusal_note(given: DeclineForm, reason: DeclineReason | None) -> str:
    """The note to the clinic, with who signs instead: the contract has no field of its own for that."""
    note = tidy(given.note)
    if reason is not DeclineReason.SOMEONE_ELSE_SIGNS:
        return note
    other = ", ".join(" ".join(tidy(part).split()) for part in (given.other_name, given.other_address))
    other = other.strip(", ")
    return f"{note}\n\nWho signs instead: {other}".strip() if other else note


def _check_person(document: Document, provider: Provider) -> None:
    """The clinic named one person, by NPI or else by name: only they sign."""
    if not is_same_person(provider, document.addressee):
        who = document.addressee
        named = f"{who.name}, NPI {who.npi}" if who.npi else who.name
        raise Conflict(
            f"This document is addressed to {named}. Only they can sign it.", code=ConflictCode.NOT_ADDRESSEE
        )


def _note_errors(note: str) -> list[FieldError]:
    if len(tidy(note)) <= MAX_NOTE:
        return []
    return [FieldError("note", f"Please shorten the note to {MAX_NOTE:,} characters.")]


def _refuse_if(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid("Something is still missing. Nothing has been sent yet.", errors=errors)


def _reason(text: str) -> DeclineReason | None:
    return DeclineReason(text) if text in list(DeclineReason) else None
