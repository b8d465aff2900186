"""The static files at `/static/{name}`. Browsers cache them for a year, because each name contains a content hash."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.security_headers import IMMUTABLE
from chalicelib.web.http.static_assets import find_asset


def serve_static(_context: RequestContext, name: str) -> Response:
    match = find_asset(name)
    if match is None:
        raise NotFound("There is no such file.")
    asset, is_current = match
    caching = IMMUTABLE if is_current else {"Cache-Control": "no-cache"}
    return Response(body=asset.text, headers={"Content-Type": asset.content_type, **caching})
