"""`/verify`: was this PDF sealed here, and is it intact? For anyone, without an account."""

from chalice.app import Response

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services.pdf_jobs import seal_certificates as certificates
from chalicelib.services.pdf_jobs.seal_verification import MAX_BYTES
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import render_page


def verify(context: RequestContext) -> Response:
    return _form(context)


def checked(context: RequestContext) -> Response:
    """Where the bucket sends the browser after the upload."""
    try:
        found = context.services.seal_verification.check(
            context.query.get("key", ""), address=context.address, now=context.now
        )
    except Invalid as trouble:
        return _form(context, trouble=trouble.detail, status=422)
    return render_page(context, "verify_result.html", found=found)


def published(context: RequestContext) -> Response:
    """Every certificate that seals were ever made with, PEM: to check files without this portal."""
    text = certificates.published(context.services.files).decode()
    if not text:
        raise NotFound("No certificate has been made for seals yet.")
    headers: dict[str, str | list[str]] = {
        "Content-Type": "application/x-pem-file",
        "Content-Disposition": 'attachment; filename="seal-certificates.pem"',
    }
    return Response(body=text, headers=headers)


def _form(context: RequestContext, *, trouble: str = "", status: int = 200) -> Response:
    url, fields = context.services.seal_verification.upload_form()
    return render_page(
        context,
        "verify.html",
        status=status,
        upload_url=url,
        upload_fields=fields,
        trouble=trouble,
        max_bytes=MAX_BYTES,
    )
