"""HTTP to `*.localhost` from Python, whose resolver may not know these names as browsers do."""

import httpx


class LocalhostTransport(httpx.HTTPTransport):
    """Sends what is for a host below `.localhost` to 127.0.0.1 as plain HTTP, with the same Host header."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        if not request.url.host.endswith(".localhost"):
            return super().handle_request(request)
        # A copy: the client looks at its own request when it keeps the cookies of the answer.
        sent = httpx.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(sent)
