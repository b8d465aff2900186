"""Errors of the AWS clients as errors of the domain."""

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Unavailable, Unprocessable

logger = Logger(service="portal", child=True)


def refusal(error: ClientError | BotoCoreError, service: str) -> Exception:
    """Return the domain error for a message that `service` refused.

    The error text holds only the AWS error code, because the AWS text may quote an email address.
    """
    if isinstance(error, BotoCoreError):
        logger.warning("no response", cause=error_code(error))
        return Unavailable(f"{service} did not respond.")
    code = error_code(error)
    kind = Unprocessable if code == "InvalidParameterValue" else Unavailable
    return kind(f"{service} refused the message: {code}.")


def error_code(error: ClientError | BotoCoreError) -> str:
    """Return the AWS error code, or the class name of an error that happened before AWS responded."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
