"""Conversion of errors of the AWS clients to errors of the domain."""

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Unavailable, Unprocessable

logger = Logger(service="portal", child=True)


def refusal(error: ClientError | BotoCoreError, service: str) -> Exception:
    """Return the domain error to raise after the AWS service `service` refused a message.

    The error text holds only the AWS error code, because the AWS text may quote an email address."""
    if isinstance(error, BotoCoreError):
        logger.warning("no response", cause=error_code(error))
        return Unavailable(f"{service} did not respond.")
    code = error_code(error)
    kind = Unprocessable if code == "InvalidParameterValue" else Unavailable
    return kind(f"{service} refused the message: {code}.")


def error_code(error: ClientError | BotoCoreError) -> str:
    """Return the AWS error code, or the error's class name if the error happened before AWS responded."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
