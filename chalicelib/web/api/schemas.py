"""What an EMR may send, as pydantic models: the single source for validation and for the OpenAPI document.

Pydantic is slow to import, so this module is imported by the functions that need it. Wrong types are
refused, not converted; unknown fields are ignored, so that an EMR may be ahead of this installation.
Every trouble names its field (`data.provider.npi`) and never quotes what was sent.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeVar, cast

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
from chalicelib.domain.documents import DeliveryChoice, Kind, ReturnedMethod
from chalicelib.domain.errors import FieldError, Invalid, NotJson
from chalicelib.services import normalization as formats
from chalicelib.services.documents.incoming_pdf import PdfSource
from chalicelib.services.documents.intake import SendCommand
from chalicelib.services.documents.lifecycle_events import (
    DocumentRef,
    RecallCommand,
    ResendCommand,
    ReturnCommand,
)
from chalicelib.services.documents.provider_matching import check_reachable

MAX_INLINE_BYTES = 4 * 1024 * 1024
OLDEST = date(1880, 1, 1)
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
MAX_POINTS = 14_400
"""The longest side that a PDF page can have."""

LEAST_WIDTH, LEAST_HEIGHT = 36, 12
"""Points, of a box to sign in: half an inch wide, and as high as a line of text."""

Event = SendCommand | ResendCommand | RecallCommand | ReturnCommand
M = TypeVar("M", bound=BaseModel)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,18}(Z|[+-][0-9]{2}:[0-9]{2})")


# Kinds of fields


def _blank_is_nothing(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _day(value: Any) -> date:
    wrong = ValueError("must be a day such as 2026-11-20")
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise wrong
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise wrong from None


def _recent(value: date) -> date:
    if not FIRST_DAY <= value <= LAST_DAY:
        raise ValueError(f"must be a day from {FIRST_DAY} to {LAST_DAY}")
    return value


def _moment(value: str) -> str:
    try:
        good = _MOMENT.fullmatch(value) is not None and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be a time with a zone such as 2026-11-22T19:00:00Z")
    return value


def _npi(value: str) -> str:
    if not npi.is_valid(value):
        raise ValueError("must be a valid NPI: ten digits with the right check digit")
    return value


_DAY_FORMAT: Mapping[str, Any] = {"type": "string", "format": "date", "examples": ["2026-11-20"]}
_DAY_SCHEMA = WithJsonSchema({**_DAY_FORMAT})
_EMAIL_FORMAT: Mapping[str, Any] = {"type": "string", "format": "email"}


def _or_nothing(schema: Mapping[str, Any]) -> WithJsonSchema:
    """A format that a blank text would break, although it counts as nothing."""
    return WithJsonSchema({"anyOf": [{**schema}, {"type": "string", "pattern": r"^\s*$"}, {"type": "null"}]})


Name = Annotated[str, Field(max_length=100), AfterValidator(formats.one_line)]
Credential = Annotated[str, Field(max_length=40), AfterValidator(formats.one_line)]
ExternalId = Annotated[str, Field(max_length=128), AfterValidator(formats.one_line)]
Moment = Annotated[str, AfterValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)]
RowId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Day = Annotated[date, BeforeValidator(_day), AfterValidator(_recent), _DAY_SCHEMA]
BirthDay = Annotated[date, BeforeValidator(_day), _DAY_SCHEMA]
Email = Annotated[str, Field(json_schema_extra={**_EMAIL_FORMAT}), AfterValidator(formats.email)]
Phone = Annotated[str, Field(examples=["+15125550100"]), AfterValidator(formats.phone)]
Npi = Annotated[str, Field(examples=["1234567893"]), AfterValidator(_npi)]
OrNothing = BeforeValidator(_blank_is_nothing)
MaybeDay = Annotated[Day | None, OrNothing, _or_nothing(_DAY_FORMAT)]
MaybeEmail = Annotated[Email | None, OrNothing, _or_nothing(_EMAIL_FORMAT)]


def _validation_context(info: ValidationInfo) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], info.context)


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True, frozen=True)


# Inbound events


class Patient(_Model):
    external_id: ExternalId
    first_name: Name
    last_name: Name
    date_of_birth: BirthDay

    @field_validator("date_of_birth")
    @classmethod
    def _is_past(cls, value: date, info: ValidationInfo) -> date:
        today: date = _validation_context(info)["today"]
        # A day ahead, for clinics that are west of the next midnight.
        if not OLDEST <= value <= today + timedelta(days=1):
            raise ValueError(f"must be a day from {OLDEST} to today")
        return value


class Provider(_Model):
    first_name: Name
    last_name: Name
    credential: Annotated[Credential | None, OrNothing] = None
    npi: Annotated[Npi | None, OrNothing] = None
    email: MaybeEmail = None
    fax: Annotated[Phone | None, OrNothing] = None


class Author(_Model):
    name: Name
    credential: Annotated[Credential | None, OrNothing] = None
    phone: Annotated[Phone | None, OrNothing] = None


class Order(_Model):
    signed_on: MaybeDay = None


class Certification(_Model):
    initial_visit_on: MaybeDay = None
    starts_on: MaybeDay = Field(default=None, alias="from")
    ends_on: MaybeDay = Field(default=None, alias="to")
    order: Order | None = None

    @field_validator("ends_on")
    @classmethod
    def _in_order(cls, value: date | None, info: ValidationInfo) -> date | None:
        starts_on = info.data.get("starts_on")
        if value and starts_on and value < starts_on:
            raise ValueError("must not be earlier than `from`")
        return value


class SignatureField(_Model):
    """PDF points (1/72 inch), origin bottom left, of the page as displayed; `page` counts from 1.

    In a box that is smaller than `width` and `height` may be, nobody could read a signature.
    """

    page: int = Field(ge=1, le=200)
    x: float = Field(ge=0, le=MAX_POINTS, allow_inf_nan=False)
    y: float = Field(ge=0, le=MAX_POINTS, allow_inf_nan=False)
    width: float = Field(ge=LEAST_WIDTH, le=MAX_POINTS, allow_inf_nan=False)
    height: float = Field(ge=LEAST_HEIGHT, le=MAX_POINTS, allow_inf_nan=False)


class Content(_Model):
    """The PDF: `base64` up to 4 MB, or the `upload_id` of an upload, with its SHA-256 (hex) if wished.

    The SHA-256 is that of the PDF itself, before base64, in either case of letters.
    """

    base64: str | None = Field(default=None, json_schema_extra={"contentEncoding": "base64"})
    upload_id: RowId | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.base64 is None) == (self.upload_id is None):
            raise ValueError("must have exactly one of base64 and upload_id")
        return self

    @field_validator("base64")
    @classmethod
    def _is_small(cls, value: str | None) -> str | None:
        """Judged by its length: the last group of four stands for one to three bytes."""
        if value is not None and len(value) // 4 * 3 - value[-2:].count("=") > MAX_INLINE_BYTES:
            raise ValueError("holds more than 4 MB; send the PDF by POST /v1/uploads and name its upload_id")
        return value

    def decoded(self) -> PdfSource:
        """The bytes; `Invalid` when they are not base64 of the standard alphabet, without line breaks."""
        data = None if self.base64 is None else _decoded(self.base64)
        return PdfSource(data=data, upload_id=self.upload_id, sha256=self.sha256)


class DocumentSent(_Model):
    external_id: ExternalId
    kind: Kind
    title: Annotated[str, Field(max_length=200), AfterValidator(formats.one_line)]
    patient: Patient
    provider: Provider
    delivery: DeliveryChoice
    content: Content
    author: Author | None = None
    certification: Certification | None = None
    signature_field: SignatureField | None = None
    supersedes: Annotated[ExternalId | None, OrNothing] = Field(
        default=None,
        description="The external_id of the document to replace: a pending or declined one of this patient.",
    )
    message: Annotated[
        Annotated[str, Field(max_length=2000), AfterValidator(formats.paragraphs)] | None, OrNothing
    ] = None

    @field_validator("supersedes")
    @classmethod
    def _is_another(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value == info.data.get("external_id"):
            raise ValueError("must name another document: a new version takes a new external_id")
        return value


class _Named(_Model):
    external_id: ExternalId | None = None
    document_id: RowId | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.external_id is None and self.document_id is None:
            raise ValueError("must name the document by external_id or document_id")
        return self

    def document_ref(self) -> DocumentRef:
        return DocumentRef(external_id=self.external_id, document_id=self.document_id)


class CorrectedProvider(_Model):
    email: MaybeEmail = None
    fax: Annotated[Phone | None, OrNothing] = None


class DocumentResend(_Named):
    provider: CorrectedProvider | None = None
    delivery: DeliveryChoice | None = None


class DocumentRecalled(_Named):
    reason: Annotated[
        Annotated[str, Field(max_length=1000), AfterValidator(formats.paragraphs)] | None, OrNothing
    ] = None


class DocumentReturned(_Named):
    method: ReturnedMethod


class _Envelope(_Model):
    type: Literal["document.sent", "document.resend", "document.recalled", "document.returned"]
    timestamp: Moment


class SentEvent(_Envelope):
    type: Literal["document.sent"]
    data: DocumentSent


class ResendEvent(_Envelope):
    type: Literal["document.resend"]
    data: DocumentResend


class RecalledEvent(_Envelope):
    type: Literal["document.recalled"]
    data: DocumentRecalled


class ReturnedEvent(_Envelope):
    type: Literal["document.returned"]
    data: DocumentReturned


# Settings


class PracticeSettings(_Model):
    """What is left out stays as it is; null empties what may be empty."""

    name: Annotated[str, Field(max_length=120), AfterValidator(formats.one_line)] = ""
    phone: Annotated[Phone | None, OrNothing] = None
    fax: Annotated[Phone | None, OrNothing] = None
    reply_to: MaybeEmail = None
    time_zone: Annotated[str, AfterValidator(formats.time_zone)] = ""
    electronic_signature: bool = False


class EndpointSettings(_Model):
    url: Annotated[str, Field(max_length=formats.MAX_URL, json_schema_extra={"format": "uri"})]

    @field_validator("url")
    @classmethod
    def _is_public(cls, value: str, info: ValidationInfo) -> str:
        return formats.web_address(value, allow_loopback=_validation_context(info)["allow_loopback"])


# Reading


def read_event(body: bytes, today: date) -> Event:
    """The event in a body; `Invalid` names every field that is wrong."""
    kind = _read(_Envelope, body, {}).type
    return _READERS[kind](body, {"today": today})


def read_settings(body: bytes) -> Mapping[str, Any]:
    """Those settings that are named, made uniform."""
    return _read(PracticeSettings, body, {}).model_dump(exclude_unset=True)


def read_endpoint(body: bytes, *, allow_loopback: bool) -> str:
    """The URL for webhooks."""
    return _read(EndpointSettings, body, {"allow_loopback": allow_loopback}).url


def _sent(body: bytes, context: Mapping[str, Any]) -> SendCommand:
    data = _read(SentEvent, body, context).data
    addressee = documents.Addressee(**data.provider.model_dump())
    check_reachable(addressee, data.delivery)
    author, box = data.author, data.signature_field
    return SendCommand(
        external_id=data.external_id,
        kind=data.kind,
        title=data.title,
        patient=documents.Patient(**data.patient.model_dump()),
        addressee=addressee,
        delivery=data.delivery,
        content=data.content.decoded(),
        author=documents.Author(**author.model_dump()) if author else None,
        certification=_certification(data.certification),
        signature_field=documents.FieldBox(**box.model_dump()) if box else None,
        supersedes=data.supersedes,
        message=data.message,
    )


def _certification(found: Certification | None) -> documents.Certification | None:
    if found is None:
        return None
    return documents.Certification(
        initial_visit_on=found.initial_visit_on,
        starts_on=found.starts_on,
        ends_on=found.ends_on,
        order_signed_on=found.order.signed_on if found.order else None,
    )


def _resend(body: bytes, context: Mapping[str, Any]) -> ResendCommand:
    data = _read(ResendEvent, body, context).data
    address = data.provider or CorrectedProvider()
    return ResendCommand(
        document=data.document_ref(), email=address.email, fax=address.fax, delivery=data.delivery
    )


def _recalled(body: bytes, context: Mapping[str, Any]) -> RecallCommand:
    data = _read(RecalledEvent, body, context).data
    return RecallCommand(document=data.document_ref(), reason=data.reason)


def _returned(body: bytes, context: Mapping[str, Any]) -> ReturnCommand:
    data = _read(ReturnedEvent, body, context).data
    return ReturnCommand(document=data.document_ref(), method=data.method)


_READERS: Mapping[str, Callable[[bytes, Mapping[str, Any]], Event]] = {
    "document.sent": _sent,
    "document.resend": _resend,
    "document.recalled": _recalled,
    "document.returned": _returned,
}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        message = "must be base64 of the standard alphabet, padded, without line breaks or a data: prefix"
        wrong = FieldError("data.content.base64", message)
        raise Invalid(f"{wrong.field} {message}.", errors=(wrong,)) from None


# Saying what is wrong

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
        troubles = error.errors(include_url=False, include_input=False)
    if troubles[0]["type"] == "json_invalid":
        raise NotJson(f"The body is not JSON in UTF-8: {troubles[0]['ctx']['error']}.")
    errors = tuple(FieldError(_path(each), _message(each)) for each in troubles)
    raise Invalid(_summary(errors), errors=errors)


def _path(trouble: ErrorDetails) -> str:
    return ".".join(str(part) for part in trouble["loc"]) or "body"


def _message(trouble: ErrorDetails) -> str:
    wanted = _MESSAGES.get(trouble["type"])
    return wanted.format(**trouble.get("ctx", {})) if wanted else trouble["msg"]


def _summary(errors: tuple[FieldError, ...]) -> str:
    return "; ".join(f"{each.field} {each.message}" for each in errors) + "."
