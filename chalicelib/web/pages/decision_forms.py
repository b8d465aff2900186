"""The two forms with which a person decides on a document: the approval form and the decline form.

The review page and the page by code have both forms."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from chalicelib.domain.documents import DeclineReason
from chalicelib.domain.errors import PortalError
from chalicelib.domain.signatures import MAX_POINTS, MAX_STROKES, MAX_TEXT
from chalicelib.services.labels import CONSENT_TEXTS
from chalicelib.services.review.decisions import CONSENT_VERSION, MAX_NOTE, DeclineForm
from chalicelib.services.review.guest_signing import GuestForm
from chalicelib.services.review.page_tokens import ShownPage, make_page_token, read_shown_pages
from chalicelib.services.review.signature_input import MAX_NAME
from chalicelib.web.http.error_mapping import error_messages
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.pages.view_models import PageImage

FORM_VALUES: Mapping[str, Any] = {
    "pad": {"strokes": MAX_STROKES, "points": MAX_POINTS},
    "reasons": tuple(DeclineReason),
    "consent_version": CONSENT_VERSION,
    "consent_text": CONSENT_TEXTS[CONSENT_VERSION],
    "max_note": MAX_NOTE,
}
"""The values that the templates of both forms need, and that are the same for every document."""

_MAX_ADDRESS = 254


@dataclass(frozen=True, kw_only=True)
class ReviewForms:
    """The values to fill into the approval form and the decline form of a document's page, and the fields' errors.

    `trouble` is the heading above the errors. `declining` opens the decline form. `is_draft` means that the values come
    from a form that was sent after the session had ended."""

    typed_name: str
    signature: str = ""
    drawing: str = ""
    remember: bool = False
    note: str = ""
    read_statement: bool = False
    pages_shown: str = ""
    reason: str = ""
    decline_note: str = ""
    other_name: str = ""
    other_address: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    declining: bool = False
    is_draft: bool = False


Forms = TypeVar("Forms", bound=ReviewForms)


def read_fields(context: RequestContext, fields: Mapping[str, str], reader: str, *, typed_name: str) -> ReviewForms:
    """Return the approval form and the decline form, filled with posted fields or with the fields of a draft.

    `reader` identifies the person (or the guest's session), for whom alone the tokens of shown pages are valid.
    `typed_name` is the first value of the field for a typed signature."""
    return ReviewForms(
        typed_name=fields.get("typed_name", typed_name),
        signature=fields.get("signature", ""),
        drawing=fields.get("drawing", "")[:MAX_TEXT],
        remember=fields.get("remember") == "yes",
        note=fields.get("note", ""),
        read_statement=fields.get("read_statement") == "yes",
        pages_shown=",".join(page.entry for page in read_pages_shown(context, fields, reader)),
        reason=fields.get("reason", ""),
        decline_note=fields.get("decline_note", ""),
        other_name=fields.get("other_name", ""),
        other_address=fields.get("other_address", ""),
    )


def parse_decline(form: Mapping[str, str]) -> DeclineForm:
    return DeclineForm(
        reason=form.get("reason", ""),
        note=form.get("decline_note", ""),
        other_name=form.get("other_name", "")[:MAX_NAME],
        other_address=form.get("other_address", "")[:_MAX_ADDRESS],
    )


def with_trouble(forms: Forms, trouble: PortalError, *, declining: bool) -> Forms:
    """Return the forms with the error messages of a decision that the portal refused.

    `trouble` is the error. `declining` is true if the decline form was sent, and false for the approval form."""
    rename = {"note": "decline_note", "password": "decline_password"} if declining else {}
    errors = {rename.get(name, name): message for name, message in error_messages(trouble).items()}
    return replace(forms, declining=declining, errors=errors, trouble=trouble.detail)


def read_pages_shown(context: RequestContext, fields: Mapping[str, str], reader: str) -> list[ShownPage]:
    """Return the pages of the document that the reader's browser has shown, with the times.

    The form sends back a signed token for every shown page. Wrong tokens are ignored."""
    keys, text = context.services.keys.known_session_keys(), fields.get("pages_shown", "")
    return read_shown_pages(keys, reader, text, context.now) if text else []


def with_tokens(context: RequestContext, images: list[PageImage], reader: str) -> list[PageImage]:
    """Return the page images, each with a signed token. The approval form sends back the tokens of the shown pages.

    The tokens prove to the portal which pages the reader has seen. `reader` identifies this person, because a token is
    valid for one reader."""
    key = context.services.keys.session_key()
    return [replace(image, token=make_page_token(key, reader, image.number, context.now)) for image in images]


# Without an account


@dataclass(frozen=True, kw_only=True)
class GuestForms(ReviewForms):
    """The values of the approval form and the decline form for a person without an account, who entered a code.

    At first, name, credential and NPI are those that the clinic stated about the provider to whom the document is
    addressed. `decliner` is empty at first, because anyone in the office may decline. `unsent_note` is the note of a
    form that came after another decision, for the person to copy."""

    signer_name: str
    credential: str
    npi: str
    decliner: str
    confirmed: bool = False
    unsent_note: str = ""


def read_guest_fields(context: RequestContext, fields: Mapping[str, str]) -> GuestForms:
    """Return the approval form and the decline form for a person without an account, filled with the posted fields.

    If `fields` is empty, the forms have the facts that the clinic stated about the provider."""
    addressee = context.require_document().addressee
    forms = read_fields(context, fields, visit_reader(context), typed_name="")
    return GuestForms(
        **{**asdict(forms), "signature": fields.get("signature", "drawn")},
        signer_name=fields.get("signer_name", addressee.name),
        credential=fields.get("credential", addressee.credential or ""),
        npi=fields.get("npi", addressee.npi or ""),
        decliner=fields.get("decliner", ""),
        confirmed=fields.get("confirmed") == "yes",
    )


def parse_guest(form: Mapping[str, str]) -> GuestForm:
    return GuestForm(
        name=form.get("signer_name", ""),
        credential=form.get("credential", ""),
        npi=form.get("npi", ""),
        confirmed=form.get("confirmed") == "yes",
    )


def visit_reader(context: RequestContext) -> str:
    """Return the text that names this document and this visit (the hour after a code was entered) in a page token.

    A page token proves that the portal showed a page to this visitor. It is valid only with this text."""
    return f"{context.require_document().id}:visit:{context.require_visit().key}"
