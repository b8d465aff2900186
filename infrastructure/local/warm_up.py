"""The first request to the `pdf` function at a start of `make run`, so that its slow imports are done early.

The import of the function's libraries takes seconds, and otherwise the first document would wait for it."""

import datetime as dt
import hashlib
from typing import Any

from chalicelib.adapters import json_codec as codec
from chalicelib.pdf.models import CertificateFacts, SealSpec
from chalicelib.services.pdf_requests import WORK_PREFIX, PrepareDocument, SourceLink, UploadLink

SECONDS = 300

# A PDF of one empty page.
ONE_PAGE = (
    b"%PDF-1.4\n"
    b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>endobj\n"
    b"xref\n0 4\n0000000000 65535 f \n"
    b"0000000009 00000 n \n"
    b"0000000052 00000 n \n"
    b"0000000101 00000 n \n"
    b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n164\n%%EOF\n"
)
TARGET = f"{WORK_PREFIX}warm-up"


def pdf_request(s3: Any, bucket: str, link: str) -> dict[str, str]:
    """Return the payload of a first call of the `pdf` function, which prepares a page for sealing.

    `link` is a presigned URL of the PDF `ONE_PAGE`. The function writes the result to the S3 key `TARGET`. Only the
    call matters, because it makes the function import its libraries."""
    now = dt.datetime.now(dt.UTC)
    conditions = [["starts-with", "$Content-Type", "application/pdf"]]
    form = s3.generate_presigned_post(bucket, TARGET, Conditions=conditions, ExpiresIn=SECONDS)
    certificate = CertificateFacts(
        certificate_type="declined",
        document_id="warm-up",
        title="Warm-up",
        kind="Warm-up",
        original_sha256="",
        practice_name="",
        signer_name="",
        credential="",
        npi=None,
        decided_at=now,
        time_zone="UTC",
        verify_url="",
    )
    request = PrepareDocument(
        decision="declined",
        attempt="as_is",
        source=SourceLink(link, hashlib.sha256(ONE_PAGE).hexdigest()),
        target=UploadLink(form["url"], form["fields"]),
        pages=1,
        certificate=certificate,
        seal=SealSpec("Warm-up", "warm-up", now, 2048),
    )
    return {"work": type(request).__name__, "request": codec.dump(request)}
