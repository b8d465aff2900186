"""The contents of the PDF that proves that a plan reached its provider (proof of transmission), in words.

The PDF has the same seven parts as the proof's JSON, in the same order."""

from collections.abc import Iterator, Mapping
from datetime import date

from chalicelib.domain.certification.facts import CallResult, TransmissionChannel
from chalicelib.domain.certification.rules import CertifiedBy
from chalicelib.domain.status import Outcome, Status
from chalicelib.domain.timestamps import from_text
from chalicelib.pdf.models import ProofSheet, SheetRow, SheetSection
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.local_times import format_local_time
from chalicelib.pdf.text.signer_names import format_signer
from chalicelib.services.labels import DECLINE_REASONS, KINDS
from chalicelib.services.normalization import display_phone
from chalicelib.services.proof.proof_attempts import Carries, ProofAttempt, ProofResult
from chalicelib.services.proof.proof_schema import ProofDecision, ProofResource, ProofTransmission

_COLUMNS = ("Start and end", "Sent to", "Carrier", "Result")
_FINDINGS = (
    ("Notice accepted", "notice_accepted_at"),
    ("Notice delivered", "notice_delivered_at"),
    ("Opened", "opened_at"),
    ("Downloaded", "downloaded_at"),
    ("Fax confirmed", "fax_confirmed_at"),
)
_NOT_STATED, _NONE, _NOT_RECORDED = "Not stated", "None recorded", "not recorded"

RESULTS: Mapping[ProofResult, str] = {
    ProofResult.ACCEPTED: "Accepted by the carrier",
    ProofResult.DELIVERED: "Taken by the mail server",
    ProofResult.CONFIRMED: "Confirmed, all pages",
    ProofResult.ACCEPTED_BY_GATEWAY: "Accepted by the gateway. This is not a transmission.",
    ProofResult.REPORTED_AS_JUNK: "Reported as junk",
    ProofResult.FAILED: "Failed",
    ProofResult.SENDING: "No result yet",
    ProofResult.UNKNOWN: "Result unknown",
    ProofResult.NOTED: "Call noted",
}
WAYS: Mapping[str, str] = {
    TransmissionChannel.ACCOUNT: "opened in the addressee's account",
    TransmissionChannel.EMAILED_CODE: "opened with a code that was sent to the addressee's email address",
    TransmissionChannel.FAX_CODE: "opened with the code on a fax to the addressee's number",
    TransmissionChannel.FAX: "faxed, with all pages confirmed by the receiving machine",
}
CERTIFIED: Mapping[CertifiedBy, str] = {
    CertifiedBy.SIGNATURE: "By signature",
    CertifiedBy.ORDER_AND_TRANSMISSION: "By order and transmission",
    CertifiedBy.VERBAL_PENDING: "Verbally, until a signature follows or the certification lapses",
}
CALLS: Mapping[str, str] = {
    CallResult.NO_ANSWER: "No answer",
    CallResult.LEFT_A_MESSAGE: "Left a message",
    CallResult.WILL_SIGN: "Will sign",
    CallResult.CERTIFIED_VERBALLY: "Certified verbally",
    CallResult.WRONG_PROVIDER: "Wrong provider",
    CallResult.OTHER: "Other",
}
OUTCOMES: Mapping[Outcome, str] = {
    Outcome.APPROVED: "Signed electronically",
    Outcome.DECLINED: "Declined",
    Outcome.BY_HAND: "Signed by hand",
}


def proof_sheet(proof: ProofResource, *, verify_url: str) -> ProofSheet:
    """Return the contents of the PDF for a proof of transmission, in words. Times are in the practice's time zone.

    `verify_url` is the address at which anyone can check that the PDF is genuine."""
    return ProofSheet(
        document_id=proof["document_id"],
        practice_name=proof["practice"],
        statement=_statement(proof),
        verify_url=verify_url,
        sections=(
            _order(proof),
            _plan(proof),
            _addressee(proof),
            _attempts(proof),
            _transmission(proof),
            _decision(proof),
            SheetSection("7. What this proof does not show", sentences=tuple(proof["does_not_show"])),
            _source(proof),
        ),
    )


def _statement(proof: ProofResource) -> str:
    title, patient = isolate(proof["plan"]["title"]), isolate(proof["plan"]["patient"])
    return f"{title}, for {patient}. As of {_long_day(proof['as_of'])}."


def _order(proof: ProofResource) -> SheetSection:
    order, heading = proof["order"], "1. The signed order"
    if order is None:
        return SheetSection(heading, rows=(("Order", "The clinic stated none."),))
    by = format_signer(isolate(order["name"] or ""), "", order["npi"])
    rows = (
        ("Signed on", _short_day(order["signed_on"])),
        ("Signed by", by or _NOT_STATED),
        ("Discipline", order["discipline"] or _NOT_STATED),
    )
    return SheetSection(heading, rows=rows)


def _plan(proof: ProofResource) -> SheetSection:
    plan, zone = proof["plan"], proof["time_zone"]
    period = f"{_short_day(plan['period_from'])} to {_short_day(plan['period_to'])}"
    rows = (
        ("Title", plan["title"]),
        ("Kind", KINDS[plan["kind"]]),
        ("Patient", f"{isolate(plan['patient'])}, DOB {_short_day(plan['date_of_birth'])}"),
        ("Therapist", plan["therapist"] or _NOT_STATED),
        ("Document ID", plan["document_id"]),
        ("Clinic's ID", plan["external_id"]),
        ("SHA-256", _group(plan["sha256"])),
        ("Pages", str(plan["pages"])),
        ("Sent by clinic", _moment(plan["sent_at"], zone)),
        ("First visit", _short_day(plan["first_visit_on"])),
        ("Period", period if plan["period_from"] or plan["period_to"] else _NOT_STATED),
    )
    return SheetSection("2. The plan", rows=rows)


def _addressee(proof: ProofResource) -> SheetSection:
    addressee = proof["addressee"]
    same = {
        True: "Yes",
        False: "No. This transmission can't certify the plan.",
        None: "Unknown. One of the two NPIs was not stated.",
    }[addressee["npi_is_the_orders"]]
    rows = (("Name", addressee["name"]), ("NPI", addressee["npi"] or _NOT_STATED), ("Same NPI as order", same))
    return SheetSection("3. The addressee", rows=rows)


# Part 4


def _attempts(proof: ProofResource) -> SheetSection:
    heading = "4. Every attempt"
    if not proof["attempts"]:
        return SheetSection(heading, rows=(("Attempts", "None"),))
    table = tuple(_attempt(attempt, proof["time_zone"]) for attempt in proof["attempts"])
    return SheetSection(heading, columns=_COLUMNS, table=table)


def _attempt(attempt: ProofAttempt, zone: str) -> SheetRow:
    if attempt["carries"] is Carries.CALL:
        code = attempt["result_code"] or ""
        cells = (_times(attempt, zone), "Call to the provider's office", "The clinic", CALLS.get(code, code))
        return SheetRow(cells, attempt["detail"])
    return SheetRow(
        (_times(attempt, zone), _recipient(attempt), _carrier(attempt), _result(attempt)), _receipt(attempt)
    )


def _times(attempt: ProofAttempt, zone: str) -> str:
    """Return the day and the times of one attempt to reach the provider, on two or three lines, in the time zone
    `zone`."""
    day, start = _moment(attempt["started_at"], zone).rsplit(", ", 1)
    if attempt["carries"] is Carries.CALL or attempt["result"] is ProofResult.SENDING:
        return f"{day}\n{start}"
    if attempt["ended_at"] is None:
        return f"{day}\n{start}\nEnd {_NOT_RECORDED}"
    return f"{day}\n{start}\nto {_moment(attempt['ended_at'], zone).removeprefix(f'{day}, ')}"


def _recipient(attempt: ProofAttempt) -> str:
    if attempt["carries"] is Carries.NOTICE:
        return f"Email, a notice only\n{attempt['to'] or 'to an address of the account'}"
    return f"Fax of the plan\n{display_phone(attempt['to'] or '')}"


def _carrier(attempt: ProofAttempt) -> str:
    carrier, sent, confirmed = attempt["carrier"] or "", attempt["pages_sent"], attempt["pages_confirmed"]
    if attempt["carries"] is Carries.NOTICE:
        return carrier
    if sent is None:
        return f"{carrier}\nPages {_NOT_RECORDED}"
    return f"{carrier}\nPages of the call: {sent}\nPages confirmed: {'none' if confirmed is None else confirmed}"


def _result(attempt: ProofAttempt) -> str:
    code = attempt["result_code"]
    lines = (RESULTS[attempt["result"]], attempt["detail"], f"Code {code}" if code else "")
    return "\n".join(line for line in lines if line)


def _receipt(attempt: ProofAttempt) -> str:
    digest = attempt["receipt_sha256"]
    return (
        f"ID at the carrier: {attempt['carrier_id'] or _NOT_RECORDED}\n"
        f"SHA-256 of the raw receipt: {_group(digest) if digest else _NOT_RECORDED}"
    )


# Parts 5 and 6


def _transmission(proof: ProofResource) -> SheetSection:
    found, zone = proof["transmission"], proof["time_zone"]
    times: Mapping[str, object] = {**found}
    rows = [(label, _optional_moment(times[name], zone)) for label, name in _FINDINGS]
    return SheetSection(
        "5. The transmission", statement=_verdict(proof, found), rows=(*rows, ("Certified", _certified(found)))
    )


def _verdict(proof: ProofResource, found: ProofTransmission) -> str:
    day = "" if found["day"] is None else f", day {found['day']} of {found['of_days']}"
    if found["transmitted_on"] is None:
        return f"Not transmitted as of {_long_day(proof['as_of'])}{day}."
    way = WAYS.get(found["via"] or "", "by a way that was not recorded")
    return f"Transmitted on {_long_day(found['transmitted_on'])}{day}: {way}."


def _certified(found: ProofTransmission) -> str:
    by = found["certified_by"]
    return "No" if by is None else f"{CERTIFIED[by]}, {_short_day(found['certified_on'])}"


def _decision(proof: ProofResource) -> SheetSection:
    decision, heading = proof["decision"], "6. The provider's decision"
    if decision is None:
        recalled = " The clinic recalled the document." if proof["status"] is Status.RECALLED else ""
        return SheetSection(heading, rows=(("Decision", f"None as of {_long_day(proof['as_of'])}.{recalled}"),))
    return SheetSection(heading, rows=tuple(_decision_rows(decision, proof["time_zone"])))


def _decision_rows(decision: ProofDecision, zone: str) -> Iterator[tuple[str, str]]:
    yield "Decision", OUTCOMES[decision["outcome"]]
    yield "Recorded", _optional_moment(decision["decided_at"], zone)
    if decision["name"]:
        yield "By", format_signer(isolate(decision["name"]), isolate(decision["credential"] or ""), decision["npi"])
    if decision["signed_on"]:
        yield "Date on the copy", _short_day(decision["signed_on"])
    if decision["decline_reason"]:
        yield "Reason", DECLINE_REASONS[decision["decline_reason"]]
    if decision["note"]:
        yield "Note", decision["note"]


# The source


def _source(proof: ProofResource) -> SheetSection:
    trail, anchor = proof["trail"], proof["trail"]["anchor"]
    if anchor is None:
        anchored = "None yet. The first copy is made the day after the first event."
    else:
        agreement = "The trail agrees with it." if anchor["agrees"] else "THE TRAIL DOES NOT AGREE WITH IT."
        anchored = f"Event {anchor['sequence']}, on {_short_day(anchor['day'])}. {agreement}"
    rows = (
        ("Source", "The document's audit trail, its messages, and the log of who read it"),
        ("Audit trail", f"{trail['sequence']} events"),
        ("Last event's hash", _group(trail["head"])),
        ("Integrity", "Intact. No event was changed or removed." if trail["intact"] else "NOT INTACT."),
        ("Locked copy", anchored),
        ("Time zone", proof["time_zone"]),
    )
    return SheetSection("Where these facts come from", rows=rows)


# Values


def _optional_moment(text: object, zone: str) -> str:
    return _moment(text, zone) if isinstance(text, str) else _NONE


def _moment(text: str, zone: str) -> str:
    return format_local_time(from_text(text), zone)


def _short_day(text: str | None) -> str:
    return f"{date.fromisoformat(text):%m/%d/%Y}" if text else _NOT_STATED


def _long_day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day:%B} {day.day}, {day.year}"


def _group(digest: str) -> str:
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))
