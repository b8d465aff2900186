"""Queues, mail and notices: SQS, SES and SNS."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import botocore.exceptions
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.aws_clients import Clients
from chalicelib.domain.errors import Unavailable, Unprocessable
from chalicelib.services.transaction import Job

_BATCH = 10
_NOT_CHECKED = "The file could not be checked just now. Nothing is lost: send the same again in a moment."

logger = Logger(service="portal", child=True)


class SqsQueues:
    """`urls` maps a job's queue (`documents`, `deliveries`) to its URL."""

    def __init__(self, clients: Clients, urls: Mapping[str, str]) -> None:
        self._clients = clients
        self._urls = urls

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        for queue, url in self._urls.items():
            mine = [job for job in jobs if job.queue == queue]
            for start in range(0, len(mine), _BATCH):
                self._send(url, mine[start : start + _BATCH], delay_seconds)

    def _send(self, url: str, jobs: Sequence[Job], delay_seconds: int) -> None:
        entries = [
            {"Id": str(number), "MessageBody": codec.dump(job), "DelaySeconds": delay_seconds}
            for number, job in enumerate(jobs)
        ]
        try:
            answer = self._clients.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"The queue took none of {len(jobs)} jobs: {type(error).__name__}.") from None
        if answer.get("Failed"):
            codes = sorted({each["Code"] for each in answer["Failed"]})
            raise Unavailable(f"The queue refused {len(answer['Failed'])} jobs: {', '.join(codes)}.")


def read_job(text: str) -> Job:
    """The job of a queue message."""
    return codec.load(Job, text)


class SesMailer:
    def __init__(self, clients: Clients, sender: str) -> None:
        self._clients = clients
        self._sender = sender

    def send(self, *, to: str, message: bytes) -> str:
        """Raises `Unprocessable` for an address that SES will never take, else `Unavailable`."""
        try:
            answer = self._clients.ses.send_raw_email(
                Source=self._sender, Destinations=[to], RawMessage={"Data": message}
            )
        except (ClientError, BotoCoreError) as error:
            raise _refusal(error, "The mail service") from None
        message_id: str = answer["MessageId"]
        return message_id


class SnsNotifier:
    def __init__(self, clients: Clients, topic: str) -> None:
        self._clients = clients
        self._topic = topic

    def publish(self, *, practice_id: str, kind: str, subject: str, text: str) -> None:
        attributes = {"practice": _text(practice_id), "kind": _text(kind)}
        try:
            self._clients.sns.publish(
                TopicArn=self._topic, Subject=subject, Message=text, MessageAttributes=attributes
            )
        except (ClientError, BotoCoreError) as error:
            raise _refusal(error, "The notice topic") from None


class LambdaInspector:
    """`link` makes the presigned link by which the function, which has no rights, reads that one upload."""

    def __init__(self, clients: Clients, function: str, link: Callable[[str], str]) -> None:
        self._clients = clients
        self._function = function
        self._link = link

    def inspect(self, key: str, kind: str, *, certificates: Sequence[str] = ()) -> Mapping[str, Any]:
        """A crash or a timeout there is an answer too: the file harmed its reader, so it is refused.

        What AWS refused the function says nothing of the file, and is `Unavailable`.
        """
        asked = {"url": self._link(key), "kind": kind, "certificates": list(certificates)}
        try:
            answer = self._clients.functions.invoke(
                FunctionName=self._function, Payload=json.dumps(asked).encode()
            )
            body = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError) as error:
            logger.warning("inspection failed", cause=_cause(error))
            raise Unavailable(_NOT_CHECKED) from None
        failed = "FunctionError" in answer or not isinstance(body, dict)
        if (failed and _is_of_aws(body)) or (not failed and body.get("unavailable")):
            raise Unavailable(_NOT_CHECKED)
        if failed:
            detail = "The PDF could not be read within the limits of time and memory. Print it to a new PDF."
            return {"refused": {"code": "damaged", "detail": detail}}
        return dict(body)


def _is_of_aws(body: Any) -> bool:
    """Whether the error that ended a function is one of the AWS client's, by the name of its class."""
    kind = str(body.get("errorType", "")) if isinstance(body, dict) else ""
    return kind.rpartition(".")[2] in vars(botocore.exceptions)


def _refusal(error: ClientError | BotoCoreError, who: str) -> Exception:
    """By AWS's error code alone: its text may quote an address."""
    if isinstance(error, BotoCoreError):
        logger.warning("no answer", cause=_cause(error))
        return Unavailable(f"{who} did not answer.")
    code = _cause(error)
    kind = Unprocessable if code == "InvalidParameterValue" else Unavailable
    return kind(f"{who} refused it: {code}.")


def _cause(error: ClientError | BotoCoreError) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _text(value: str) -> Mapping[str, str]:
    return {"DataType": "String", "StringValue": value}
