"""AWS clients, created at first use and reused for the life of the function, and the meaning of their errors."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Unavailable, Unprocessable

logger = Logger(service="portal", child=True)


def _plain_client(service: str) -> Any:
    """Return a cached property of `Clients` that creates the client of an AWS service with the common settings."""
    return cached_property(lambda clients: clients._make(service, clients._config))  # noqa: SLF001 - part of the class


class Clients:
    """The AWS clients of one session. Every client has timeouts far below the 29 seconds of API Gateway."""

    def __init__(self, region: str | None = None, *, make: Callable[[str, Config], Any] | None = None) -> None:
        """Create every client with `make(service, config)`, or with boto3's session if `make` is None."""
        session = boto3.session.Session(region_name=region)
        self._make = make or (lambda service, config: session.client(service, config=config))
        self._config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})

    @cached_property
    def s3(self) -> Any:
        """The S3 client. It uses Signature Version 4, which presigned URLs need for files encrypted with SSE-KMS.

        The host of presigned URLs contains the region, because the global host redirects and a redirect
        breaks a signed request. The URLs of the local AWS still have the bucket in the path."""
        regional = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
        return self._make("s3", self._config.merge(Config(signature_version="s3v4", s3=regional)))

    @cached_property
    def functions(self) -> Any:
        """The Lambda client for `inspect`. It never retries a call, and `inspect` limits its own time."""
        once = Config(read_timeout=12, retries={"total_max_attempts": 1})
        return self._make("lambda", self._config.merge(once))

    @cached_property
    def slow_functions(self) -> Any:
        """The Lambda client for the `pdf` function, which ends after 120 seconds. The client never retries a call."""
        once = Config(read_timeout=125, retries={"total_max_attempts": 1}, tcp_keepalive=True)
        return self._make("lambda", self._config.merge(once))

    sqs = _plain_client("sqs")
    sns = _plain_client("sns")
    ses = _plain_client("ses")
    ssm = _plain_client("ssm")
    secrets = _plain_client("secretsmanager")
    kms = _plain_client("kms")


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
