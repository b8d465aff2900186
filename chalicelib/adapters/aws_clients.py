"""The boto3 clients of AWS services, created at first use and then reused, and the meaning of their errors."""

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
    """Return a property for the class `Clients`. Its value is the boto3 client of this AWS service.

    The first access creates the client, and later accesses get the same client."""
    return cached_property(lambda clients: clients._make(service, clients._config))  # noqa: SLF001 - part of the class


class Clients:
    """The AWS clients of a Lambda function, each created at first use.

    All timeouts are far below the 29 seconds of API Gateway, except that of `slow_functions` for background jobs."""

    def __init__(self, region: str | None = None, *, make: Callable[[str, Config], Any] | None = None) -> None:
        """Remember how to create clients: with `make(service, config)`, or with a boto3 session if `make` is None.

        `region` is for the boto3 session. Without it, boto3 reads the region from the environment."""
        session = boto3.session.Session(region_name=region)
        self._make = make or (lambda service, config: session.client(service, config=config))
        self._config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})

    @cached_property
    def s3(self) -> Any:
        """The S3 client. It signs with Signature Version 4, which presigned URLs need for files encrypted with SSE-KMS.

        The host of presigned URLs contains the bucket and the region. The global host would redirect, and a redirect
        breaks a signed request. With the local AWS for tests, the bucket is in the URL's path."""
        regional = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
        return self._make("s3", self._config.merge(Config(signature_version="s3v4", s3=regional)))

    @cached_property
    def functions(self) -> Any:
        """The Lambda client for calls of the function `inspect`, which parses uploads while a person waits.

        The client waits 12 seconds at most and never retries a call."""
        once = Config(read_timeout=12, retries={"total_max_attempts": 1})
        return self._make("lambda", self._config.merge(once))

    @cached_property
    def slow_functions(self) -> Any:
        """The Lambda client for calls of the function `pdf`, which draws page images and signed PDFs for background
        jobs.

        `pdf` ends after 120 seconds. The client waits 125 seconds and never retries a call, because the job runs again
        anyway."""
        once = Config(read_timeout=125, retries={"total_max_attempts": 1}, tcp_keepalive=True)
        return self._make("lambda", self._config.merge(once))

    sqs = _plain_client("sqs")
    sns = _plain_client("sns")
    ses = _plain_client("ses")
    ssm = _plain_client("ssm")
    secrets = _plain_client("secretsmanager")
    kms = _plain_client("kms")


def refusal(error: ClientError | BotoCoreError, service: str) -> Exception:
    """Return the error to raise after AWS refused an email or notice, or did not respond. `service` names the service.

    The error is `Unprocessable` if another try is useless, or else `Unavailable`. Its text has only the AWS error code,
    because AWS's own text may quote an email address."""
    if isinstance(error, BotoCoreError):
        logger.warning("no response", cause=error_code(error))
        return Unavailable(f"{service} did not respond.")
    code = error_code(error)
    kind = Unprocessable if code == "InvalidParameterValue" else Unavailable
    return kind(f"{service} refused the message: {code}.")


def error_code(error: ClientError | BotoCoreError) -> str:
    """Return the AWS error code for a log line, or the error's class name if AWS did not respond."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
