"""The JSON of a practice's settings, for the EMR."""

from typing_extensions import TypedDict

from chalicelib.domain.certification.facts import PayerKind
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.services.json_schema import Timestamp, to_response


class EndpointResource(TypedDict):
    """The practice's webhook endpoint as JSON. Both `disabled_…` fields are null while the endpoint is on."""

    url: str
    disabled_at: Timestamp | None
    disabled_reason: str | None


class PracticeResource(TypedDict):
    """The practice's settings as JSON. `fax_email` is the address to which the practice's fax service may forward the
    faxes that it receives. It is null if the portal's administrators have not given one to the practice."""

    id: str
    name: str
    phone: str | None
    fax: str | None
    reply_to: str | None
    time_zone: str
    default_payer: PayerKind | None
    electronic_signature: bool
    endpoint: EndpointResource | None
    fax_email: str | None


def practice_resource(practice: Practice, *, electronic_signature: bool, fax_email: str | None) -> PracticeResource:
    """Return the practice's settings as JSON for the EMR."""
    endpoint = endpoint_resource(practice.endpoint) if practice.endpoint else None
    return to_response(
        PracticeResource, practice, electronic_signature=electronic_signature, endpoint=endpoint, fax_email=fax_email
    )


def endpoint_resource(endpoint: Endpoint) -> EndpointResource:
    """Return the practice's webhook endpoint as JSON for the EMR."""
    return to_response(EndpointResource, endpoint)
