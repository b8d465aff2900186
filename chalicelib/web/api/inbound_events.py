"""From the body of a signed event to the service that answers it."""

from chalicelib.services.documents.idempotent_events import EventResponse, InboundEvent
from chalicelib.services.documents.intake import SendCommand
from chalicelib.services.documents.lifecycle_events import RecallCommand, ResendCommand
from chalicelib.web.api.schemas import read_event
from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext


def receive(context: RequestContext) -> EventResponse:
    """`{"document_id", "status"}`; the caller's signature over these very bytes has been checked."""
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
