"""The handler of the fax carrier's webhooks. It answers before any work, because the carrier waits only seconds."""

from chalice.app import Response

from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response


def receive_report(context: RequestContext) -> Response:
    """Queue the carrier's report about a fax. The access rule has verified the signature."""
    from chalicelib.services.delivery.fax_reports import queue_report

    services = context.services
    report = services.fax_carrier.read_report(request_parsing.read_body(context.request))
    if report is not None:
        queue_report(services.store, services.ids, report, context.now)
    return json_response({"queued": report is not None}, 200)
