"""The link in the QR code of a faxed page, from which the portal recognizes a page that is faxed back.

A phone opens the link as a web page. The link is in capital letters and has only the 45 characters for which a QR code
has a compact encoding, so the code is coarse enough for a bad fax (docs/decisions/051)."""

import re
from dataclasses import dataclass

COVER_PAGE = 0
"""The page number in the link on the cover page. The pages of the document count from 1."""

_VERSION_LENGTH = 6
_PREFIX = "doc_"
_NAME = re.compile(r"([0-9A-Z]{1,40})\.([0-9A-F]{6})\.([0-9]{1,3})(?:\.([0-9A-Z]{12}))?", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"https?://[^/\s]+/F/", re.IGNORECASE)


@dataclass(frozen=True)
class FaxPage:
    """The facts in the link of a faxed page: the document's id, the version of its original PDF, and the page number.

    `version` has the first 6 hexadecimal digits of the original's SHA-256, in lower case."""

    document_id: str
    version: str
    number: int


def version_of(sha256: str) -> str:
    """Return the first digits of an original PDF's SHA-256 (hex), which distinguish it from another version of it."""
    return sha256[:_VERSION_LENGTH]


def link_stem(portal_url: str, document_id: str, sha256: str) -> str:
    """Return the link of a document's faxed pages without the page number. `sha256` (hex) is that of the original PDF.

    The link is printed as a QR code on each page."""
    name = document_id.removeprefix(_PREFIX)
    return f"{portal_url}/F/{name}.{version_of(sha256)}.".upper()


def page_link(stem: str, number: int) -> str:
    """Return the link of one faxed page. `stem` is the link without the page number, from `link_stem`."""
    return f"{stem}{number}"


def cover_link(stem: str, code: str) -> str:
    """Return the link in the QR code of a fax's cover page. It has the code that is printed beside the QR code.

    So a person who scans the QR code need not type the code, such as `ABCD-EFGH-JKMN`. `stem` is the link of the
    document's pages without the page number."""
    return f"{page_link(stem, COVER_PAGE)}.{code.replace('-', '')}"


def read_page_link(text: str) -> FaxPage | None:
    """Return the document, version and page number that the link in a page's QR code names.

    Return None if the text is not the link of a faxed page."""
    address = _ADDRESS.match(text)
    return read_page_name(text[address.end() :]) if address else None


def read_page_name(name: str) -> FaxPage | None:
    """Return the document, version and page number that the last part of a faxed page's link names.

    Return None for any other text."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    document, version, number, _ = match.groups()
    return FaxPage(f"{_PREFIX}{document.lower()}", version.lower(), int(number))


def read_cover_code(name: str) -> str | None:
    """Return the code in the last part of a cover page's link, without dashes, or None if there is no code."""
    match = _NAME.fullmatch(name)
    return match[4].upper() if match and match[4] else None
