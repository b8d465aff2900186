"""The packaged portal, deployed to a local AWS, that integration and browser tests share.

Each test run deploys one stack and deletes it at the end. A test uses the fixture `stack` and creates new practices, so
that tests do not share data."""

import asyncio
import contextlib
import fcntl
import json
import shutil
import smtplib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from infrastructure import package
from infrastructure.local import emulator
from infrastructure.local import sample_practice as sample
from infrastructure.local.localhost_http import LocalhostTransport
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Processes, take_lock
from infrastructure.local.stack import DOMAIN, LocalStack
from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from tests.support.free_ports import free_port
from tests.support.phi import outputs as phi
from tests.support.timestamp_server import TimestampServer

MAX_EMAIL_BYTES = 64 * 1024 * 1024
POLL_SECONDS = 0.2
QUEUES = ("DocumentJobs", "DeliveryJobs")
QUEUE_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


@dataclass(frozen=True)
class SamplePractice:
    """A practice that one test has created in the deployed portal: its id, API key and webhook secret."""

    id: str
    api_key: str
    webhook_secret: str


@dataclass(frozen=True)
class Mail:
    """One email that the deployed portal has sent, with the recipients of its SMTP envelope."""

    recipients: tuple[str, ...]
    message: EmailMessage


class Mailbox:
    """An SMTP server that receives all email that the local AWS sends, so that tests can read it.

    The server forwards each email to the local ports in `forward_to`."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.forward_to: list[int] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        """Store and forward a received email, and return the SMTP response. The library aiosmtpd calls this method."""
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(Mail(tuple(envelope.rcpt_tos), message))
        for port in self.forward_to:
            await asyncio.to_thread(forward, envelope, port)
        return "250 OK"


@dataclass(frozen=True)
class TimestampedStack(LocalStack):
    """A local stack whose sealed PDFs get timestamps from a timestamp authority that a test runs."""

    authority: TimestampServer

    @property
    def parameters(self) -> dict[str, str]:
        return super().parameters | {
            "TimestampAuthorityUrl": self.authority.url,
            "TimestampAuthorityPins": self.authority.pins,
        }


class Stack:
    """The deployed portal on a running local AWS, with helpers for the tests."""

    def __init__(self, local: LocalStack, mailbox: Mailbox, authority: TimestampServer | None = None) -> None:
        self._local = local
        self._mailbox = mailbox
        self._authority = authority
        self.urls = phi.Urls(local.port)
        self.outputs: Mapping[str, str] = local.outputs()
        self.functions: Mapping[str, str] = local.functions()
        self.http = self._http_client()

    @property
    def portal_url(self) -> str:
        """The portal's scheme, host and port, for browsers."""
        return self._local.portal_url

    @property
    def authority(self) -> TimestampServer:
        """The timestamp authority of this stack's seals. The test fails if the stack was started without one."""
        assert self._authority is not None, "this stack seals without timestamps"
        return self._authority

    @property
    def aws_endpoint_url(self) -> str:
        """The URL of the local AWS, which boto3 clients use in place of the URLs of AWS."""
        return self._local.aws_endpoint_url

    @property
    def function_names(self) -> list[str]:
        """The names of all deployed Lambda functions, as AWS clients must name them."""
        return sorted(self.functions.values())

    def table_name(self, logical: str) -> str:
        """Return a DynamoDB table's name in the local AWS. `logical` is a name such as `DocumentsTable` or just
        `documents`."""
        name = logical if logical.endswith("Table") else f"{logical.title()}Table"
        return self.outputs[name]

    def client(self, service: str) -> Any:
        """Return a boto3 client of the local AWS that may call every operation."""
        return self._local.client(service)

    def browser(self) -> httpx.Client:
        """Return an HTTP client with its own cookies, as the browser of one person. It does not follow redirects."""
        return self._http_client()

    def invoke(self, function: str, payload: Mapping[str, Any]) -> Any:
        """Invoke the Lambda function with this name in the template, such as `FollowUp`, and return its result."""
        return self._local.invoke(self.functions[function], payload)

    def invoke_admin(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Run an action of administrators, such as `create_practice`, in the admin function, and return its result."""
        result: dict[str, Any] = self._local.invoke(self.outputs["AdminFunction"], payload)
        return result

    def practice(self, **settings: Any) -> SamplePractice:
        """Create a practice for a test. It allows electronic signatures unless `settings` turn them off."""
        return SamplePractice(**sample.create_practice(self._local, sample.PROFILE | settings))

    def mail(self, to: str) -> list[EmailMessage]:
        """Return the emails sent to this address so far, oldest first."""
        return [mail.message for mail in self._mailbox.mails if to in mail.recipients]

    def wait_for_mail(self, to: str, count: int = 1, timeout: float = 30.0) -> list[EmailMessage]:
        """Wait for at least `count` emails to this address, and return all emails to this address."""
        wait_until(lambda: len(self.mail(to)) >= count, timeout, f"{count} email(s) to {to}")
        return self.mail(to)

    @contextlib.contextmanager
    def forwarding_mail(self, port: int) -> Iterator[None]:
        """Forward every email also to the SMTP server at `port` on this machine, until the end of the block."""
        self._mailbox.forward_to.append(port)
        yield
        self._mailbox.forward_to.remove(port)

    def outbox_drained(self, timeout: float = 60.0) -> None:
        """Wait until the portal has finished all background work: no stored, queued or running job is left.

        The test fails after `timeout` seconds."""
        wait_until(self._is_drained, timeout, "the outbox and the job queues to be empty")

    def _is_drained(self) -> bool:
        # The outbox comes first: a row is deleted only after its job is in a queue.
        rows = self.client("dynamodb").scan(TableName=self.outputs["OutboxTable"], Select="COUNT")["Count"]
        return rows == 0 and all(self._jobs(self.outputs[queue]) == 0 for queue in QUEUES)

    def _jobs(self, url: str) -> int:
        response = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(QUEUE_COUNTS))
        return sum(int(count) for count in response["Attributes"].values())

    def _http_client(self) -> httpx.Client:
        # The client sees https, so that it sends Secure cookies. The transport uses plain http.
        port = self._local.port
        return httpx.Client(
            base_url=f"https://{DOMAIN}:{port}",
            transport=LocalhostTransport(),
            timeout=60.0,
            event_hooks=self.urls.hooks(),
        )


def forward(envelope: Envelope, port: int) -> None:
    """Send a received email unchanged to the SMTP server at `port` of this machine."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.sendmail(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")


def wait_until(condition: Any, timeout: float, what: str) -> None:
    """Wait until `condition()` is true. After `timeout` seconds, fail the test with a message that contains `what`."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout:.0f} s in vain for {what}"
        time.sleep(POLL_SECONDS)


def package_once(progress: Progress) -> Path:
    """Package the app as for a deployment, and return the folder. Unchanged inputs reuse the last package.

    Two test processes may call this function at the same time. The second call waits for the first."""
    folder = ROOT / "build" / "tests"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        package.package(folder, progress, architecture=package.host_architecture(), for_this_host=True)
    return folder


@contextlib.contextmanager
def running_stack(
    folder: Path, name: str, *, warm: bool = True, authority: TimestampServer | None = None
) -> Iterator[Stack]:
    """Deploy the package in `folder` to a new local AWS, and yield it. At the end, delete everything but the log.

    The log is `build/tests-aws-NAME.log`. With `warm`, every function has run once before the first test. With an
    `authority`, the seals have timestamps."""
    home = Path(tempfile.mkdtemp(prefix="portal-tests-"))
    paths = LocalPaths(home)
    progress = Progress(time.time())
    paths.prepare()
    mailbox, smtp_port = Mailbox(), free_port()
    smtp = Controller(mailbox, hostname="127.0.0.1", port=smtp_port, data_size_limit=MAX_EMAIL_BYTES)
    smtp.start()
    processes = Processes(paths, take_lock(paths, progress))
    try:
        local = TimestampedStack(free_port(), authority) if authority else LocalStack(free_port())
        command = emulator.command(paths, local.port, smtp_port=smtp_port, persistent=False)
        trusted = {"SSL_CERT_FILE": str(authority.certificate_file)} if authority else {}
        processes.start(replace(command, environment=command.environment | trusted))
        emulator.wait_until_up(processes, local.port)
        # Every document is announced at once, because tests run the workers by hand and on a clock of their own.
        local.deploy(folder, progress, {"NoticeWaitSeconds": "0"})
        assert not warm or local.warm_up(), f"a function did not wake: {name}"
        stack = Stack(local, mailbox, authority)
        notices = phi.Notices(local, stack.outputs)
        yield stack
        stack.http.close()
        refuse_leaks(stack, mailbox, notices, paths.log_of(emulator.NAME))
    finally:
        processes.stop()
        smtp.stop()
        keep_log(paths, name)
        shutil.rmtree(home, ignore_errors=True)


def refuse_leaks(stack: Stack, mailbox: Mailbox, notices: phi.Notices, log: Path) -> None:
    """Fail the test run if an email, a notice, a log line, a metric or a URL of the portal names a patient."""
    outputs = [
        *(output for mail in mailbox.mails for output in phi.read_email(mail.message)),
        *notices.outputs(),
        *phi.read_logs(stack.client("logs")),
        *phi.read_log_file(log),
        *phi.read_metrics(stack.client("cloudwatch")),
        *phi.read_urls(stack.urls),
    ]
    assert phi.find_leaks(outputs) == []


def keep_log(paths: LocalPaths, name: str) -> None:
    """Copy the log of the local AWS and of its functions to the `build` folder, because the stack's folder is
    deleted."""
    log = paths.log_of(emulator.NAME)
    if log.exists():
        shutil.copyfile(log, ROOT / "build" / f"tests-aws-{name}.log")


def as_json(response: httpx.Response) -> Any:
    """Return the parsed JSON body of a response."""
    return json.loads(response.content)


if __name__ == "__main__":
    package_once(Progress(time.time()))
