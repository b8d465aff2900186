"""The signature that a provider gives: whose it is, and whether it is kept for next time."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import FieldError
from chalicelib.domain.providers import Provider, name_key
from chalicelib.domain.signatures import Signature, from_text, read_drawing, to_text
from chalicelib.pdf.models import SignatureBlock
from chalicelib.services.normalization import is_shown

MAX_NAME = 100
USUAL_SIZE = (250.0, 54.0)
"""Points: the block where the clinic did not say how large its box is."""

TYPED, DRAWN, SAVED = "typed", "drawn", "saved"


def read(how: str, typed_name: str, drawing: str, provider: Provider) -> Signature | None:
    """The signature that was given, `how` being typed, drawn or saved; None when there is none to use."""
    if how == SAVED:
        return from_text(provider.saved_signature)
    if how == TYPED:
        return Signature(typed=tidy(typed_name))
    try:
        return Signature(drawing=read_drawing(drawing))
    except ValueError:
        return None


def errors(how: str, signature: Signature | None, provider: Provider) -> list[FieldError]:
    """What is wrong with it, at the field where it can be mended."""
    if signature is None:
        said = {SAVED: "Your saved signature is gone. Type or draw it once more."}
        return [FieldError("drawing", said.get(how, "Draw your signature, or type it instead."))]
    typed = signature.typed
    if typed is None or (len(typed) <= MAX_NAME and signature_fits(provider, typed)):
        return []
    return [FieldError("typed_name", f"Type your own name to sign: {provider.name}.")]


def with_signature(provider: Provider, signature: Signature | None) -> Provider:
    """The provider with this signature saved; None leaves what there is."""
    if signature is None:
        return provider
    return replace(provider, saved_signature=to_text(signature))


def picture(document: Document, provider: Provider, signature: Signature, now: datetime) -> bytes:
    """A PNG of the block that the signed PDF would get, were it signed now."""
    from chalicelib.pdf.drawing.block_preview import render_block

    drawing = signature.drawing
    block = SignatureBlock(
        signer_name=provider.name,
        credential=provider.credential or "",
        npi=provider.npi,
        signed_at=now,
        time_zone=document.practice.time_zone,
        document_id=document.id,
        typed_name=signature.typed,
        strokes=drawing.strokes if drawing else None,
        strokes_aspect=drawing.aspect if drawing else 1.0,
    )
    return render_block(block, size_of(document))


def size_of(document: Document) -> tuple[float, float]:
    """The block's width and height in points."""
    box = document.signature_field
    return (box.width, box.height) if box else USUAL_SIZE


def signature_fits(provider: Provider, typed: str) -> bool:
    """Whether a typed signature is this person's name: the last name, and the first or its initial.

    A middle name or a credential may stand there too; another person's name may not.
    """
    words = name_key(typed, "").split()
    first, last = name_key(provider.first_name, "").split(), name_key("", provider.last_name).split()
    if not words or not set(last) <= set(words):
        return False
    return not first or words[0] in (first[0], first[0][0])


def tidy(text: str) -> str:
    """What a person typed, as it is kept: plain line ends, no control characters, nothing around it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c == "\n" or is_shown(c)).strip()
