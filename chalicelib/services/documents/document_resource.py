"""The JSON of a document. An EMR gets the same JSON in webhooks and from `GET /v1/documents/{id}`."""

from datetime import datetime
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from chalicelib.domain.carriers.document_copies import ReturnedCopy
from chalicelib.domain.certification.facts import AttentionReason, PayerKind
from chalicelib.domain.certification.rules import (
    CertificationWarning,
    CertifiedBy,
    certify,
    find_colleague_warnings,
    local_day,
    needs_attention,
)
from chalicelib.domain.colleagues.hand_overs import find_represented
from chalicelib.domain.deliveries import ACCOUNT_MESSAGES, Channel, DeliveryStatus, MessageType
from chalicelib.domain.documents import Addressee, Decision, DeclineReason, Document, Kind, Sealing, StoredPdf
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.json_schema import Day, FixedSchema, Timestamp, Url, to_plain, to_response

_Level = Annotated[
    str | None,
    FixedSchema(
        {
            "enum": ["B-B", "B-T", None],
            "description": "The PAdES level of the seal. `B-T` has a timestamp of an authority.",
        }
    ),
]


_TRIES = frozenset({MessageType.READY.value, MessageType.FAX.value})
"""The messages that carry or announce a document, which `AttentionResource` counts as tries."""


class PersonResource(TypedDict):
    """A provider whom the clinic or a colleague named. The NPI is null if nobody stated it."""

    name: str
    credential: str | None
    npi: str | None


class SignerResource(TypedDict):
    """The person who decided on the document. `method` is `electronic` or `by_hand`.

    If a colleague decided after a hand-over, `on_behalf_of` is the provider to whom you addressed the document."""

    name: str
    credential: str | None
    npi: str | None
    method: str
    on_behalf_of: PersonResource | None


class HandOverResource(TypedDict):
    """The colleague to whom the provider handed the document over, and who has it now.

    `by` is the provider who did so, and `email` the address that this provider gave. `warnings` has codes as in the
    response to `document.sent`, such as `order-npi-differs`: the colleague's signature certifies the plan, but its
    transmission to the colleague does not."""

    name: str
    credential: str | None
    npi: str | None
    email: str | None
    at: Timestamp
    by: PersonResource
    warnings: list[CertificationWarning]


class IdentityResource(TypedDict):
    """The facts about the identity of the person who decided, as codes and as a `statement`."""

    method: str
    sent_to: str | None
    supplied_by: str | None
    npi_source: str | None
    registry_on: Day | None
    statement: str


class SealedFile(TypedDict):
    """A PDF with the portal's digital signature (the seal). `sha256` is the SHA-256 (hex) of the file."""

    url: Url
    sha256: str
    level: _Level


class SealedCertificate(SealedFile):
    """A certificate page in a separate file. A later version exists if the timestamp came late."""

    timestamped: NotRequired[SealedFile]


class SignedPdf(SealedFile):
    """The signed PDF that `document.approved` announced. This file never changes.

    `timestamped` is a later version with the same seal and a timestamp that came late. `certificate` exists
    only if no page could be added to the PDF."""

    timestamped: NotRequired[SealedFile]
    certificate: NotRequired[SealedCertificate]


class DeliveryLineResource(TypedDict):
    """The latest state of one message about a document."""

    id: str
    channel: Channel
    type: str
    recipient: str
    status: DeliveryStatus
    at: Timestamp


class TrailPosition(TypedDict):
    """The state of the audit trail: the number of events, and the hash of the last event.

    Store both with each webhook. If a later audit trail contains another hash at this number, the trail was
    rewritten."""

    sequence: int
    head: str


class PayerResource(TypedDict):
    """The payer of the treatment: the one that the EMR stated, the practice's default, or else `other`."""

    kind: PayerKind


class CallResource(TypedDict):
    """The provider whom the clinic's staff should call about the document.

    `number` is null if the EMR sent no `provider.phone`. After a hand-over, call the colleague at the office of the
    provider to whom you addressed the document."""

    name: str
    number: str | None


class AttentionResource(TypedDict):
    """The reason why a person at the clinic should act on the document, with facts for the next step.

    `tries` counts the messages that carried or announced the document, the reminders, and the calls that staff noted.
    `days_left` counts the days to `due_on`, and is negative after it."""

    reason: AttentionReason
    call: CallResource
    tries: int
    days_left: int


class CopyPageResource(TypedDict):
    """A page of a returned copy. `page` is the page of the document, or null if the page's code cannot be read.

    `url` leads to the page's picture, with the API key."""

    page: int | None
    url: Url


class CopyResource(TypedDict):
    """A copy of the document that came back by fax. Say what is on it with `document.copy_confirmed`.

    With `partial`, the call ended before the last page. `missing_pages` are the document's pages that did not come with
    this fax, or whose number could not be read."""

    fax_id: str
    received_at: Timestamp
    partial: bool
    pages: list[CopyPageResource]
    missing_pages: list[int]


class DocumentResource(TypedDict):
    """A document's JSON for the EMR."""

    id: str
    practice_id: str
    external_id: str
    patient_external_id: str
    kind: Kind
    title: str
    status: Status
    outcome: Outcome | None
    note: str | None
    decline_reason: DeclineReason | None
    sent_at: Timestamp
    viewed_at: Timestamp | None
    transmitted_at: Timestamp | None
    decided_at: Timestamp | None
    due_on: Day
    payer: PayerResource
    certified_by: CertifiedBy | None
    certified_on: Day | None
    attention: AttentionResource | None
    signer: SignerResource | None
    identity: IdentityResource | None
    handed_over_to: HandOverResource | None
    sealing: Sealing
    signed_pdf: SignedPdf | None
    supersedes: str | None
    superseded_by: str | None
    returned_at: Timestamp | None
    returned_method: str | None
    recalled_reason: str | None
    deliveries: list[DeliveryLineResource]
    copies: list[CopyResource]
    metadata: dict[str, str]
    trail: TrailPosition


def document_resource(document: Document, portal_url: str, now: datetime) -> DocumentResource:
    """Return the document's JSON with all fields, so that each webhook is complete without the earlier webhooks.

    `now` decides whether a verbal certification still holds."""
    decision, certified = document.decision, certify(document, now)
    identity = decision.signer.identity if decision else None
    lines = [line for line in document.deliveries if line.type not in ACCOUNT_MESSAGES]
    return to_response(
        DocumentResource,
        document,
        patient_external_id=document.patient.external_id,
        payer={"kind": document.payer.kind if document.payer else PayerKind.OTHER},
        certified_by=certified.by if certified else None,
        certified_on=certified.on.isoformat() if certified else None,
        attention=_attention(document, now),
        note=decision.note if decision else None,
        decline_reason=decision.decline_reason if decision else None,
        signer=_signer(document, decision) if decision else None,
        handed_over_to=_hand_over(document),
        identity=to_response(IdentityResource, identity) if identity else None,
        signed_pdf=_signed_pdf(document, portal_url),
        deliveries=[to_response(DeliveryLineResource, line) for line in lines],
        copies=[_copy(copy, document.original.pages, portal_url) for copy in document.copies],
        metadata=dict(document.metadata or {}),
        trail=to_response(TrailPosition, document),
    )


def _attention(document: Document, now: datetime) -> AttentionResource | None:
    reason, addressee = needs_attention(document), document.addressee
    if reason is None:
        return None
    return {
        "reason": reason,
        "call": {"name": addressee.name_and_credential, "number": addressee.phone},
        "tries": _count_tries(document),
        "days_left": (document.due_on - local_day(now, document)).days,
    }


def _signer(document: Document, decision: Decision) -> SignerResource:
    represented = find_represented(document, decision)
    behalf = _person(represented) if represented else None
    return to_response(SignerResource, decision.signer, on_behalf_of=behalf)


def _hand_over(document: Document) -> HandOverResource | None:
    if not document.handed_over:
        return None
    act = document.handed_over[-1]
    return to_response(
        HandOverResource,
        document.addressee,
        at=to_plain(act.at),
        by=_person(act.giver),
        warnings=list(find_colleague_warnings(document)),
    )


def _person(addressee: Addressee) -> PersonResource:
    return to_response(PersonResource, addressee)


def _copy(copy: ReturnedCopy, document_pages: int, portal_url: str) -> CopyResource:
    base = f"{portal_url}/v1/faxes/{copy.fax_id}/pages"
    pages = [CopyPageResource(page=page.page, url=f"{base}/{page.number}") for page in copy.pages]
    missing = list(copy.missing_pages(document_pages))
    return to_response(CopyResource, copy, partial=copy.is_partial, pages=pages, missing_pages=missing)


def _count_tries(document: Document) -> int:
    reminders = document.follow_up.reminders if document.follow_up else 0
    return document.calls + reminders + sum(line.type in _TRIES for line in document.deliveries)


def _signed_pdf(document: Document, portal_url: str) -> SignedPdf | None:
    if document.signed is None:
        return None
    url = f"{portal_url}/v1/documents/{document.id}/signed.pdf"
    pdf, certificate = document.signed, document.certificate
    signed = SignedPdf(url=url, sha256=pdf.sha256, level=pdf.level)
    if document.timestamped is not None:
        signed["timestamped"] = _file(document.timestamped, f"{url}?version=timestamped")
    if certificate is not None:
        signed["certificate"] = SealedCertificate(
            url=f"{url}?version=certificate", sha256=certificate.sha256, level=certificate.level
        )
        if document.timestamped_certificate is not None:
            later = f"{url}?version=timestamped-certificate"
            signed["certificate"]["timestamped"] = _file(document.timestamped_certificate, later)
    return signed


def _file(pdf: StoredPdf, url: str) -> SealedFile:
    return {"url": url, "sha256": pdf.sha256, "level": pdf.level}
