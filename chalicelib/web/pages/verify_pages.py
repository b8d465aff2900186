"""`/verify`: was this PDF sealed here, and is it intact? For anyone, without an account."""

from chalice.app import Response

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services.pdf_jobs import seal_certificates as certificates
from chalicelib.services.pdf_jobs.seal_verification import MAX_BYTES
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.responses import page


def verify(caller: Caller) -> Response:
    return _form(caller)


def checked(caller: Caller) -> Response:
    """Where the bucket sends the browser after the upload."""
    try:
        found = caller.services.checking.check(
            caller.query.get("key", ""), address=caller.address, now=caller.now
        )
    except Invalid as trouble:
        return _form(caller, trouble=trouble.detail, status=422)
    return page(caller, "verified.html", found=found)


def published(caller: Caller) -> Response:
    """Every certificate that seals were ever made with, PEM: to check files without this portal."""
    text = certificates.published(caller.services.files).decode()
    if not text:
        raise NotFound("No certificate has been made for seals yet.")
    headers: dict[str, str | list[str]] = {
        "Content-Type": "application/x-pem-file",
        "Content-Disposition": 'attachment; filename="seal-certificates.pem"',
    }
    return Response(body=text, headers=headers)


def _form(caller: Caller, *, trouble: str = "", status: int = 200) -> Response:
    url, fields = caller.services.checking.upload_form()
    return page(
        caller,
        "verify.html",
        status=status,
        upload_url=url,
        upload_fields=fields,
        trouble=trouble,
        max_bytes=MAX_BYTES,
    )
