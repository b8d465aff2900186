"""Calls of the `inspect` function in Lambda. They implement the `Inspector` of `services/ports.py`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import botocore.exceptions
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws_clients import Clients, error_code
from chalicelib.domain.errors import Unavailable

_NOT_CHECKED = "The file could not be checked right now. Nothing was lost. Please send it again in a moment."

logger = Logger(service="portal", child=True)


class LambdaInspector:
    """Client of the sandboxed Lambda function `inspect`, which parses strangers' files.

    `presign` returns the presigned URL of an upload. The Lambda function has no rights. It can read only that
    upload and, for a scan, the original of its document."""

    def __init__(self, clients: Clients, function: str, presign: Callable[[str], str]) -> None:
        self._clients = clients
        self._function = function
        self._presign = presign

    def inspect(
        self,
        key: str,
        kind: str,
        *,
        certificates: Sequence[str] = (),
        authorities: Sequence[str] = (),
        original: str | None = None,
    ) -> Mapping[str, Any]:
        """Return the facts of the file at the S3 key `key`. `kind` is `pdf`, `scan` or `seal`.

        A scan is compared with the PDF at the S3 key `original`.

        A crash or a timeout of the `inspect` function counts as the fault of the file, so the file is refused.
        Raises `Unavailable` for an error of AWS, which says nothing about the file."""
        pins = {"certificates": list(certificates), "authorities": list(authorities)}
        request = {"url": self._presign(key), "kind": kind, **pins}
        if original is not None:
            request["original_url"] = self._presign(original)
        try:
            response = self._clients.functions.invoke(FunctionName=self._function, Payload=json.dumps(request).encode())
            body = json.loads(response["Payload"].read())
        except (ClientError, BotoCoreError) as error:
            logger.warning("inspection failed", cause=error_code(error))
            raise Unavailable(_NOT_CHECKED) from None
        failed = "FunctionError" in response or not isinstance(body, dict)
        if (failed and _is_aws_error(body)) or (not failed and body.get("unavailable")):
            raise Unavailable(_NOT_CHECKED)
        if failed:
            detail = "The PDF could not be read within the limits of time and memory. Print it to a new PDF."
            return {"refused": {"code": "damaged", "detail": detail}}
        return dict(body)


def _is_aws_error(body: Any) -> bool:
    """Return True if the Lambda function ended with an error of the AWS client, not with an error about the file."""
    kind = str(body.get("errorType", "")) if isinstance(body, dict) else ""
    return kind.rpartition(".")[2] in vars(botocore.exceptions)
