"""Calls of the Lambda functions `inspect` and `pdf`, which parse strangers' files and have no AWS rights.

The classes implement the `Inspector` and the `PdfFunction` of `services/ports.py`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import botocore.exceptions
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import json_codec as codec
from chalicelib.adapters.aws_clients import Clients, error_code
from chalicelib.domain.errors import Unavailable
from chalicelib.services.ports import StoredFileCorrupt

T = TypeVar("T")

_NOT_DONE = "The file could not be worked on right now. Nothing was lost. Please try again in a moment."
_NOT_CHECKED = "The file could not be checked right now. Nothing was lost. Please send it again in a moment."

logger = Logger(service="portal", child=True)


class LambdaInspector:
    """Client of the Lambda function `inspect`, which parses the files that strangers upload, in a sandbox.

    The Lambda function has no AWS rights. It reads a file by a presigned URL in the request, which `presign` makes from
    an S3 key. So it can read only the upload and, for a scan, the original PDF of the scanned document."""

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
        """Return the facts of the uploaded file at the S3 key `key`, or `{"refused": …}` with the reason.

        `kind` is `pdf` (a PDF to sign), `scan` (of a page signed by hand) or `seal` (a sealed PDF to verify). A scan is
        compared with the PDF at the S3 key `original`. For a seal, `certificates` and `authorities` are the
        fingerprints of the portal's certificates and of its timestamp authorities. If the function crashes or takes too
        long, the file is refused. Raises `Unavailable` for an error of AWS, which says nothing about the file."""
        pins = {"certificates": list(certificates), "authorities": list(authorities)}
        request = {"url": self._presign(key), "kind": kind, **pins}
        if original is not None:
            request["original_url"] = self._presign(original)
        body = invoke(self._clients.functions, self._function, request, unavailable=_NOT_CHECKED)
        if body is None:
            detail = "The PDF could not be read within the limits of time and memory. Print it to a new PDF."
            return {"refused": {"code": "damaged", "detail": detail}}
        return body


class LambdaPdf:
    """Client of the Lambda function `pdf`, which makes page images, sealed PDFs and faxes, in a sandbox.

    `function` is the name of the Lambda function to call. For work that a person waits for, this is the function
    `inspect`, which can do the same work as `pdf` but has a shorter time limit."""

    def __init__(self, client: Any, function: str) -> None:
        self._client = client
        self._function = function

    def run(self, request: object, result: type[T]) -> T:
        """Call the function with a request of `services/pdf_requests.py`, and return its result as the class `result`.

        A crash or a timeout of the function, or an error of AWS, raises `Unavailable`, after which a job runs again.
        Raises `StoredFileCorrupt` if a stored file has other bytes than recorded."""
        payload = {"work": type(request).__name__, "request": codec.dump(request)}
        body = invoke(self._client, self._function, payload, unavailable=_NOT_DONE)
        if body is None:
            raise Unavailable(_NOT_DONE)
        if body.get("corrupt"):
            raise StoredFileCorrupt("the stored file is not the one that was recorded")
        return codec.load(result, body["result"])


def invoke(client: Any, function: str, request: Mapping[str, Any], *, unavailable: str) -> Mapping[str, Any] | None:
    """Call a Lambda function, and return the JSON object that it returns, or None if it crashed or timed out.

    Raises `Unavailable` with the text `unavailable` for an error of AWS, or if a link in the request does not work."""
    try:
        response = client.invoke(FunctionName=function, Payload=json.dumps(request).encode())
        body = json.loads(response["Payload"].read())
    except (ClientError, BotoCoreError) as error:
        logger.warning("function not invoked", cause=error_code(error))
        raise Unavailable(unavailable) from None
    failed = "FunctionError" in response or not isinstance(body, dict)
    if (failed and _is_aws_error(body)) or (not failed and body.get("unavailable")):
        raise Unavailable(unavailable)
    return None if failed else dict(body)


def _is_aws_error(body: Any) -> bool:
    """Return True if a Lambda function failed because of an AWS error (boto3), and not because of the file that it
    read.

    `body` is the result of the failed function. It names the class of the error."""
    kind = str(body.get("errorType", "")) if isinstance(body, dict) else ""
    return kind.rpartition(".")[2] in vars(botocore.exceptions)
