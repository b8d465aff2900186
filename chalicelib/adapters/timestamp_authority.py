"""The client of a timestamp authority (RFC 3161), which signs the time at which a PDF was sealed.

It implements the `TimestampAuthority` of `services/ports.py`."""

from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

_SECONDS = 8
_MAX_BYTES = 64 * 1024


class _NoRedirects(HTTPRedirectHandler):
    """Handler for `urllib` that follows no redirects, because a redirect could lead to an unencrypted address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class HttpTimestampAuthority:
    """Client of the timestamp authority at `url`, which must begin with `https://`, or `ValueError` is raised.

    The installation's settings have the URL. Redirects are not followed."""

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme != "https":
            raise ValueError("the address of a timestamp authority begins with https://")
        self._url = url
        self._opener = build_opener(_NoRedirects)

    def request(self, query: bytes) -> bytes:
        request = Request(self._url, data=query, headers={"Content-Type": "application/timestamp-query"})  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                reply: bytes = response.read(_MAX_BYTES)
        except HTTPException as error:
            raise OSError("the timestamp authority did not send an HTTP response") from error
        return reply
