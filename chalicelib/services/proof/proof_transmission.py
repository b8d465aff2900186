"""Part 5 of the proof that a plan reached its provider: whether and when it did, and the facts that show this.

A notice and *accepted by gateway* are never a transmission (docs/decisions/050)."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from chalicelib.domain.audit import DocumentEventType, Event
from chalicelib.domain.certification.facts import AttentionReason, Certification, TransmissionChannel
from chalicelib.domain.certification.rules import WINDOW, certify, local_day
from chalicelib.domain.documents import Document
from chalicelib.services.json_schema import to_plain
from chalicelib.services.proof.evidence import Evidence
from chalicelib.services.proof.proof_attempts import Carries, ProofAttempt, ProofResult
from chalicelib.services.proof.proof_schema import ProofTransmission


def prove_transmission(evidence: Evidence, attempts: Sequence[ProofAttempt], now: datetime) -> ProofTransmission:
    """Return whether and when the plan reached its addressee, with the facts that show this, as JSON values.

    `attempts` are all attempts to reach the addressee. `now` is the day of the proof. Without a transmission, the days
    are counted until `now`."""
    document, certified = evidence.document, certify(evidence.document, now)
    at, begins_on = document.transmitted_at, (document.certification or Certification()).begins_on
    day = local_day(at or now, document)
    return ProofTransmission(
        transmitted_at=to_plain(at),
        transmitted_on=day.isoformat() if at else None,
        via=document.transmitted_via,
        day=(day - begins_on).days if begins_on else None,
        of_days=WINDOW.days,
        notice_accepted_at=_first_time(document, attempts, Carries.NOTICE, ProofResult.ACCEPTED),
        notice_delivered_at=_first_time(document, attempts, Carries.NOTICE, ProofResult.DELIVERED),
        opened_at=to_plain(_find_opening(document)),
        downloaded_at=to_plain(_find_download(evidence)),
        fax_confirmed_at=_first_time(document, attempts, Carries.DOCUMENT, ProofResult.CONFIRMED),
        certified_by=certified.by if certified else None,
        certified_on=certified.on.isoformat() if certified else None,
    )


def _first_time(
    document: Document, attempts: Sequence[ProofAttempt], carries: Carries, result: ProofResult
) -> str | None:
    """Return the first time (RFC 3339 text) at which a message or call ended with this result, or None if none did.

    Only messages or calls with the kind of contents `carries` count, such as notices by email. They must have gone to
    the addressee's present address or number, because an address that was corrected was somebody else's. A number that
    was reported as wrong does not count either."""
    closed = document.closed_fax.number if document.closed_fax else None
    present = {document.addressee.email, document.addressee.fax} - {None, closed}
    times = (
        attempt["ended_at"] or attempt["started_at"]
        for attempt in attempts
        if attempt["carries"] is carries and attempt["result"] is result and attempt["to"] in present
    )
    return min(times, default=None)


def _find_opening(document: Document) -> datetime | None:
    """Return the time at which the addressee first opened the document, or None if no opening counts.

    An opening with the code of a fax does not count after the fax number was reported as wrong."""
    is_by_fax = document.transmitted_via is TransmissionChannel.FAX_CODE
    return None if document.closed_fax is not None and is_by_fax else document.viewed_at


def _find_download(evidence: Evidence) -> datetime | None:
    """Return the time at which the addressee first downloaded the plan's PDF, or None if there was no download.

    The access log shows who read the document. A reader with a code counts only after the last correction of the
    address or number, because an earlier code may have gone to somebody else. A report of the number as wrong has the
    same effect, until the clinic confirms it."""
    corrected_at = max((*_corrections(evidence.events), *_reports(evidence)), default=None)
    document = evidence.document
    accounts = {f"provider:{document.provider_id}"}
    if document.granted is not None:
        accounts.add(f"provider:{document.granted.provider_id}")
    for access in evidence.accesses:
        is_current = corrected_at is None or access.at > corrected_at
        has_code = access.actor == f"by_hand:{document.provider_id}" and is_current
        if access.what == "original" and (access.actor in accounts or has_code):
            return access.at
    return None


def _corrections(events: Sequence[Event]) -> Iterator[datetime]:
    """Yield the times at which the clinic corrected the addressee's email address or fax number."""
    for event in events:
        is_resent = event.type == DocumentEventType.RESENT
        if is_resent and {"email", "fax"} & set(event.data.get("corrected", ())):
            yield event.at


def _reports(evidence: Evidence) -> Iterator[datetime]:
    """Yield the times at which the fax number was reported as wrong, or nothing if the number is not closed now.

    The report may have come with a fax of another document. Then this document was marked, and asked staff to act."""
    if evidence.document.closed_fax is None:
        return
    for event in evidence.events:
        is_report = event.type == DocumentEventType.WRONG_NUMBER_REPORTED
        is_mark = event.type == DocumentEventType.NEEDS_ATTENTION
        if is_report or (is_mark and event.data.get("reason") == AttentionReason.WRONG_NUMBER):
            yield event.at
