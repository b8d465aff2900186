"""A reader of the emails and text messages that the portal sent through the local AWS (MiniStack).

The local AWS has a list of sent emails without attachments. If it was started with
`SMTP_HOST=127.0.0.1:<port>`, it also sends every complete email by SMTP, and `smtp.py` receives the email. The
list then only provides emails that SMTP missed."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx

from examples.mailbox.box import Box
from examples.mailbox.messages import message_id

LOG = logging.getLogger("examples.mailbox")

MAILS = "/_ministack/ses/messages"
TEXTS = "/_ministack/sns/sms-messages"

GRACE = timedelta(seconds=1)
"""The time for the complete copy of a listed email to arrive, so that no fax shows up without pages."""

POLL_SECONDS = 1.0

Json = Mapping[str, Any]


class LocalhostTransport(httpx.HTTPTransport):
    """An httpx transport that connects to 127.0.0.1 for every host below `.localhost`.

    Browsers do the same (RFC 6761). Python asks the system's resolver, which may not know the name."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith(".localhost"):
            request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(request)


class Emulator:
    """The reader of the local AWS, which copies new emails and text messages into the mailbox's files."""

    def __init__(
        self,
        url: str,
        box: Box,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._http = httpx.Client(base_url=url, transport=transport or LocalhostTransport(), timeout=5.0)
        self._box = box
        self._clock = clock
        self._lock = threading.Lock()
        self.answers = True

    def poll(self) -> None:
        """Copy emails and text messages that the local AWS has sent since the last call into the mailbox's files.

        The attribute `answers` is False afterwards if the local AWS did not respond."""
        with self._lock:
            try:
                self._poll_mails()
                self._poll_texts()
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
                if self.answers:
                    LOG.warning("the local AWS does not list its email: %s", type(problem).__name__)
                self.answers = False
            else:
                self.answers = True

    def keep_polling(self) -> None:
        """Call `poll` every second. This never ends, so run it in a separate thread."""
        while True:
            self.poll()
            time.sleep(POLL_SECONDS)

    def _get(self, path: str) -> Json:
        body: Json = self._http.get(path).raise_for_status().json()
        return body

    def _poll_mails(self) -> None:
        now = self._clock()
        for account in self._get(MAILS)["messages"].values():
            for record in account:
                sent_at = datetime.fromtimestamp(record["Timestamp"], UTC)
                if not self._box.has_mail(message_id(record["MessageId"])) and now - sent_at >= GRACE:
                    self._add(record, sent_at)

    def _add(self, record: Json, sent_at: datetime) -> None:
        to = [*record["To"], *record["CC"], *record["BCC"]]
        name = message_id(record["MessageId"])
        self._box.add_mail(name, _rebuild(record), to=to, received_at=sent_at, source="list")

    def _poll_texts(self) -> None:
        for number, records in self._get(TEXTS)["sms_messages"].items():
            for record in records:
                text = str(record["Message"])
                self._box.add_text(record["MessageId"], to=number, text=text, seen_at=self._clock())


def _rebuild(record: Json) -> bytes:
    mail = EmailMessage()
    mail["From"] = _one_line(record["Source"])
    mail["Subject"] = _one_line(record["Subject"])
    mail.set_content(record["BodyText"] or "")
    if record["BodyHtml"]:
        mail.add_alternative(record["BodyHtml"], subtype="html")
    return mail.as_bytes()


def _one_line(text: object) -> str:
    return " ".join(str(text or "").split())
