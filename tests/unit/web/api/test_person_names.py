"""Test that an EMR's event may name a person by one word."""

from typing import Any

import pytest

from tests.unit.web.api.test_schemas import event, read_sent, wrong_fields


@pytest.mark.parametrize("blank", ["", " ", None])
@pytest.mark.parametrize(("person", "attribute"), [("patient", "patient"), ("provider", "addressee")])
def test_a_name_of_one_word_may_be_in_either_field(person: str, attribute: str, blank: Any) -> None:
    without_first = getattr(read_sent(event(f"data.{person}.first_name", blank)), attribute)
    without_last = getattr(read_sent(event(f"data.{person}.last_name", blank)), attribute)
    assert (without_first.first_name, without_first.name) == ("", without_first.last_name)
    assert without_last.first_name == ""
    assert without_last.last_name in ("Ada", "Luis"), "a name of one word is a last name, which is always compared"


@pytest.mark.parametrize("person", ["patient", "provider"])
def test_a_person_without_any_name_is_refused(person: str) -> None:
    named: dict[str, Any] = {"external_id": "P-1", "date_of_birth": "1950-12-10", "email": "a@b.org"}
    body = event(f"data.{person}", {**named, "first_name": "", "last_name": None})
    assert wrong_fields(body) == [f"data.{person}.last_name"]
