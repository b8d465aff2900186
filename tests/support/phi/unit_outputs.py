"""Everything that the portal in memory says while the unit tests run, and the check that none of it names a patient.

Metrics need no search of their own: CloudWatch counts log lines, so a metric has no text that the lines lack."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from email import message_from_bytes, policy
from typing import Any

import pytest
from chalice.test import HTTPResponse, TestHTTPClient

from tests.support.fakes import FakeMailer, FakeNotifier
from tests.support.phi.outputs import Output, Place, read_email

PORTAL_LOGGER = "portal"
UNIQUE_FIELDS = re.compile(r'"(?:timestamp|request_id)":"[^"]*"|"ms":[0-9]+')
"""The fields by which two log lines about the same differ."""

PRINTED = ("Captured stdout", "Captured stderr")
"""The starts of the titles under which pytest reports what a test has printed."""

_IS_RANDOM = ContextVar("is_random", default=False)


class UnitOutputs(logging.Handler):
    """The different lines of all log records, printed texts, emails, notices and URLs, in the order of their arrival.

    Tests say the same lines many times. Each line is kept and searched once."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: dict[Place, dict[str, None]] = {place: {} for place in Place}
        self._emails: dict[bytes, None] = {}

    def keep(self, place: Place, text: str) -> None:
        lines = UNIQUE_FIELDS.sub("", text) if place is Place.LOG else text
        self._lines[place].update(dict.fromkeys(lines.splitlines()))

    def keep_email(self, message: bytes) -> None:
        self._emails[message] = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a log record as the deployed functions write it. The library logging calls this method."""
        self.keep(Place.LOG, _formatter(record).format(record))

    def keep_printed(self, report: pytest.TestReport) -> None:
        for title, text in report.sections:
            if title.startswith(PRINTED):
                self.keep(Place.LOG, text)

    def outputs(self) -> Iterator[Output]:
        """Yield the kept lines. The PDFs of faxes by email may name patients, and an email of the portal has no other
        attachment, so attachments are left out."""
        for message in self._emails:
            for output in read_email(message_from_bytes(message, policy=policy.default)):
                if output.place is Place.EMAIL:
                    self.keep(output.place, output.text)
        for place, lines in self._lines.items():
            yield from (Output(place, line[:200], line) for line in lines)


def _formatter(record: logging.LogRecord) -> logging.Formatter:
    """Return the formatter of the portal's own logger, or a plain one for the record of another library."""
    handlers = logging.getLogger(PORTAL_LOGGER).handlers if record.name.startswith(PORTAL_LOGGER) else []
    return next((handler.formatter for handler in handlers if handler.formatter), logging.Formatter())


@contextmanager
def asking_at_random() -> Iterator[None]:
    """Leave the URLs of the block's requests out. Random text may be a patient's name, and no program made it up.

    What the portal logs about such a request is kept."""
    token = _IS_RANDOM.set(True)
    yield
    _IS_RANDOM.reset(token)


@contextmanager
def collecting(outputs: UnitOutputs) -> Iterator[None]:
    """Collect log records, emails, notices and URLs of the portal in memory until the end of the block."""
    send, publish, request = FakeMailer.send, FakeNotifier.publish, TestHTTPClient.request

    def keep_email(self: FakeMailer, *, to: str, message: bytes) -> str:
        outputs.keep_email(message)
        return send(self, to=to, message=message)

    def keep_notice(self: FakeNotifier, *, practice_id: str, kind: str, subject: str, text: str) -> None:
        outputs.keep(Place.NOTICE, f"{subject}\n{text}")
        publish(self, practice_id=practice_id, kind=kind, subject=subject, text=text)

    def keep_url(self: TestHTTPClient, method: str, path: str, **more: Any) -> HTTPResponse:
        if _IS_RANDOM.get():
            return request(self, method, path, **more)
        outputs.keep(Place.URL, path)
        response = request(self, method, path, **more)
        outputs.keep(Place.URL, str(response.headers.get("Location", "")))
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeMailer, "send", keep_email)
        patch.setattr(FakeNotifier, "publish", keep_notice)
        patch.setattr(TestHTTPClient, "request", keep_url)
        logging.getLogger().addHandler(outputs)
        yield
        logging.getLogger().removeHandler(outputs)
