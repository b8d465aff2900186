"""What each problem `type` means and what to do about it: the one source of its page and of the guide.

`tests/unit/web/api/test_problem_types.py` holds this table against every code that the portal can raise.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemType:
    """`statuses` are those of HTTP that it comes with; `for_emr` says that the EMR's API answers it."""

    code: str
    statuses: tuple[int, ...]
    meaning: str
    remedy: str
    for_emr: bool = True


_FIX_BODY = "Correct what `errors` names and send it as a new event, with a new `webhook-id`."
_NEW_PDF = "Print the plan to a new, plain PDF in the EMR and send it as a new event."
_AGAIN = "Send the same request again after a pause, with the same `webhook-id` and body."

_ASKING = (
    ProblemType(
        "invalid-request",
        (400,),
        "A field, header or query parameter breaks a rule; `errors` names each.",
        _FIX_BODY,
    ),
    ProblemType(
        "invalid-json",
        (400,),
        "The body is not JSON, or not UTF-8. A body with U+FFFD in it, as text has that was garbled on its "
        "way, is answered so too when the secret is wrong.",
        "Send one JSON object, as UTF-8. Sign the very bytes that are sent.",
    ),
    ProblemType(
        "refused",
        (400, 403, 405, 415),
        "The request was refused before it reached the portal.",
        "Check the method, path and headers against `/v1/openapi.json`.",
    ),
    ProblemType(
        "unauthenticated",
        (401,),
        "The API key or the signature is missing or fits no live key or secret, or the timestamp is more "
        "than 5 minutes away. An unknown practice is answered the same.",
        "Check the clock, the secret, and that the body is signed byte for byte as it is sent. Sign each "
        "try afresh, with the same `webhook-id`.",
    ),
    ProblemType(
        "not-found",
        (404,),
        "There is no such thing, or it is not this practice's: the two look the same.",
        "Check the id, and that the key is that of the practice which sent the document.",
    ),
    ProblemType(
        "too-large",
        (413, 422),
        "The body is over 6 MB, or a PDF over 25 MB.",
        "Send a large PDF by `POST /v1/uploads` and name its `upload_id`; make a PDF over 25 MB smaller.",
    ),
    ProblemType(
        "too-many-requests",
        (429,),
        "Too many requests in a short time.",
        "Wait as long as `Retry-After` says, then send the same again.",
    ),
    ProblemType(
        "internal-error",
        (500,),
        "A mistake of the portal's own. It is logged, without what was sent.",
        f"{_AGAIN} If it stays, tell support when it happened.",
    ),
    ProblemType("unavailable", (503,), "Something that the portal needs did not answer.", _AGAIN),
)

_CONTRADICTING = (
    ProblemType(
        "webhook-id-used",
        (409,),
        "This `webhook-id` was used before, with another body.",
        "A new event takes a new `webhook-id`; a retry repeats the body byte for byte.",
    ),
    ProblemType(
        "external-id-used",
        (409,),
        "A document with this `external_id` exists and differs; `errors` names the fields.",
        "For a new version take a new `external_id` and name the old one in `supersedes`; or recall the old "
        "one first, which frees its `external_id`; or use `document.resend` for a wrong address.",
    ),
    ProblemType(
        "provider-conflict",
        (409,),
        "The email address is the username of another person's account.",
        "Ask for the provider's own address, or send by fax.",
    ),
    ProblemType(
        "document-approved",
        (409,),
        "The document has been signed.",
        "Fetch the signed PDF, then send `document.returned`. A signed document cannot be recalled or sent "
        "again.",
    ),
    ProblemType(
        "document-declined",
        (409,),
        "The document has been declined.",
        "Read `decline_reason` and `note`. Send a new version that `supersedes` it, recall it, or close it "
        "by `document.returned`.",
    ),
    ProblemType(
        "document-recalled",
        (409,),
        "The document has been recalled.",
        "Nothing more can happen to it. Its `external_id` may be sent again.",
    ),
    ProblemType(
        "document-returned",
        (409,),
        "The document has been marked as returned.",
        "It is closed. Send a new document if another signature is needed.",
    ),
    ProblemType(
        "not-ready",
        (409,),
        "There is no signed PDF yet, or there never will be: see `status`. Or not the `version` asked for.",
        "Wait for the webhook `document.approved`.",
    ),
    ProblemType(
        "no-endpoint",
        (409,),
        "No endpoint is set, or it was switched off after 410 or long failure.",
        "Set it by `PUT /v1/endpoint`; what was held is sent then.",
    ),
    *(
        ProblemType(
            f"delivery-{status}",
            (409,),
            f"The message {what}, so it cannot be sent again.",
            remedy,
        )
        for status, what, remedy in (
            ("queued", "is queued already", "Wait for its next attempt: `next_attempt_at`."),
            ("sending", "is being sent at this moment", "Look again in a minute."),
            ("sent", "was taken by its carrier", "Wait for the receipt, or use `document.resend`."),
            ("delivered", "was delivered", "Use `document.resend` if the provider needs it once more."),
            ("cancelled", "is no longer wanted", "See the document: it was recalled, decided or corrected."),
        )
    ),
)

_PDFS = (
    ProblemType("empty", (422,), "The file is empty.", _NEW_PDF),
    ProblemType("not-a-pdf", (422,), "The file is not a PDF.", _NEW_PDF),
    ProblemType(
        "damaged",
        (422,),
        "The PDF is cut off or damaged, or harms its reader.",
        f"Compare its SHA-256 with that of the file in the EMR. {_NEW_PDF}",
    ),
    ProblemType("encrypted", (422,), "The PDF is encrypted.", "Send it without password or restrictions."),
    ProblemType("no-pages", (422,), "The PDF has no pages.", _NEW_PDF),
    ProblemType("too-many-pages", (422,), "The PDF has more than 200 pages.", "Send what is to be signed."),
    ProblemType("xfa", (422,), "The PDF is an XFA form, which most viewers cannot show.", _NEW_PDF),
    ProblemType(
        "certified-no-changes",
        (422,),
        "The PDF is certified against all changes: it cannot be signed.",
        "Send it without that certification.",
    ),
    ProblemType(
        "signature-field-off-page",
        (422,),
        "The `signature_field` does not lie on a page of the PDF.",
        "Give it in points of the page as displayed, origin bottom left; or leave it out.",
    ),
    ProblemType(
        "upload-not-found",
        (422,),
        "There is no such upload of this practice.",
        "Uploads are kept for a day. Ask for a new one, send the file there, then name its `upload_id`.",
    ),
    ProblemType(
        "hash-mismatch",
        (422,),
        "The PDF that arrived does not have the SHA-256 that was named. An upload is deleted.",
        "Hash the very bytes of the PDF, before base64, and send or upload it again.",
    ),
    ProblemType(
        "supersedes-not-found",
        (422,),
        "`supersedes` names no document of this practice.",
        "Send the `external_id` of the document to replace, or leave `supersedes` out.",
    ),
    ProblemType(
        "already-superseded",
        (409,),
        "`supersedes` names a document that another one has replaced already. Nothing was replaced.",
        "Send the `external_id` of the newest version; the detail names the one that came next.",
    ),
    ProblemType(
        "supersedes-other-patient",
        (422,),
        "`supersedes` names a document of another patient. Nothing was replaced.",
        "Send the `external_id` of a document with the same `patient.external_id`. Where the patient's own "
        "id has changed, leave `supersedes` out and send `document.recalled` for the old document.",
    ),
    ProblemType(
        "unprocessable",
        (422,),
        "Well-formed, but it cannot be done; `detail` says why.",
        _FIX_BODY,
    ),
)

_LOG_IN = "Go to the login page. If you cannot get in, use Forgot password there."

_PAGES = tuple(
    ProblemType(code, (status,), meaning, remedy, for_emr=False)
    for code, status, meaning, remedy in (
        ("form-expired", 403, "The page was open for too long.", "Go back, load the page again and retry."),
        ("foreign-form", 403, "The form came from another website.", "Open the portal's own page."),
        ("gone", 410, "The link or code is spent, expired or replaced.", "Ask for a new one."),
        ("link-dead", 410, "The link has been used, replaced, or is over 90 minutes old.", _LOG_IN),
        ("link-outdated", 422, "The link is no longer wanted: the address was corrected.", _LOG_IN),
        (
            "address-taken",
            400,
            "The address belongs to another person's account.",
            "Ask the clinic to send to your own address.",
        ),
        (
            "conflict",
            409,
            "The admin function does not rotate a key so soon after the last time.",
            "Wait until the time that is named.",
        ),
        ("npi-taken", 400, "The NPI belongs to another account.", "Check it, or leave it empty."),
        (
            "electronic-signature-off",
            409,
            "This clinic takes signatures by hand only.",
            "Print the document, sign it, and upload or fax it.",
        ),
        ("login-over", 410, "The first half of a login was too long ago.", "Log in again."),
        (
            "not-addressee",
            409,
            "The document names another person, by NPI or else by name.",
            "Decline it, so that the clinic can correct it.",
        ),
    )
)

TYPES: Mapping[str, ProblemType] = {each.code: each for each in (*_ASKING, *_CONTRADICTING, *_PDFS, *_PAGES)}
"""By code, in the order in which the guide lists them."""
