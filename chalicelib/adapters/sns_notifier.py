"""Notices to a practice's staff by Amazon SNS: the implementation of the `Notifier` of `services/ports.py`."""

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws_clients import Clients, refusal


class SnsNotifier:
    """Publisher of notices to the staff of all practices, to one SNS topic.

    A subscriber, such as a practice's mailbox, chooses notices by the attributes `practice` and `kind`."""

    def __init__(self, clients: Clients, topic: str) -> None:
        self._clients = clients
        self._topic = topic

    def publish(self, *, practice_id: str, kind: str, subject: str, text: str) -> None:
        """Publish one notice. Raises `Unprocessable` if SNS will never accept it, or else `Unavailable`."""
        facts = {"practice": practice_id, "kind": kind}
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in facts.items()}
        try:
            self._clients.sns.publish(TopicArn=self._topic, Subject=subject, Message=text, MessageAttributes=attributes)
        except (ClientError, BotoCoreError) as error:
            raise refusal(error, "The notice topic") from None
