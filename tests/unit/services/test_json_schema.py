from dataclasses import dataclass
from datetime import UTC, date, datetime

from typing_extensions import TypedDict

from chalicelib.services.json_schema import Day, Timestamp, to_response


@dataclass(frozen=True)
class Visit:
    patient: str
    at: datetime
    on: date | None
    secret: str = "not in the response"


class VisitResource(TypedDict):
    on: Day | None
    at: Timestamp
    clinic: str
    patient: str


def test_a_response_has_the_fields_of_its_type_in_their_order() -> None:
    visit = Visit("P-1", datetime(2026, 11, 22, 19, tzinfo=UTC), date(2026, 11, 23))
    body = to_response(VisitResource, visit, clinic="Hill Country Therapy")

    assert list(body) == ["on", "at", "clinic", "patient"]
    assert list(body.values()) == ["2026-11-23", "2026-11-22T19:00:00.000Z", "Hill Country Therapy", "P-1"]


def test_a_missing_value_is_null() -> None:
    visit = Visit("P-1", datetime(2026, 11, 22, 19, tzinfo=UTC), None)
    assert to_response(VisitResource, visit, clinic="")["on"] is None
