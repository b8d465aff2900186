"""The handler of the webhooks by which the fax carrier (the service that sends faxes) reports what became of a fax.

It only queues the report, because the carrier waits only seconds for a response."""

from chalice.app import Response

from chalicelib.services.fax_webhooks import queue_received_fax, queue_report
from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response


def receive_report(context: RequestContext) -> Response:
    """Queue the report in the webhook's body for a background job, and return 200.

    The report is about a sent fax, or says that a fax has come in. Other reports of incoming faxes are ignored.

    The access rule has verified the carrier's signature. Raises `Invalid` for a body that is not a webhook."""
    services = context.services
    body = request_parsing.read_body(context.request)
    report, received = services.fax_carrier.read_report(body), services.fax_carrier.read_received(body)
    if report is not None:
        queue_report(services.store, services.ids, report, context.now)
    elif received is not None:
        queue_received_fax(services.store, services.ids, received, context.now)
    return json_response({"queued": report is not None or received is not None}, 200)
