"""HTTP to `*.localhost` from Python, whose resolver may not know these names as browsers do."""

import httpx


class LocalhostTransport(httpx.HTTPTransport):
    """Sends what is for a host below `.localhost` to 127.0.0.1 as plain HTTP, with the same Host header."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        if request.url.host.endswith(".localhost"):
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1")
        return super().handle_request(request)
