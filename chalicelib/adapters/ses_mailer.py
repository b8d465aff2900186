"""The sending of emails by Amazon SES: the implementation of the `Mailer` of `services/ports.py`."""

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws_clients import Clients, refusal


class SesMailer:
    """Sender of emails by Amazon SES. `sender` is the sender's address in the SMTP envelope."""

    def __init__(self, clients: Clients, sender: str) -> None:
        self._clients = clients
        self._sender = sender

    def send(self, *, to: str, message: bytes) -> str:
        """Send the MIME message, and return the id that SES gave it. Later reports of SES name the email by this id.

        Raises `Unprocessable` if SES will never accept the message, and `Unavailable` for other errors."""
        try:
            raw = {"Data": message}
            response = self._clients.ses.send_raw_email(Source=self._sender, Destinations=[to], RawMessage=raw)
        except (ClientError, BotoCoreError) as error:
            raise refusal(error, "The email service") from None
        return str(response["MessageId"])
