"""HTTP requests from Python to hosts below `.localhost`, which browsers resolve but Python may not."""

import httpx


class LocalhostTransport(httpx.HTTPTransport):
    """An httpx transport that sends requests for `*.localhost` to 127.0.0.1, with the same Host header.

    The request uses plain HTTP, even if its URL begins with https. So a client can act as a browser at an https
    address, and the local AWS needs no TLS."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.host.endswith(".localhost"):
            return super().handle_request(request)
        # The client compares its own request with the cookies of the response, so a copy is sent.
        sent = httpx.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(sent)
