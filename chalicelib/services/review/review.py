"""The actions of a provider on documents: list, open, approve and decline (DESIGN 5.3, 5.4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.certification.facts import TransmissionChannel
from chalicelib.domain.deliveries import NoticeKind
from chalicelib.domain.documents import Decision, DeclineReason, Document, Signer, SigningMethod
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Invalid, NotFound
from chalicelib.domain.jobs import JobName
from chalicelib.domain.practices import Practice
from chalicelib.domain.providers import Provider
from chalicelib.domain.signatures import Signature, to_text
from chalicelib.domain.status import Action, is_decidable
from chalicelib.domain.timestamps import to_text as time_text
from chalicelib.domain.visibility import opens_to
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import DocumentWriter, needs_view
from chalicelib.services.documents.identity import identify_account, identity_data
from chalicelib.services.documents.recorder import Actor, Recorder
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Listing, Page, Switches
from chalicelib.services.review.past_search import PastSearch, find_past
from chalicelib.services.review.signature_input import clean_text, read_signature
from chalicelib.services.review.visible_documents import count_pending, read_visible
from chalicelib.services.transaction import Change

PAGE_LENGTH = 25
MAX_COUNT = 100
"""Pending documents are counted up to this number. The title of the list then says `99+`."""

CONSENT_VERSION = "2026-11"
"""The version of the consent text (`labels.CONSENT_TEXTS`) to which signers agree now."""

MAX_NOTE = 2000
NOTE_REQUIRED: Mapping[DeclineReason, str] = {
    DeclineReason.CHANGE_THE_PLAN: "Tell the clinic what should change.",
    DeclineReason.OTHER: "Tell the clinic why, in a few words.",
}
"""The reasons for declining that need a note, and the message that asks the provider for the note."""


@dataclass(frozen=True, kw_only=True)
class PendingDocuments:
    """One page of a provider's documents that wait for a decision. `count` counts all pages, up to `MAX_COUNT`."""

    documents: tuple[Document, ...]
    next_after: str | None
    count: int


@dataclass(frozen=True, kw_only=True)
class OpenedDocument:
    """A document as a provider sees it. `can_sign` is true if the practice allows signatures in the portal."""

    document: Document
    can_sign: bool


@dataclass(frozen=True, kw_only=True)
class ProviderAction:
    """An action of a provider: the provider, the time, and a phrase that says how the provider was authenticated.

    `reauthenticated` is true if the provider had to authenticate again in order to sign. `practice` is the
    document's practice if the caller has already read it."""

    provider: Provider
    actor: Actor
    now: datetime
    authentication: str
    reauthenticated: bool = False
    practice: Practice | None = None


@dataclass(frozen=True, kw_only=True)
class ApprovalForm:
    """The form that signs a document.

    `signature` is `typed`, `drawn` or `saved`, and `drawing` is the browser's JSON of a drawn signature. `remember`
    saves the signature for later documents. `pages_shown` has the times at which the browser showed pages, by the
    numbers of the pages from 1. `read_statement` is true if the provider ticked to have read every page. `consents_to`
    is the version of the consent text above the button."""

    typed_name: str
    signature: str = "typed"
    drawing: str = ""
    remember: bool = False
    note: str = ""
    pages_shown: Mapping[int, datetime] = field(default_factory=dict)
    read_statement: bool = False
    consents_to: str = ""


@dataclass(frozen=True, kw_only=True)
class DeclineForm:
    """The form that declines a document. `reason` is not validated yet.

    `other_name` and `other_address` are the name and address of the provider who should sign instead."""

    reason: str
    note: str = ""
    other_name: str = ""
    other_address: str = ""


class Review:
    def __init__(self, writer: DocumentWriter, switches: Switches) -> None:
        self._writer = writer
        self._store = writer.store
        self._switches = switches

    # Lists

    def pending(self, provider: Provider, after: str | None) -> PendingDocuments:
        """Return one page of the provider's documents that wait for a decision, earliest due date first."""
        page = self._page(Listing.PROVIDER_PENDING, provider, after)
        count = len(page.items)
        if after is not None or page.next_after is not None:
            count = count_pending(self._store, provider, most=MAX_COUNT)
        return PendingDocuments(documents=page.items, next_after=page.next_after, count=count)

    def past(self, provider: Provider, after: str | None, search: PastSearch | None = None) -> Page[Document]:
        """Return one page of the provider's decided documents, or of a search's results, newest first."""
        if search is not None:
            return find_past(self._store, provider, search, after)
        return self._page(Listing.PROVIDER_PAST, provider, after)

    def next_pending(self, provider: Provider, *, besides: str) -> Document | None:
        """Return the provider's undecided document that is due first, except the document with the id `besides`."""
        page = read_visible(self._store, Listing.PROVIDER_PENDING, provider, limit=2)
        return next((document for document in page.items if document.id != besides), None)

    # One document

    def find_document(self, document_id: str) -> Document | None:
        """Return a document, or None, without a check of access. Use it only for pages without patient data."""
        return self._store.document(document_id)

    def reload(self, document: Document, provider: Provider) -> Document:
        """Read the document again and return it. Raises `NotFound` if the provider may not open it any more."""
        latest = self._store.document(document.id) or document
        _check_owner(latest, provider)
        return latest

    def can_sign(self, document: Document | None) -> bool:
        """Return True if a document can be signed in the portal, by the practice's setting Electronic Signature.

        Also return True if there is no document, so that pages do not reveal which ids exist."""
        return document is None or self._switches.electronic_signature(document.practice_id)

    def prefetch_practice(self, document: Document) -> Practice | None:
        """Return the document's practice, and read its setting Electronic Signature into the cache.

        A view or a decision of the document needs both. The web layer calls this method while it waits for other reads.
        Return None, without a read, if the document can no longer be decided."""
        return self._practice_and_switch(document)[0] if is_decidable(document.status) else None

    def open(self, document: Document, action: ProviderAction) -> OpenedDocument:
        """Return the document for the provider, and record the first view if the document's page images are ready."""
        _check_owner(document, action.provider)
        if not document.pages_ready or not needs_view(document):
            return OpenedDocument(document=document, can_sign=self.can_sign(document))
        practice, can_sign = self._practice_and_switch(document, action.practice)
        return OpenedDocument(document=self._record_view(document, practice, action), can_sign=can_sign)

    def record_download(self, document: Document, action: ProviderAction) -> Document:
        """Record the download of the original PDF as the first view, if there was none, and return the document."""
        _check_owner(document, action.provider)
        if not needs_view(document):
            return document
        practice = action.practice or self._writer.practice_of(document)
        return self._record_view(document, practice, action)

    def approve(self, document: Document, form: ApprovalForm, action: ProviderAction) -> Document:
        """Sign the document and return it. The same signature a second time changes nothing.

        Raises `Invalid` with the wrong fields of the form, and `Conflict` after another decision or if the practice
        does not allow signatures in the portal."""
        practice, can_sign = self._practice_and_switch(document, action.practice)
        signature, errors = read_signature(form.signature, form.typed_name, form.drawing, action.provider)

        def check(current: Document) -> None:
            if not can_sign:
                raise Conflict(
                    f"{current.practice.name} has switched electronic signatures off, so nothing was signed. "
                    "Sign it by hand instead.",
                    code=ConflictCode.ELECTRONIC_SIGNATURE_OFF,
                )
            _check_viewed(current)
            form_errors = [*errors, *_find_approval_errors(form, current, action.provider)]
            if form_errors:
                raise Invalid("Not signed yet. Please fix the following:", errors=form_errors)

        decision = _approval(form, document, action, signature)
        return self._decide(document, practice, decision, action, check, signature if form.remember else None)

    def decline(self, document: Document, form: DeclineForm, action: ProviderAction) -> Document:
        """Decline the document with a reason, and return the document. A second identical submit changes nothing.

        Raises `Invalid` with the wrong fields of the form, and `Conflict` after another decision."""
        practice = action.practice or self._writer.practice_of(document)
        reason = DeclineReason(form.reason) if form.reason in list(DeclineReason) else None

        def check(_: Document) -> None:
            if form_errors := _find_decline_errors(form, reason):
                raise Invalid("Not sent yet. Please fix the following:", errors=form_errors)

        decision = Decision(
            action=Action.DECLINE,
            signer=_signer(action, document),
            decided_at=action.now,
            note=_decline_note(form, reason) or None,
            decline_reason=reason,
        )
        return self._decide(document, practice, decision, action, check)

    def _decide(
        self,
        document: Document,
        practice: Practice,
        decision: Decision,
        action: ProviderAction,
        check: Callable[[Document], None],
        signature_to_save: Signature | None = None,
    ) -> Document:
        def step(current: Document) -> Document:
            _check_owner(current, action.provider)
            if is_decidable(current.status):
                check(current)
            decided = current.decide(decision)
            if decided is None:
                return current
            recorder = self._writer.recorder(decided, practice, action.actor, action.now)
            _record_decision(recorder, decision, reauthenticated=action.reauthenticated)
            recorder.certification(current)
            return self._writer.commit(recorder, providers=self._changed_provider(decision, action, signature_to_save))

        return self._writer.apply_to_latest(document, step)

    def _changed_provider(
        self, decision: Decision, action: ProviderAction, signature: Signature | None
    ) -> tuple[Provider, ...]:
        """Return the provider's row to store with a decision, or an empty tuple if the row does not change.

        The row changes if the provider saves the signature for later (`signature`), or agrees for the first time to the
        present version of the consent to electronic signatures."""
        if signature is None and decision.consent_version in (None, action.provider.consent_version):
            return ()
        latest = self._store.provider(action.provider.id) or action.provider
        changed = latest if signature is None else replace(latest, saved_signature=to_text(signature))
        if decision.consent_version not in (None, latest.consent_version):
            changed = replace(changed, consent_version=decision.consent_version, consented_at=action.now)
        return () if changed == latest else (replace(changed, version=latest.version + 1),)

    def forget_signature(self, provider: Provider, now: datetime) -> Provider:
        """Remove the provider's saved signature, and return the provider. Signed documents do not change."""

        def step() -> Provider:
            latest = self._store.provider(provider.id) or provider
            if latest.saved_signature is None:
                return latest
            changed = replace(latest, version=latest.version + 1, saved_signature=None)
            self._store.commit(Change(at=now, providers=(changed,)))
            return changed

        return retry_on_conflict(step, retry_on=frozenset({"provider"}))

    def _record_view(self, document: Document, practice: Practice, action: ProviderAction) -> Document:
        return self._writer.record_first_view(
            document,
            practice,
            action.actor,
            action.now,
            lambda latest: _check_owner(latest, action.provider),
            via=TransmissionChannel.ACCOUNT,
        )

    def _practice_and_switch(self, document: Document, practice: Practice | None = None) -> tuple[Practice, bool]:
        if practice is not None:
            return practice, self.can_sign(document)
        return run_concurrently(lambda: self._writer.practice_of(document), lambda: self.can_sign(document))

    def _page(self, listing: Listing, provider: Provider, after: str | None) -> Page[Document]:
        return read_visible(self._store, listing, provider, limit=PAGE_LENGTH, after=after)


def _check_owner(document: Document, provider: Provider) -> None:
    """Raise `NotFound` unless the document is in this provider's lists and the account may open the document."""
    if not opens_to(provider, document):
        raise NotFound("There is no such document.")


def _check_viewed(document: Document) -> None:
    """Raise `Invalid` unless the page images are ready and the portal has recorded a view of the document."""
    is_ready = document.are_pages_ready
    if not is_ready or document.viewed_at is None:
        message = "Open the document and read every page, then sign." if is_ready else "The pages are not ready yet."
        raise Invalid("Not signed yet. Please fix the following:", errors=[FieldError("read_statement", message)])


def _approval(form: ApprovalForm, document: Document, action: ProviderAction, signature: Signature | None) -> Decision:
    drawing = signature.drawing if signature else None
    shown = tuple(page for page in range(1, document.original.pages + 1) if page in form.pages_shown)
    return Decision(
        action=Action.APPROVE,
        signer=_signer(action, document),
        decided_at=action.now,
        note=clean_text(form.note) or None,
        typed_name=signature.typed if signature else None,
        strokes=drawing.strokes if drawing else (),
        strokes_aspect=drawing.aspect if drawing else 1.0,
        consent_version=CONSENT_VERSION,
        pages_shown=shown,
        pages_shown_at=tuple(form.pages_shown[page] for page in shown),
        read_statement=form.read_statement,
    )


def _signer(action: ProviderAction, document: Document) -> Signer:
    provider = action.provider
    return Signer(
        name=provider.name,
        credential=provider.credential,
        npi=provider.npi,
        method=SigningMethod.ELECTRONIC,
        authentication=action.authentication,
        provider_id=provider.id,
        identity=identify_account(provider, document),
    )


def _record_decision(recorder: Recorder, decision: Decision, *, reauthenticated: bool) -> None:
    signer = decision.signer
    data: dict[str, Any] = {
        "signer": {"name": signer.name, "credential": signer.credential, "npi": signer.npi},
        "authentication": signer.authentication,
        **identity_data(signer.identity),
    }
    private = {"note": decision.note} if decision.note else {}
    if decision.action is Action.DECLINE:
        data["reason"] = decision.decline_reason
        recorder.event(DocumentEventType.DECLINED, data, private=private, webhook=True).notice(NoticeKind.DECLINED)
    else:
        data |= {
            "asked_again": reauthenticated,
            "consent_version": decision.consent_version,
            "pages_shown": list(decision.pages_shown),
            "pages_shown_at": [time_text(at) for at in decision.pages_shown_at],
            "read_statement": decision.read_statement,
        }
        recorder.event(DocumentEventType.DECISION_APPROVED, data, private=private)
    recorder.job(JobName.SEAL)


def _find_approval_errors(form: ApprovalForm, document: Document, provider: Provider) -> list[FieldError]:
    errors = []
    unread = set(range(1, document.original.pages + 1)) - form.pages_shown.keys()
    if unread and not form.read_statement:
        errors.append(FieldError("read_statement", "Please read every page, then tick that you have."))
    if CONSENT_VERSION not in (form.consents_to, provider.consent_version):
        errors.append(FieldError("consent", "Please read what you agree to by signing, then sign."))
    return errors + _find_note_errors(form.note)


def _find_decline_errors(form: DeclineForm, reason: DeclineReason | None) -> list[FieldError]:
    errors = _find_note_errors(_decline_note(form, reason))
    if reason is None:
        errors.append(FieldError("reason", "Choose a reason, so that the clinic knows what to do."))
    elif reason in NOTE_REQUIRED and not clean_text(form.note):
        errors.append(FieldError("note", NOTE_REQUIRED[reason]))
    return errors


def _decline_note(form: DeclineForm, reason: DeclineReason | None) -> str:
    """Return the note that the clinic gets with a declined document.

    If somebody else should sign, the note ends with the name and address of this person, because the API has no field
    for them."""
    note = clean_text(form.note)
    if reason is not DeclineReason.SOMEONE_ELSE_SIGNS:
        return note
    parts = (" ".join(clean_text(part).split()) for part in (form.other_name, form.other_address))
    other = ", ".join(parts).strip(", ")
    return f"{note}\n\nWho signs instead: {other}".strip() if other else note


def _find_note_errors(note: str) -> list[FieldError]:
    if len(clean_text(note)) <= MAX_NOTE:
        return []
    return [FieldError("note", f"Please shorten the note to {MAX_NOTE:,} characters.")]
