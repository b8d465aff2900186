"""Authentication once more, before signing and before changing an account: the password, or a passkey."""

from dataclasses import replace

from chalicelib.domain.errors import FieldError, Invalid, Unauthenticated
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.status import is_decidable
from chalicelib.services.authentication.known_devices import Device
from chalicelib.services.authentication.password_login import Attempt
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import DEVICE_COOKIE, SESSION_COOKIE
from chalicelib.web.http.responses import cookie


def may_sign(caller: Caller) -> bool:
    """Whether the caller was authenticated recently enough."""
    return caller.session is not None and caller.session.may_sign(caller.now)


def passkey_options(caller: Caller) -> str | None:
    """What a script asks the browser for; None when it is not needed or there is no passkey."""
    if may_sign(caller) or not caller.known.passkeys:
        return None
    return caller.services.passkey_options.for_login(caller.now, caller.known)


def confirmed_to_sign(caller: Caller) -> tuple[Caller, list[str]]:
    """As `confirmed`; what is decided already needs nothing: there is nothing left to sign."""
    if not is_decidable(caller.opened.status):
        return caller, []
    return confirmed(caller)


def confirmed(caller: Caller) -> tuple[Caller, list[str]]:
    """The caller, authenticated recently enough, and the cookies to set.

    The form's `password` or `passkey` is asked for when the last time was too long ago. Raises `Invalid`
    naming `password`, and `TooMany`.
    """
    if caller.session is None or may_sign(caller):
        return caller, []
    try:
        session, token = _confirm(caller, caller.session)
    except Unauthenticated as wrong:
        text = wrong.detail if caller.form.get("passkey") else "This is not your password."
        raise _ask_again(text) from wrong
    latest = caller.services.store.provider(caller.known.id) or caller.known
    return replace(caller, session=session, provider=latest), [cookie(SESSION_COOKIE, token)]


def _confirm(caller: Caller, session: Secret) -> tuple[Secret, str]:
    passkey, password = caller.form.get("passkey", ""), caller.form.get("password", "")
    if passkey:
        return caller.services.passkeys.confirm(session, caller.known, passkey, caller.now)
    if not password:
        raise _ask_again("Enter your password.")
    return caller.services.login.confirm(session, attempt_of(caller, session, password))


def attempt_of(caller: Caller, session: Secret, password: str) -> Attempt:
    """Who is logged in enters their password: their session is as good as a browser that is known, so that
    nobody's guesses elsewhere keep them from it.
    """
    device = caller.services.devices.read(caller.cookies.get(DEVICE_COOKIE, ""))
    if device is None or not device.is_known_to(caller.known):
        device = Device(
            provider_id=caller.known.id, epoch=caller.known.session_epoch, id=f"session {session.key}"
        )
    return Attempt(
        email=caller.known.email or "",
        password=password,
        source=caller.address or "unknown",
        now=caller.now,
        agent=caller.device,
        device=device,
    )


def _ask_again(message: str) -> Invalid:
    detail = "Your password is needed once more. Nothing has been sent yet."
    return Invalid(detail, errors=[FieldError("password", message)])
