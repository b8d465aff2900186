"""Authentication once more, before signing and before changing an account: the password, or a passkey."""

from dataclasses import replace

from chalicelib.domain.errors import FieldError, Invalid, Unauthenticated
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.status import is_decidable
from chalicelib.services.authentication.known_devices import KnownDevice
from chalicelib.services.authentication.password_login import LoginAttempt
from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import format_cookie


def is_recently_authenticated(context: RequestContext) -> bool:
    """Whether the caller was authenticated recently enough."""
    return context.session is not None and context.session.is_recently_authenticated(context.now)


def passkey_options(context: RequestContext) -> str | None:
    """What a script asks the browser for; None when it is not needed or there is no passkey."""
    if is_recently_authenticated(context) or not context.require_provider().passkeys:
        return None
    return context.services.passkey_options.for_login(context.now, context.require_provider())


def confirmed_to_sign(context: RequestContext) -> tuple[RequestContext, list[str]]:
    """As `confirmed`; what is decided already needs nothing: there is nothing left to sign."""
    if not is_decidable(context.require_document().status):
        return context, []
    return confirmed(context)


def confirmed(context: RequestContext) -> tuple[RequestContext, list[str]]:
    """The caller, authenticated recently enough, and the cookies to set.

    The form's `password` or `passkey` is asked for when the last time was too long ago. Raises `Invalid`
    naming `password`, and `TooManyRequests`.
    """
    if context.session is None or is_recently_authenticated(context):
        return context, []
    try:
        session, token = _confirm(context, context.session)
    except Unauthenticated as wrong:
        text = wrong.detail if context.form.get("passkey") else "This is not your password."
        raise _ask_again(text) from wrong
    latest = context.services.store.provider(context.require_provider().id) or context.require_provider()
    return replace(context, session=session, provider=latest), [format_cookie(SESSION_COOKIE, token)]


def _confirm(context: RequestContext, session: Secret) -> tuple[Secret, str]:
    passkey, password = context.form.get("passkey", ""), context.form.get("password", "")
    if passkey:
        return context.services.passkeys.reauthenticate(
            session, context.require_provider(), passkey, context.now
        )
    if not password:
        raise _ask_again("Enter your password.")
    return context.services.login.reauthenticate(session, attempt_of(context, session, password))


def attempt_of(context: RequestContext, session: Secret, password: str) -> LoginAttempt:
    """Who is logged in enters their password: their session is as good as a browser that is known, so that
    nobody's guesses elsewhere keep them from it.
    """
    device = context.services.known_devices.read(context.cookies.get(DEVICE_COOKIE, ""))
    if device is None or not device.is_known_to(context.require_provider()):
        device = KnownDevice(
            provider_id=context.require_provider().id,
            session_generation=context.require_provider().session_generation,
            id=f"session {session.key}",
        )
    return LoginAttempt(
        email=context.require_provider().email or "",
        password=password,
        source=context.address or "unknown",
        now=context.now,
        agent=context.device,
        device=device,
    )


def _ask_again(message: str) -> Invalid:
    detail = "Your password is needed once more. Nothing has been sent yet."
    return Invalid(detail, errors=[FieldError("password", message)])
