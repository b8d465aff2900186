"""The rules of a provider's decision on a document that is made in the portal: the forms, their errors, the audit
event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.domain.audit import DocumentEventType
from chalicelib.domain.deliveries import NoticeKind
from chalicelib.domain.documents import Decision, DeclineReason, Document, Signer
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Invalid
from chalicelib.domain.jobs import JobName
from chalicelib.domain.signatures import Signature
from chalicelib.domain.status import Action
from chalicelib.domain.timestamps import to_text as time_text
from chalicelib.pdf.text.printable import find_unprintable
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.identity import identity_data
from chalicelib.services.documents.recorder import Recorder
from chalicelib.services.ports import Switches
from chalicelib.services.review.signature_input import clean_text

CONSENT_VERSION = "2026-11"
"""The version of the consent text (`labels.CONSENT_TEXTS`) to which signers agree now."""

NOT_SIGNED = "Not signed yet. Please fix the following:"
NOT_MARKED = "Not marked yet. Please fix the following:"

MAX_NOTE = 2000
_MAX_LISTED = 5
"""The most unprintable characters that an error message names."""

NOTE_REQUIRED: Mapping[DeclineReason, str] = {
    DeclineReason.CHANGE_THE_PLAN: "Tell the clinic what should change.",
    DeclineReason.OTHER: "Tell the clinic why, in a few words.",
}
"""The reasons for declining that need a note, and the message that asks the provider for the note."""


@dataclass(frozen=True, kw_only=True)
class ApprovalForm:
    """The fields of the form with which a provider signs a document.

    `signature` is `typed`, `drawn` or `saved`, and `drawing` is the browser's JSON of a drawn signature. `remember`
    saves the signature for later documents. `pages_shown` has the times at which the browser showed pages, by the
    numbers of the pages from 1. `read_statement` is true if the provider ticked to have read every page. `consents_to`
    is the version of the consent text above the button. `access` is the document's counter of corrections and recalls
    at the time of reading, if the document was read earlier, and otherwise None."""

    typed_name: str
    signature: str = "typed"
    drawing: str = ""
    remember: bool = False
    note: str = ""
    pages_shown: Mapping[int, datetime] = field(default_factory=dict)
    read_statement: bool = False
    consents_to: str = ""
    access: int | None = None


@dataclass(frozen=True, kw_only=True)
class DeclineForm:
    """The fields of the form with which a provider declines a document. `reason` is not validated yet.

    `other_name` and `other_address` are the name and address of the provider who should sign instead."""

    reason: str
    note: str = ""
    other_name: str = ""
    other_address: str = ""


@dataclass(frozen=True)
class WaysToSign:
    """Whether a document can be signed on the screen with an `account`, and without one after a `code` was entered."""

    account: bool
    code: bool


def ways_to_sign(switches: Switches, document: Document | None) -> WaysToSign:
    """Return how a document can be signed on the screen, by the settings of its practice (`switches`).

    Without a document, the result is an account only. A page then offers an unknown document the usual way to sign."""
    if document is None:
        return WaysToSign(account=True, code=False)
    practice_id = document.practice_id
    electronic, without_account = run_concurrently(
        lambda: switches.electronic_signature(practice_id), lambda: switches.sign_without_account(practice_id)
    )
    return WaysToSign(account=electronic, code=electronic and without_account)


def make_approval(
    form: ApprovalForm, document: Document, signer: Signer, signature: Signature | None, now: datetime
) -> Decision:
    """Return the decision by which the signer signs the document, with the pages that the browser showed."""
    drawing = signature.drawing if signature else None
    shown = tuple(page for page in range(1, document.original.pages + 1) if page in form.pages_shown)
    return Decision(
        action=Action.APPROVE,
        signer=signer,
        decided_at=now,
        note=clean_text(form.note) or None,
        typed_name=signature.typed if signature else None,
        strokes=drawing.strokes if drawing else (),
        strokes_aspect=drawing.aspect if drawing else 1.0,
        consent_version=CONSENT_VERSION,
        pages_shown=shown,
        pages_shown_at=tuple(form.pages_shown[page] for page in shown),
        read_statement=form.read_statement,
    )


def make_decline(form: DeclineForm, signer: Signer, now: datetime) -> Decision:
    """Return the decision by which the signer declines the document. `check_decline` validates the form."""
    reason = _read_reason(form)
    note = _decline_note(form, reason) or None
    return Decision(action=Action.DECLINE, signer=signer, decided_at=now, note=note, decline_reason=reason)


def check_approval(
    form: ApprovalForm, document: Document, signature_errors: Sequence[FieldError], *, agreed_to: str | None
) -> None:
    """Raise `Invalid` unless the document was viewed and the form is complete, and `Conflict` if the document was read
    earlier and has changed since.

    `signature_errors` are the errors of the signature in the form. `agreed_to` is the version of the consent to which
    the signer has agreed earlier."""
    if form.access not in (None, document.access):
        raise changed_since()
    _check_viewed(document, NOT_SIGNED)
    errors = [*signature_errors, *_find_approval_errors(form, document, agreed_to)]
    if errors:
        raise Invalid(NOT_SIGNED, errors=errors)


def find_consent_errors(form: ApprovalForm, agreed_to: str | None) -> list[FieldError]:
    """Return an error unless the signer agrees in the form, or agreed earlier, to the present text of the consent."""
    if CONSENT_VERSION in (form.consents_to, agreed_to):
        return []
    return [FieldError("consent", "Please read what you agree to by signing, then sign.")]


def check_read(form: ApprovalForm, document: Document) -> None:
    """Raise `Invalid` unless the document was viewed and every page was shown, so that it can be signed later.

    A document that is signed together with others has no note of its own, so the form must not contain a note."""
    _check_viewed(document, NOT_MARKED)
    errors = _find_unread_errors(form, document)
    if clean_text(form.note):
        errors.append(FieldError("note", "To send a note, sign this document now. Or remove the note."))
    if errors:
        raise Invalid(NOT_MARKED, errors=errors)


def check_decline(form: DeclineForm) -> None:
    """Raise `Invalid` with the wrong fields of the form, such as a missing reason."""
    if errors := _find_decline_errors(form, _read_reason(form)):
        raise Invalid("Not sent yet. Please fix the following:", errors=errors)


def changed_since() -> Conflict:
    """Return the error to raise for a document that the provider has not read in its present version."""
    return Conflict("Not marked as read in its present version. Please review it.")


def switched_off(document: Document) -> Conflict:
    """Return the error to raise for an approval if the practice's settings no longer allow to sign in the portal."""
    return Conflict(
        f"{document.practice.name} has switched electronic signatures off, so nothing was signed. "
        "Sign it by hand instead.",
        code=ConflictCode.ELECTRONIC_SIGNATURE_OFF,
    )


def record_decision(recorder: Recorder, decision: Decision, *, reauthenticated: bool) -> None:
    """Add to the recorder (the collector of a transaction's rows) the audit event of a decision, and the job that
    follows.

    The job makes the signed PDF. For a decline, also add the webhook and the notice to staff. `reauthenticated` is true
    if the signer had to authenticate again in order to decide."""
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


def _check_viewed(document: Document, detail: str) -> None:
    """Raise `Invalid` unless the page images are ready and the portal has recorded a view of the document.

    `detail` is the heading above the error."""
    is_ready = document.are_pages_ready
    if not is_ready or document.viewed_at is None:
        message = "Open the document and read every page, then sign." if is_ready else "The pages are not ready yet."
        raise Invalid(detail, errors=[FieldError("read_statement", message)])


def _find_approval_errors(form: ApprovalForm, document: Document, agreed_to: str | None) -> list[FieldError]:
    unread, consent = _find_unread_errors(form, document), find_consent_errors(form, agreed_to)
    return [*unread, *consent, *_find_length_errors(form.note), *_find_print_errors("note", form.note)]


def _find_unread_errors(form: ApprovalForm, document: Document) -> list[FieldError]:
    unread = set(range(1, document.original.pages + 1)) - form.pages_shown.keys()
    if not unread or form.read_statement:
        return []
    return [FieldError("read_statement", "Please read every page, then tick that you have.")]


def _find_decline_errors(form: DeclineForm, reason: DeclineReason | None) -> list[FieldError]:
    errors = [*_find_length_errors(_decline_note(form, reason)), *_find_print_errors("note", form.note)]
    if reason is DeclineReason.SOMEONE_ELSE_SIGNS:
        errors += _find_print_errors("other_name", form.other_name)
        errors += _find_print_errors("other_address", form.other_address)
    if reason is None:
        errors.append(FieldError("reason", "Choose a reason, so that the clinic knows what to do."))
    elif reason in NOTE_REQUIRED and not clean_text(form.note):
        errors.append(FieldError("note", NOTE_REQUIRED[reason]))
    return errors


def _read_reason(form: DeclineForm) -> DeclineReason | None:
    return DeclineReason(form.reason) if form.reason in list(DeclineReason) else None


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


def _find_length_errors(note: str) -> list[FieldError]:
    length = len(clean_text(note))
    if length <= MAX_NOTE:
        return []
    return [FieldError("note", f"Please shorten the note to {MAX_NOTE:,} characters. It has {length:,}.")]


def _find_print_errors(name: str, text: str) -> list[FieldError]:
    """Return the error of the field with this name if the signed PDF cannot show a character of its text."""
    unprintable = find_unprintable(clean_text(text))
    if not unprintable:
        return []
    listed, it = " ".join(unprintable[:_MAX_LISTED]), "it" if len(unprintable) == 1 else "them"
    more = " and more" if len(unprintable) > _MAX_LISTED else ""
    return [FieldError(name, f"The signed PDF can't show {listed}{more}. Please remove {it}.")]
