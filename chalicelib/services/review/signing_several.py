"""Signing several documents with one signature, after the provider has read and marked each of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Invalid, NotFound, PortalError, Unavailable
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Action, move
from chalicelib.domain.visibility import opens_to
from chalicelib.services.concurrency import run_concurrently, run_for_each
from chalicelib.services.ports import Listing, Store
from chalicelib.services.review.decisions import (
    NOT_SIGNED,
    ApprovalForm,
    changed_since,
    check_read,
    find_consent_errors,
    switched_off,
)
from chalicelib.services.review.read_marks import MAX_MARKS, ReadMark, ReadMarks, is_marked
from chalicelib.services.review.review import ProviderAction, Review
from chalicelib.services.review.signature_input import read_signature
from chalicelib.services.review.visible_documents import read_visible


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What the review page offers beside a single signature.

    `is_marked`: the document is marked. `others_marked`: other documents are. `more_wait`: besides this document, the
    provider's list has a pending document without a mark."""

    is_marked: bool
    others_marked: bool
    more_wait: bool


@dataclass(frozen=True, kw_only=True)
class Signing:
    """The result for one of several documents. `trouble` says why the document was not signed, and is empty if it was.

    `document` is None if the provider may not see the document. `is_new` means that this request signed it, and not an
    earlier one. `keeps_mark` means that the provider may try again."""

    document: Document | None
    trouble: str = ""
    is_new: bool = False
    keeps_mark: bool = False


class SigningSeveral:
    def __init__(self, store: Store, review: Review, read_marks: ReadMarks) -> None:
        self._store = store
        self._review = review
        self._marks = read_marks

    def offer(self, document: Document, action: ProviderAction) -> Offer:
        """Return what the document's review page offers, with two concurrent reads.

        Marks of documents that were decided or recalled since do not count. To find these marks, the marked documents
        are read too, but only if by all marks nothing else would wait."""
        provider = action.provider
        marks, count = run_concurrently(
            lambda: self._marks.load(provider, action.now),
            lambda: self._store.count(Listing.PROVIDER_PENDING, provider.id, most=MAX_MARKS + 2),
        )
        others = marks.keys() - {document.id}
        if others and 1 < count <= len(others) + 1:
            others = {found.id for found in self._marks.find_documents(provider, action.now)} - {document.id}
        return Offer(
            is_marked=is_marked(document, marks), others_marked=bool(others), more_wait=count > len(others) + 1
        )

    def next_unread(self, action: ProviderAction, *, besides: str) -> Document | None:
        """Return the provider's pending document that is due first among those without a mark, or None.

        The document with the id `besides` is left out, because it has just been marked or signed."""
        marks = self._marks.load(action.provider, action.now)
        page = read_visible(self._store, Listing.PROVIDER_PENDING, action.provider, limit=len(marks) + 2)
        unread = (document for document in page.items if not is_marked(document, marks))
        return next((document for document in unread if document.id != besides), None)

    def mark(self, document: Document, form: ApprovalForm, action: ProviderAction) -> None:
        """Store that the provider has read every page of the document and wants to sign it later.

        Raises `Invalid` if a page was not shown or the form has a note, and `Conflict` if the document is decided, its
        practice does not allow signatures in the portal, or too many documents are marked."""
        move(document.status, document.outcome, Action.APPROVE)
        if not self._review.can_sign(document):
            raise switched_off(document)
        check_read(form, document)
        mark = ReadMark(
            marked_at=action.now,
            sha256=document.original.sha256,
            access=document.access,
            pages_shown=form.pages_shown,
            read_statement=form.read_statement,
        )
        self._marks.add(action.provider, document, mark)

    def sign(self, document_ids: Sequence[str], form: ApprovalForm, action: ProviderAction) -> tuple[Signing, ...]:
        """Sign the marked documents among these ids, each like a single approval, and return the result for each.

        Raises `Invalid` with the wrong fields of the form. No document is then signed."""
        _check_form(form, action.provider)
        chosen = list(dict.fromkeys(document_ids))[:MAX_MARKS]
        marks = self._marks.load(action.provider, action.now)
        signings = self._sign_all(chosen, marks, form, _with_count(action, len(chosen)))
        pairs = zip(chosen, signings, strict=True)
        # What was signed must be shown, although the marks remain. A mark of a signed document has no effect.
        with suppress(Unavailable):
            self._marks.remove(action.provider, [key for key, result in pairs if not result.keeps_mark], action.now)
        return tuple(signings)

    def _sign_all(
        self, document_ids: Sequence[str], marks: Mapping[str, ReadMark], form: ApprovalForm, action: ProviderAction
    ) -> list[Signing]:
        """Sign one document after another until a signature is recorded, and then the others side by side.

        Return the result for each document. The first signature also saves what the form changes in the account, so the
        others use the account as it is afterwards."""
        signings: list[Signing] = []
        for document_id in document_ids:
            signings.append(self._sign(document_id, marks.get(document_id), form, action))
            if signings[-1].is_new:
                break
        rest = document_ids[len(signings) :]
        if not rest:
            return signings
        latest = self._store.provider(action.provider.id) or action.provider
        follow_up, saved = replace(action, provider=latest), replace(form, remember=False)
        return signings + run_for_each(lambda key: self._sign(key, marks.get(key), saved, follow_up), rest)

    def _sign(self, document_id: str, mark: ReadMark | None, form: ApprovalForm, action: ProviderAction) -> Signing:
        document = self._store.document(document_id)
        if document is None or not opens_to(action.provider, document):
            return _hidden()
        try:
            if _is_signed(document, action.provider):
                return Signing(document=document)
            signed = self._review.approve(document, _with_mark(form, mark, document), action)
        except NotFound:
            return _hidden()
        except PortalError as error:
            return Signing(document=document, trouble=_explain(error), keeps_mark=isinstance(error, Unavailable))
        return Signing(document=signed, is_new=True)


def _check_form(form: ApprovalForm, provider: Provider) -> None:
    """Raise `Invalid` if the signature is wrong or the consent is missing, which are the same for all documents."""
    _, errors = read_signature(form.signature, form.typed_name, form.drawing, provider, saved=provider.saved_signature)
    errors = [*errors, *find_consent_errors(form, provider.consent_version)]
    if errors:
        raise Invalid(NOT_SIGNED, errors=errors)


def _with_count(action: ProviderAction, count: int) -> ProviderAction:
    """Return the action with words for the certificates: one confirmation was for `count` documents."""
    if count == 1:
        return action
    return replace(action, authentication=f"{action.authentication}; one confirmation for {count} documents")


def _with_mark(form: ApprovalForm, mark: ReadMark | None, document: Document) -> ApprovalForm:
    """Return the form with the pages that the provider was shown of this document. Raises `Conflict` without a mark."""
    if mark is None or not mark.is_about(document):
        raise changed_since()
    return replace(form, note="", pages_shown=mark.pages_shown, read_statement=mark.read_statement, access=mark.access)


def _is_signed(document: Document, provider: Provider) -> bool:
    """Return True if the provider has already signed the document, as after a second press of the button.

    Raises `Conflict` after any other decision."""
    decision = document.decision
    is_own = decision is not None and decision.action is Action.APPROVE and decision.signer.provider_id == provider.id
    return move(document.status, document.outcome, Action.APPROVE, same=is_own) is None


def _explain(error: PortalError) -> str:
    return error.errors[0].message if error.errors else error.detail


def _hidden() -> Signing:
    return Signing(document=None, trouble="It is no longer in your list.")
