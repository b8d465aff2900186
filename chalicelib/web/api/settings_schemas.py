"""Pydantic models of a practice's settings and of its webhook endpoint, and of the assignment of a received fax.

`request_fields.py` says what is refused and what is ignored."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from chalicelib.domain.certification.facts import PayerKind
from chalicelib.services import normalization as formats
from chalicelib.web.api.request_fields import BlankToNone, Fax, MaybeEmail, Phone, RequestModel, read_model


class PracticeSettings(RequestModel):
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


class EndpointSettings(RequestModel):
    url: Annotated[str, Field(max_length=formats.MAX_URL_CHARS, json_schema_extra={"format": "uri"})]

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str, info: ValidationInfo) -> str:
        return formats.validate_endpoint_url(value, allow_loopback=(info.context or {})["allow_loopback"])


class FaxAssignment(RequestModel):
    document_id: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$", description="The document that came back.")]


def read_assignment(body: bytes) -> str:
    """Return the id of the document to which a fax is to be assigned, from a JSON body.

    Raises `NotJson`, or `Invalid` for a text that is no id."""
    return read_model(FaxAssignment, body, {}).document_id


def read_settings(body: bytes, fax_countries: Collection[str] = formats.FAX_COUNTRIES) -> Mapping[str, Any]:
    """Return a practice's new settings from a JSON body, in their normal form. Omitted settings are missing.

    Raises `NotJson`, or `Invalid` with every wrong field."""
    return read_model(PracticeSettings, body, {"fax_countries": fax_countries}).model_dump(exclude_unset=True)


def read_endpoint(body: bytes, *, allow_loopback: bool) -> str:
    """Return the URL to which webhooks are posted from a JSON body. Raises `Invalid` for a URL that is not public.

    `allow_loopback` permits URLs of this machine, for the local run only. Raises `NotJson` for other bodies."""
    return read_model(EndpointSettings, body, {"allow_loopback": allow_loopback}).url
