"""The JSON of a practice's settings, for the EMR."""

from typing_extensions import TypedDict

from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.domain.timestamps import to_text
from chalicelib.services.json_schema import Timestamp


class EndpointResource(TypedDict):
    """The practice's webhook endpoint as JSON. Both `disabled_…` fields are null while the endpoint is on."""

    url: str
    disabled_at: Timestamp | None
    disabled_reason: str | None


class PracticeResource(TypedDict):
    """The practice's settings as JSON."""

    id: str
    name: str
    phone: str | None
    fax: str | None
    reply_to: str | None
    time_zone: str
    electronic_signature: bool
    endpoint: EndpointResource | None


def practice_resource(practice: Practice, *, electronic_signature: bool) -> PracticeResource:
    """Return the practice's settings as JSON for the EMR."""
    return {
        "id": practice.id,
        "name": practice.name,
        "phone": practice.phone,
        "fax": practice.fax,
        "reply_to": practice.reply_to,
        "time_zone": practice.time_zone,
        "electronic_signature": electronic_signature,
        "endpoint": endpoint_resource(practice.endpoint) if practice.endpoint else None,
    }


def endpoint_resource(endpoint: Endpoint) -> EndpointResource:
    """Return the practice's webhook endpoint as JSON for the EMR."""
    return {
        "url": endpoint.url,
        "disabled_at": to_text(endpoint.disabled_at) if endpoint.disabled_at else None,
        "disabled_reason": endpoint.disabled_reason,
    }
