"""The JSON of a fax that came in to a practice's own number, for the practice's EMR."""

from typing_extensions import TypedDict

from chalicelib.domain.carriers.received_faxes import Arrival, PageMatch, ReceivedFax, ReceivedPage
from chalicelib.services.json_schema import Timestamp, Url, to_response
from chalicelib.services.returned_faxes.received_faxes import is_file_shown, is_shown


class FaxPageResource(TypedDict):
    """A page of a received fax. `number` counts the fax's pages, and `page` those of the document.

    `url` leads to the page's picture, with the API key. It is null for a page of another practice's document."""

    number: int
    match: PageMatch
    document_id: str | None
    page: int | None
    url: Url | None


class FaxResource(TypedDict):
    """A fax that came in to the practice's own number, or as an email to the practice's `fax_email`.

    `arrival` says which. `sender` is the number from which a fax of the carrier came, and null for an email.
    `refused` says why the file or its further pages could not be read, or is empty. With `partial`, the call ended
    before the last page. `assigned_to` is the document to which staff assigned the pages that match no document.
    `file_url` leads to the file as it came, with the API key. It is null if the file is not stored, or has a page of
    another practice's document."""

    id: str
    received_at: Timestamp
    arrival: Arrival
    sender: str | None
    partial: bool
    refused: str
    pages: list[FaxPageResource]
    assigned_to: str | None
    file_url: Url | None


def fax_resource(fax: ReceivedFax, assigned_to: str | None, portal_url: str) -> FaxResource:
    """Return the received fax as JSON for the EMR."""
    pages = [_page_resource(fax, page, portal_url) for page in fax.pages]
    file_url = f"{portal_url}/v1/faxes/{fax.id}/file.pdf" if is_file_shown(fax) else None
    return to_response(
        FaxResource, fax, partial=fax.is_partial, pages=pages, assigned_to=assigned_to, file_url=file_url
    )


def _page_resource(fax: ReceivedFax, page: ReceivedPage, portal_url: str) -> FaxPageResource:
    url = f"{portal_url}/v1/faxes/{fax.id}/pages/{page.number}" if is_shown(page) else None
    return to_response(FaxPageResource, page, url=url)
