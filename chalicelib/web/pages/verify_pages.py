"""The pages at `/verify`, where anyone can check that this portal sealed a PDF and that the PDF is unchanged."""

from chalice.app import Response

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services.pdf_jobs.seal_verification import MAX_UPLOAD_BYTES
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import render_page


def show_result(context: RequestContext) -> Response:
    """Check the seal of the PDF that the visitor has uploaded to the bucket, and return the page with the result.

    After the upload, the bucket redirects the browser to this page with the file's `key` in the query. If the file
    cannot be checked, return the form with the reason."""
    try:
        key = context.query.get("key", "")
        result = context.services.seal_verification.check(key, address=context.address, now=context.now)
    except Invalid as trouble:
        return show_form(context, trouble=trouble.detail, status=422)
    return render_page(context, "verify_result.html", result=result)


def download_certificates(context: RequestContext) -> Response:
    """Return a file (PEM) with every certificate that the portal has used to seal PDFs.

    With these certificates, anyone can check sealed PDFs without this portal. Raises `NotFound` if there are none."""
    text = context.services.seal_verification.published_certificates()
    if not text:
        raise NotFound("There is no seal certificate yet.")
    headers: dict[str, str | list[str]] = {
        "Content-Type": "application/x-pem-file",
        "Content-Disposition": 'attachment; filename="seal-certificates.pem"',
    }
    return Response(body=text, headers=headers)


def show_form(context: RequestContext, *, trouble: str = "", status: int = 200) -> Response:
    url, fields = context.services.seal_verification.upload_form(address=context.address, now=context.now)
    return render_page(
        context,
        "verify.html",
        status=status,
        upload_url=url,
        upload_fields=fields,
        trouble=trouble,
        max_bytes=MAX_UPLOAD_BYTES,
    )
