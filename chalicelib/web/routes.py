"""Every route, who may use it, and the handler that answers it: `module:function` in this package.

The handler's module is loaded with its first request: a cold function pays for the page it shows, not for
all the others.
"""

from chalicelib.web.routing import Access, Route

ROUTES: tuple[Route, ...] = (
    # account
    Route("/", ("GET",), Access.ANYONE, "entrance:home"),
    Route("/login", ("GET",), Access.ANYONE, "entrance:login"),
    Route("/login/password", ("GET",), Access.ANYONE, "entrance:login_again"),
    Route("/login/password", ("POST",), Access.ANYONE, "account:log_in", wrong=(401,), counts_itself=True),
    Route(
        "/login/passkey",
        ("POST",),
        Access.ANYONE,
        "account:log_in_with_passkey",
        wrong=(401,),
        takes_passkey=True,
    ),
    Route("/login/second", ("GET",), Access.ANYONE, "account:second_half"),
    Route(
        "/login/second",
        ("POST",),
        Access.ANYONE,
        "account:finish_login",
        wrong=(401, 410),
        takes_passkey=True,
    ),
    Route("/logout", ("POST",), Access.ACCOUNT, "account:log_out"),
    Route("/forgot-password", ("GET",), Access.ANYONE, "account:forgot_password"),
    Route("/forgot-password", ("POST",), Access.ANYONE, "account:ask_for_link"),
    Route("/documents/{document_id}/setup-link", ("POST",), Access.ANYONE, "account:ask_for_document_link"),
    Route("/setup/{token}", ("GET",), Access.ANYONE, "account:take_link"),
    Route("/setup", ("GET",), Access.ANYONE, "account:setup"),
    Route("/setup", ("POST",), Access.ANYONE, "account:set_up", wrong=(410,)),
    # own_account
    Route("/account", ("GET",), Access.ACCOUNT, "own_account:account"),
    Route("/account/activity", ("GET",), Access.ACCOUNT, "activity:activity"),
    Route("/account/stay", ("POST",), Access.ACCOUNT, "own_account:stay"),
    Route(
        "/account/confirm",
        ("POST",),
        Access.ACCOUNT,
        "own_account:confirm",
        wrong=(400,),
        counts_itself=True,
    ),
    Route("/account/passkeys", ("POST",), Access.ACCOUNT, "own_account:add_passkey"),
    Route("/account/passkeys/remove", ("POST",), Access.ACCOUNT, "own_account:remove_passkey"),
    Route("/account/authenticator", ("GET",), Access.ACCOUNT, "own_account:authenticator"),
    Route("/account/authenticator", ("POST",), Access.ACCOUNT, "own_account:add_authenticator"),
    Route("/account/authenticator/remove", ("POST",), Access.ACCOUNT, "own_account:remove_authenticator"),
    Route("/account/recovery-codes", ("POST",), Access.ACCOUNT, "own_account:new_recovery_codes"),
    Route("/account/second-factor", ("GET",), Access.ACCOUNT, "enrolment:second_factor", keeps_query=True),
    Route("/account/second-factor/later", ("POST",), Access.ACCOUNT, "enrolment:later"),
    Route("/account/password", ("POST",), Access.ACCOUNT, "own_account:change_password"),
    Route("/account/log-out-everywhere", ("POST",), Access.ACCOUNT, "own_account:log_out_everywhere"),
    # pages
    Route("/documents", ("GET",), Access.PROVIDER, "pages:pending"),
    Route("/documents/past", ("GET",), Access.PROVIDER, "pages:past"),
    Route("/documents/past", ("POST",), Access.PROVIDER, "pages:search_past", only_reads=True),
    Route("/documents/{document_id}", ("GET",), Access.DOCUMENT, "pages:review"),
    Route("/documents/{document_id}/approve", ("POST",), Access.DOCUMENT, "pages:approve"),
    Route("/documents/{document_id}/forget-signature", ("POST",), Access.DOCUMENT, "pages:forget_signature"),
    Route("/documents/{document_id}/decline", ("POST",), Access.DOCUMENT, "pages:decline"),
    Route("/documents/{document_id}/original.pdf", ("GET",), Access.DOCUMENT, "pages:original"),
    Route("/documents/{document_id}/signed.pdf", ("GET",), Access.DOCUMENT, "pages:signed"),
    Route("/documents/{document_id}/certificate.pdf", ("GET",), Access.DOCUMENT, "pages:certificate"),
    Route("/documents/{document_id}/text", ("GET",), Access.DOCUMENT, "pages:text"),
    # signing
    Route(
        "/documents/{document_id}/signature", ("POST",), Access.DOCUMENT, "signing:preview", only_reads=True
    ),
    # by_hand
    Route("/by-hand/{document_id}", ("GET",), Access.ANYONE, "by_hand:code_page"),
    Route("/by-hand/{document_id}/code", ("POST",), Access.ANYONE, "by_hand:ask_for_code"),
    Route("/by-hand/{document_id}", ("POST",), Access.ANYONE, "by_hand:enter_code", wrong=(422,)),
    Route("/by-hand/{document_id}/document", ("GET",), Access.BY_HAND, "by_hand:read"),
    Route("/by-hand/{document_id}/original.pdf", ("GET",), Access.BY_HAND, "by_hand:original"),
    Route("/by-hand/{document_id}/uploaded", ("GET",), Access.BY_HAND, "by_hand:uploaded"),
    Route("/by-hand/{document_id}/signed", ("POST",), Access.BY_HAND, "by_hand:take_scan"),
    # verify
    Route("/verify", ("GET",), Access.ANYONE, "verify:verify", files=True),
    Route("/verify/checked", ("GET",), Access.ANYONE, "verify:checked", files=True),
    Route("/verify/certificates", ("GET",), Access.ANYONE, "verify:published"),
    # static
    Route("/static/{name}", ("GET",), Access.ANYONE, "static:static"),
    # problems
    Route("/problems/{code}", ("GET",), Access.ANYONE, "problems:explain"),
    # nothing: what no other route is, for the gateway's own answer is JSON
    Route("/{proxy+}", ("GET",), Access.ANYONE, "nothing:nothing"),
    # emr
    Route("/v1/events", ("POST",), Access.PRACTICE_SIGNATURE, "emr:receive_event"),
    Route("/v1/uploads", ("POST",), Access.PRACTICE_KEY, "emr:offer_upload"),
    Route("/v1/documents", ("GET",), Access.PRACTICE_KEY, "emr:list_documents"),
    Route("/v1/documents/{document_id}", ("GET",), Access.PRACTICE_KEY, "emr:read_document"),
    Route("/v1/documents/{document_id}/original.pdf", ("GET",), Access.PRACTICE_KEY, "emr:read_original"),
    Route("/v1/documents/{document_id}/signed.pdf", ("GET",), Access.PRACTICE_KEY, "emr:read_signed"),
    Route("/v1/documents/{document_id}/events", ("GET",), Access.PRACTICE_KEY, "emr:read_trail"),
    Route("/v1/deliveries", ("GET",), Access.PRACTICE_KEY, "emr:list_deliveries"),
    Route("/v1/deliveries/{delivery_id}/retry", ("POST",), Access.PRACTICE_KEY, "emr:retry_delivery"),
    Route("/v1/practice", ("GET",), Access.PRACTICE_KEY, "emr:read_practice"),
    Route("/v1/practice", ("PUT",), Access.PRACTICE_KEY, "emr:write_practice"),
    Route("/v1/endpoint", ("PUT",), Access.PRACTICE_KEY, "emr:write_endpoint"),
    Route("/v1/endpoint/test", ("POST",), Access.PRACTICE_KEY, "emr:test_endpoint"),
    Route("/v1/openapi.json", ("GET",), Access.ANYONE, "emr:read_openapi"),
)
