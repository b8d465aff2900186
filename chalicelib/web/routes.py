"""Every route, who may use it, and the handler that answers it: `module:function` in this package.

The handler's module is loaded with its first request: a cold function pays for the page it shows, not for
all the others.
"""

from chalicelib.web.route import Access, Route

ROUTES: tuple[Route, ...] = (
    # account
    Route("/", ("GET",), Access.ANYONE, "pages.login_form:home"),
    Route("/login", ("GET",), Access.ANYONE, "pages.login_form:login"),
    Route("/login/password", ("GET",), Access.ANYONE, "pages.login_form:login_again"),
    Route(
        "/login/password",
        ("POST",),
        Access.ANYONE,
        "pages.login_actions:log_in",
        credential_failure_statuses=(401,),
        throttles_itself=True,
    ),
    Route(
        "/login/passkey",
        ("POST",),
        Access.ANYONE,
        "pages.login_actions:log_in_with_passkey",
        credential_failure_statuses=(401,),
        accepts_passkey=True,
    ),
    Route("/login/second", ("GET",), Access.ANYONE, "pages.login_actions:second_half"),
    Route(
        "/login/second",
        ("POST",),
        Access.ANYONE,
        "pages.login_actions:finish_login",
        credential_failure_statuses=(401, 410),
        accepts_passkey=True,
    ),
    Route("/logout", ("POST",), Access.ACCOUNT, "pages.login_actions:log_out"),
    Route("/forgot-password", ("GET",), Access.ANYONE, "pages.login_actions:forgot_password"),
    Route("/forgot-password", ("POST",), Access.ANYONE, "pages.login_actions:ask_for_link"),
    Route(
        "/documents/{document_id}/setup-link",
        ("POST",),
        Access.ANYONE,
        "pages.login_actions:ask_for_document_link",
    ),
    Route("/setup/{token}", ("GET",), Access.ANYONE, "pages.login_actions:take_link"),
    Route("/setup", ("GET",), Access.ANYONE, "pages.login_actions:setup"),
    Route(
        "/setup", ("POST",), Access.ANYONE, "pages.login_actions:set_up", credential_failure_statuses=(410,)
    ),
    # account_settings
    Route("/account", ("GET",), Access.ACCOUNT, "pages.account_settings:account"),
    Route("/account/activity", ("GET",), Access.ACCOUNT, "pages.account_activity:activity"),
    Route("/account/stay", ("POST",), Access.ACCOUNT, "pages.account_settings:stay"),
    Route(
        "/account/confirm",
        ("POST",),
        Access.ACCOUNT,
        "pages.account_settings:confirm",
        credential_failure_statuses=(400,),
        throttles_itself=True,
    ),
    Route("/account/passkeys", ("POST",), Access.ACCOUNT, "pages.account_settings:add_passkey"),
    Route("/account/passkeys/remove", ("POST",), Access.ACCOUNT, "pages.account_settings:remove_passkey"),
    Route("/account/authenticator", ("GET",), Access.ACCOUNT, "pages.account_settings:authenticator"),
    Route("/account/authenticator", ("POST",), Access.ACCOUNT, "pages.account_settings:add_authenticator"),
    Route(
        "/account/authenticator/remove",
        ("POST",),
        Access.ACCOUNT,
        "pages.account_settings:remove_authenticator",
    ),
    Route("/account/recovery-codes", ("POST",), Access.ACCOUNT, "pages.account_settings:new_recovery_codes"),
    Route(
        "/account/second-factor",
        ("GET",),
        Access.ACCOUNT,
        "pages.second_factor_setup:second_factor",
        trusts_query=True,
    ),
    Route("/account/second-factor/later", ("POST",), Access.ACCOUNT, "pages.second_factor_setup:later"),
    Route("/account/password", ("POST",), Access.ACCOUNT, "pages.account_settings:change_password"),
    Route(
        "/account/log-out-everywhere", ("POST",), Access.ACCOUNT, "pages.account_settings:log_out_everywhere"
    ),
    # pages
    Route("/documents", ("GET",), Access.PROVIDER, "pages.review_pages:list_pending"),
    Route("/documents/past", ("GET",), Access.PROVIDER, "pages.review_pages:list_past"),
    Route("/documents/past", ("POST",), Access.PROVIDER, "pages.review_pages:search_past", read_only=True),
    Route("/documents/{document_id}", ("GET",), Access.DOCUMENT, "pages.review_pages:show_document"),
    Route("/documents/{document_id}/approve", ("POST",), Access.DOCUMENT, "pages.review_pages:approve"),
    Route(
        "/documents/{document_id}/forget-signature",
        ("POST",),
        Access.DOCUMENT,
        "pages.review_pages:remove_signature",
    ),
    Route("/documents/{document_id}/decline", ("POST",), Access.DOCUMENT, "pages.review_pages:decline"),
    Route(
        "/documents/{document_id}/original.pdf",
        ("GET",),
        Access.DOCUMENT,
        "pages.review_pages:download_original",
    ),
    Route(
        "/documents/{document_id}/signed.pdf", ("GET",), Access.DOCUMENT, "pages.review_pages:download_signed"
    ),
    Route(
        "/documents/{document_id}/certificate.pdf",
        ("GET",),
        Access.DOCUMENT,
        "pages.review_pages:download_certificate",
    ),
    Route("/documents/{document_id}/text", ("GET",), Access.DOCUMENT, "pages.review_pages:show_text"),
    # signing
    Route(
        "/documents/{document_id}/signature",
        ("POST",),
        Access.DOCUMENT,
        "pages.signature_form:preview_signature",
        read_only=True,
    ),
    # by_hand
    Route("/by-hand/{document_id}", ("GET",), Access.ANYONE, "pages.by_hand_pages:show_code_form"),
    Route("/by-hand/{document_id}/code", ("POST",), Access.ANYONE, "pages.by_hand_pages:send_code"),
    Route(
        "/by-hand/{document_id}",
        ("POST",),
        Access.ANYONE,
        "pages.by_hand_pages:enter_code",
        credential_failure_statuses=(422,),
    ),
    Route("/by-hand/{document_id}/document", ("GET",), Access.BY_HAND, "pages.by_hand_pages:show_document"),
    Route(
        "/by-hand/{document_id}/original.pdf",
        ("GET",),
        Access.BY_HAND,
        "pages.by_hand_pages:download_original",
    ),
    Route("/by-hand/{document_id}/uploaded", ("GET",), Access.BY_HAND, "pages.by_hand_pages:confirm_upload"),
    Route("/by-hand/{document_id}/signed", ("POST",), Access.BY_HAND, "pages.by_hand_pages:submit_scan"),
    # verify
    Route("/verify", ("GET",), Access.ANYONE, "pages.verify_pages:show_form", uses_bucket=True),
    Route("/verify/checked", ("GET",), Access.ANYONE, "pages.verify_pages:show_result", uses_bucket=True),
    Route("/verify/certificates", ("GET",), Access.ANYONE, "pages.verify_pages:download_certificates"),
    # static
    Route("/static/{name}", ("GET",), Access.ANYONE, "pages.static:serve_static"),
    # problems
    Route("/problems/{code}", ("GET",), Access.ANYONE, "api.problem_pages:explain"),
    # nothing: what no other route is, for the gateway's own answer is JSON
    Route("/{proxy+}", ("GET",), Access.ANYONE, "pages.not_found:show_not_found"),
    # emr
    Route("/v1/events", ("POST",), Access.PRACTICE_SIGNATURE, "api.emr:receive_event"),
    Route("/v1/uploads", ("POST",), Access.PRACTICE_KEY, "api.emr:offer_upload"),
    Route("/v1/documents", ("GET",), Access.PRACTICE_KEY, "api.emr:list_documents"),
    Route("/v1/documents/{document_id}", ("GET",), Access.PRACTICE_KEY, "api.emr:read_document"),
    Route("/v1/documents/{document_id}/original.pdf", ("GET",), Access.PRACTICE_KEY, "api.emr:read_original"),
    Route("/v1/documents/{document_id}/signed.pdf", ("GET",), Access.PRACTICE_KEY, "api.emr:read_signed"),
    Route("/v1/documents/{document_id}/events", ("GET",), Access.PRACTICE_KEY, "api.emr:read_trail"),
    Route("/v1/deliveries", ("GET",), Access.PRACTICE_KEY, "api.emr:list_deliveries"),
    Route("/v1/deliveries/{delivery_id}/retry", ("POST",), Access.PRACTICE_KEY, "api.emr:retry_delivery"),
    Route("/v1/practice", ("GET",), Access.PRACTICE_KEY, "api.emr:read_practice"),
    Route("/v1/practice", ("PUT",), Access.PRACTICE_KEY, "api.emr:write_practice"),
    Route("/v1/endpoint", ("PUT",), Access.PRACTICE_KEY, "api.emr:write_endpoint"),
    Route("/v1/endpoint/test", ("POST",), Access.PRACTICE_KEY, "api.emr:test_endpoint"),
    Route("/v1/openapi.json", ("GET",), Access.ANYONE, "api.emr:read_openapi"),
)
