"""A timestamp authority over HTTP (RFC 3161, 3.4): the `TimestampAuthority` of `services/ports.py`."""

from http.client import HTTPException
from urllib.request import Request, urlopen

_SECONDS = 8
_MAX_BYTES = 64 * 1024


class HttpTimestampAuthority:
    """Client of a timestamp authority. `url` (http or https) is a parameter of the stack."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("the address of a timestamp authority begins with http:// or https://")
        self._url = url

    def request(self, query: bytes) -> bytes:
        request = Request(self._url, data=query, headers={"Content-Type": "application/timestamp-query"})  # noqa: S310 - checked above
        try:
            with urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - checked above
                reply: bytes = response.read(_MAX_BYTES)
        except HTTPException as error:
            raise OSError("the timestamp authority did not send an HTTP response") from error
        return reply
