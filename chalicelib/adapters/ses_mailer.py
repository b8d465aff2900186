"""Delivery of emails by SES: the `Mailer` of `services/ports.py`."""

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws_clients import Clients, refusal


class SesMailer:
    """Sender of emails by SES. `sender` is the sender's address in the SMTP envelope."""

    def __init__(self, clients: Clients, sender: str) -> None:
        self._clients = clients
        self._sender = sender

    def send(self, *, to: str, message: bytes) -> str:
        """Send the message. Raises `Unprocessable` for an address that SES never accepts, else `Unavailable`."""
        try:
            raw = {"Data": message}
            response = self._clients.ses.send_raw_email(Source=self._sender, Destinations=[to], RawMessage=raw)
        except (ClientError, BotoCoreError) as error:
            raise refusal(error, "The email service") from None
        return str(response["MessageId"])
