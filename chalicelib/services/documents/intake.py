"""`document.sent`: check, inspect, store, answer (DESIGN section 4, contract)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.domain.claim_keys import external_claim, matching_claims
from chalicelib.domain.deliveries import Channel
from chalicelib.domain.documents import (
    Addressee,
    Author,
    Certification,
    DeliveryChoice,
    Document,
    FieldBox,
    Kind,
    Patient,
    StoredPdf,
)
from chalicelib.domain.due_dates import due_on
from chalicelib.domain.errors import Conflict, ConflictCode, FieldError, Unprocessable, UnprocessableCode
from chalicelib.domain.providers import Provider
from chalicelib.services.documents.idempotent_events import (
    Answer,
    Desk,
    InboundEvent,
    claim_of,
    joined,
)
from chalicelib.services.documents.incoming_pdf import IncomingPdf, InspectedPdf, PdfSource, sha256
from chalicelib.services.documents.provider_matching import (
    BY_EMAIL,
    BY_FAX,
    ProviderMatch,
    mailbox_claim,
    resolve,
)
from chalicelib.services.documents.recorder import Recorder
from chalicelib.services.ports import Files, Ids, Inspector, Store, Switches
from chalicelib.services.transaction import Change

_CERTIFICATION_NAMES = {
    "initial_visit_on": "initial_visit_on",
    "starts_on": "from",
    "ends_on": "to",
    "order_signed_on": "order.signed_on",
}


@dataclass(frozen=True, kw_only=True)
class SendCommand:
    """The event's data, checked. `supersedes` is an `external_id` of the same practice."""

    external_id: str
    kind: Kind
    title: str
    patient: Patient
    addressee: Addressee
    delivery: DeliveryChoice
    content: PdfSource
    author: Author | None = None
    certification: Certification | None = None
    signature_field: FieldBox | None = None
    supersedes: str | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Replaced:
    """The older version as it will stand, and the event that says so: it may be recalled already."""

    document: Document
    event: str


class Intake(Desk):
    """Takes documents in. Nothing is left behind by one that is refused."""

    def __init__(
        self,
        *,
        store: Store,
        files: Files,
        inspector: Inspector,
        switches: Switches,
        ids: Ids,
        portal_url: str,
    ) -> None:
        super().__init__(store=store, ids=ids, portal_url=portal_url)
        self._files = files
        self._inspector = inspector
        self._switches = switches

    def receive(self, inbound: InboundEvent, sent: SendCommand) -> Answer:
        """Answers `{"document_id", "status"}`; raises `Conflict` or `Unprocessable`, naming the field."""
        pdf = IncomingPdf(
            inbound.practice.id,
            self.ids.new("doc"),
            sent.content,
            partial(check_box, sent.signature_field),
            files=self._files,
            inspector=self._inspector,
        )
        answer = self.once(inbound, lambda: self._decide(inbound, sent, pdf))
        pdf.settle(answer["document_id"])
        return answer

    def _decide(self, inbound: InboundEvent, sent: SendCommand, pdf: IncomingPdf) -> tuple[Document, Change]:
        owners = self.store.claims(self._keys(inbound, sent))
        earlier = self._owned(inbound, owners, sent.external_id)
        if earlier is not None and earlier.recalled_at is None:
            check_same(earlier, sent, sha256(pdf.data))
            return earlier, Change(at=inbound.now)
        resolved = resolve(self.store, self.ids, sent.addressee, owners).with_practice(inbound.practice.id)
        replaced = self._replaced(inbound, owners, sent)
        document = self._document(inbound, sent, resolved, pdf)
        claims = (claim_of(document, earlier), *mailbox_claim(document, owners), *resolved.claims)
        # Only then is the question worth a read.
        if document.delivery in BY_EMAIL and self._has_lost_setup(resolved.provider, replaced):
            resolved = resolved.without_setup_email()
        change = self._first(inbound, document, resolved, _noted(sent, pdf.original))
        change = replace(change, claims=claims)
        if replaced is not None:
            change = joined(change, self._recall(inbound, replaced, document.id))
        return document, change

    def _keys(self, inbound: InboundEvent, sent: SendCommand) -> list[str]:
        names = [each for each in (sent.external_id, sent.supersedes) if each]
        return [
            *(external_claim(inbound.practice.id, each) for each in names),
            *matching_claims(sent.addressee),
        ]

    def _owned(self, inbound: InboundEvent, owners: Mapping[str, str], external_id: str) -> Document | None:
        owner = owners.get(external_claim(inbound.practice.id, external_id))
        return self.store.document(owner) if owner else None

    def _first(
        self, inbound: InboundEvent, document: Document, resolved: ProviderMatch, facts: Mapping[str, Any]
    ) -> Change:
        """The document with its first event, its messages and the job to make page images."""
        recorder = self.recorder(document, inbound).event("document.sent", facts)
        setup = wants_setup(resolved.provider, document, self._switches)
        resolved = add_messages(recorder, document, resolved, setup=setup, now=inbound.now)
        return replace(recorder.job("prepare").change(), providers=resolved.changed_rows())

    def _document(
        self, inbound: InboundEvent, sent: SendCommand, resolved: ProviderMatch, arrival: IncomingPdf
    ) -> Document:
        """Version 0: recording the first event makes it 1."""
        pdf = arrival.original.pdf
        sent_on = inbound.now.astimezone(ZoneInfo(inbound.practice.time_zone)).date()
        return Document(
            id=arrival.document_id,
            version=0,
            practice_id=inbound.practice.id,
            practice=inbound.practice.card(),
            external_id=sent.external_id,
            content_sha256=pdf.sha256,
            facts_sha256=facts_sha256(sent),
            kind=sent.kind,
            title=sent.title,
            patient=sent.patient,
            addressee=sent.addressee,
            provider_id=resolved.provider.id,
            delivery=sent.delivery,
            original=pdf,
            sent_at=inbound.now,
            due_on=due_on(sent.kind, sent.certification, sent_on),
            author=sent.author,
            certification=sent.certification,
            signature_field=sent.signature_field,
            message=sent.message,
            supersedes=sent.supersedes,
        )

    def _has_lost_setup(self, provider: Provider, replaced: _Replaced | None) -> bool:
        """Whether the document that the setup link came with is recalled, by this very event too, or has
        become another's: the link is dead then, or will be, and there is no account yet.
        """
        if provider.has_account or provider.setup_document is None:
            return False
        if replaced is not None and replaced.document.id == provider.setup_document:
            return True
        carrier = self.store.document(provider.setup_document)
        return carrier is None or carrier.recalled_at is not None or carrier.provider_id != provider.id

    def _replaced(
        self, inbound: InboundEvent, owners: Mapping[str, str], sent: SendCommand
    ) -> _Replaced | None:
        if sent.supersedes is None:
            return None
        found = self._owned(inbound, owners, sent.supersedes)
        if found is None:
            wrong = "names no document of this practice; send the external_id of the one to replace"
            raise Unprocessable(
                f"supersedes {wrong}.",
                code=UnprocessableCode.SUPERSEDES_NOT_FOUND,
                errors=(FieldError("data.supersedes", wrong),),
            )
        check_patient(found, sent)
        _check_newest(found, sent)
        try:
            recalled = found.recall(None, inbound.now)
        except Conflict as refusal:
            wrong = "only a pending or declined document can be replaced"
            errors = (FieldError("data.supersedes", wrong),)
            raise Conflict(refusal.detail, code=refusal.code, errors=errors) from refusal
        newer = replace(recalled or found, superseded_by=sent.external_id)
        return _Replaced(document=newer, event="document.recalled" if recalled else "document.superseded")

    def _recall(self, inbound: InboundEvent, replaced: _Replaced, by: str) -> Change:
        recorder = self.recorder(replaced.document, inbound)
        webhook = replaced.event == "document.recalled"
        return recorder.event(replaced.event, {"superseded_by": by}, webhook=webhook).change()


def wants_setup(provider: Provider, document: Document, switches: Switches) -> bool:
    """Whether a mail to choose a password goes out: no account, no such mail yet, and signing is on."""
    new_here = not provider.has_account and provider.setup_mailed_at is None
    return new_here and switches.electronic_signature(document.practice_id)


def add_messages(
    recorder: Recorder, document: Document, resolved: ProviderMatch, *, setup: bool, now: datetime
) -> ProviderMatch:
    """Queues what tells the provider of the document, because of the recorder's last event.

    `setup` adds the mail to choose a password where there is an address; the answer notes it.
    """
    addressee, mailed = document.addressee, resolved
    if document.delivery in BY_EMAIL and addressee.email:
        recorder.message(Channel.EMAIL, "ready", addressee.email)
        if setup:
            recorder.message(Channel.EMAIL, "setup", addressee.email)
            mailed = resolved.with_setup_email(document.id, now)
    if document.delivery in BY_FAX and addressee.fax:
        recorder.message(Channel.FAX, "fax", addressee.fax)
    return mailed


def check_box(box: FieldBox | None, pdf: StoredPdf) -> None:
    """The place to sign must be on one of the pages: what is off the page would be lost."""
    if box is None:
        return
    if box.page > pdf.pages:
        raise _off_page("page", f"the PDF has {pdf.pages} pages")
    if box.page <= len(pdf.page_sizes):
        width, height = pdf.page_sizes[box.page - 1]
        for name, end, most in (("x", box.x + box.width, width), ("y", box.y + box.height, height)):
            if end > most + 1:
                raise _off_page(name, f"the box must lie within the page's {width:g} x {height:g} points")


def _off_page(name: str, message: str) -> Unprocessable:
    field = FieldError(f"data.signature_field.{name}", message)
    return Unprocessable(
        f"The signature_field is not on the page: {message}.",
        code=UnprocessableCode.SIGNATURE_FIELD_OFF_PAGE,
        errors=(field,),
    )


def check_patient(replaced: Document, sent: SendCommand) -> None:
    """One wrong digit in `supersedes` must not take another patient's plan back."""
    if replaced.patient.external_id == sent.patient.external_id:
        return
    wrong = "names a document of another patient (patient.external_id); nothing was replaced"
    raise Unprocessable(
        f"supersedes {wrong}.",
        code=UnprocessableCode.SUPERSEDES_OTHER_PATIENT,
        errors=(FieldError("data.supersedes", wrong),),
    )


def _check_newest(replaced: Document, sent: SendCommand) -> None:
    """Of one plan, one version is to be signed: two that replace the same would both wait for it."""
    newer = replaced.superseded_by
    if newer is None or newer == sent.external_id:
        return
    wrong = f"names a document that {newer} has replaced already; send the external_id of the newest version"
    raise Conflict(
        f"supersedes {wrong}.",
        code=ConflictCode.ALREADY_SUPERSEDED,
        errors=(FieldError("data.supersedes", wrong),),
    )


def _noted(sent: SendCommand, original: InspectedPdf) -> Mapping[str, Any]:
    """What the audit trail keeps for ever: nothing about the patient."""
    return {
        "sha256": original.pdf.sha256,
        "pages": original.pdf.pages,
        "delivery": sent.delivery.value,
        "active_content": list(original.active_content),
    }


# The same again


def check_same(earlier: Document, sent: SendCommand, content_sha256: str) -> None:
    """`Conflict` naming each field in which a second event of one `external_id` differs from the first."""
    differing = [] if earlier.facts_sha256 == facts_sha256(sent) else _differences(earlier, sent)
    if earlier.content_sha256 != content_sha256:
        differing.append("data.content")
    if differing:
        remedy = "differs from what was sent under this external_id"
        raise Conflict(
            f"This external_id was already sent with other data ({', '.join(differing)}). Send a new version "
            "under a new external_id that `supersedes` this one, or recall this one first.",
            code=ConflictCode.EXTERNAL_ID_USED,
            errors=tuple(FieldError(name, remedy) for name in differing),
        )


def facts_sha256(sent: SendCommand) -> str:
    """The hash over everything the EMR said, except the PDF, which has its own."""
    return hashlib.sha256(json.dumps(facts(sent), sort_keys=True).encode()).hexdigest()


def _differences(earlier: Document, sent: SendCommand) -> list[str]:
    """None when only what a correction has changed since differs."""
    before, now = facts(earlier), facts(sent)
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def facts(thing: SendCommand | Document) -> dict[str, str]:
    """What was said about a document, by the contract's dotted names; what was left out is not in it."""
    flat: dict[str, Any] = {
        "data.kind": thing.kind,
        "data.title": thing.title,
        "data.delivery": thing.delivery,
        "data.message": thing.message,
        "data.supersedes": thing.supersedes,
        **_flat("patient", thing.patient),
        **_flat("provider", thing.addressee),
        **_flat("author", thing.author),
        **_flat("certification", thing.certification, _CERTIFICATION_NAMES),
        **_flat("signature_field", thing.signature_field),
    }
    return {name: str(value) for name, value in flat.items() if value is not None}


def _flat(prefix: str, value: Any, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    if value is None:
        return {}
    pairs = asdict(value).items()
    return {f"data.{prefix}.{(names or {}).get(name, name)}": each for name, each in pairs}
