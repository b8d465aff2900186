"""The page of one's own account: second factors, password, logging out everywhere."""

from collections.abc import Callable, Mapping

from chalice.app import Response

from chalicelib.domain.errors import FieldError, Invalid, PortalError, TooMany, Unauthenticated
from chalicelib.domain.expiring_records import Secret
from chalicelib.services.accounts.account_settings import OwnAccount, enrolment_code
from chalicelib.services.authentication.passwords import least_length
from chalicelib.web.http.error_mapping import shown_as
from chalicelib.web.http.request_context import Caller
from chalicelib.web.http.request_parsing import SESSION_COOKIE
from chalicelib.web.http.responses import answer, cookie, page, redirect, seconds_left
from chalicelib.web.pages.login_form import known_from_now_on, local_path
from chalicelib.web.pages.reauthentication import attempt_of, confirmed, may_sign, passkey_options
from chalicelib.web.pages.second_factor_setup import enrol, wanted_after

HERE = "/account"
_DONE: Mapping[str, str] = {
    "passkey-removed": "The passkey is removed.",
    "authenticator-removed": "The authenticator app is removed.",
    "password": "Your password is changed. You were logged out everywhere else.",
    "passkey-added": "The passkey is added. You can log in with it from now on.",
    "authenticator-added": "The authenticator app is added. It is asked for after your password from now on.",
}

Changed = str | tuple[str, tuple[str, ...]]


def account(caller: Caller) -> Response:
    return _account(caller)


def stay(caller: Caller) -> Response:
    """For the script that warns of the end: being asked has put it off."""
    return answer({"seconds": seconds_left(caller)})


def confirm(caller: Caller) -> Response:
    try:
        _, cookies = confirmed(caller)
    except (Invalid, TooMany) as trouble:
        return _where_one_was(caller, trouble)
    return redirect(_next(caller) or HERE, cookies=cookies)


def add_passkey(caller: Caller) -> Response:
    answer, name = caller.form.get("passkey", ""), caller.form.get("name", "")

    def change(own: OwnAccount, session: Secret) -> Changed:
        return own.add_passkey(session, caller.known, answer, name, caller.now)

    return _changed(caller, change, "passkey-added")


def remove_passkey(caller: Caller) -> Response:
    def change(own: OwnAccount, session: Secret) -> Changed:
        return own.remove_passkey(session, caller.known, caller.form.get("id", ""), caller.now)

    return _changed(caller, change, "passkey-removed")


def authenticator(caller: Caller) -> Response:
    if caller.session is None or not may_sign(caller):
        return redirect(HERE)
    return _authenticator(caller, caller.session)


def add_authenticator(caller: Caller) -> Response:
    def change(own: OwnAccount, session: Secret) -> Changed:
        return own.add_authenticator(session, caller.known, caller.form.get("code", "")[:20], caller.now)

    return _changed(caller, change, "authenticator-added", again=_authenticator)


def remove_authenticator(caller: Caller) -> Response:
    def change(own: OwnAccount, session: Secret) -> Changed:
        return own.remove_authenticator(session, caller.known, caller.now)

    return _changed(caller, change, "authenticator-removed")


def new_recovery_codes(caller: Caller) -> Response:
    def change(own: OwnAccount, session: Secret) -> Changed:
        return own.new_recovery_codes(session, caller.known, caller.now)

    return _changed(caller, change, "")


def change_password(caller: Caller) -> Response:
    """The current password is asked for even right after a login (ASVS 6.2.3)."""
    typed = caller.form.get("new_password", "")

    def change(own: OwnAccount, session: Secret) -> Changed:
        _check_password(caller, session)
        return own.change_password(session, caller.known, typed, caller.now)

    return _changed(caller, change, "password")


def log_out_everywhere(caller: Caller) -> Response:
    if caller.session is not None:
        own = caller.services.own_account.seen_from(caller.origin)
        own.log_out_everywhere(caller.session, caller.known, caller.now)
    return redirect("/login?reason=logged-out", cookies=[cookie(SESSION_COOKIE, "", 0)])


def _changed(
    caller: Caller,
    change: Callable[[OwnAccount, Secret], Changed],
    done: str,
    *,
    again: Callable[..., Response] | None = None,
) -> Response:
    """Makes the change if the owner was authenticated just now, and shows new recovery codes once.

    It ends the other sessions, and with them what their browsers are known by; this one stays known.
    """
    if caller.session is None or not may_sign(caller):
        return redirect(HERE)
    try:
        made = change(caller.services.own_account.seen_from(caller.origin), caller.session)
    except (Invalid, Unauthenticated, TooMany) as trouble:
        return again(caller, caller.session, trouble) if again else _where_one_was(caller, trouble)
    token, codes = made if isinstance(made, tuple) else (made, ())
    owner = caller.known
    device = known_from_now_on(caller, owner.id, owner.session_epoch + 1)
    cookies = [cookie(SESSION_COOKIE, token), device]
    if codes:
        on = _next(caller) or HERE
        return page(caller, "account_codes.html", section="account", codes=codes, cookies=cookies, next=on)
    return redirect(f"{HERE}?done={done}", cookies=cookies)


def _next(caller: Caller) -> str | None:
    """Where to go on to, for who came from elsewhere to set a second factor up."""
    given = caller.form.get("next")
    return local_path(given) if given else None


def _where_one_was(caller: Caller, trouble: PortalError) -> Response:
    wanted = _next(caller)
    if wanted is None or caller.known.has_second_factor:
        return _account(caller, trouble)
    return enrol(caller, wanted_after(wanted), trouble)


def _account(caller: Caller, trouble: PortalError | None = None) -> Response:
    fresh, owner = may_sign(caller), caller.known
    return page(
        caller,
        "account.html",
        status=shown_as(trouble).status if trouble else 200,
        section="account",
        fresh=fresh,
        trouble=trouble.detail if trouble else "",
        errors=_messages(trouble),
        done=_DONE.get(caller.query.get("done", ""), ""),
        passkey_options=passkey_options(caller),
        enrolment=caller.services.passkey_options.for_enrolment(owner, caller.now) if fresh else None,
        least=least_length(second_factor=owner.has_second_factor),
    )


def _authenticator(caller: Caller, session: Secret, trouble: PortalError | None = None) -> Response:
    secret = caller.services.own_account.authenticator_secret(session, caller.known, caller.now)
    text, side, path = enrolment_code(secret, caller.known.email or "")
    return page(
        caller,
        "account_authenticator.html",
        status=shown_as(trouble).status if trouble else 200,
        section="account",
        secret=secret,
        link=text,
        side=side,
        path=path,
        errors=_messages(trouble),
        next=caller.form.get("next") or caller.query.get("next", ""),
    )


def _check_password(caller: Caller, session: Secret) -> None:
    typed = caller.form.get("password", "")
    try:
        caller.services.login.check(caller.known, attempt_of(caller, session, typed))
    except Unauthenticated as wrong:
        text = "This is not your current password."
        raise Invalid(text, errors=[FieldError("password", text)]) from wrong


def _messages(trouble: PortalError | None) -> dict[str, str]:
    return {each.field: each.message for each in trouble.errors} if trouble else {}
