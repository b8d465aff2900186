"""Signing and declining on the screen by a person without an account who entered a code (DESIGN 5.5).

The visit (the hour after a code was entered) permits this, for one document and in one browser. A person who signs must
be the provider to whom the document is addressed, by name and NPI."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain import npi as npis
from chalicelib.domain.documents import Addressee, Decision, Document, Signer, SigningMethod
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Invalid
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.status import Action, is_decidable
from chalicelib.services.concurrency import run_concurrently
from chalicelib.services.documents.document_writer import DocumentWriter
from chalicelib.services.documents.identity import identify_visitor
from chalicelib.services.normalization import normalize_credential
from chalicelib.services.ports import Switches
from chalicelib.services.review.by_hand import CodeVisitor, check_visit, describe_code
from chalicelib.services.review.decisions import (
    ApprovalForm,
    DeclineForm,
    check_approval,
    check_decline,
    make_approval,
    make_decline,
    record_decision,
    switched_off,
    ways_to_sign,
)
from chalicelib.services.review.signature_input import MAX_NAME, clean_text, is_own_name, read_signature

PROOF_LIFETIME = timedelta(minutes=10)
"""The time after a signature in which the person who entered an emailed code is offered an account."""


@dataclass(frozen=True, kw_only=True)
class GuestForm:
    """The statements that a person without an account makes in the form to sign: name, credential and NPI, as typed.

    `confirmed` is true if the person ticked to be the provider to whom the document is addressed."""

    name: str
    credential: str = ""
    npi: str = ""
    confirmed: bool = False


class GuestSigning:
    """Service for the decisions of a person without an account, who opened one document with a code."""

    def __init__(self, writer: DocumentWriter, switches: Switches) -> None:
        self._writer = writer
        self._switches = switches

    def approve(
        self, document: Document, form: ApprovalForm, guest: GuestForm, visit: Secret, visitor: CodeVisitor
    ) -> Document:
        """Sign the document on the screen, and return it. The same signature a second time changes nothing.

        `guest` has the person's statements. Raises `Invalid` with the wrong fields of the form, `Conflict` after
        another decision or if the practice does not allow signing without an account, and `Gone` if the visit (the hour
        after a code was entered) has ended."""
        signature, errors = read_signature(form.signature, form.typed_name, form.drawing, document.addressee)
        errors = [*errors, *_find_guest_errors(guest, document)]
        decision = make_approval(form, document, _signer(guest, document, visit), signature, visitor.now)
        return self._decide(
            document, decision, visit, visitor, lambda current: check_approval(form, current, errors, agreed_to=None)
        )

    def decline(
        self, document: Document, form: DeclineForm, name: str, visit: Secret, visitor: CodeVisitor
    ) -> Document:
        """Decline the document with a reason, and return it. A second identical submit changes nothing.

        `name` is the name of the person who declines, as typed. Raises the same errors as `approve`."""
        decision = make_decline(form, _decliner(name, document, visit), visitor.now)
        return self._decide(document, decision, visit, visitor, lambda _: _check_decline(form, name))

    def _decide(
        self,
        document: Document,
        decision: Decision,
        visit: Secret,
        visitor: CodeVisitor,
        check: Callable[[Document], None],
    ) -> Document:
        check_visit(document, visit, visitor.now)
        practice, ways = run_concurrently(
            lambda: self._writer.practice_of(document), lambda: ways_to_sign(self._switches, document)
        )

        def step(current: Document) -> Document:
            check_visit(current, visit, visitor.now)
            if is_decidable(current.status):
                if not ways.code:
                    raise _switched_off(current) if ways.account else switched_off(current)
                check(current)
            decided = current.decide(decision)
            if decided is None:
                return current
            recorder = self._writer.recorder(decided, practice, visitor.actor, visitor.now)
            record_decision(recorder, decision, reauthenticated=False)
            self._writer.report_to_owner(recorder, decided)
            return self._writer.commit(recorder.certification(current))

        return self._writer.apply_to_latest(document, step)


def confirmation(document: Document) -> str:
    """Return the sentence that the person ticks in order to sign. The certificate repeats the sentence."""
    return f"I am {document.addressee.name_and_credential}, and I sign this myself."


def is_by_visit(document: Document, visit: Secret) -> bool:
    """Return True if the document was decided on the screen in this visit (the hour after a code was entered)."""
    decision = document.decision
    return decision is not None and decision.signer.authentication == describe_code(visit)


def find_proven_email(document: Document, visit: Secret, now: datetime) -> str | None:
    """Return the address at which the person who signed the document in this visit proved to read email, or None.

    With an address, the page offers an account for this address in one step, because the signer needs no further proof.
    The code of a fax proves no address. A person who declined may be anyone in the office, and so may a person who uses
    the browser later than `PROOF_LIFETIME` after the signature."""
    decision = document.decision
    if decision is None or decision.action is not Action.APPROVE or not is_by_visit(document, visit):
        return None
    is_fresh = now - decision.decided_at < PROOF_LIFETIME
    return visit.email if is_fresh and _is_addressee(decision.signer.name, document.addressee) else None


def _switched_off(document: Document) -> Conflict:
    """Return the error to raise for a decision without an account if the practice allows decisions only with an
    account."""
    return Conflict(
        f"{document.practice.name} has switched signing without an account off, so nothing was recorded. "
        "Log in, or sign it by hand instead.",
        code=ConflictCode.ELECTRONIC_SIGNATURE_OFF,
    )


def _find_guest_errors(guest: GuestForm, document: Document) -> list[FieldError]:
    """Return the errors of the statements that a person without an account makes in the form to sign.

    The name must be that of the provider to whom the document is addressed. The NPI must be this provider's, if the
    clinic stated one."""
    addressee, practice = document.addressee, document.practice.name
    errors = []
    if not _is_addressee(guest.name, addressee):
        message = f"This document is addressed to {addressee.name}. Only {addressee.name} can sign it here."
        errors.append(FieldError("signer_name", message))
    if _read_credential(guest.credential) is None:
        errors.append(FieldError("credential", "Enter your credential, such as MD, DO, NP or PA-C."))
    npi = guest.npi.strip()
    if not npis.is_valid(npi):
        errors.append(FieldError("npi", "Enter your 10-digit NPI. The number has a wrong digit or is incomplete."))
    elif addressee.npi not in (None, npi):
        source = document.giver.name_and_credential if document.giver else practice
        message = f"{source} gave another NPI for {addressee.name}. Check it, or call {practice}."
        errors.append(FieldError("npi", message))
    if not guest.confirmed:
        errors.append(FieldError("confirmed", f"Confirm that you are {addressee.name}."))
    return errors


def _check_decline(form: DeclineForm, name: str) -> None:
    if not 0 < len(_read_name(name)) <= MAX_NAME:
        errors = [FieldError("decliner", "Enter your name, so that the clinic knows who declined.")]
        raise Invalid("Not sent yet. Please fix the following:", errors=errors)
    check_decline(form)


def _signer(guest: GuestForm, document: Document, visit: Secret) -> Signer:
    npi = guest.npi.strip()
    identity = identify_visitor(document, visit.email, act="Signed on screen", npi=npi)
    return Signer(
        name=_read_name(guest.name),
        credential=_read_credential(guest.credential),
        npi=npi,
        method=SigningMethod.ELECTRONIC,
        authentication=describe_code(visit),
        identity=replace(identity, statement=f"{identity.statement} Statement ticked: {confirmation(document)}"),
    )


def _decliner(name: str, document: Document, visit: Secret) -> Signer:
    """Return the person without an account who declines the document, with the typed `name`.

    Anyone with the code can decline and type any name. So the person gets no credential and no NPI, and the record says
    that the name was only given."""
    typed = _read_name(name)
    identity = identify_visitor(document, visit.email, act="Declined on screen")
    statement = f"{identity.statement.removesuffix('.')}, who gave the name {typed}."
    return Signer(
        name=typed,
        credential=None,
        npi=None,
        method=SigningMethod.ELECTRONIC,
        authentication=describe_code(visit),
        identity=replace(identity, statement=statement),
    )


def _is_addressee(name: str, addressee: Addressee) -> bool:
    typed = _read_name(name)
    return len(typed) <= MAX_NAME and is_own_name(addressee, typed)


def _read_name(text: str) -> str:
    return " ".join(clean_text(text).split())


def _read_credential(text: str) -> str | None:
    try:
        return normalize_credential(text)
    except ValueError:
        return None
