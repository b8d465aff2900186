"""The handlers of the EMR's API for faxes that came in to the practice's own number."""

import re

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.services.pagination import decode_number_cursor, encode_cursor, parse_limit
from chalicelib.web.access_log import record_access
from chalicelib.web.api.query_parameters import check_parameters
from chalicelib.web.http import request_parsing
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response, redirect

LINK_SECONDS = 60
"""The lifetime of the link to a page's picture, or to the file of a fax."""

_NUMBER = re.compile(r"[0-9]{1,4}")


def list_faxes(context: RequestContext) -> Response:
    from chalicelib.services.returned_faxes.fax_resource import fax_resource

    check_parameters(context.query, "limit", "cursor")
    faxes, portal_url = context.services.received_faxes, context.services.settings.portal_url
    page = faxes.page(
        context.require_practice(),
        limit=parse_limit(context.query.get("limit")),
        before=decode_number_cursor(context.query.get("cursor")),
    )
    assigned = faxes.assignments(page.items)
    items = [fax_resource(fax, assigned.get(fax.id), portal_url) for fax in page.items]
    return json_response({"faxes": items, "next_cursor": encode_cursor(page.next_after)})


def read_fax_page(context: RequestContext, fax_id: str, number: str) -> Response:
    """Return a redirect to the picture of one page of a received fax.

    If the page is of a document, the access is recorded. Raises `NotFound` for another practice's fax, and for a page
    of another practice's document."""
    from chalicelib.services.returned_faxes.received_faxes import image_key, is_shown

    faxes = context.services.received_faxes
    fax = faxes.find(context.require_practice(), fax_id)
    page = fax.page(int(number)) if _NUMBER.fullmatch(number) else None
    if page is None or not is_shown(page):
        raise NotFound("There is no such page.")
    owner = page.document_id or faxes.assignments([fax]).get(fax.id)
    record_access(context, owner or fax.id, "copy")
    return redirect(context.services.files.url(image_key(fax, page.number), seconds=LINK_SECONDS))


def read_fax_file(context: RequestContext, fax_id: str) -> Response:
    """Return a redirect to the file of a received fax, for a fax of which not every page could be read.

    The access is recorded for the fax, and for each document of its pages. Raises `NotFound` for another practice's
    fax, and for a file with a page of another practice's document."""
    from chalicelib.services.returned_faxes.received_faxes import is_file_shown

    faxes = context.services.received_faxes
    fax = faxes.find(context.require_practice(), fax_id)
    if not is_file_shown(fax):
        raise NotFound("There is no file of this fax to show.")
    named = {page.document_id for page in fax.pages if page.document_id} | set(faxes.assignments([fax]).values())
    for owner in (fax.id, *sorted(named)):
        record_access(context, owner, "copy")
    return redirect(context.services.files.url(fax.file_key, seconds=LINK_SECONDS))


def assign_fax(context: RequestContext, fax_id: str) -> Response:
    from chalicelib.services.returned_faxes.fax_resource import fax_resource
    from chalicelib.web.api.settings_schemas import read_assignment

    faxes = context.services.received_faxes
    fax = faxes.find(context.require_practice(), fax_id)
    document_id = read_assignment(request_parsing.read_body(context.request))
    faxes.assign(fax, document_id, context.actor)
    return json_response(fax_resource(fax, document_id, context.services.settings.portal_url))
