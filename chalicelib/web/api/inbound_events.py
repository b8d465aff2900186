"""From the body of a signed event to the service that answers it."""

from chalicelib.services.documents.idempotent_events import Answer, Inbound
from chalicelib.services.documents.intake import Intake, Sent
from chalicelib.services.documents.lifecycle_events import Recalled, Resend, Returns
from chalicelib.web.api.schemas import read_event
from chalicelib.web.http import request_parsing as requests
from chalicelib.web.http.request_context import Caller


def receive(caller: Caller) -> Answer:
    """`{"document_id", "status"}`; the caller's signature over these very bytes has been checked."""
    body = requests.body(caller.request)
    event = read_event(body, caller.now.date())
    inbound = Inbound(
        practice=caller.tenant,
        webhook_id=caller.request.headers["webhook-id"],
        body=body,
        now=caller.now,
        actor=caller.actor,
    )
    if isinstance(event, Sent):
        return _intake(caller).receive(inbound, event)
    if isinstance(event, Resend):
        return _returns(caller).resend(inbound, event)
    if isinstance(event, Recalled):
        return _returns(caller).recall(inbound, event)
    return _returns(caller).close(inbound, event)


def _intake(caller: Caller) -> Intake:
    services = caller.services
    return Intake(
        store=services.store,
        files=services.files,
        inspector=services.inspector,
        switches=services.switches,
        ids=services.ids,
        portal_url=services.settings.portal_url,
    )


def _returns(caller: Caller) -> Returns:
    services = caller.services
    return Returns(
        store=services.store,
        switches=services.switches,
        ids=services.ids,
        portal_url=services.settings.portal_url,
    )
