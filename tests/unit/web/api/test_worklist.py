"""Test the list of documents that need the attention of a clinic's staff (`GET /v1/documents?report=attention`)."""

import csv
import io
from datetime import date
from typing import Any

import pytest

from chalicelib.domain.certification.facts import AttentionReason
from tests.support.portal import Portal, header
from tests.unit.web.api.test_emr import Emr, read_body, read_problem


def ask(emr: Emr, day: int, **changes: Any) -> str:
    """Send a document that is due on this day of December 2026, and store that staff must act on it. Return its id."""
    document_id = emr.send(external_id=f"POC-{day}")
    emr.change(document_id, attention=AttentionReason.ADDRESS_CORRECTED, due_on=date(2026, 12, day), **changes)
    return document_id


def read_worklist(emr: Emr, query: str = "") -> dict[str, Any]:
    return read_body(emr.get(f"/v1/documents?report=attention{query}"))


def test_the_worklist_says_whom_to_call_and_how_urgently(emr: Emr) -> None:
    later, sooner = ask(emr, 20, calls=2), ask(emr, 2)
    emr.send(external_id="POC-QUIET")
    documents = read_worklist(emr)["documents"]
    assert [document["id"] for document in documents] == [sooner, later]
    assert [document["attention"] for document in documents] == [
        {
            "reason": "address_corrected",
            "call": {"name": "Luis Rivera, MD", "number": "+15125550190"},
            "tries": tries,
            "days_left": days_left,
        }
        for tries, days_left in ((1, 10), (3, 28))
    ]


def test_the_cursor_continues_the_worklist_and_no_other_list(emr: Emr) -> None:
    ids = [ask(emr, day) for day in (3, 9, 27)]
    first = read_worklist(emr, "&limit=2")
    cursor = first["next_cursor"]
    second = read_worklist(emr, f"&limit=2&cursor={cursor}")
    assert [document["id"] for document in (*first["documents"], *second["documents"])] == ids
    assert second["next_cursor"] is None
    for other in ("unsigned", "all"):
        refused = read_problem(emr.get(f"/v1/documents?report={other}&cursor={cursor}"), 400, "invalid-request")
        assert [error["field"] for error in refused["errors"]] == ["cursor"]


def test_another_practice_has_another_worklist(emr: Emr, portal: Portal) -> None:
    stranger = Emr(portal, "Another practice")
    ask(emr, 3)
    ask(emr, 9)
    cursor = read_worklist(emr, "&limit=1")["next_cursor"]
    assert read_worklist(stranger) == {"documents": [], "next_cursor": None}
    read_problem(stranger.get(f"/v1/documents?report=attention&cursor={cursor}"), 400, "invalid-request")


def test_a_call_takes_the_document_off_the_worklist(emr: Emr) -> None:
    document_id = ask(emr, 3)
    called = {"document_id": document_id, "at": "2026-11-22T19:00:00Z", "by": "Jo"}
    for result, left in (("no_answer", [document_id]), ("will_sign", [])):
        emr.event({**called, "result": result}, "document.called")
        assert [document["id"] for document in read_worklist(emr)["documents"]] == left


def test_the_worklist_is_csv_with_the_call_and_the_days_left(emr: Emr) -> None:
    ask(emr, 3)
    emr.change(ask(emr, 4), due_on=date(2026, 11, 21))
    emr.send(external_id="POC-QUIET")
    columns = ("attention_reason", "call_name", "call_number", "tries", "days_left")
    response = emr.get("/v1/documents?report=attention&format=csv")
    assert header(response, "content-type") == "text/csv; charset=utf-8"
    overdue, row = csv.DictReader(io.StringIO(response.body.decode("utf-8-sig")))
    assert overdue["days_left"] == "-1"
    assert [row[name] for name in columns] == ["address_corrected", "Luis Rivera, MD", "'+15125550190", "1", "11"]
    everything = emr.get("/v1/documents?report=all&format=csv").body.decode("utf-8-sig")
    quiet = next(row for row in csv.DictReader(io.StringIO(everything)) if row["external_id"] == "POC-QUIET")
    assert [quiet[name] for name in columns] == [""] * 5


# Silent providers


def test_the_silent_providers_are_those_of_the_practice(emr: Emr, portal: Portal) -> None:
    stranger = Emr(portal, "Another practice")
    stranger.send()
    expected: dict[str, Any] = {
        "name": "Luis Rivera, MD",
        "npi": "1234567893",
        "phone": "+15125550190",
        "email": "dr.rivera@example.com",
        "fax": "+15125550100",
        "open": 1,
        "oldest_sent_at": "2026-11-22T19:00:00.000Z",
        "median_days": None,
        "last_reaction_at": None,
        "best_channel": None,
    }
    for path in ("/v1/providers", "/v1/providers?report=silent"):
        assert read_body(stranger.get(path)) == {"providers": [expected], "complete": True}
        assert read_body(emr.get(path)) == {"providers": [], "complete": True}


@pytest.mark.parametrize("query", ["report=all", "practice_id=prc_1"])
def test_an_unknown_report_of_providers_is_refused(emr: Emr, query: str) -> None:
    refused = read_problem(emr.get(f"/v1/providers?{query}"), 400, "invalid-request")
    assert [error["field"] for error in refused["errors"]] == [query.partition("=")[0]]
