"""From the body of a signed event to the service that answers it."""

from chalicelib.services.documents.idempotent_events import Answer, InboundEvent
from chalicelib.services.documents.intake import Intake, SendCommand
from chalicelib.services.documents.lifecycle_events import LifecycleEvents, RecallCommand, ResendCommand
from chalicelib.web.api.schemas import read_event
from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext


def receive(context: RequestContext) -> Answer:
    """`{"document_id", "status"}`; the caller's signature over these very bytes has been checked."""
    body = request_parsing.read_body(context.request)
    event = read_event(body, context.now.date())
    inbound = InboundEvent(
        practice=context.require_practice(),
        webhook_id=context.request.headers["webhook-id"],
        body=body,
        now=context.now,
        actor=context.actor,
    )
    if isinstance(event, SendCommand):
        return _intake(context).receive(inbound, event)
    if isinstance(event, ResendCommand):
        return _returns(context).resend(inbound, event)
    if isinstance(event, RecallCommand):
        return _returns(context).recall(inbound, event)
    return _returns(context).close(inbound, event)


def _intake(context: RequestContext) -> Intake:
    services = context.services
    return Intake(
        store=services.store,
        files=services.files,
        inspector=services.inspector,
        switches=services.switches,
        ids=services.ids,
        portal_url=services.settings.portal_url,
    )


def _returns(context: RequestContext) -> LifecycleEvents:
    services = context.services
    return LifecycleEvents(
        store=services.store,
        switches=services.switches,
        ids=services.ids,
        portal_url=services.settings.portal_url,
    )
