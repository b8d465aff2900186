"""Presigned links to files in the bucket, for the PDF function, which has no AWS rights of its own."""

from chalicelib.services.pdf_requests import LINK_SECONDS, SourceLink, UploadLink
from chalicelib.services.ports import Files


def source_link(files: Files, key: str, sha256: str) -> SourceLink:
    """Return a link to read the file with this key. The PDF function refuses bytes with another SHA-256 (hex)."""
    return SourceLink(files.url(key, seconds=LINK_SECONDS), sha256)


def upload_link(files: Files, key: str, *, content_type: str, max_bytes: int, many: bool = False) -> UploadLink:
    """Return a link to write the object with this key, or with `many` the objects whose keys begin with it."""
    name = "${filename}" if many else ""
    url, fields = files.upload_form(
        key + name, max_bytes=max_bytes, seconds=LINK_SECONDS, content_type_prefix=content_type
    )
    return UploadLink(url, fields)
