"""The queues of background jobs, in Amazon SQS: the implementation of the `Queues` of `services/ports.py`."""

from collections.abc import Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.aws_clients import Clients
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import QueueName
from chalicelib.services.transaction import Job

_BATCH = 10
"""SQS takes at most ten messages in one call."""


class SqsQueues:
    """Sender of background jobs to their SQS queues. `urls` maps the name of a queue to its URL."""

    def __init__(self, clients: Clients, urls: Mapping[QueueName, str]) -> None:
        self._clients = clients
        self._urls = urls

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        for queue, url in self._urls.items():
            batch = [job for job in jobs if job.queue == queue]
            for start in range(0, len(batch), _BATCH):
                self._send(url, batch[start : start + _BATCH], delay_seconds)

    def _send(self, url: str, jobs: Sequence[Job], delay_seconds: int) -> None:
        bodies = [{"MessageBody": codec.dump(job), "DelaySeconds": delay_seconds} for job in jobs]
        entries = [{"Id": str(number), **body} for number, body in enumerate(bodies)]
        try:
            response = self._clients.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"The queue accepted none of {len(jobs)} jobs: {type(error).__name__}.") from None
        if response.get("Failed"):
            codes = sorted({failure["Code"] for failure in response["Failed"]})
            raise Unavailable(f"The queue refused {len(response['Failed'])} jobs: {', '.join(codes)}.")


def read_job(text: str) -> Job:
    """Return the background job in the text of a message that a queue delivers to a worker (JSON)."""
    return codec.load(Job, text)
