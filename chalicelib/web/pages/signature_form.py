"""The signature on the review page: what stands in its fields, and how it will look in the document."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.providers import Provider
from chalicelib.domain.signatures import from_text, path
from chalicelib.services.review import signature_input as signing
from chalicelib.services.review.review import ApprovalForm
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import json_response


@dataclass(frozen=True)
class Saved:
    """A saved signature as a page shows it: `typed`, or an SVG `path` in a box `width` by 100."""

    typed: str | None
    path: str
    width: float


def saved(provider: Provider) -> Saved | None:
    found = from_text(provider.saved_signature)
    if found is None:
        return None
    drawing = found.drawing
    return Saved(found.typed, path(drawing) if drawing else "", drawing.aspect * 100 if drawing else 0)


def approval(form: Mapping[str, str], pages_shown: frozenset[int]) -> ApprovalForm:
    """What was filled in to sign."""
    return ApprovalForm(
        typed_name=form.get("typed_name", ""),
        signature=form.get("signature", signing.TYPED),
        drawing=form.get("drawing", ""),
        remember=form.get("remember") == "yes",
        note=form.get("note", ""),
        pages_shown=pages_shown,
        read_statement=form.get("read_statement") == "yes",
        consents_to=form.get("consent", ""),
    )


def preview(context: RequestContext, document_id: str) -> Response:
    """The block that the signed PDF would get now, as a PNG in JSON: gateways keep no binary answers."""
    given = approval(context.form, frozenset())
    signature = signing.read(given.signature, given.typed_name, given.drawing, context.require_provider())
    found = signing.errors(given.signature, signature, context.require_provider())
    if signature is None or found:
        return json_response({"trouble": found[0].message if found else ""})
    picture = signing.picture(context.require_document(), context.require_provider(), signature, context.now)
    return json_response({"picture": base64.b64encode(picture).decode()})
