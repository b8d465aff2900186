"""`GET /static/{name}`: text by content hash, kept by browsers for a year."""

from chalice.app import Blueprint, Response

from chalicelib.domain.errors import NotFound
from chalicelib.web.access import Access, Caller, route
from chalicelib.web.assets import find_asset
from chalicelib.web.headers import IMMUTABLE

blueprint = Blueprint(__name__)


@route(blueprint, "/static/{name}", methods=["GET"], access=Access.ANYONE)
def static(_caller: Caller, name: str) -> Response:
    found = find_asset(name)
    if found is None:
        raise NotFound("There is no such file.")
    asset, current = found
    caching = IMMUTABLE if current else {"Cache-Control": "no-cache"}
    return Response(body=asset.text, headers={"Content-Type": asset.content_type, **caching})
