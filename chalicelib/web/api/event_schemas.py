"""Pydantic models of the events that an EMR sends. The models validate the JSON and describe it in OpenAPI.

`request_fields.py` says what is refused and what is ignored."""

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from chalicelib.domain import documents
from chalicelib.domain.certification import facts
from chalicelib.domain.certification.facts import CallResult, CopySeen, PayerKind
from chalicelib.domain.documents import DeliveryChoice, Kind, ReturnedMethod
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.timestamps import from_text
from chalicelib.services import normalization as formats
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.incoming_pdf import PdfSource
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand, ReturnCommand
from chalicelib.services.documents.provider_matching import check_reachable
from chalicelib.services.documents.send_command import SendCommand
from chalicelib.services.documents.staff_reports import CallCommand, CopyCommand
from chalicelib.web.api.number_fields import AuthorPhone, ProviderFax, ProviderPhone, needed_numbers
from chalicelib.web.api.request_fields import (
    BirthDay,
    BlankToNone,
    Credential,
    ExternalId,
    MaybeDay,
    MaybeEmail,
    MaybeNpi,
    MaybeText,
    Metadata,
    Name,
    PastDay,
    PersonModel,
    RequestModel,
    RowId,
    Sha256,
    Timestamp,
    read_model,
)

MAX_INLINE_BYTES = 4 * 1024 * 1024
EARLIEST_BIRTH = date(1880, 1, 1)
MAX_POINTS = 14_400
"""The longest side that a PDF page may have, in points (1/72 inch)."""

MIN_WIDTH, MIN_HEIGHT = 36, 12
"""The smallest box for a signature that an EMR may ask for, in points: half an inch wide, and one line of text high."""

FAX_CONFIRMED = "True if you have checked a number that was reported as wrong, and the number is right."

Event = SendCommand | ResendCommand | RecallCommand | ReturnCommand | CallCommand | CopyCommand


class Patient(PersonModel):
    external_id: ExternalId
    date_of_birth: BirthDay

    @field_validator("date_of_birth")
    @classmethod
    def _check_birth(cls, value: date, info: ValidationInfo) -> date:
        today: date = (info.context or {})["today"]
        # `today` is in UTC, and in some time zones it is tomorrow already.
        if not EARLIEST_BIRTH <= value <= today + timedelta(days=1):
            raise ValueError(f"must be a day from {EARLIEST_BIRTH} to today")
        return value


class Provider(PersonModel):
    credential: Annotated[Credential | None, BlankToNone] = None
    npi: MaybeNpi = None
    email: MaybeEmail = None
    fax: ProviderFax = None
    phone: ProviderPhone = Field(
        default=None, description="The office's phone number, which `attention.call` repeats, with its extension."
    )
    fax_confirmed: bool = Field(default=False, description=FAX_CONFIRMED)


class Author(RequestModel):
    name: Name
    credential: Annotated[Credential | None, BlankToNone] = None
    phone: AuthorPhone = None


class Payer(RequestModel):
    kind: PayerKind


class Order(RequestModel):
    """The signed order or referral that the clinic has on file. `name` is the name of the person who signed it.

    Medicare's exception needs the date, the discipline (PT, OT or SLP) and the NPI."""

    signed_on: PastDay = None
    discipline: Annotated[Credential | None, BlankToNone] = None
    npi: MaybeNpi = None
    name: Annotated[Name | None, BlankToNone] = None


class Certification(RequestModel):
    initial_visit_on: PastDay = None
    starts_on: MaybeDay = Field(default=None, alias="from")
    ends_on: MaybeDay = Field(default=None, alias="to")
    due_on: MaybeDay = Field(default=None, description="The day on which the signature is due, if you compute it.")
    order: Order | None = None

    @field_validator("due_on")
    @classmethod
    def _check_due_on(cls, value: date | None, info: ValidationInfo) -> date | None:
        first_visit = info.data.get("initial_visit_on")
        if value and first_visit and value < first_visit:
            raise ValueError("must not be earlier than `initial_visit_on`")
        return value

    @field_validator("ends_on")
    @classmethod
    def _check_order(cls, value: date | None, info: ValidationInfo) -> date | None:
        starts_on = info.data.get("starts_on")
        if value and starts_on and value < starts_on:
            raise ValueError("must not be earlier than `from`")
        return value

    def convert(self) -> facts.Certification:
        order = self.order.model_dump() if self.order else {}
        return facts.Certification(
            **self.model_dump(exclude={"order"}), **{f"order_{name}": value for name, value in order.items()}
        )


class SignatureField(RequestModel):
    """The box to sign in, in PDF points (1/72 inch) of the page as displayed.

    The origin is the bottom left corner, and `page` counts from 1."""

    page: int = Field(ge=1, le=200)
    x: float = Field(ge=0, le=MAX_POINTS, allow_inf_nan=False)
    y: float = Field(ge=0, le=MAX_POINTS, allow_inf_nan=False)
    width: float = Field(ge=MIN_WIDTH, le=MAX_POINTS, allow_inf_nan=False)
    height: float = Field(ge=MIN_HEIGHT, le=MAX_POINTS, allow_inf_nan=False)


class Content(RequestModel):
    """The PDF, either as `base64` (up to 4 MB) or as the `upload_id` of an upload.

    `sha256` is optional. It is the SHA-256 of the PDF before base64, as hex in upper or lower case."""

    base64: str | None = Field(default=None, json_schema_extra={"contentEncoding": "base64"})
    upload_id: RowId | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _check_exactly_one(self) -> Self:
        if (self.base64 is None) == (self.upload_id is None):
            raise ValueError("must have exactly one of base64 and upload_id")
        return self

    @field_validator("base64")
    @classmethod
    def _check_size(cls, value: str | None) -> str | None:
        # Four characters are three bytes, and every `=` at the end is one byte less.
        if value is not None and len(value) // 4 * 3 - value[-2:].count("=") > MAX_INLINE_BYTES:
            raise ValueError("holds more than 4 MB: send the PDF with POST /v1/uploads and name its upload_id")
        return value

    def decode(self) -> PdfSource:
        """Return where intake finds the PDF: its bytes, decoded from `base64`, or the id of an earlier upload.

        Raises `Invalid` if the text is not base64 without line breaks."""
        data = None if self.base64 is None else _decode_base64(self.base64)
        return PdfSource(data=data, upload_id=self.upload_id, sha256=self.sha256)


class DocumentSent(RequestModel):
    external_id: ExternalId
    kind: Kind
    title: Annotated[str, Field(max_length=200), AfterValidator(formats.normalize_line)]
    patient: Patient
    provider: Provider
    delivery: DeliveryChoice
    content: Content
    author: Author | None = None
    payer: Payer | None = None
    certification: Certification | None = None
    signature_field: SignatureField | None = None
    supersedes: Annotated[ExternalId | None, BlankToNone] = Field(
        default=None, description="The external_id of the pending or declined document of this patient to replace."
    )
    message: MaybeText = None
    metadata: Metadata | None = Field(
        default=None,
        description="Your own texts, such as a number of your system. The portal returns them and reads none of them.",
    )

    @field_validator("supersedes")
    @classmethod
    def _check_other_document(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value == info.data.get("external_id"):
            raise ValueError("must name another document, because a new version needs a new external_id")
        return value


class _DocumentReference(RequestModel):
    external_id: ExternalId | None = None
    document_id: RowId | None = None

    @model_validator(mode="after")
    def _check_reference(self) -> Self:
        if self.external_id is None and self.document_id is None:
            raise ValueError("must name the document by external_id or document_id")
        return self

    def document_ref(self) -> DocumentRef:
        return DocumentRef(external_id=self.external_id, document_id=self.document_id)


class CorrectedProvider(RequestModel):
    email: MaybeEmail = None
    fax: ProviderFax = None
    fax_confirmed: bool = Field(default=False, description=FAX_CONFIRMED)

    @field_validator("fax_confirmed")
    @classmethod
    def _check_fax(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic passes the field's value
        if value and info.data.get("fax") is None:
            raise ValueError("needs the confirmed number in `fax`")
        return value


class DocumentResend(_DocumentReference):
    provider: CorrectedProvider | None = None
    delivery: DeliveryChoice | None = None


class DocumentRecalled(_DocumentReference):
    reason: Annotated[
        Annotated[str, Field(max_length=1000), AfterValidator(formats.normalize_paragraphs)] | None, BlankToNone
    ] = None


class DocumentReturned(_DocumentReference):
    method: ReturnedMethod


def _needed_with(field: str, value: CallResult | CopySeen, problem: str) -> AfterValidator:
    """Return the Pydantic annotation of an optional field that is required if another field has a certain value.

    `field` is the other field, which comes earlier in the model. `problem` is the message for a missing value."""

    def check(given: str | None, info: ValidationInfo) -> str | None:
        if given is None and info.data.get(field) is value:
            raise ValueError(problem)
        return given

    return AfterValidator(check)


class DocumentCalled(_DocumentReference):
    at: Timestamp
    by: Name
    result: CallResult
    note: Annotated[
        MaybeText,
        _needed_with(
            "result",
            CallResult.CERTIFIED_VERBALLY,
            "is required for a verbal certification: say who certified, and what",
        ),
    ] = Field(default=None, validate_default=True)


class DocumentCopyConfirmed(_DocumentReference):
    seen: CopySeen
    fax_id: RowId | None = None
    by: Name | None = None
    signed_on: MaybeDay = Field(default=None, validate_default=True)
    note: Annotated[
        MaybeText, _needed_with("seen", CopySeen.DECLINED, "is required for a decline: say what the provider wrote")
    ] = Field(default=None, validate_default=True)

    @field_validator("signed_on")
    @classmethod
    def _check_signed_on(cls, value: date | None, info: ValidationInfo) -> date | None:
        is_dated = info.data.get("seen") is CopySeen.SIGNED_AND_DATED
        if "seen" in info.data and is_dated != (value is not None):
            raise ValueError("is required for a dated signature" if is_dated else "contradicts `seen`")
        return value


class _Envelope(RequestModel):
    type: Literal[
        "document.sent",
        "document.resend",
        "document.recalled",
        "document.returned",
        "document.called",
        "document.copy_confirmed",
    ]
    timestamp: Timestamp
    data: Any = None


class SentEvent(_Envelope):
    type: Literal["document.sent"]
    data: DocumentSent

    def command(self) -> SendCommand:
        data, author, box = self.data, self.data.author, self.data.signature_field
        addressee = documents.Addressee(**data.provider.model_dump(exclude={"fax_confirmed"}) | data.provider.names())
        check_reachable(addressee, data.delivery)
        return SendCommand(
            external_id=data.external_id,
            kind=data.kind,
            title=data.title,
            patient=documents.Patient(**data.patient.model_dump() | data.patient.names()),
            addressee=addressee,
            delivery=data.delivery,
            content=data.content.decode(),
            author=documents.Author(**author.model_dump()) if author else None,
            payer=facts.Payer(kind=data.payer.kind) if data.payer else None,
            certification=data.certification.convert() if data.certification else None,
            signature_field=documents.FieldBox(**box.model_dump()) if box else None,
            supersedes=data.supersedes,
            message=data.message,
            metadata=data.metadata or {},
            fax_confirmed=data.provider.fax_confirmed,
        )


class ResendEvent(_Envelope):
    type: Literal["document.resend"]
    data: DocumentResend

    def command(self) -> ResendCommand:
        address = self.data.provider or CorrectedProvider()
        addresses = address.model_dump()
        return ResendCommand(document=self.data.document_ref(), delivery=self.data.delivery, **addresses)


class RecalledEvent(_Envelope):
    type: Literal["document.recalled"]
    data: DocumentRecalled

    def command(self) -> RecallCommand:
        return RecallCommand(document=self.data.document_ref(), reason=self.data.reason)


class ReturnedEvent(_Envelope):
    type: Literal["document.returned"]
    data: DocumentReturned

    def command(self) -> ReturnCommand:
        return ReturnCommand(document=self.data.document_ref(), method=self.data.method)


class CalledEvent(_Envelope):
    type: Literal["document.called"]
    data: DocumentCalled

    def command(self) -> CallCommand:
        data = self.data
        at = from_text(data.at)
        return CallCommand(document=data.document_ref(), at=at, by=data.by, result=data.result, note=data.note)


class CopyConfirmedEvent(_Envelope):
    type: Literal["document.copy_confirmed"]
    data: DocumentCopyConfirmed

    def command(self) -> CopyCommand:
        data = self.data
        return CopyCommand(
            document=data.document_ref(),
            seen=data.seen,
            signed_on=data.signed_on,
            note=data.note,
            fax_id=data.fax_id,
            by=data.by,
        )


EVENTS: Mapping[
    str, type[SentEvent | ResendEvent | RecalledEvent | ReturnedEvent | CalledEvent | CopyConfirmedEvent]
] = {
    "document.sent": SentEvent,
    "document.resend": ResendEvent,
    "document.recalled": RecalledEvent,
    "document.returned": ReturnedEvent,
    "document.called": CalledEvent,
    "document.copy_confirmed": CopyConfirmedEvent,
}


def read_event(body: bytes, today: date, fax_countries: Collection[str] = formats.FAX_COUNTRIES) -> Event:
    """Return the validated event from the JSON body of `POST /v1/events`, as the object that a service takes.

    `fax_countries` are the countries whose fax numbers are allowed. Raises `NotJson`, or `Invalid` with every wrong
    field."""
    start = read_model(_Envelope, body, {})
    ignored: list[FieldError] = []
    context = {"today": today, "fax_countries": fax_countries, "needed": needed_numbers(start.data), "ignored": ignored}
    command = read_model(EVENTS[start.type], body, context).command()
    return replace(command, ignored=tuple(ignored)) if isinstance(command, SendCommand | ResendCommand) else command


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        message = "must be base64 of the standard alphabet, padded, without line breaks or a data: prefix"
        wrong = FieldError("data.content.base64", message)
        raise Invalid(f"{wrong.field} {message}.", errors=(wrong,)) from None
