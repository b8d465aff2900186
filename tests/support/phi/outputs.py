"""Everything that a deployed portal has said in a test run, and the check that none of it names a patient.

The check is made when a test run deletes its portal, so it covers every test of the run. What the portal gives to the
patient's own practice (responses of the API, bodies of webhooks) and to an authorized reader is not output here."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage, Message
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from infrastructure.local.stack import DOMAIN, FIXED_PARAMETERS, LocalStack
from tests.support.phi.patient_words import find_patient_words

MOST_LINES = 10_000
"""The number of lines of one log group that the local AWS returns at most."""


LOGO_ID = "<logo@portal>"
"""The Content-ID of a clinic's logo in an email."""


class Place(StrEnum):
    EMAIL = "email"
    ATTACHMENT = "attachment of an email"
    FAX = "document in an email to the fax gateway"
    NOTICE = "notice by SNS"
    LOG = "log"
    METRIC = "metric"
    URL = "URL"


MAY_NAME_PATIENTS: Mapping[Place, str] = {
    Place.FAX: "The document itself goes by fax, and the email to the gateway requires TLS (DESIGN 7)"
}
"""The only outputs that may name a patient, with the reasons."""


@dataclass(frozen=True)
class Output:
    """One text that left the portal: the place, what it is (such as the address of an email), and the text itself."""

    place: Place
    what: str
    text: str


def find_leaks(outputs: Sequence[Output]) -> list[str]:
    """Return a line for each output that names a patient and may not, with the words that were found.

    An attachment to anybody but the fax gateway is a leak, whatever it contains: a search finds nothing in a PDF."""
    leaks = []
    for output in outputs:
        words = [] if output.place in MAY_NAME_PATIENTS else find_patient_words(output.text)
        words += ["an attachment"] if output.place is Place.ATTACHMENT else []
        if words:
            leaks.append(f"{output.place}, {output.what}: {sorted(set(words))}")
    return leaks


class Urls:
    """The URLs of the portal and its bucket that browsers and EMRs have asked for, and those to which it redirected."""

    def __init__(self, port: int) -> None:
        self._hosts = (f"{DOMAIN}:{port}", f"localhost:{port}", f"127.0.0.1:{port}")
        self.seen: dict[str, None] = {}

    def keep(self, url: str) -> None:
        """Remember a URL, unless it leads to another program, such as the sample clinic."""
        if urlsplit(url).netloc in self._hosts:
            self.seen[url] = None

    def hooks(self) -> dict[str, list[Any]]:
        """Return the event hooks of an HTTP client whose URLs are remembered."""
        return {"request": [lambda request: self.keep(str(request.url))], "response": [self._keep_location]}

    def _keep_location(self, response: httpx.Response) -> None:
        location = response.headers.get("location")
        if location:
            self.keep(str(response.url.join(location)))


class Notices:
    """A queue that gets every notice of the portal, for staff and for administrators, from the start of the stack."""

    def __init__(self, local: LocalStack, outputs: Mapping[str, str]) -> None:
        self._sqs = local.client("sqs")
        self._url: str = self._sqs.create_queue(QueueName="all-notices")["QueueUrl"]
        wanted = ["QueueArn"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=wanted)["Attributes"]["QueueArn"]
        sns = {"Service": "sns.amazonaws.com"}
        allowed = {"Effect": "Allow", "Principal": sns, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        for topic in ("NoticesTopic", "AlarmTopic"):
            local.client("sns").subscribe(TopicArn=outputs[topic], Protocol="sqs", Endpoint=arn)

    def outputs(self) -> Iterator[Output]:
        while batch := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                yield Output(Place.NOTICE, json.loads(message["Body"]).get("Subject") or "", message["Body"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


def read_email(message: EmailMessage) -> Iterator[Output]:
    """Yield the headers and the parts of one email."""
    to = str(message["to"])
    yield Output(Place.EMAIL, f"headers to {to}", "\n".join(f"{name}: {value}" for name, value in message.items()))
    for part in message.walk():
        name = part.get_filename()
        if name is not None:
            yield Output(Place.EMAIL, f"file name to {to}", name)
        if part.get_content_maintype() == "text":
            yield Output(Place.EMAIL, f"{part.get_content_type()} to {to}", str(part.get_content()))
        elif not part.is_multipart() and not _is_logo(part):
            is_fax = to.endswith(f"@{FIXED_PARAMETERS['FaxDomain']}")
            content = part.get_payload(decode=True)
            yield Output(
                Place.FAX if is_fax else Place.ATTACHMENT,
                f"{part.get_content_type()} to {to}",
                content.decode("latin-1") if isinstance(content, bytes) else str(content),
            )


def _is_logo(part: Message) -> bool:
    """Return True if a part of an email is the clinic's logo in the HTML text, which an administrator has uploaded."""
    return part.get_content_maintype() == "image" and part["Content-ID"] == LOGO_ID


def read_logs(logs: Any) -> Iterator[Output]:
    """Yield the lines that the functions wrote, by log group, with a client of CloudWatch Logs."""
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            events = logs.filter_log_events(logGroupName=name, limit=MOST_LINES)["events"]
            # The local AWS returns no further page.
            assert len(events) < MOST_LINES, f"{name} has more lines than can be read"
            yield from (Output(Place.LOG, name, event["message"]) for event in events)


def read_metrics(cloudwatch: Any) -> Iterator[Output]:
    """Yield the names and dimensions of all metrics, with a client of CloudWatch."""
    for page in cloudwatch.get_paginator("list_metrics").paginate():
        yield from (Output(Place.METRIC, metric["MetricName"], json.dumps(metric)) for metric in page["Metrics"])


def read_log_file(file: Path) -> Iterator[Output]:
    """Yield the lines of the local AWS's own log, which has what the functions printed."""
    lines = file.read_text("utf-8", errors="replace").splitlines()
    yield from (Output(Place.LOG, f"{file.name}, line {number}", line) for number, line in enumerate(lines, 1))


def read_urls(urls: Urls) -> Iterator[Output]:
    yield from (Output(Place.URL, url.partition("?")[0], url) for url in urls.seen)
