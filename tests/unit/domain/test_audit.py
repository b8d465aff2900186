import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import Event, find_break, make_event

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def chain(length: int, private: dict[str, Any] | None = None) -> list[Event]:
    events: list[Event] = []
    for number in range(length):
        last = events[-1] if events else None
        event = make_event(
            event_id=f"evt_{number}",
            document_id="doc_1",
            previous_sequence=number,
            previous_hash=last.hash if last else "",
            type="document.viewed",
            at=NOON,
            actor="portal",
            data={"page": number},
            private=private or {},
            salt=f"salt{number}",
        )
        events.append(event)
    return events


def test_an_untouched_chain_is_valid() -> None:
    assert find_break(chain(5)) is None


def test_a_rewritten_body_breaks_the_chain() -> None:
    events = chain(5)
    events[2] = replace(events[2], body=events[2].body.replace("viewed", "signed"))
    assert find_break(events) == 3


@pytest.mark.parametrize(
    "rewritten",
    [
        {"id": "evt_9"},
        {"document_id": "doc_2"},
        {"type": "document.approved"},
        {"at": NOON + timedelta(minutes=1)},
        {"actor": "provider:prv_2"},
    ],
)
def test_a_rewritten_field_breaks_the_chain(rewritten: dict[str, Any]) -> None:
    """An audit event repeats its hashed bytes in fields, which people read. So a changed field alone must be
    noticed."""
    events = chain(5)
    events[2] = replace(events[2], **rewritten)
    assert find_break(events) == 3


def test_a_removed_event_breaks_the_chain() -> None:
    events = chain(5)
    del events[1]
    assert find_break(events) == 3


def test_a_rehashed_event_breaks_the_chain_at_the_next_event() -> None:
    events = chain(3)
    from chalicelib.domain.audit import chain_hash

    body = events[0].body.replace("viewed", "signed")
    events[0] = replace(events[0], type="document.signed", body=body, hash=chain_hash("", body))
    assert find_break(events) == 2


def test_private_facts_can_be_erased_without_breaking_the_chain() -> None:
    events = chain(3, {"address": "203.0.113.7"})
    assert find_break([replace(event, private={}, salt="") for event in events]) is None


def test_altered_private_facts_break_the_chain() -> None:
    events = chain(3, {"address": "203.0.113.7"})
    events[1] = replace(events[1], private={"address": "203.0.113.8"})
    assert find_break(events) == 2


def test_the_facts_of_an_event_are_those_in_its_hashed_bytes() -> None:
    assert [event.data for event in chain(2)] == [{"page": 0}, {"page": 1}]


def test_private_facts_are_not_in_the_hashed_bytes() -> None:
    assert "203.0.113.7" not in chain(1, {"address": "203.0.113.7"})[0].body


@pytest.mark.parametrize("rewritten", [{"sequence": 7}, {"previous": "0" * 64}])
def test_an_event_that_does_not_follow_the_one_before_breaks_the_chain(rewritten: dict[str, Any]) -> None:
    events = chain(3)
    events[1] = replace(events[1], **rewritten)
    assert find_break(events) == events[1].sequence


def test_a_chain_that_does_not_start_with_the_first_event_is_broken() -> None:
    first = make_event(
        event_id="evt_1",
        document_id="doc_1",
        previous_sequence=0,
        previous_hash="f" * 64,
        type="document.sent",
        at=NOON,
        actor="portal",
        data={},
        private={},
        salt="",
    )
    assert find_break([first]) == 1


def test_the_hashed_bytes_never_change_their_form() -> None:
    """Certificates that were printed years ago show hashes over these bytes, so the code must never write them
    differently."""
    event = make_event(
        event_id="evt_1",
        document_id="doc_1",
        previous_sequence=0,
        previous_hash="",
        type="document.viewed",
        at=NOON,
        actor="portal",
        data={"b": "Åsa", "a": 1},
        private={"note": "ü", "address": "203.0.113.7"},
        salt="s",
    )
    committed = hashlib.sha256('s\n{"address":"203.0.113.7","note":"ü"}'.encode()).hexdigest()
    assert event.body == (
        '{"actor":"portal","at":"2026-11-22T12:00:00.000Z","data":{"a":1,"b":"Åsa"},"document_id":"doc_1",'
        f'"id":"evt_1","private":"{committed}","sequence":1,"type":"document.viewed"}}'
    )
    assert event.hash == hashlib.sha256(b"\n" + event.body.encode()).hexdigest()
    assert (event.salt, chain(1)[0].salt) == ("s", "")
