"""Pydantic models of the JSON that an EMR sends. The models validate the JSON and describe it in OpenAPI.

- A value of a wrong type is refused and not converted.
- Unknown fields are ignored, so that an EMR may be newer than this installation.
- Every error names its field, such as `data.provider.npi`, and never quotes the value.

Pydantic is slow to import, so functions import this module where they need it."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from chalicelib.domain import documents, npi
from chalicelib.domain.certification import facts
from chalicelib.domain.certification.facts import CallResult, CopySeen, PayerKind
from chalicelib.domain.documents import DeliveryChoice, Kind, ReturnedMethod
from chalicelib.domain.errors import FieldError, Invalid, NotJson
from chalicelib.domain.timestamps import from_text
from chalicelib.services import normalization as formats
from chalicelib.services.documents.document_refs import DocumentRef
from chalicelib.services.documents.incoming_pdf import PdfSource
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand, ReturnCommand
from chalicelib.services.documents.provider_matching import check_reachable
from chalicelib.services.documents.send_command import SendCommand
from chalicelib.services.documents.staff_reports import CallCommand, CopyCommand

MAX_INLINE_BYTES = 4 * 1024 * 1024
EARLIEST_BIRTH = date(1880, 1, 1)
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
MAX_POINTS = 14_400
"""The longest side that a PDF page may have, in points (1/72 inch)."""

MIN_WIDTH, MIN_HEIGHT = 36, 12
"""The smallest box for a signature that an EMR may ask for, in points: half an inch wide, and one line of text high."""

Event = SendCommand | ResendCommand | RecallCommand | ReturnCommand | CallCommand | CopyCommand
M = TypeVar("M", bound=BaseModel)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,18}(Z|[+-][0-9]{2}:[0-9]{2})")


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _parse_day(value: Any) -> date:
    with suppress(ValueError):
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    raise ValueError("must be a day such as 2026-11-20")


def _check_day_range(value: date) -> date:
    if not FIRST_DAY <= value <= LAST_DAY:
        raise ValueError(f"must be a day from {FIRST_DAY} to {LAST_DAY}")
    return value


def _check_past(value: date | None, info: ValidationInfo) -> date | None:
    today: date = (info.context or {})["today"]
    # `today` is in UTC, and in some time zones it is tomorrow already.
    if value is not None and value > today + timedelta(days=1):
        raise ValueError("must not be in the future")
    return value


def _check_timestamp(value: str) -> str:
    with suppress(ValueError):
        if _MOMENT.fullmatch(value) and datetime.fromisoformat(value).tzinfo is not None:
            return value
    raise ValueError("must be a time with a zone such as 2026-11-22T19:00:00Z")


def _check_fax(value: str, info: ValidationInfo) -> str:
    return formats.normalize_fax(value, (info.context or {})["fax_countries"])


def _check_npi(value: str) -> str:
    if not npi.is_valid(value):
        raise ValueError("must be a valid NPI: ten digits with the right check digit")
    return value


_DAY_FORMAT: Mapping[str, Any] = {"type": "string", "format": "date", "examples": ["2026-11-20"]}
_DAY_SCHEMA = WithJsonSchema({**_DAY_FORMAT})
_EMAIL_FORMAT: Mapping[str, Any] = {"type": "string", "format": "email"}


def _or_blank(schema: Mapping[str, Any]) -> WithJsonSchema:
    """Return the Pydantic annotation for the OpenAPI schema of an optional field.

    The schema allows a value that fits `schema`, and also null and blank text, which mean that there is no value."""
    return WithJsonSchema({"anyOf": [{**schema}, {"type": "string", "pattern": r"^\s*$"}, {"type": "null"}]})


Name = Annotated[str, Field(max_length=100), AfterValidator(formats.normalize_line)]
Credential = Annotated[str, Field(max_length=40), AfterValidator(formats.normalize_line)]
ExternalId = Annotated[str, Field(max_length=128), AfterValidator(formats.normalize_line)]
Timestamp = Annotated[str, AfterValidator(_check_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)]
RowId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Day = Annotated[date, BeforeValidator(_parse_day), AfterValidator(_check_day_range), _DAY_SCHEMA]
BirthDay = Annotated[date, BeforeValidator(_parse_day), _DAY_SCHEMA]
Email = Annotated[str, Field(json_schema_extra={**_EMAIL_FORMAT}), AfterValidator(formats.normalize_email)]
Phone = Annotated[str, Field(examples=["+15125550100"]), AfterValidator(formats.normalize_phone)]
Fax = Annotated[str, Field(examples=["+15125550100"]), AfterValidator(_check_fax)]
Npi = Annotated[str, Field(examples=["1234567893"]), AfterValidator(_check_npi)]
BlankToNone = BeforeValidator(_blank_to_none)
_Text = Annotated[str, Field(max_length=2000), AfterValidator(formats.normalize_paragraphs)]
MaybeText = Annotated[_Text | None, BlankToNone]
MaybeDay = Annotated[Day | None, BlankToNone, _or_blank(_DAY_FORMAT)]
PastDay = Annotated[MaybeDay, AfterValidator(_check_past)]
MaybeNpi = Annotated[Npi | None, BlankToNone]
MaybeEmail = Annotated[Email | None, BlankToNone, _or_blank(_EMAIL_FORMAT)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True, frozen=True)


class Patient(_Model):
    external_id: ExternalId
    first_name: Name
    last_name: Name
    date_of_birth: BirthDay

    @field_validator("date_of_birth")
    @classmethod
    def _check_birth(cls, value: date, info: ValidationInfo) -> date:
        today: date = (info.context or {})["today"]
        # `today` is in UTC, and in some time zones it is tomorrow already.
        if not EARLIEST_BIRTH <= value <= today + timedelta(days=1):
            raise ValueError(f"must be a day from {EARLIEST_BIRTH} to today")
        return value


class Provider(_Model):
    first_name: Name
    last_name: Name
    credential: Annotated[Credential | None, BlankToNone] = None
    npi: MaybeNpi = None
    email: MaybeEmail = None
    fax: Annotated[Fax | None, BlankToNone] = None
    phone: Annotated[Phone | None, BlankToNone] = Field(
        default=None, description="The office's phone number, which `attention.call` repeats."
    )


class Author(_Model):
    name: Name
    credential: Annotated[Credential | None, BlankToNone] = None
    phone: Annotated[Phone | None, BlankToNone] = None


class Payer(_Model):
    kind: PayerKind


class Order(_Model):
    """The signed order or referral that the clinic has on file. `name` is the name of the person who signed it.

    Medicare's exception needs the date, the discipline (PT, OT or SLP) and the NPI."""

    signed_on: PastDay = None
    discipline: Annotated[Credential | None, BlankToNone] = None
    npi: MaybeNpi = None
    name: Annotated[Name | None, BlankToNone] = None


class Certification(_Model):
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


class SignatureField(_Model):
    """The box to sign in, in PDF points (1/72 inch) of the page as displayed.

    The origin is the bottom left corner, and `page` counts from 1."""

    page: int = Field(ge=1, le=200)
    x: float = Field(ge=0, le=MAX_POINTS, allow_inf_nan=False)
    y: float = Field(ge=0, le=MAX_POINTS, allow_inf_nan=False)
    width: float = Field(ge=MIN_WIDTH, le=MAX_POINTS, allow_inf_nan=False)
    height: float = Field(ge=MIN_HEIGHT, le=MAX_POINTS, allow_inf_nan=False)


class Content(_Model):
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


class DocumentSent(_Model):
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

    @field_validator("supersedes")
    @classmethod
    def _check_other_document(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value == info.data.get("external_id"):
            raise ValueError("must name another document, because a new version needs a new external_id")
        return value


class _DocumentReference(_Model):
    external_id: ExternalId | None = None
    document_id: RowId | None = None

    @model_validator(mode="after")
    def _check_reference(self) -> Self:
        if self.external_id is None and self.document_id is None:
            raise ValueError("must name the document by external_id or document_id")
        return self

    def document_ref(self) -> DocumentRef:
        return DocumentRef(external_id=self.external_id, document_id=self.document_id)


class CorrectedProvider(_Model):
    email: MaybeEmail = None
    fax: Annotated[Fax | None, BlankToNone] = None


class DocumentResend(_DocumentReference):
    provider: CorrectedProvider | None = None
    delivery: DeliveryChoice | None = None


class DocumentRecalled(_DocumentReference):
    reason: Annotated[
        Annotated[str, Field(max_length=1000), AfterValidator(formats.normalize_paragraphs)] | None, BlankToNone
    ] = None


class DocumentReturned(_DocumentReference):
    method: ReturnedMethod


class DocumentCalled(_DocumentReference):
    at: Timestamp
    by: Name
    result: CallResult
    note: MaybeText = Field(default=None, validate_default=True)

    @field_validator("note")
    @classmethod
    def _check_note(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("result") is CallResult.CERTIFIED_VERBALLY:
            raise ValueError("is required for a verbal certification: say who certified, and what")
        return value


class DocumentCopyConfirmed(_DocumentReference):
    seen: CopySeen
    signed_on: MaybeDay = Field(default=None, validate_default=True)
    note: MaybeText = Field(default=None, validate_default=True)

    @field_validator("signed_on")
    @classmethod
    def _check_signed_on(cls, value: date | None, info: ValidationInfo) -> date | None:
        is_dated = info.data.get("seen") is CopySeen.SIGNED_AND_DATED
        if "seen" in info.data and is_dated != (value is not None):
            raise ValueError("is required for a dated signature" if is_dated else "contradicts `seen`")
        return value

    @field_validator("note")
    @classmethod
    def _check_note(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("seen") is CopySeen.DECLINED:
            raise ValueError("is required for a decline: say what the provider wrote")
        return value


class _Envelope(_Model):
    type: Literal[
        "document.sent",
        "document.resend",
        "document.recalled",
        "document.returned",
        "document.called",
        "document.copy_confirmed",
    ]
    timestamp: Timestamp


class SentEvent(_Envelope):
    type: Literal["document.sent"]
    data: DocumentSent

    def command(self) -> SendCommand:
        data, author, box = self.data, self.data.author, self.data.signature_field
        addressee = documents.Addressee(**data.provider.model_dump())
        check_reachable(addressee, data.delivery)
        return SendCommand(
            external_id=data.external_id,
            kind=data.kind,
            title=data.title,
            patient=documents.Patient(**data.patient.model_dump()),
            addressee=addressee,
            delivery=data.delivery,
            content=data.content.decode(),
            author=documents.Author(**author.model_dump()) if author else None,
            payer=facts.Payer(kind=data.payer.kind) if data.payer else None,
            certification=data.certification.convert() if data.certification else None,
            signature_field=documents.FieldBox(**box.model_dump()) if box else None,
            supersedes=data.supersedes,
            message=data.message,
        )


class ResendEvent(_Envelope):
    type: Literal["document.resend"]
    data: DocumentResend

    def command(self) -> ResendCommand:
        address = self.data.provider or CorrectedProvider()
        addresses = {"email": address.email, "fax": address.fax}
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
        return CopyCommand(document=data.document_ref(), seen=data.seen, signed_on=data.signed_on, note=data.note)


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


class PracticeSettings(_Model):
    """The settings to change. An omitted setting does not change, and null clears an optional setting."""

    name: Annotated[str, Field(max_length=120), AfterValidator(formats.normalize_line)] = ""
    phone: Annotated[Phone | None, BlankToNone] = None
    fax: Annotated[Fax | None, BlankToNone] = None
    reply_to: MaybeEmail = None
    time_zone: Annotated[str, AfterValidator(formats.validate_time_zone)] = ""
    default_payer: Annotated[PayerKind | None, BlankToNone] = Field(
        default=None, description="The payer of documents that state no `payer`."
    )
    electronic_signature: bool = False


class EndpointSettings(_Model):
    url: Annotated[str, Field(max_length=formats.MAX_URL_CHARS, json_schema_extra={"format": "uri"})]

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str, info: ValidationInfo) -> str:
        return formats.validate_endpoint_url(value, allow_loopback=(info.context or {})["allow_loopback"])


def read_event(body: bytes, today: date, fax_countries: Collection[str] = formats.FAX_COUNTRIES) -> Event:
    """Return the validated event from the JSON body of `POST /v1/events`, as the object that a service takes.

    `fax_countries` are the countries whose fax numbers are allowed. Raises `NotJson`, or `Invalid` with every wrong
    field."""
    event_type = _read(_Envelope, body, {}).type
    return _read(EVENTS[event_type], body, {"today": today, "fax_countries": fax_countries}).command()


def read_settings(body: bytes, fax_countries: Collection[str] = formats.FAX_COUNTRIES) -> Mapping[str, Any]:
    """Return a practice's new settings from a JSON body, in their normal form. Omitted settings are missing.

    Raises `NotJson`, or `Invalid` with every wrong field."""
    return _read(PracticeSettings, body, {"fax_countries": fax_countries}).model_dump(exclude_unset=True)


def read_endpoint(body: bytes, *, allow_loopback: bool) -> str:
    """Return the URL to which webhooks are posted from a JSON body. Raises `Invalid` for a URL that is not public.

    `allow_loopback` permits URLs of this machine, for the local run only. Raises `NotJson` for other bodies."""
    return _read(EndpointSettings, body, {"allow_loopback": allow_loopback}).url


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        message = "must be base64 of the standard alphabet, padded, without line breaks or a data: prefix"
        wrong = FieldError("data.content.base64", message)
        raise Invalid(f"{wrong.field} {message}.", errors=(wrong,)) from None


_MESSAGES: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "model_type": "must be an object",
    "value_error": "{error}",
}


def _read(model: type[M], body: bytes, context: Mapping[str, Any]) -> M:
    try:
        return model.model_validate_json(body, context=dict(context))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        raise NotJson(f"The body is not JSON in UTF-8: {details[0]['ctx']['error']}.")
    errors = tuple(FieldError(_path(detail), _message(detail)) for detail in details)
    raise Invalid("; ".join(f"{error.field} {error.message}" for error in errors) + ".", errors=errors)


def _path(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"]) or "body"


def _message(detail: ErrorDetails) -> str:
    template = _MESSAGES.get(detail["type"])
    return template.format(**detail.get("ctx", {})) if template else detail["msg"]
