"""The repeated check of a logged-in provider's password or passkey, before a signature or a change of the account.

A decision records how and when the provider was checked."""

from dataclasses import replace

from chalicelib.domain.errors import FieldError, Invalid, Unauthenticated
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.status import is_decidable
from chalicelib.services.authentication.known_devices import KnownDevice
from chalicelib.services.authentication.passkeys import METHOD as PASSKEY
from chalicelib.services.authentication.password_login import LoginAttempt
from chalicelib.services.authentication.sessions import PASSWORD, RenewedSession
from chalicelib.services.review.review import ProviderAction
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie
from chalicelib.web.http.templating import format_time


def is_recently_authenticated(context: RequestContext) -> bool:
    """Return True if the provider entered the password or a passkey within the last minutes (`REAUTH_AFTER`).

    Then the provider may sign and change the account without another check."""
    return context.session is not None and context.session.is_recently_authenticated(context.now)


def passkey_options(context: RequestContext) -> str | None:
    """Return the WebAuthn options (JSON) with which the page asks for a passkey in place of the password.

    Return None if the account has no passkey, or if the last check of password or passkey is recent enough."""
    if is_recently_authenticated(context) or not context.require_provider().passkeys:
        return None
    return context.services.passkey_options.for_login(context.now, context.require_provider())


def make_action(context: RequestContext) -> ProviderAction:
    """Return the decision's maker as the service records it: the provider, the time, and how the login was checked."""
    session = context.session
    again = session is not None and session.authenticated_at != session.created_at
    return ProviderAction(
        provider=context.require_provider(),
        actor=context.actor,
        now=context.now,
        reauthenticated=again,
        authentication=_describe_authentication(context, again=again),
        practice=context.practice,
    )


def _describe_authentication(context: RequestContext, *, again: bool) -> str:
    """Return how and when the provider was authenticated, in words for the certificate page of the signed PDF.

    `again` means that the provider was authenticated again after the login, to sign."""
    method = (context.session.method if context.session else None) or PASSWORD
    at = context.session.authenticated_at if context.session else None
    if at is None:
        return method
    verb = "used" if method == PASSKEY else "entered"
    return f"{method}, {'asked again to sign and ' if again else ''}{verb} {format_time(at)}"


def reauthenticate_to_sign(context: RequestContext) -> tuple[RequestContext, list[str]]:
    """Check the password or passkey in the form before a decision, if the last check is too old.

    Return the context and the cookies to set, like `reauthenticate`, and raise its errors. If the document is already
    decided, check nothing: the decision is refused later."""
    if not is_decidable(context.require_document().status):
        return context, []
    return reauthenticate(context)


def reauthenticate(context: RequestContext) -> tuple[RequestContext, list[str]]:
    """Check the form's `password` or `passkey`, if the last check in this session is too old.

    Return the context with the renewed session, and the cookies to set. If no check is needed, return the same context
    and no cookies. Raise `Invalid` for the field `password` if the check fails, and `TooManyRequests` after too many
    failures."""
    if context.session is None or is_recently_authenticated(context):
        return context, []
    try:
        renewed = _check_form(context, context.session)
    except Unauthenticated as error:
        message = error.detail if context.form.get("passkey") else "Incorrect password."
        raise _invalid(message) from error
    cookies = [format_cookie(SESSION_COOKIE, renewed.cookie)]
    return replace(context, session=renewed.session, provider=renewed.provider), cookies


def _check_form(context: RequestContext, session: Secret) -> RenewedSession:
    passkey, password = context.form.get("passkey", ""), context.form.get("password", "")
    if passkey:
        return context.services.passkeys.reauthenticate(session, context.require_provider(), passkey, context.now)
    if not password:
        raise _invalid("Enter your password.")
    return context.services.login.reauthenticate(session, login_attempt(context, session, password))


def login_attempt(context: RequestContext, session: Secret, password: str) -> LoginAttempt:
    """Return the input of the login service for the repeated password of a logged-in provider.

    A browser with a session counts as known to the account, so that wrong passwords elsewhere do not make it wait."""
    provider = context.require_provider()
    device = context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, ""))
    if device is None or not device.is_known_to(provider):
        device = KnownDevice(provider.id, provider.session_generation, id=f"session {session.key}")
    return LoginAttempt(
        email=provider.email or "",
        password=password,
        source=context.address or "unknown",
        now=context.now,
        agent=context.device,
        device=device,
    )


def _invalid(message: str) -> Invalid:
    detail = "Enter your password again. Nothing has been sent yet."
    return Invalid(detail, errors=[FieldError("password", message)])
