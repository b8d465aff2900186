"""The admin function: what only administrators of the installation do, from the AWS console or `make`."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.errors import Conflict, FieldError, Invalid, PortalError
from chalicelib.domain.expiring_records import SESSION_LIFETIME
from chalicelib.domain.providers import Provider
from chalicelib.domain.session_keys import SIGNS_AFTER
from chalicelib.domain.timestamps import to_text
from chalicelib.services import normalization as formats
from chalicelib.services.accounts.account_settings import without_second_factor, without_sessions
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Files, Ids, SessionKeyRotation, Store, Switches
from chalicelib.services.practices import logos, practices
from chalicelib.services.transaction import Change

_MAX_NAME = 120
_CHECKS: Mapping[str, Callable[[str], str]] = {
    "phone": formats.phone,
    "fax": formats.phone,
    "reply_to": formats.email,
    "time_zone": formats.time_zone,
}


class Parts(Protocol):
    """What the admin function has of `bootstrap.Services`."""

    @property
    def store(self) -> Store: ...
    @property
    def files(self) -> Files: ...
    @property
    def switches(self) -> Switches: ...
    @property
    def session_key_rotation(self) -> SessionKeyRotation: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def clock(self) -> Clock: ...


def run(services: Parts, payload: Any) -> Mapping[str, Any]:
    """The answer to one action; what is refused is answered as `{"error": {"code", "detail", "errors"}}`.

    `{"action": "create_practice", "name", "phone", "fax", "reply_to", "time_zone", "electronic_signature"}`
    answers `{"id", "api_key", "webhook_secret"}`; only `name` is needed.
    `{"action": "rotate_api_key", "practice_id", "end_others"}` answers `{"id", "api_key"}`.
    `{"action": "rotate_webhook_secret", "practice_id", "end_others"}` answers `{"id", "webhook_secret"}`.
    `{"action": "set_switch", "practice_id", "electronic_signature", "second_factor"}`, either or both of the
    switches, answers what it was given.
    `{"action": "set_logo", "practice_id", "image"}`, a PNG or JPEG in base64 or null for none, answers
    `{"id", "width", "height"}`.
    `{"action": "reset_second_factor", "email"}` answers `{"id"}`: for who lost every device and code, once
    support has made sure who they are. Their sessions end, and they are told by mail.
    `{"action": "end_sessions", "email"}` answers `{"id"}`: they are logged out everywhere.
    `{"action": "rotate_session_key", "end_sessions"}` answers
    `{"rotated": true, "sessions_ended"}`: nobody is logged out, or everybody is, where the key may be in
    wrong hands.
    `{"action": "ping"}` answers `{"ok": true}` and keeps the function warm.
    """
    try:
        if not isinstance(payload, Mapping):
            raise _wrong("payload", 'must be a JSON object such as {"action": "ping"}')
        asked = payload.get("action")
        if not isinstance(asked, str) or asked not in _ACTIONS:
            raise _wrong("action", f"must be one of {', '.join(_ACTIONS)}")
        return _ACTIONS[asked](_Request(services, payload))
    except PortalError as error:
        errors = [{"field": each.field, "message": each.message} for each in error.errors]
        return {"error": {"code": error.code, "detail": error.detail, "errors": errors}}


class _Request:
    """One action with what it was given."""

    def __init__(self, services: Parts, payload: Mapping[str, Any]) -> None:
        self._services = services
        self._payload = payload
        self._now = services.clock.now()

    def create_practice(self) -> Mapping[str, Any]:
        services, payload = self._services, self._payload
        name = _checked(payload, "name", _name)
        if name is None:
            raise _wrong("name", "is missing")
        found = {each: _checked(payload, each, check) for each, check in _CHECKS.items()}
        settings = {each: value for each, value in found.items() if value is not None}
        on = self._switch("electronic_signature") if payload.get("electronic_signature") is not None else None
        made, key, secret = practices.create(
            services.store, services.ids, self._now, name=name, settings=settings
        )
        if on is not None:
            services.switches.set_electronic_signature(made.id, on=on)
        return {"id": made.id, "api_key": key, "webhook_secret": secret}

    def rotate_api_key(self) -> Mapping[str, Any]:
        services, practice_id = self._services, self._practice_id()
        key = practices.rotate_key(
            services.store, services.ids, self._now, practice_id, end_others=self._asks_for("end_others")
        )
        return {"id": practice_id, "api_key": key}

    def rotate_webhook_secret(self) -> Mapping[str, Any]:
        services, practice_id = self._services, self._practice_id()
        secret = practices.rotate_secret(
            services.store, services.ids, self._now, practice_id, end_others=self._asks_for("end_others")
        )
        return {"id": practice_id, "webhook_secret": secret}

    def set_switch(self) -> Mapping[str, Any]:
        practice_id, switches = self._practice_id(), self._services.switches
        setters = {
            "electronic_signature": switches.set_electronic_signature,
            "second_factor": switches.set_second_factor,
        }
        wanted = {name: self._switch(name) for name in setters if name in self._payload}
        if not wanted:
            raise _wrong("electronic_signature", "or second_factor must be true or false")
        if self._services.store.practice(practice_id) is None:
            raise _wrong("practice_id", "names no practice")
        for name, on in wanted.items():
            setters[name](practice_id, on=on)
        return {"id": practice_id, **wanted}

    def reset_second_factor(self) -> Mapping[str, Any]:
        def change(owner: Provider) -> Change | None:
            has_one = owner.has_second_factor
            return without_second_factor(self._services.ids, owner, self._now) if has_one else None

        return self._to_account(change, "names no account with a second factor")

    def end_sessions(self) -> Mapping[str, Any]:
        def change(owner: Provider) -> Change | None:
            return without_sessions(self._services.ids, owner, self._now) if owner.has_account else None

        return self._to_account(change, "names no account")

    def _to_account(self, change: Callable[[Provider], Change | None], otherwise: str) -> Mapping[str, Any]:
        """Makes the change to the account of `email`; refuses with `otherwise` where there is none."""
        email = _checked(self._payload, "email", formats.email)
        if email is None:
            raise _wrong("email", "is missing")
        store = self._services.store

        def step() -> str | None:
            key = email_claim(email)
            owner = store.provider(store.claims([key]).get(key, "prv_nobody"))
            made = change(owner) if owner else None
            if owner is None or made is None:
                return None
            store.commit(made)
            return owner.id

        found = retry_on_conflict(step, retry_on=frozenset({"provider"}))
        if found is None:
            raise _wrong("email", otherwise)
        return {"id": found}

    def rotate_session_key(self) -> Mapping[str, Any]:
        """Two keys count, so a session outlives one rotation: the next is for when all before have ended."""
        ring, ids = self._services.session_key_rotation, self._services.ids
        ended = self._asks_for("end_sessions")
        if ended:
            ring.rotate(ids.token())
        else:
            _check_age(ring.rotated_at(), self._now)
        ring.rotate(ids.token())
        return {"rotated": True, "sessions_ended": ended}

    def ping(self) -> Mapping[str, Any]:
        return {"ok": True}

    def set_logo(self) -> Mapping[str, Any]:
        practice_id, services, image = self._practice_id(), self._services, self._payload.get("image")
        try:
            data = None if image is None else b64decode(str(image), validate=True)
        except ValueError as error:
            raise _wrong("image", "must be in base64") from error
        try:
            logo = logos.set_logo(services.store, services.files, self._now, practice_id, data)
        except ValueError as error:
            raise _wrong("image", str(error)) from error
        return {"id": practice_id} | ({"width": logo.width, "height": logo.height} if logo else {})

    def _practice_id(self) -> str:
        value = self._payload.get("practice_id")
        if not isinstance(value, str) or not practices.is_practice_id(value):
            raise _wrong("practice_id", "must be the id of a practice, such as prc_...")
        return value

    def _asks_for(self, name: str) -> bool:
        """What may be left out. What is meant as yes and written otherwise must not pass for no."""
        return name in self._payload and self._switch(name)

    def _switch(self, name: str) -> bool:
        value = self._payload.get(name)
        if not isinstance(value, bool):
            raise _wrong(name, "must be true or false")
        return value


_ACTIONS: Mapping[str, Callable[[_Request], Mapping[str, Any]]] = {
    "create_practice": _Request.create_practice,
    "rotate_api_key": _Request.rotate_api_key,
    "rotate_webhook_secret": _Request.rotate_webhook_secret,
    "set_switch": _Request.set_switch,
    "set_logo": _Request.set_logo,
    "reset_second_factor": _Request.reset_second_factor,
    "end_sessions": _Request.end_sessions,
    "rotate_session_key": _Request.rotate_session_key,
    "ping": _Request.ping,
}


def _check_age(rotated_at: datetime | None, now: datetime) -> None:
    """Raises `Conflict` while there are sessions that the key before the newest signed.

    It went on signing until the newest was known to every function.
    """
    again = rotated_at + SIGNS_AFTER + SESSION_LIFETIME if rotated_at else now
    if now < again:
        text = f"The key is too new: sessions of the one before would end. Wait until {to_text(again)}."
        raise Conflict(f"{text} Or end them all with end_sessions.")


def _checked(payload: Mapping[str, Any], name: str, check: Callable[[str], str]) -> str | None:
    value = payload.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise _wrong(name, "must be text")
    try:
        return check(value)
    except ValueError as error:
        raise _wrong(name, str(error)) from error


def _name(text: str) -> str:
    if len(text) > _MAX_NAME:
        raise ValueError(f"must have at most {_MAX_NAME} characters")
    return formats.one_line(text)


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(f"{name} {message}.", errors=(FieldError(name, message),))
