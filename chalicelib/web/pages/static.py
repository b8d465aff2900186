"""`GET /static/{name}`: text by content hash, kept by browsers for a year."""

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.security_headers import IMMUTABLE
from chalicelib.web.http.static_assets import find_asset


def static(_context: RequestContext, name: str) -> Response:
    found = find_asset(name)
    if found is None:
        raise NotFound("There is no such file.")
    asset, current = found
    caching = IMMUTABLE if current else {"Cache-Control": "no-cache"}
    return Response(body=asset.text, headers={"Content-Type": asset.content_type, **caching})
