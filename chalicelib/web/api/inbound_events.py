"""Pass a signed event of an EMR to the service that handles this type of event."""

from chalicelib.services.documents.idempotent_events import EventResponse, InboundEvent
from chalicelib.services.documents.intake import SendCommand
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand
from chalicelib.web.api.schemas import read_event
from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext


def receive(context: RequestContext) -> EventResponse:
    """Handle one event. The access rule of the route has verified the signature of the body.

    Returns `{"document_id", "status"}`. Raises `Invalid` or `NotJson` for a wrong body.
    """
    body = request_parsing.read_body(context.request)
    command = read_event(body, context.now.date())
    inbound = InboundEvent(
        practice=context.require_practice(),
        webhook_id=context.request.headers["webhook-id"],
        body=body,
        now=context.now,
        actor=context.actor,
    )
    if isinstance(command, SendCommand):
        return context.services.intake.receive(inbound, command)
    if isinstance(command, ResendCommand):
        return context.services.lifecycle_events.resend(inbound, command)
    if isinstance(command, RecallCommand):
        return context.services.lifecycle_events.recall(inbound, command)
    return context.services.lifecycle_events.mark_returned(inbound, command)
