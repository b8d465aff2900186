"""Test the words of a proof of transmission: the seven parts in order, and a text for every value."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from chalicelib.domain.certification.facts import CallResult, TransmissionChannel
from chalicelib.domain.certification.rules import CertifiedBy
from chalicelib.domain.documents import DeclineReason
from chalicelib.domain.status import Outcome, Status
from chalicelib.pdf.models import ProofSheet, SheetRow
from chalicelib.services.proof.proof_attempts import Carries, ProofAttempt, ProofResult
from chalicelib.services.proof.proof_schema import ProofResource
from chalicelib.services.proof.proof_sheet import CALLS, CERTIFIED, OUTCOMES, RESULTS, WAYS, proof_sheet

HASH, SHOWN_HASH = "0123456789abcdef" * 4, " ".join(["01234567 89abcdef"] * 4)
FAX: Mapping[str, Any] = {
    "channel": "fax",
    "carries": Carries.DOCUMENT,
    "to": "+15125550100",
    "started_at": "2026-11-22T19:00:00.000Z",
    "ended_at": "2026-11-22T19:01:05.000Z",
    "carrier": "Telnyx",
    "carrier_id": "fax_1",
    "pages_sent": 4,
    "pages_confirmed": 4,
    "result": ProofResult.CONFIRMED,
    "result_code": None,
    "detail": "The receiving machine confirmed all 4 pages.",
    "receipt_sha256": HASH,
}
CALL: Mapping[str, Any] = {
    "channel": "phone",
    "carries": Carries.CALL,
    "to": None,
    "ended_at": None,
    "carrier": None,
    "result": ProofResult.NOTED,
}
PROOF: Mapping[str, Any] = {
    "document_id": "doc_1",
    "practice": "Hill Country Therapy",
    "time_zone": "America/Chicago",
    "as_of": "2026-11-22",
    "status": Status.PENDING,
    "order": {"signed_on": "2026-11-10", "name": "Luis Rivera, MD", "npi": "1234567893", "discipline": "PT"},
    "plan": {
        "title": "Plan of Care, initial evaluation",
        "kind": "plan_of_care",
        "external_id": "POC-1001",
        "patient": "Ada Byron",
        "date_of_birth": "1950-12-10",
        "therapist": "Sam Lee, PT, DPT",
        "document_id": "doc_1",
        "sha256": HASH,
        "pages": 3,
        "sent_at": "2026-11-20T19:00:00.000Z",
        "first_visit_on": "2026-11-20",
        "period_from": "2026-11-21",
        "period_to": "2027-02-17",
    },
    "addressee": {"name": "Luis Rivera, MD", "npi": "1234567893", "npi_is_the_orders": True},
    "attempts": [FAX],
    "transmission": {
        "transmitted_at": "2026-11-22T19:01:05.000Z",
        "transmitted_on": "2026-11-22",
        "via": "fax",
        "day": 2,
        "of_days": 30,
        "notice_accepted_at": None,
        "notice_delivered_at": "2026-11-22T19:02:00.000Z",
        "opened_at": "2026-11-22T19:03:00.000Z",
        "downloaded_at": "2026-11-22T19:04:00.000Z",
        "fax_confirmed_at": "2026-11-22T19:01:05.000Z",
        "certified_by": CertifiedBy.ORDER_AND_TRANSMISSION,
        "certified_on": "2026-11-22",
    },
    "decision": None,
    "does_not_show": ["It does not show that anyone read the plan."],
    "trail": {"sequence": 5, "head": "ab" * 32, "intact": True, "anchor": None},
}
START_TIME = "November 22, 2026\n1:00:00 PM CST"


def sheet(**changes: Any) -> ProofSheet:
    return proof_sheet(cast(ProofResource, {**PROOF, **changes}), verify_url="https://portal.test/verify")


def within(part: str, **changes: Any) -> dict[str, Any]:
    """Return the change of some fields in one part of the proof."""
    return {part: {**PROOF[part], **changes}}


def rows(number: int, **changes: Any) -> dict[str, str]:
    """Return the rows of a section (counted from 1) by their labels."""
    return dict(sheet(**changes).sections[number - 1].rows)


def row_of(**changes: Any) -> SheetRow:
    attempt = cast(ProofAttempt, {**FAX, **changes})
    (row,) = sheet(attempts=[attempt]).sections[3].table
    return row


def test_the_parts_are_numbered_in_order() -> None:
    made = sheet()
    assert [section.heading for section in made.sections] == [
        "1. The signed order",
        "2. The plan",
        "3. The addressee",
        "4. Every attempt",
        "5. The transmission",
        "6. The provider's decision",
        "7. What this proof does not show",
        "Where these facts come from",
    ]
    assert (made.document_id, made.practice_name) == ("doc_1", "Hill Country Therapy")
    assert made.verify_url == "https://portal.test/verify"
    assert made.statement == "Plan of Care, initial evaluation, for Ada Byron. As of November 22, 2026."


def test_the_order() -> None:
    assert rows(1) == {"Signed on": "11/10/2026", "Signed by": "Luis Rivera, MD, NPI 1234567893", "Discipline": "PT"}
    assert rows(1, order=None) == {"Order": "The clinic stated none."}
    nothing = {"signed_on": None, "name": None, "npi": None, "discipline": None}
    assert set(rows(1, order=nothing).values()) == {"Not stated"}


def test_the_plan() -> None:
    assert rows(2) == {
        "Title": "Plan of Care, initial evaluation",
        "Kind": "Plan of care",
        "Patient": "Ada Byron, DOB 12/10/1950",
        "Therapist": "Sam Lee, PT, DPT",
        "Document ID": "doc_1",
        "Clinic's ID": "POC-1001",
        "SHA-256": SHOWN_HASH,
        "Pages": "3",
        "Sent by clinic": "November 20, 2026, 1:00:00 PM CST",
        "First visit": "11/20/2026",
        "Period": "11/21/2026 to 02/17/2027",
    }


@pytest.mark.parametrize(
    ("start", "end", "period"),
    [
        (None, None, "Not stated"),
        ("2026-11-21", None, "11/21/2026 to Not stated"),
        (None, "2027-02-17", "Not stated to 02/17/2027"),
    ],
)
def test_unknown_facts_of_the_plan(start: str | None, end: str | None, period: str) -> None:
    unknown = {"therapist": None, "first_visit_on": None, "period_from": start, "period_to": end}
    shown = rows(2, **within("plan", **unknown))
    assert (shown["Therapist"], shown["First visit"], shown["Period"]) == ("Not stated", "Not stated", period)


@pytest.mark.parametrize(
    ("same", "text"),
    [
        (True, "Yes"),
        (False, "No. This transmission can't certify the plan."),
        (None, "Unknown. One of the two NPIs was not stated."),
    ],
)
def test_the_addressee(same: bool | None, text: str) -> None:  # noqa: FBT001 - a parameter of pytest
    shown = rows(3, **within("addressee", npi_is_the_orders=same))
    assert shown == {"Name": "Luis Rivera, MD", "NPI": "1234567893", "Same NPI as order": text}
    assert rows(3, **within("addressee", npi=None))["NPI"] == "Not stated"


def test_a_fax_is_a_row_of_the_table() -> None:
    section = sheet().sections[3]
    assert section.columns == ("Start and end", "Sent to", "Carrier", "Result")
    (row,) = section.table
    assert row.cells == (
        f"{START_TIME}\nto 1:01:05 PM CST",
        "Fax of the plan\n(512) 555-0100",
        "Telnyx\nPages of the call: 4\nPages confirmed: 4",
        "Confirmed, all pages\nThe receiving machine confirmed all 4 pages.",
    )
    assert row.below == f"ID at the carrier: fax_1\nSHA-256 of the raw receipt: {SHOWN_HASH}"


def test_an_email_is_called_a_notice() -> None:
    email = {"channel": "email", "carries": Carries.NOTICE, "to": "dr.rivera@example.com", "carrier": "Amazon SES"}
    cells = row_of(**email, result=ProofResult.DELIVERED, detail="").cells
    assert cells[1:] == ("Email, a notice only\ndr.rivera@example.com", "Amazon SES", "Taken by the mail server")


def test_an_address_that_only_the_owner_stated_is_not_shown() -> None:
    email = {"channel": "email", "carries": Carries.NOTICE, "to": None}
    assert row_of(**email).cells[1] == "Email, a notice only\nto an address of the account"


def test_a_call_has_the_clinics_words_below_it() -> None:
    row = row_of(**CALL, result_code="will_sign", detail="Noted by Kim, for the clinic: Soon.")
    assert row.cells == (START_TIME, "Call to the provider's office", "The clinic", "Will sign")
    assert row.below == "Noted by Kim, for the clinic: Soon."
    assert row_of(**CALL, result_code="later", detail="").cells[3] == "later"
    assert row_of(**CALL, result_code=None, detail="").cells[3] == ""


def test_what_was_not_recorded_is_said() -> None:
    old = row_of(ended_at=None, carrier_id=None, pages_sent=None, pages_confirmed=None, receipt_sha256=None)
    assert old.cells[0] == f"{START_TIME}\nEnd not recorded"
    assert old.cells[2] == "Telnyx\nPages not recorded"
    assert old.below == "ID at the carrier: not recorded\nSHA-256 of the raw receipt: not recorded"


def test_a_failed_fax_confirmed_no_page_and_has_its_code() -> None:
    row = row_of(result=ProofResult.FAILED, result_code="user_busy", detail="The line was busy.", pages_confirmed=None)
    assert row.cells[2] == "Telnyx\nPages of the call: 4\nPages confirmed: none"
    assert row.cells[3] == "Failed\nThe line was busy.\nCode user_busy"
    assert row_of(pages_confirmed=0).cells[2].endswith("Pages confirmed: 0")


def test_a_running_attempt_has_no_end() -> None:
    assert row_of(result=ProofResult.SENDING, ended_at=None).cells[0] == START_TIME


def test_an_end_on_another_day_has_its_date() -> None:
    cells = row_of(ended_at="2026-11-23T19:00:00.000Z").cells
    assert cells[0] == f"{START_TIME}\nto November 23, 2026, 1:00:00 PM CST"


def test_without_attempts_the_part_says_so() -> None:
    section = sheet(attempts=[]).sections[3]
    assert (section.rows, section.table) == ((("Attempts", "None"),), ())


def test_the_verdict_of_a_transmission() -> None:
    section = sheet().sections[4]
    assert section.statement == (
        "Transmitted on November 22, 2026, day 2 of 30: faxed, with all pages confirmed by the receiving machine."
    )
    assert section.rows == (
        ("Notice accepted", "None recorded"),
        ("Notice delivered", "November 22, 2026, 1:02:00 PM CST"),
        ("Opened", "November 22, 2026, 1:03:00 PM CST"),
        ("Downloaded", "November 22, 2026, 1:04:00 PM CST"),
        ("Fax confirmed", "November 22, 2026, 1:01:05 PM CST"),
        ("Certified", "By order and transmission, 11/22/2026"),
    )


@pytest.mark.parametrize(
    ("changes", "statement"),
    [
        ({"transmitted_on": None, "day": 31}, "Not transmitted as of November 22, 2026, day 31 of 30."),
        ({"transmitted_on": None, "day": None}, "Not transmitted as of November 22, 2026."),
        ({"day": 0, "via": None}, "Transmitted on November 22, 2026, day 0 of 30: by a way that was not recorded."),
    ],
)
def test_other_verdicts(changes: dict[str, Any], statement: str) -> None:
    assert sheet(**within("transmission", **changes)).sections[4].statement == statement


def test_a_plan_that_is_not_certified() -> None:
    assert rows(5, **within("transmission", certified_by=None, certified_on=None))["Certified"] == "No"


def test_without_a_decision() -> None:
    assert rows(6) == {"Decision": "None as of November 22, 2026."}
    recalled = "None as of November 22, 2026. The clinic recalled the document."
    assert rows(6, status=Status.RECALLED) == {"Decision": recalled}


def test_a_decision() -> None:
    decision = {
        "outcome": Outcome.DECLINED,
        "decided_at": "2026-11-22T19:00:00.000Z",
        "name": "Luis Rivera",
        "credential": "MD",
        "npi": "1234567893",
        "signed_on": "2026-11-21",
        "decline_reason": DeclineReason.CHANGE_THE_PLAN,
        "note": "Twice a week.",
    }
    assert rows(6, decision=decision) == {
        "Decision": "Declined",
        "Recorded": "November 22, 2026, 1:00:00 PM CST",
        "By": "Luis Rivera, MD, NPI 1234567893",
        "Date on the copy": "11/21/2026",
        "Reason": "Request changes to the plan",
        "Note": "Twice a week.",
    }
    bare = dict.fromkeys(decision) | {"outcome": Outcome.BY_HAND}
    assert rows(6, decision=bare) == {"Decision": "Signed by hand", "Recorded": "None recorded"}
    assert rows(6, decision={**bare, "name": "Luis Rivera"})["By"] == "Luis Rivera"


def test_what_the_proof_does_not_show() -> None:
    assert sheet().sections[6].sentences == ("It does not show that anyone read the plan.",)


def test_the_source() -> None:
    assert rows(8) == {
        "Source": "The document's audit trail, its messages, and the log of who read it",
        "Audit trail": "5 events",
        "Last event's hash": " ".join(["abababab"] * 8),
        "Integrity": "Intact. No event was changed or removed.",
        "Locked copy": "None yet. The first copy is made the day after the first event.",
        "Time zone": "America/Chicago",
    }


@pytest.mark.parametrize(
    ("agrees", "sentence"), [(True, "The trail agrees with it."), (False, "THE TRAIL DOES NOT AGREE WITH IT.")]
)
def test_the_source_is_compared_with_its_locked_copy(agrees: bool, sentence: str) -> None:  # noqa: FBT001 - a parameter of pytest
    anchor = {"day": "2026-11-21", "sequence": 4, "head": "cd" * 32, "agrees": agrees}
    shown = rows(8, **within("trail", intact=False, anchor=anchor))
    assert shown["Integrity"] == "NOT INTACT."
    assert shown["Locked copy"] == f"Event 4, on 11/21/2026. {sentence}"


def test_a_name_in_another_direction_is_isolated() -> None:
    assert "\u2068" in rows(2, **within("plan", patient="עדה ביירון"))["Patient"]
    assert "\u2068" in sheet(**within("plan", patient="עדה ביירון")).statement


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (RESULTS, ProofResult),
        (WAYS, TransmissionChannel),
        (CERTIFIED, CertifiedBy),
        (CALLS, CallResult),
        (OUTCOMES, Outcome),
    ],
)
def test_every_value_has_words(words: Mapping[str, str], values: Any) -> None:
    assert set(words) == set(values)
    assert len(set(words.values())) == len(words)
