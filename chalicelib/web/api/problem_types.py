"""The meaning and the remedy of every error code (`code` in a problem response), for a page and for the EMR guide."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalice.app import Response

from chalicelib.domain.errors import NotFound
from chalicelib.domain.expiring_records import LINK_LIFETIME
from chalicelib.services.documents.incoming_pdf import MAX_PAGES, MAX_UPLOAD_BYTES
from chalicelib.services.labels import duration
from chalicelib.services.practices.request_authentication import MAX_BODY_MEGABYTES, SIGNATURE_TOLERANCE
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.responses import render_page

_BODY, _PDF = f"{MAX_BODY_MEGABYTES} MB", f"{MAX_UPLOAD_BYTES // 1024 // 1024} MB"


@dataclass(frozen=True)
class ProblemType:
    """One error code with its HTTP statuses, its meaning, and what the caller can do (`remedy`).

    `for_emr` is False for a code that appears on pages for people only, and so not in the EMR guide."""

    code: str
    statuses: tuple[int, ...]
    meaning: str
    remedy: str
    for_emr: bool = True


_FIX_BODY = "Correct the fields in `errors` and send a new event with a new `webhook-id`."
_NEW_PDF = "Print the plan to a new, plain PDF in the EMR and send the PDF in a new event."
_AGAIN = "Wait, then send the same request again, with the same `webhook-id` and body."

_REQUESTS = {
    "invalid-request": (
        (400,),
        "A field, header or query parameter breaks a rule. `errors` lists every wrong field.",
        _FIX_BODY,
    ),
    "invalid-json": (
        (400,),
        (
            "The body is not JSON in UTF-8. You also get this code when the body contains U+FFFD (a sign of "
            "corrupted text) and the signature does not match."
        ),
        "Send one JSON object in UTF-8. Sign the exact bytes that you send.",
    ),
    "refused": (
        (400, 403, 405, 415),
        "The request was refused before it reached the portal.",
        "Check the method, path and headers against `/v1/openapi.json`.",
    ),
    "unauthenticated": (
        (401,),
        (
            "The API key or the signature is missing or does not match, or the timestamp is more than "
            f"{duration(SIGNATURE_TOLERANCE)} off. You get the same response for an unknown practice."
        ),
        (
            "Check your clock and your secret. Sign the exact bytes of the body. Sign every attempt again, with "
            "a new timestamp and the same `webhook-id`."
        ),
    ),
    "not-found": (
        (404,),
        "There is no such thing, or it belongs to another practice. You get the same response in both cases.",
        "Check the id. Check that the API key belongs to the practice that sent the document.",
    ),
    "too-large": (
        (413, 422),
        f"The body is larger than {_BODY}, or the PDF is larger than {_PDF}.",
        f"Send a large PDF with `POST /v1/uploads` and name its `upload_id`. Reduce a PDF over {_PDF}.",
    ),
    "too-many-requests": (
        (429,),
        "You sent too many requests in a short time.",
        "Wait for the number of seconds in `Retry-After`, then send the same request again.",
    ),
    "internal-error": (
        (500,),
        "The portal made an error. The error is in the portal's log, without the content of the request.",
        f"{_AGAIN} If the error persists, tell support the time of the request.",
    ),
    "unavailable": ((503,), "A service that the portal depends on did not respond.", _AGAIN),
}

_SENT_ALREADY = {
    "queued": ("The message is already queued.", "Wait for the attempt at `next_attempt_at`."),
    "sending": ("The message is being sent right now.", "Look again in a minute."),
    "sent": ("The carrier has taken the message.", "Wait for the receipt or use `document.resend`."),
    "delivered": ("The message was delivered.", "To send it once more, use `document.resend`."),
    "cancelled": ("The message is no longer needed.", "Read the document. It was recalled, decided or corrected."),
}

_CONFLICTS = {
    "webhook-id-used": (
        "This `webhook-id` was used before with another body.",
        "Use a new `webhook-id` for a new event. A retry must repeat the body byte for byte.",
    ),
    "external-id-used": (
        "Another document has this `external_id` already. `errors` lists the fields that differ.",
        (
            "For a new version, use a new `external_id` and name the old one in `supersedes`. Or recall the "
            "old document first, which frees its `external_id`. `document.resend` corrects an address."
        ),
    ),
    "document-approved": (
        "The document has been signed.",
        "Fetch the signed PDF, then send `document.returned`. A signed document can't be recalled or resent.",
    ),
    "document-declined": (
        "The document has been declined.",
        (
            "Read `decline_reason` and `note`. Then recall the document, close it with `document.returned`, "
            "or send a new version that `supersedes` the document."
        ),
    ),
    "document-recalled": (
        "The document has been recalled.",
        "The document can't change any more. You may send its `external_id` again.",
    ),
    "document-returned": (
        "The document has been marked as returned.",
        "The document is closed. Send a new document if you need another signature.",
    ),
    "not-ready": (
        "There is no signed PDF (yet), or not the requested `version`. See `status` and `sealing`.",
        "Wait for the webhook `document.approved`.",
    ),
    "no-endpoint": (
        "No endpoint is set, or the endpoint was switched off after a 410 or after long failure.",
        "Set the endpoint with `PUT /v1/endpoint`. The portal then sends the held webhooks.",
    ),
    "already-superseded": (
        "`supersedes` names a document that has already been replaced. Nothing was replaced now.",
        "Send the `external_id` of the newest version. `detail` names the version that came next.",
    ),
    **{
        f"delivery-{status}": (f"{meaning} It can't be sent again now.", remedy)
        for status, (meaning, remedy) in _SENT_ALREADY.items()
    },
}

_PDFS = {
    "empty": ("The file is empty.", _NEW_PDF),
    "not-a-pdf": ("The file is not a PDF.", _NEW_PDF),
    "damaged": (
        "The PDF is cut off or damaged, or it makes PDF software fail.",
        f"Compare its SHA-256 with that of the file in the EMR. {_NEW_PDF}",
    ),
    "encrypted": ("The PDF is encrypted.", "Send it without a password or restrictions."),
    "no-pages": ("The PDF has no pages.", _NEW_PDF),
    "too-many-pages": (f"The PDF has more than {MAX_PAGES} pages.", "Send only the pages that must be signed."),
    "xfa": ("The PDF is an XFA form, which most viewers can't show.", _NEW_PDF),
    "portfolio": (
        "The PDF is a portfolio: a cover sheet, with the real files inside it.",
        "Take the files out, and send each PDF as a document of its own.",
    ),
    "certified-no-changes": (
        "An earlier signature locks the PDF against all changes, so it can't be signed.",
        "Send the PDF without that lock or certification. A signature that allows further ones is fine.",
    ),
    "cannot-be-sealed": (
        "The portal tried to make a signed PDF of the file, and that failed or took too long.",
        _NEW_PDF,
    ),
    "signature-field-off-page": (
        "The `signature_field` is not on a page of the PDF.",
        "Use points of the page as displayed, with the origin at the bottom left. Or omit the field.",
    ),
    "upload-not-found": (
        "This practice has no such upload.",
        "Uploads expire after a day. Ask for a new upload, send the file, then name its `upload_id`.",
    ),
    "hash-mismatch": (
        "The PDF that arrived does not have the given SHA-256. The portal deleted the upload, if any.",
        "Hash the exact bytes of the PDF before base64. Then send or upload the PDF again.",
    ),
    "supersedes-not-found": (
        "`supersedes` does not name a document of this practice.",
        "Send the `external_id` of the document to replace, or omit `supersedes`.",
    ),
    "supersedes-other-patient": (
        "`supersedes` names a document of another patient. Nothing was replaced.",
        (
            "Send the `external_id` of a document with the same `patient.external_id`. If the patient's id "
            "has changed, omit `supersedes` and send `document.recalled` for the old document."
        ),
    ),
    "fax-number-closed": (
        "Somebody who got a fax of this practice at this number reported that the number is wrong.",
        (
            "Correct `provider.fax`. If you have checked that the number is right, send the event again with "
            "`provider.fax` and `provider.fax_confirmed: true`."
        ),
    ),
    "unprocessable": ("The request is well formed but can't be done. `detail` gives the reason.", _FIX_BODY),
}

_LOG_IN = "Go to the login page. If you can't log in, use Forgot password there."

_PAGES = {
    "form-expired": (403, "The page was open for too long.", "Go back, reload the page and try again."),
    "foreign-form": (403, "The form came from another website.", "Open the portal's own page."),
    "gone": (410, "The link or code was used, has expired or was replaced.", "Request a new one."),
    "link-dead": (410, f"The link was used or replaced, or it is more than {duration(LINK_LIFETIME)} old.", _LOG_IN),
    "link-outdated": (422, "The clinic corrected the address after sending this link.", _LOG_IN),
    "address-taken": (
        400,
        "The email address belongs to another person's account.",
        "Ask the clinic to send documents to your own email address.",
    ),
    "conflict": (409, "The admin function doesn't rotate a key again so soon.", "Wait until the time in the message."),
    "electronic-signature-off": (
        409,
        "This clinic doesn't accept electronic signatures.",
        "Print the document, sign it, and upload or fax it.",
    ),
    "login-over": (410, "The first step of the login was too long ago.", "Log in again."),
}

TYPES: Mapping[str, ProblemType] = {
    problem.code: problem
    for problem in (
        *(ProblemType(code, *row) for code, row in _REQUESTS.items()),
        *(ProblemType(code, (409,), *texts) for code, texts in _CONFLICTS.items()),
        *(ProblemType(code, (422,), *texts) for code, texts in _PDFS.items()),
        *(ProblemType(code, (row[0],), *row[1:], for_emr=False) for code, row in _PAGES.items()),
    )
}
"""Every error code with its explanation, in the order of the EMR guide."""


def explain(context: RequestContext, code: str) -> Response:
    """Return the page that explains an error code, at the URL in the field `type` of a problem response.

    Raises `NotFound` for an unknown code."""
    if code not in TYPES:
        raise NotFound("There is no problem of that name.")
    return render_page(context, "problem.html", problem=TYPES[code])
