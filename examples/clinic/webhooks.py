"""The address of the sample EMR that receives the portal's webhooks: verify, store once, respond quickly."""

from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, make_response, request

from examples.clinic.pages_common import office
from examples.clinic.portal import Json, NotFromPortal, receive

ENDPOINT = Blueprint("webhooks", __name__)


@ENDPOINT.post("/webhooks/portal")
def receive_webhook() -> Response:
    """Verify and store the posted webhook of the portal, and return status 204, also for a repeated webhook.

    Return status 400 if the portal did not send it."""
    try:
        event = receive(request.get_data(), dict(request.headers), office().webhook_secret)
        _check(event)
    except NotFromPortal:
        problem = {"type": "about:blank", "title": "This webhook was not accepted", "status": HTTPStatus.BAD_REQUEST}
        answer = make_response(jsonify(problem), HTTPStatus.BAD_REQUEST)
        answer.content_type = "application/problem+json"
        return answer
    office().store.save_webhook(request.headers["webhook-id"], event, now=office().now())
    return Response(status=HTTPStatus.NO_CONTENT)


def _check(event: Json) -> None:
    try:
        datetime.fromisoformat(event["timestamp"])
        str(event["type"])
    except (KeyError, TypeError, ValueError) as problem:
        raise NotFromPortal("the event has no type or no valid time") from problem
