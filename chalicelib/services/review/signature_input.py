"""The signature with which a person signs a document: typed, drawn, or saved earlier."""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain.documents import Addressee, Document
from chalicelib.domain.errors import FieldError
from chalicelib.domain.providers import Provider, name_key, spellings
from chalicelib.domain.signatures import Signature, TooLittleInk, from_text, read_drawing
from chalicelib.pdf.models import SignatureBlock
from chalicelib.services.normalization import is_printable
from chalicelib.services.pdf_requests import DrawPreview, Preview
from chalicelib.services.ports import PdfFunction

MAX_NAME = 100
DEFAULT_BLOCK_SIZE = (250.0, 54.0)
"""Width and height in points of the signature block, if the clinic gave no box to sign in."""

TITLES = frozenset({"dr", "doctor", "prof", "professor", "mr", "mrs", "ms", "miss"})
"""The titles that people write before their name, as `name_key` returns them."""

TYPED, DRAWN, SAVED = "typed", "drawn", "saved"


def read_signature(
    method: str, typed_name: str, drawing: str, signatory: Provider | Addressee, *, saved: str | None = None
) -> tuple[Signature | None, list[FieldError]]:
    """Return the signature in the form, or None, and the errors of the form's fields.

    `method` is `TYPED`, `DRAWN` or `SAVED`. `drawing` is the browser's JSON. `signatory` is the owner of an account, or
    the provider as whom a person without an account signs. `saved` is the text of the signature that the owner saved
    earlier. There is an error if the signature is missing or is not the signatory's own name."""
    if method == SAVED:
        signature = from_text(saved)
        if signature is None:
            return None, [FieldError("drawing", "Your saved signature is gone. Type or draw it once more.")]
    elif method == TYPED:
        signature = Signature(typed=clean_text(typed_name))
    else:
        try:
            signature = Signature(drawing=read_drawing(drawing))
        except TooLittleInk:
            message = "That signature is too small. Please draw it larger, or type it."
            return None, [FieldError("drawing", message)]
        except ValueError:
            return None, [FieldError("drawing", "Draw your signature, or type it instead.")]
    typed = signature.typed
    if typed is None or (len(typed) <= MAX_NAME and is_own_name(signatory, typed)):
        return signature, []
    return signature, [FieldError("typed_name", f"Type your own name to sign: {signatory.name}.")]


def render_preview(
    document: Document, provider: Provider, signature: Signature, now: datetime, pdf: PdfFunction
) -> str:
    """Return a PNG (base64) of the signature block that would be in the signed PDF if the provider signed now."""
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
    return pdf.run(DrawPreview(block, *block_size(document)), Preview).picture


def block_size(document: Document) -> tuple[float, float]:
    """Return the width and height of the document's signature block, in points."""
    box = document.signature_field
    return (box.width, box.height) if box else DEFAULT_BLOCK_SIZE


def is_own_name(signatory: Provider | Addressee, typed: str) -> bool:
    """Return True if a typed signature has the signatory's last name, and the first name or its initial.

    The last name may be spelled in another way (O'Brien, OBrien). A title (Dr.), a middle name or a credential may be
    added. Another person's name may not."""
    words, last = name_key(typed, "").split(), name_key("", signatory.last_name).split()
    first = _without_title(name_key(signatory.first_name, "").split())
    if words[:1] != first[:1]:
        words = _without_title(words)
    if not words or not (set(last) <= set(words) or _has_last_name(words, signatory.last_name)):
        return False
    return not first or words[0] in (first[0], first[0][0])


def _without_title(words: list[str]) -> list[str]:
    """Return the words of a name without a title at its start. A title alone is a name."""
    return words[1:] if len(words) > 1 and words[0] in TITLES else words


def _has_last_name(words: Sequence[str], last_name: str) -> bool:
    """Return True if some neighboring words are a spelling of the last name."""
    known = spellings("", last_name)
    runs = (words[start:end] for start in range(len(words)) for end in range(start + 1, len(words) + 1))
    return any(not known.isdisjoint(spellings("", "".join(run))) for run in runs)


def clean_text(text: str) -> str:
    """Return typed text with plain line ends, without control characters and surrounding spaces."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c == "\n" or is_printable(c)).strip()
