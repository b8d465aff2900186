"""The handler of the webhooks by which the fax carrier (the service that sends faxes) reports what became of a fax.

It only queues the report, because the carrier waits only seconds for a response."""

from chalice.app import Response

from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response


def receive_report(context: RequestContext) -> Response:
    """Queue the report in the webhook's body for a background job, and return 200. Ignore reports of incoming faxes.

    The access rule has verified the carrier's signature. Raises `Invalid` for a body that is not a webhook."""
    from chalicelib.services.delivery.fax_reports import queue_report

    services = context.services
    report = services.fax_carrier.read_report(request_parsing.read_body(context.request))
    if report is not None:
        queue_report(services.store, services.ids, report, context.now)
    return json_response({"queued": report is not None}, 200)
