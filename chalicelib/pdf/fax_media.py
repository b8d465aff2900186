"""The formats in which a fax carrier gives the file of a fax that came in."""

PDF_TYPE, TIFF_TYPE = "application/pdf", "image/tiff"
_TIFF_STARTS = (b"II*\0", b"MM\0*")


def fax_media_type(data: bytes) -> str:
    """Return the media type of a fax's file, from its first bytes: PDF, TIFF, or `application/octet-stream`."""
    if data.startswith(_TIFF_STARTS):
        return TIFF_TYPE
    return PDF_TYPE if data.startswith(b"%PDF-") else "application/octet-stream"
