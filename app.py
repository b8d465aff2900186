"""The Chalice app, which makes the Lambda functions: the web routes, and a handler for every event source.

Handlers in a Chalice blueprint would bypass `app.py` (chalice issues 1566 and 1615), so all handlers are declared here.
The ARNs are placeholders. The CloudFormation merge template connects every event source to its real resource."""

from typing import Any

from chalice.app import Chalice, CloudWatchEvent, DynamoDBEvent, Rate, SNSEvent, SQSEvent

from chalicelib import workers
from chalicelib.web.dispatch import register
from chalicelib.web.routes import ROUTES

app = Chalice(app_name="provider-portal")
register(app, ROUTES)


class Notification(SNSEvent):
    """An SNS event of which only the message is read.

    Chalice's own class also reads other attributes. Events of the local AWS for tests may lack these attributes."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        self.message = event_dict["Records"][0]["Sns"]["Message"]


_PLACEHOLDER = "us-east-1:000000000000:placeholder"


@app.lambda_function(name="inspect")
def inspect(event: dict[str, Any], context: object) -> dict[str, Any]:
    return workers.inspect(event)


@app.lambda_function(name="pdf")
def pdf(event: dict[str, Any], context: object) -> dict[str, Any]:
    return workers.pdf(event)


@app.lambda_function(name="admin")
def admin(event: dict[str, Any], context: object) -> dict[str, Any]:
    return workers.admin(event)


@app.on_dynamodb_record(f"arn:aws:dynamodb:{_PLACEHOLDER}/stream/latest", name="relay")
def relay(event: DynamoDBEvent) -> None:
    workers.relay(event.to_dict())


@app.on_sqs_message(queue_arn=f"arn:aws:sqs:{_PLACEHOLDER}", name="documents")
def documents(event: SQSEvent) -> dict[str, Any]:
    return workers.documents(event.to_dict())


@app.on_sqs_message(queue_arn=f"arn:aws:sqs:{_PLACEHOLDER}", name="deliveries")
def deliveries(event: SQSEvent) -> dict[str, Any]:
    return workers.deliveries(event.to_dict())


@app.on_sns_message(f"arn:aws:sns:{_PLACEHOLDER}", name="mail_feedback")
def mail_feedback(event: SNSEvent) -> None:
    workers.mail_feedback(event.message)


mail_feedback.event_class = Notification


@app.schedule(Rate(1, unit=Rate.MINUTES), name="follow_up")
def follow_up(event: CloudWatchEvent) -> None:
    workers.follow_up(event.to_dict())
