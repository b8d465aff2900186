"""The SMTP server that receives complete emails from the local AWS."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from examples.mailbox.box import Box
from examples.mailbox.messages import message_id

LARGEST = 64 * 1024 * 1024
"""The largest email in bytes. A PDF of 25 MB grows by a third in an email."""


class _Intake:
    def __init__(self, box: Box) -> None:
        self._box = box

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        raw = envelope.original_content or b""
        header = message_from_bytes(raw, policy=policy.compat32)["Message-ID"]
        name = message_id(str(header)) if header else message_id(raw.hex())
        to = [str(address) for address in envelope.rcpt_tos]
        self._box.add_mail(name, raw, to=to, received_at=datetime.now(UTC), source="smtp")
        return "250 OK"


def listen(box: Box, *, port: int) -> Controller:
    """Start an SMTP server on 127.0.0.1 that stores received emails in the mailbox. The caller stops it.

    Raises `OSError` if the port is in use."""
    controller = Controller(_Intake(box), hostname="127.0.0.1", port=port, data_size_limit=LARGEST)
    controller.start()
    return controller
