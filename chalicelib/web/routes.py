"""The table of all routes of the portal: method, path, access rule and handler (see `Route`)."""

from functools import partial

from chalicelib.web.route import Access, Route

ANYONE, ACCOUNT, PROVIDER, DOCUMENT = Access.ANYONE, Access.ACCOUNT, Access.PROVIDER, Access.DOCUMENT
OWN_ACCOUNT, ASSISTANT, ASSISTED_DOCUMENT = Access.OWN_ACCOUNT, Access.ASSISTANT, Access.ASSISTED_DOCUMENT
GIVER, BY_HAND = Access.GIVER, Access.BY_HAND
PRACTICE_KEY, PRACTICE_SIGNATURE = Access.PRACTICE_KEY, Access.PRACTICE_SIGNATURE
_get, _post, _put = (partial(Route, (method,)) for method in ("GET", "POST", "PUT"))

ROUTES: tuple[Route, ...] = (
    # Login and setup
    _get("/", ANYONE, "pages.login_form:redirect_home"),
    _get("/login", ANYONE, "pages.login_form:show_login"),
    _get("/login/password", ANYONE, "pages.login_form:restart_login"),
    _post("/login/password", ANYONE, "pages.login_actions:log_in", failure_statuses=(401,), throttles_itself=True),
    _post(
        "/login/passkey",
        ANYONE,
        "pages.login_actions:log_in_with_passkey",
        failure_statuses=(401,),
        accepts_passkey=True,
    ),
    _get("/login/second", ANYONE, "pages.login_actions:show_second_factor"),
    _post(
        "/login/second", ANYONE, "pages.login_actions:finish_login", failure_statuses=(401, 410), accepts_passkey=True
    ),
    _post("/logout", ACCOUNT, "pages.login_actions:log_out"),
    _get("/forgot-password", ANYONE, "pages.login_actions:show_forgot_password"),
    _post("/forgot-password", ANYONE, "pages.login_actions:request_link"),
    _post("/documents/{document_id}/setup-link", ANYONE, "pages.login_actions:request_document_link"),
    _get("/setup/{token}", ANYONE, "pages.login_actions:accept_link"),
    _get("/setup", ANYONE, "pages.login_actions:show_setup"),
    _post("/setup", ANYONE, "pages.login_actions:choose_login", failure_statuses=(410,), accepts_passkey=True),
    # The account
    _get("/account", ACCOUNT, "pages.account_settings:show_account"),
    _get("/account/activity", ACCOUNT, "pages.account_activity:show_activity"),
    _post("/account/stay", ACCOUNT, "pages.account_settings:extend_session"),
    _post(
        "/account/confirm",
        ACCOUNT,
        "pages.account_settings:confirm_identity",
        failure_statuses=(400,),
        throttles_itself=True,
    ),
    _get("/account/emails", OWN_ACCOUNT, "pages.account_emails:show_code_form"),
    _post("/account/emails", OWN_ACCOUNT, "pages.account_emails:request_code"),
    _post("/account/emails/code", OWN_ACCOUNT, "pages.account_emails:add_email", failure_statuses=(422,)),
    _post("/account/emails/remove", OWN_ACCOUNT, "pages.account_emails:remove_email"),
    _post("/account/reminders", OWN_ACCOUNT, "pages.reminder_pages:choose"),
    _post("/account/fax", OWN_ACCOUNT, "pages.reminder_pages:set_fax"),
    _post("/account/reminders/emails", OWN_ACCOUNT, "pages.reminder_pages:set_emails"),
    _post("/account/passkeys", ACCOUNT, "pages.account_settings:add_passkey"),
    _post("/account/passkeys/remove", ACCOUNT, "pages.account_settings:remove_passkey"),
    _get("/account/authenticator", ACCOUNT, "pages.account_settings:show_authenticator_setup"),
    _post("/account/authenticator", ACCOUNT, "pages.account_settings:add_authenticator"),
    _post("/account/authenticator/remove", ACCOUNT, "pages.account_settings:remove_authenticator"),
    _post("/account/recovery-codes", ACCOUNT, "pages.account_settings:create_recovery_codes"),
    _get("/account/second-factor", ACCOUNT, "pages.second_factor_setup:show_setup", trusts_query=True),
    _post("/account/second-factor/later", ACCOUNT, "pages.second_factor_setup:decline_offer"),
    _post("/account/name", OWN_ACCOUNT, "pages.account_settings:correct_name"),
    _post("/account/password", ACCOUNT, "pages.account_settings:change_password"),
    _post("/account/log-out-everywhere", ACCOUNT, "pages.account_settings:log_out_everywhere"),
    # A provider's assistants
    _post("/account/assistants", OWN_ACCOUNT, "assistant_pages.assistant_list:invite"),
    _post("/account/assistants/resend", OWN_ACCOUNT, "assistant_pages.assistant_list:resend"),
    _post("/account/assistants/remove", OWN_ACCOUNT, "assistant_pages.assistant_list:remove"),
    _get("/invitation/{token}", ANYONE, "assistant_pages.invitation_pages:accept_link"),
    _get("/invitation", ANYONE, "assistant_pages.invitation_pages:show_invitation"),
    _post("/invitation", ANYONE, "assistant_pages.invitation_pages:create_account", failure_statuses=(410,)),
    _post("/invitation/accept", ACCOUNT, "assistant_pages.invitation_pages:accept", failure_statuses=(410,)),
    # The documents of the providers whom an assistant assists
    _get("/assistant/documents", ASSISTANT, "assistant_pages.document_pages:list_pending"),
    _get("/assistant/documents/past", ASSISTANT, "assistant_pages.document_pages:list_past"),
    _get(
        "/assistant/documents/{document_id}",
        ASSISTED_DOCUMENT,
        "assistant_pages.document_pages:show_document",
        reads="page",
    ),
    _get(
        "/assistant/documents/{document_id}/original.pdf",
        ASSISTED_DOCUMENT,
        "assistant_pages.document_pages:download_original",
        reads="original",
    ),
    _get(
        "/assistant/documents/{document_id}/signed.pdf",
        ASSISTED_DOCUMENT,
        "assistant_pages.document_pages:download_signed",
        reads="signed",
    ),
    _post(
        "/assistant/documents/{document_id}/ready",
        ASSISTED_DOCUMENT,
        "assistant_pages.act_pages:mark_ready",
        reads="page",
    ),
    _get(
        "/assistant/documents/{document_id}/uploaded",
        ASSISTED_DOCUMENT,
        "assistant_pages.act_pages:confirm_upload",
        reads="page",
    ),
    _post(
        "/assistant/documents/{document_id}/signed",
        ASSISTED_DOCUMENT,
        "assistant_pages.act_pages:submit_scan",
        reads="page",
    ),
    # Documents
    _get("/documents", PROVIDER, "pages.review_pages:list_pending"),
    _get("/documents/past", PROVIDER, "pages.review_pages:list_past"),
    _post("/documents/past", PROVIDER, "pages.review_pages:search_past", read_only=True),
    _get("/documents/marked", PROVIDER, "pages.signing.several_pages:show_marked"),
    _post("/documents/marked", PROVIDER, "pages.signing.several_pages:sign_marked"),
    _get("/documents/{document_id}", DOCUMENT, "pages.review_pages:show_document", reads="page"),
    _post("/documents/{document_id}/approve", DOCUMENT, "pages.review_pages:approve", reads="page"),
    _post("/documents/{document_id}/mark", DOCUMENT, "pages.review_pages:mark_read", reads="page"),
    _post("/documents/{document_id}/unmark", DOCUMENT, "pages.signing.several_pages:unmark"),
    _post("/documents/{document_id}/forget-signature", DOCUMENT, "pages.review_pages:remove_signature", reads="page"),
    _post("/documents/{document_id}/decline", DOCUMENT, "pages.review_pages:decline", reads="page"),
    _get("/documents/{document_id}/hand-over", DOCUMENT, "pages.colleagues.hand_over:show_form", reads="page"),
    _post("/documents/{document_id}/hand-over", DOCUMENT, "pages.colleagues.hand_over:hand_over", reads="page"),
    _get("/documents/{document_id}/handed-over", GIVER, "pages.colleagues.hand_over:show_state", reads="page"),
    _post("/documents/{document_id}/take-back", GIVER, "pages.colleagues.hand_over:take_back", reads="page"),
    _get("/documents/{document_id}/original.pdf", DOCUMENT, "pages.review_pages:download_original", reads="original"),
    _get("/documents/{document_id}/signed.pdf", DOCUMENT, "pages.review_pages:download_signed", reads="signed"),
    _get(
        "/documents/{document_id}/certificate.pdf",
        DOCUMENT,
        "pages.review_pages:download_certificate",
        reads="certificate",
    ),
    _get("/documents/{document_id}/text", DOCUMENT, "pages.review_pages:show_text", reads="text"),
    _post("/documents/{document_id}/signature", DOCUMENT, "pages.signature_form:preview_signature", read_only=True),
    # The code of a fax
    _get("/fax", ANYONE, "pages.fax_pages:show_form"),
    _post("/fax", ANYONE, "pages.fax_pages:open_by_hand", failure_statuses=(422,)),
    _post("/fax/add", PROVIDER, "pages.fax_pages:add_document", failure_statuses=(422,)),
    _get("/fax/report", ANYONE, "pages.fax_pages:show_report_form"),
    _post("/fax/report", ANYONE, "pages.fax_pages:report_wrong_number", failure_statuses=(422,)),
    _get("/fax/reported", ANYONE, "pages.fax_pages:confirm_report"),
    # The QR code of a faxed page. A QR code in capital letters is coarser, and so more legible.
    _get("/F/{name}", ANYONE, "pages.fax_pages:open_scanned_page"),
    # Signing by code, on the screen or by hand
    _get("/by-hand/{document_id}", ANYONE, "pages.by_hand_pages:show_code_form"),
    _post("/by-hand/{document_id}/code", ANYONE, "pages.by_hand_pages:send_code"),
    _post("/by-hand/{document_id}", ANYONE, "pages.by_hand_pages:enter_code", failure_statuses=(422,)),
    _get("/by-hand/{document_id}/document", BY_HAND, "pages.by_hand_pages:show_document", reads="page"),
    _get("/by-hand/{document_id}/original.pdf", BY_HAND, "pages.by_hand_pages:download_original", reads="original"),
    _get("/by-hand/{document_id}/uploaded", BY_HAND, "pages.by_hand_pages:confirm_upload", reads="page"),
    _post("/by-hand/{document_id}/signed", BY_HAND, "pages.by_hand_pages:submit_scan", reads="page"),
    _post("/by-hand/{document_id}/approve", BY_HAND, "pages.guest_pages:approve", reads="page"),
    _post("/by-hand/{document_id}/decline", BY_HAND, "pages.guest_pages:decline", reads="page"),
    _post("/by-hand/{document_id}/account", BY_HAND, "pages.guest_pages:create_account"),
    # Reminders
    _get("/reminders/stop/{token}", ANYONE, "pages.reminder_pages:show_stop_form"),
    _post("/reminders/stop/{token}", ANYONE, "pages.reminder_pages:stop_reminders"),
    # The fax carrier
    _post("/fax/telnyx", Access.FAX_CARRIER, "api.fax_carrier:receive_report"),
    # Verification
    _get("/verify", ANYONE, "pages.verify_pages:show_form", uses_bucket=True),
    _get("/verify/checked", ANYONE, "pages.verify_pages:show_result", uses_bucket=True),
    _get("/verify/certificates", ANYONE, "pages.verify_pages:download_certificates"),
    # Static files
    _get("/static/{name}", ANYONE, "pages.static:serve_static"),
    # Problem types
    _get("/problems/{code}", ANYONE, "api.problem_types:explain"),
    # Everything else. Without this route the API gateway would send JSON to browsers.
    _get("/{proxy+}", ANYONE, "pages.not_found:show_not_found"),
    # The EMR's API
    _post("/v1/events", PRACTICE_SIGNATURE, "api.emr:receive_event"),
    _post("/v1/uploads", PRACTICE_KEY, "api.emr:offer_upload"),
    _get("/v1/documents", PRACTICE_KEY, "api.emr:list_documents"),
    _get("/v1/documents/{document_id}", PRACTICE_KEY, "api.emr:read_document", reads="resource"),
    _get("/v1/documents/{document_id}/original.pdf", PRACTICE_KEY, "api.emr:read_original", reads="original"),
    _get("/v1/documents/{document_id}/signed.pdf", PRACTICE_KEY, "api.emr:read_signed", reads="signed"),
    _get("/v1/documents/{document_id}/events", PRACTICE_KEY, "api.emr:read_trail", reads="trail"),
    _get("/v1/documents/{document_id}/proof", PRACTICE_KEY, "api.proofs:read_proof", reads="proof"),
    _get("/v1/documents/{document_id}/proof.pdf", PRACTICE_KEY, "api.proofs:read_proof_pdf", reads="proof"),
    _get("/v1/documents/{document_id}/accesses", PRACTICE_KEY, "api.emr:list_accesses"),
    _get("/v1/providers", PRACTICE_KEY, "api.emr:list_providers"),
    _get("/v1/deliveries", PRACTICE_KEY, "api.emr:list_deliveries"),
    _post("/v1/deliveries/{delivery_id}/retry", PRACTICE_KEY, "api.emr:retry_delivery"),
    _get("/v1/faxes", PRACTICE_KEY, "api.received_faxes:list_faxes"),
    _get("/v1/faxes/{fax_id}/pages/{number}", PRACTICE_KEY, "api.received_faxes:read_fax_page"),
    _get("/v1/faxes/{fax_id}/file.pdf", PRACTICE_KEY, "api.received_faxes:read_fax_file"),
    _post("/v1/faxes/{fax_id}/assign", PRACTICE_KEY, "api.received_faxes:assign_fax"),
    _get("/v1/practice", PRACTICE_KEY, "api.emr:read_practice"),
    _put("/v1/practice", PRACTICE_KEY, "api.emr:write_practice"),
    _put("/v1/endpoint", PRACTICE_KEY, "api.emr:write_endpoint"),
    _post("/v1/endpoint/test", PRACTICE_KEY, "api.emr:test_endpoint"),
    _get("/v1/openapi.json", ANYONE, "api.emr:read_openapi"),
)

PAGES_WITH_FORM = frozenset(
    {route.path for route in ROUTES if "GET" in route.methods}
    & {route.path for route in ROUTES if "POST" in route.methods}
)
"""The paths of routes at which a GET shows a page and a POST receives the page's form."""
