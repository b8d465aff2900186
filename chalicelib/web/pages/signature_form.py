"""The signature fields in the approval form of the review page, and the preview of the signature before signing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.providers import Provider
from chalicelib.domain.signatures import from_text, svg_path
from chalicelib.services.review import signature_input as signing
from chalicelib.services.review.decisions import ApprovalForm
from chalicelib.services.review.page_tokens import ShownPage
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response


@dataclass(frozen=True)
class SavedSignature:
    """The provider's saved signature, which the review page offers to use again.

    It is a `typed` name, or a drawing as an SVG `path` in a box of `width` by 100 units."""

    typed: str | None
    path: str
    width: float


def read_saved_signature(provider: Provider) -> SavedSignature | None:
    signature = from_text(provider.saved_signature)
    if signature is None:
        return None
    drawing = signature.drawing
    width = drawing.aspect * 100 if drawing else 0
    return SavedSignature(signature.typed, svg_path(drawing) if drawing else "", width)


def parse_approval(form: Mapping[str, str], pages: Sequence[ShownPage]) -> ApprovalForm:
    return ApprovalForm(
        typed_name=form.get("typed_name", ""),
        signature=form.get("signature", signing.TYPED),
        drawing=form.get("drawing", ""),
        remember=form.get("remember") == "yes",
        note=form.get("note", ""),
        pages_shown={page.number: page.at for page in pages},
        read_statement=form.get("read_statement") == "yes",
        consents_to=form.get("consent", ""),
    )


def preview_signature(context: RequestContext, document_id: str) -> Response:
    """Return JSON for the preview before signing: `picture` or `trouble`. Nothing is stored.

    `picture` shows the signature as in the signed PDF (base64 PNG). `trouble` is the error of the first wrong field,
    or empty."""
    provider = context.require_provider()
    form = parse_approval(context.form, ())
    signature, errors = signing.read_signature(
        form.signature, form.typed_name, form.drawing, provider, saved=provider.saved_signature
    )
    if signature is None or errors:
        return json_response({"trouble": errors[0].message if errors else ""})
    pdf = context.services.quick_pdf
    picture = signing.render_preview(context.require_document(), provider, signature, context.now, pdf)
    return json_response({"picture": picture})
