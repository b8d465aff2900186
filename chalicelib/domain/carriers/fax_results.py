"""The reports of the fax carrier, and the next step after each failure of a fax (docs/decisions/043)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from chalicelib.domain.follow_up.calendar import OFFICE_HOURS, next_allowed


class FaxState(StrEnum):
    """The state of a fax at the fax carrier. `ON_THE_WAY` is every state before the final result."""

    ON_THE_WAY = "on_the_way"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class FaxReport:
    """The fax carrier's statement about one fax.

    `client_state` is the text of `fax_mark`, which the portal gave the carrier with the fax. `pages` is the number of
    pages that the receiving machine confirmed. `reason` is the carrier's code for a failure. `sha256` is the hash (hex)
    of the report's raw bytes. A report never names a patient."""

    fax_id: str
    state: FaxState
    client_state: str
    at: datetime
    pages: int | None = None
    reason: str | None = None
    sha256: str | None = None


def fax_mark(delivery_id: str, attempt: int) -> str:
    """Return a text such as `dlv_….2` for one attempt (counted from 1), which the carrier repeats in its reports."""
    return f"{delivery_id}.{attempt}"


def read_fax_mark(mark: str) -> tuple[str, int]:
    """Return the delivery's id and the attempt's number from a text of `fax_mark`.

    From any other text, the number is 0, and the delivery's id has no meaning."""
    delivery_id, _, attempt = mark.rpartition(".")
    return delivery_id, int(attempt) if attempt.isascii() and attempt.isdigit() else 0


class Remedy(StrEnum):
    """The next step after a failed attempt to send a fax. The next step depends on the reason of the failure.

    The fax is sent again soon (`SOON`), in office hours (`OFFICE_HOUR`), or with settings for bad lines (`PLAINER`).
    `CHECK_NUMBER` (the number may be wrong) allows one more try. `WRONG_NUMBER` and `OUR_FAULT` (a fault of the portal)
    allow none."""

    SOON = "soon"
    OFFICE_HOUR = "office_hour"
    PLAINER = "plainer"
    CHECK_NUMBER = "check_number"
    WRONG_NUMBER = "wrong_number"
    OUR_FAULT = "our_fault"


REFUSED_REQUEST = "request_refused"
"""The portal's own reason for a request that the carrier refused."""

INCOMPLETE = "pages_not_confirmed"
"""The portal's own reason for a fax that the carrier delivered with fewer pages than the portal sent."""

FILE_FAULTS = ("file_*", "page_count_limit_exceeded", "media_processing_exception")
"""The carrier's reasons for a fault of the file of a call. One fax of a joint call can spoil the file of all."""

REMEDIES: Sequence[tuple[Remedy, str, Sequence[str]]] = (
    (
        Remedy.SOON,
        "The line was busy.",
        ("user_busy", "*_channel_limit_exceeded", "service_unavailable", "carrier_lost"),
    ),
    (
        Remedy.OFFICE_HOUR,
        "No fax machine answered.",
        (
            "receiver_no_answer",
            "receiver_no_response",
            "receiver_recovery_on_timer_expire",
            "receiver_decline",
            "destination_unreachable",
        ),
    ),
    (
        Remedy.PLAINER,
        "The fax was cut off.",
        (
            "fax_signaling_error",
            "receiver_communication_error",
            "sender_communication_error",
            "receiver_call_dropped",
            "sender_call_dropped",
            "invalid_ecm_response_from_receiver",
            INCOMPLETE,
        ),
    ),
    (
        Remedy.CHECK_NUMBER,
        "A person or nothing answers at this number. Check the number.",
        ("fax_initial_communication_timeout",),
    ),
    (
        Remedy.WRONG_NUMBER,
        "The fax number is wrong: no fax machine can be reached there.",
        (
            "receiver_unallocated_number",
            "receiver_invalid_number_format",
            "destination_invalid",
            "receiver_incompatible_destination",
        ),
    ),
    (
        Remedy.OUR_FAULT,
        "The fax service did not accept the fax. The operators of the portal have been alerted.",
        (
            REFUSED_REQUEST,
            "account_disabled",
            "no_outbound_profile",
            "destination_not_in_*",
            "outbound_profile_daily_spend_limit_exceeded",
            "unverified_*",
            *FILE_FAULTS,
        ),
    ),
)
"""The next step for each failure reason of the carrier, with the sentence that the clinic reads.

A reason may end or begin with `*`. The reasons are those of the carrier's public documentation.
"""

SOON_AFTER = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 20, 40))
PLAINER_AFTER = (timedelta(minutes=5), timedelta(minutes=5))
CHECK_AFTER = (timedelta(minutes=10),)
OFFICE_HOUR_TRIES = 3
_WAITS = {Remedy.SOON: SOON_AFTER, Remedy.PLAINER: PLAINER_AFTER, Remedy.CHECK_NUMBER: CHECK_AFTER}


def remedy_of(reason: str) -> Remedy:
    """Return the next step for a failure reason of the fax carrier. For an unknown reason, the fax is soon sent
    again."""
    return _row(reason)[0]


def is_file_fault(reason: str) -> bool:
    """Return True if the fax carrier's failure reason is a fault of the file that it should send."""
    return any(fnmatchcase(reason, pattern) for pattern in FILE_FAULTS)


def describe(reason: str) -> str:
    """Return the sentence that explains a failed fax to the clinic, for a failure reason of the fax carrier."""
    return _row(reason)[1]


def _row(reason: str) -> tuple[Remedy, str]:
    for remedy, sentence, patterns in REMEDIES:
        if any(fnmatchcase(reason, pattern) for pattern in patterns):
            return remedy, sentence
    return Remedy.SOON, "The fax did not go through."


def wait_after(reason: str, earlier: Sequence[str], now: datetime) -> timedelta | None:
    """Return the wait before the fax is sent again, or None if the fax is not sent again.

    `reason` is the carrier's code for the last failure, and `earlier` are the codes of the failures before it. The
    number of tries is limited for each `Remedy` (the next step that the code calls for). `now` is in the practice's
    time zone."""
    remedy = remedy_of(reason)
    done = sum(remedy_of(other) is remedy for other in earlier)
    if remedy is Remedy.OFFICE_HOUR:
        return next_office_hour(now) - now if done < OFFICE_HOUR_TRIES else None
    waits = _WAITS.get(remedy, ())
    return waits[done] if done < len(waits) else None


def next_office_hour(now: datetime) -> datetime:
    """Return the start of the next full hour in the office hours of a working day, in the time zone of `now`."""
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return next_allowed(hour, OFFICE_HOURS, [str(now.tzinfo)]).astimezone(now.tzinfo)


@dataclass(frozen=True, kw_only=True)
class FaxQuality:
    """The transmission settings of one attempt to send a fax. Plainer settings succeed on bad telephone connections.

    `resolution` is `high` or `normal`. `uses_t38` is true for the faster fax protocol T.38."""

    resolution: str
    uses_t38: bool


def quality_after(reasons: Sequence[str]) -> FaxQuality:
    """Return the transmission settings for the next attempt of a fax, plainer for each failure that cut the fax off."""
    cut_off = sum(remedy_of(reason) is Remedy.PLAINER for reason in reasons)
    return FaxQuality(resolution="normal" if cut_off else "high", uses_t38=cut_off < len(PLAINER_AFTER))
