"""The actions of the admin function, which administrators invoke from the AWS console or by `make`."""

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.domain import npi as npis
from chalicelib.domain.certification.facts import PayerKind
from chalicelib.domain.claim_keys import email_claim, own_fax_number_claim
from chalicelib.domain.documents import Addressee
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, FieldError, Invalid, PortalError, invalid_field
from chalicelib.domain.expiring_records import SESSION_LIFETIME
from chalicelib.domain.providers import Provider
from chalicelib.domain.session_keys import SIGNING_DELAY
from chalicelib.domain.timestamps import to_text
from chalicelib.services import normalization
from chalicelib.services.accounts.account_administration import AccountAdministration, SupportAction
from chalicelib.services.accounts.account_settings import end_sessions, reset_second_factor
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Clock, Files, Ids, PdfFunction, SessionKeyRotation, Store, Switches
from chalicelib.services.practices.logos import set_logo
from chalicelib.services.practices.practices import Practices
from chalicelib.services.practices.request_authentication import is_practice_id
from chalicelib.services.practices.visibility_report import VisibilityReport
from chalicelib.services.shown_names import is_taken, normalize_name
from chalicelib.services.transaction import Change, Claim

ACTIONS = (
    "create_practice",
    "rename_practice",
    "rotate_api_key",
    "rotate_webhook_secret",
    "rotate_fax_address",
    "set_switch",
    "set_fax_number",
    "set_logo",
    "reset_second_factor",
    "end_sessions",
    "find_account",
    "separate_people",
    "correct_name",
    "release_address",
    "close_account",
    "move_account",
    "rotate_session_key",
    "report_visibility",
    "ping",
)
"""The methods of `AdminActions` that a payload may name."""

SIGNING = ("electronic_signature", "sign_without_account")
SWITCHES = (*SIGNING, "second_factor")
"""The settings of a practice that are on or off. Those in `SIGNING` may be set when the practice is created."""

MAX_NAME_CHARS = 100

_KEY = re.compile("[A-Za-z0-9_]{1,40}")


def _read_payer(text: str) -> PayerKind:
    if text not in list(PayerKind):
        raise ValueError(f"must be one of {', '.join(PayerKind)}")
    return PayerKind(text)


_NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "phone": normalization.normalize_phone,
    "reply_to": normalization.normalize_email,
    "time_zone": normalization.validate_time_zone,
    "default_payer": _read_payer,
}


@dataclass(frozen=True, kw_only=True)
class AdminActions:
    """The admin function. Each public method is an action, and its argument is the payload of the action."""

    practices: Practices
    files: Files
    quick_pdf: PdfFunction
    store: Store
    switches: Switches
    session_key_rotation: SessionKeyRotation
    ids: Ids
    clock: Clock
    fax_countries: Collection[str]
    visibility_report: VisibilityReport
    account_administration: AccountAdministration

    def run(self, payload: Any) -> Mapping[str, Any]:
        """Do the action that the payload names in `action`, and return the action's result.

        A refused action returns `{"error": {"code", "detail", "errors"}}` and changes nothing."""
        try:
            if not isinstance(payload, Mapping):
                raise invalid_field("payload", 'must be a JSON object such as {"action": "ping"}')
            action = payload.get("action")
            if action not in ACTIONS:
                raise invalid_field("action", f"must be one of {', '.join(ACTIONS)}")
            result: Mapping[str, Any] = getattr(self, action)(payload, self.clock.now())
        except PortalError as error:
            errors = [{"field": wrong.field, "message": wrong.message} for wrong in error.errors]
            return {"error": {"code": error.code, "detail": error.detail, "errors": errors}}
        return result

    def create_practice(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Create a practice. Return `{"id", "api_key", "webhook_secret"}`.

        Only `name` is required. Optional are `phone`, `fax`, `reply_to`, `time_zone`, `default_payer`,
        `electronic_signature` and `sign_without_account`."""
        name = _require_text(payload, "name", normalize_name)
        values = {field: _read_text(payload, field, read) for field, read in _NORMALIZERS.items()}
        values["fax"] = _read_text(payload, "fax", lambda text: normalization.normalize_fax(text, self.fax_countries))
        settings = {field: value for field, value in values.items() if value is not None}
        switches = {name: _read_switch(payload, name) for name in SIGNING if payload.get(name) is not None}
        self._require_free_name(name)
        new = self.practices.create(name, settings, now)
        self._set_switches(new.practice.id, switches)
        return {"id": new.practice.id, "api_key": new.api_key, "webhook_secret": new.webhook_secret}

    def rename_practice(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Give the practice `practice_id` another `name` for documents that it sends from now on.

        Return `{"id", "name"}`."""
        practice_id, name = _read_practice_id(payload), _require_text(payload, "name", normalize_name)
        self._require_free_name(name, but=practice_id)
        self.practices.change(practice_id, now, lambda practice: replace(practice, name=name))
        return {"id": practice_id, "name": name}

    def _require_free_name(self, name: str, *, but: str | None = None) -> None:
        """Raise `Conflict` if another practice has a name that people could not distinguish from this name.

        `but` is the id of the practice that is to get the name, whose own present name does not count."""
        if is_taken(name, (practice.name for practice in self.store.practices() if practice.id != but)):
            raise Conflict("Another practice has this name.", errors=(FieldError("name", "names another practice"),))

    def rotate_api_key(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Give the practice `practice_id` a new API key. Return `{"id", "api_key"}`.

        With `end_others`, all old keys end immediately."""
        practice_id, end_others = _read_practice_id(payload), _read_flag(payload, "end_others")
        return {"id": practice_id, "api_key": self.practices.rotate_key(practice_id, now, end_others=end_others)}

    def rotate_webhook_secret(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Give the practice `practice_id` a new webhook secret. Return `{"id", "webhook_secret"}`.

        With `end_others`, all old secrets end immediately."""
        practice_id, end_others = _read_practice_id(payload), _read_flag(payload, "end_others")
        secret = self.practices.rotate_secret(practice_id, now, end_others=end_others)
        return {"id": practice_id, "webhook_secret": secret}

    def rotate_fax_address(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Give the practice `practice_id` a new email address for forwarded faxes. Return `{"id", "fax_email"}`.

        With `end_others`, the old addresses end immediately."""
        practice_id, end_others = _read_practice_id(payload), _read_flag(payload, "end_others")
        address = self.practices.rotate_fax_address(practice_id, now, end_others=end_others)
        return {"id": practice_id, "fax_email": address}

    def set_switch(self, payload: Mapping[str, Any], _now: datetime) -> Mapping[str, Any]:
        """Set a practice's settings `electronic_signature`, `sign_without_account`, `second_factor` (true or false).

        Settings that the payload does not name stay as they are. Return the new values."""
        practice_id = _read_practice_id(payload)
        values = {name: _read_switch(payload, name) for name in SWITCHES if name in payload}
        if not values:
            raise invalid_field("electronic_signature", f"or another of {', '.join(SWITCHES)} must be true or false")
        if self.store.practice(practice_id) is None:
            raise invalid_field("practice_id", "names no practice")
        self._set_switches(practice_id, values)
        return {"id": practice_id, **values}

    def _set_switches(self, practice_id: str, values: Mapping[str, bool]) -> None:
        setters = {
            "electronic_signature": self.switches.set_electronic_signature,
            "sign_without_account": self.switches.set_sign_without_account,
            "second_factor": self.switches.set_second_factor,
        }
        for name, is_on in values.items():
            setters[name](practice_id, on=is_on)

    def set_fax_number(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Give the practice `practice_id` the fax number `fax` of the installation's fax carrier, for returned faxes.

        The portal then matches the faxes that come in there with the documents of this practice. With `replaces` (the
        id of another practice), that practice loses the number. Return `{"id", "fax"}`. Raises `Conflict` if the number
        belongs to another practice."""
        _require_keys(payload, "practice_id", "fax", optional=("replaces",))
        practice_id = _read_practice_id(payload)
        number = _require_text(payload, "fax", lambda text: normalization.normalize_fax(text, self.fax_countries))
        replaces = _read_text(payload, "replaces", normalization.normalize_line)
        claim = Claim(key=own_fax_number_claim(number), owner=practice_id, replaces=replaces)
        try:
            self.practices.change(practice_id, now, lambda practice: replace(practice, fax=number), claims=(claim,))
        except ConcurrentUpdate:
            taken = FieldError("fax", "belongs to another practice")
            raise Conflict("The number belongs to another practice.", errors=(taken,)) from None
        return {"id": practice_id, "fax": number}

    def set_logo(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Set the practice's logo. Return `{"id", "width", "height"}`, or only the id for no logo.

        `image` is a PNG or JPEG in base64. A missing image or null removes the logo."""
        practice_id, image = _read_practice_id(payload), payload.get("image")
        try:
            data = None if image is None else b64decode(str(image), validate=True)
        except ValueError as error:
            raise invalid_field("image", "must be in base64") from error
        try:
            logo = set_logo(self.practices, self.files, self.quick_pdf, practice_id, data, now)
        except ValueError as error:
            raise invalid_field("image", str(error)) from error
        return {"id": practice_id} | ({"width": logo.width, "height": logo.height} if logo else {})

    def reset_second_factor(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Remove the second factor of the account with this `email`. Return `{"id"}`.

        Support uses this action for a person who has lost every device and recovery code, after a check of
        the person's identity. All sessions of the account end, and its owner gets an email."""

        def change(owner: Provider) -> Change | None:
            return reset_second_factor(self.ids, owner, now) if owner.has_second_factor else None

        return self._change_account(payload, change, "names no account with a second factor")

    def end_sessions(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Log the account with this `email` out everywhere. Return `{"id"}`."""

        def change(owner: Provider) -> Change | None:
            return end_sessions(self.ids, owner, now) if owner.has_account else None

        return self._change_account(payload, change, "names no account")

    def _change_account(
        self, payload: Mapping[str, Any], change: Callable[[Provider], Change | None], problem: str
    ) -> Mapping[str, Any]:
        """Commit a change to the account with the payload's `email`, and return the account's id.

        Raises `Invalid` with `problem` if there is no account or nothing to change."""
        key = email_claim(_require_text(payload, "email", normalization.normalize_email))

        def step() -> str | None:
            owner = self.store.provider(self.store.claims([key]).get(key, "prv_nobody"))
            row_change = change(owner) if owner else None
            if owner is None or row_change is None:
                return None
            self.store.commit(row_change)
            return owner.id

        owner_id = retry_on_conflict(step, retry_on=frozenset({"provider"}))
        if owner_id is None:
            raise invalid_field("email", problem)
        return {"id": owner_id}

    def find_account(self, payload: Mapping[str, Any], _now: datetime) -> Mapping[str, Any]:
        """Return `{"id", "name", "emails"}` of the account to which this `email` belongs."""
        _require_keys(payload, "email")
        account = self.account_administration.find(_require_text(payload, "email", normalization.normalize_email))
        return {"id": account.id, "name": account.name, "emails": list(account.proven_emails)}

    def separate_people(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Separate another person from the provider `provider_id`, because the portal took both for the same provider.

        The provider then no longer gets the other person's documents. `first_name`, `last_name` and `npi` (or null) are
        those of the other person, as the documents state them. With `remove_npi`, the provider loses this NPI. Return
        the provider's `{"id"}`."""
        _require_keys(payload, "operator", "provider_id", "first_name", "last_name", "npi", optional=("remove_npi",))
        person = Addressee(
            first_name=_require_text(payload, "first_name", _normalize_name),
            last_name=_require_text(payload, "last_name", _normalize_name),
            npi=_read_text(payload, "npi", _validate_npi),
        )
        provider_id, action = _read_account_action(payload, now)
        remove_npi = _read_flag(payload, "remove_npi")
        self.account_administration.separate(provider_id, person, action, remove_npi=remove_npi)
        return {"id": provider_id}

    def correct_name(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Correct the name of the owner of the account `provider_id`, and return the account's `{"id"}`.

        A name of one word is a `last_name`, and `first_name` is then null."""
        _require_keys(payload, "operator", "provider_id", "first_name", "last_name")
        provider_id, action = _read_account_action(payload, now)
        first_name = _read_text(payload, "first_name", _normalize_name) or ""
        last_name = _require_text(payload, "last_name", _normalize_name)
        self.account_administration.correct_name(provider_id, first_name, last_name, action)
        return {"id": provider_id}

    def release_address(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Remove the address `email` from the account `provider_id`, so that another account can add the address.

        Return the account's `{"id"}`. Raises `Conflict` if the address is the account's username."""
        _require_keys(payload, "operator", "provider_id", "email")
        provider_id, action = _read_account_action(payload, now)
        email = _require_text(payload, "email", normalization.normalize_email)
        self.account_administration.release_address(provider_id, email, action)
        return {"id": provider_id}

    def close_account(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Close the account `provider_id` for good, and return the account's `{"id"}`."""
        _require_keys(payload, "operator", "provider_id")
        provider_id, action = _read_account_action(payload, now)
        self.account_administration.close(provider_id, action)
        return {"id": provider_id}

    def move_account(self, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Email a link to `email`, with which the reader of this address takes over the account `provider_id`.

        Return `{"id"}` of the account."""
        _require_keys(payload, "operator", "provider_id", "email")
        provider_id, action = _read_account_action(payload, now)
        email = _require_text(payload, "email", normalization.normalize_email)
        self.account_administration.start_move(provider_id, email, action)
        return {"id": provider_id}

    def rotate_session_key(self, payload: Mapping[str, Any], _now: datetime) -> Mapping[str, Any]:
        """Rotate the key that signs sessions. Return `{"rotated": true, "sessions_ended"}`.

        The newest two keys verify sessions, so sessions survive one rotation. With `end_sessions`, two rotations end
        all sessions. This option is for a key that may have leaked."""
        end_sessions = _read_flag(payload, "end_sessions")
        if end_sessions:
            self.session_key_rotation.rotate(self.ids.token())
        else:
            _check_age(self.session_key_rotation.rotated_at(), self.clock.now())
        self.session_key_rotation.rotate(self.ids.token())
        return {"rotated": True, "sessions_ended": end_sessions}

    def report_visibility(self, payload: Mapping[str, Any], _now: datetime) -> Mapping[str, Any]:
        """Report accounts whose lists contain documents that were sent to none of the account's email addresses.

        Administrators run this action after the update that brought the present access rules (CHANGELOG.md). Under
        these rules, the account may no longer open some of these documents.

        The result is `{"accounts", "checked", "next"}`. Each call also queues a new check of the providers on its page.
        So the first run through all pages starts the checks, and a later run returns their results. `after` is the
        `next` of the previous page."""
        return self.visibility_report.page(_read_text(payload, "after", normalization.normalize_line))

    def ping(self, _payload: Mapping[str, Any], _now: datetime) -> Mapping[str, Any]:
        """Return `{"ok": true}`. A ping keeps the function warm."""
        return {"ok": True}


def _check_age(rotated_at: datetime | None, now: datetime) -> None:
    """Raise `Conflict` if the newest session key, created at `rotated_at`, is too new for another rotation.

    A rotation makes the second newest key invalid. That key still signed sessions for a few minutes after the newest
    key was created, so these sessions must have ended first."""
    allowed_at = rotated_at + SIGNING_DELAY + SESSION_LIFETIME if rotated_at else now
    if now < allowed_at:
        raise Conflict(
            "The key is too new. A rotation now would end sessions that the key before it signed. "
            f"Wait until {to_text(allowed_at)}, or end all sessions with end_sessions."
        )


def _require_keys(payload: Mapping[str, Any], *required: str, optional: Collection[str] = ()) -> None:
    """Raise `Invalid` if the payload has an unknown key or lacks a required key. The error names each key.

    An unknown key that may be an address or a person's name is not quoted, because the error is logged."""
    errors = [
        FieldError(key, "is not known here") if _KEY.fullmatch(key) else FieldError("payload", "has an unknown key")
        for key in payload
        if key not in {"action", *required, *optional}
    ]
    errors += [FieldError(key, "is missing") for key in required if key not in payload]
    if errors:
        raise Invalid(" ".join(f"{error.field} {error.message}." for error in errors), errors=errors)


def _read_account_action(payload: Mapping[str, Any], now: datetime) -> tuple[str, SupportAction]:
    """Return the provider's id (`provider_id`), and who of support changes the account (`operator`) and when."""
    operator = _require_text(payload, "operator", _normalize_name)
    return _require_text(payload, "provider_id", _normalize_name), SupportAction(operator, now)


def _normalize_name(text: str) -> str:
    name = normalization.normalize_line(text)
    if len(name) > MAX_NAME_CHARS:
        raise ValueError(f"must have at most {MAX_NAME_CHARS} characters")
    return name


def _validate_npi(text: str) -> str:
    if not npis.is_valid(text):
        raise ValueError("must be a valid 10-digit NPI, or null")
    return text


def _read_practice_id(payload: Mapping[str, Any]) -> str:
    value = payload.get("practice_id")
    if not isinstance(value, str) or not is_practice_id(value):
        raise invalid_field("practice_id", "must be the id of a practice, such as prc_...")
    return value


def _read_flag(payload: Mapping[str, Any], name: str) -> bool:
    """Return an optional boolean of the payload.

    A text such as "yes" is an error, because it must not count as false."""
    return name in payload and _read_switch(payload, name)


def _read_switch(payload: Mapping[str, Any], name: str) -> bool:
    value = payload.get(name)
    if not isinstance(value, bool):
        raise invalid_field(name, "must be true or false")
    return value


def _read_text(payload: Mapping[str, Any], name: str, normalize: Callable[[str], str]) -> str | None:
    """Return a text of the payload in its normal form, or None if the field is missing or empty."""
    value = payload.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise invalid_field(name, "must be text")
    try:
        return normalize(value)
    except ValueError as error:
        raise invalid_field(name, str(error)) from error


def _require_text(payload: Mapping[str, Any], name: str, normalize: Callable[[str], str]) -> str:
    text = _read_text(payload, name, normalize)
    if text is None:
        raise invalid_field(name, "is missing")
    return text
