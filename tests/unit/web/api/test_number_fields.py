"""Test the phone and fax numbers in an EMR's events: an unusable number matters only if the delivery needs it."""

import json
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.services.documents.lifecycle_events import ResendCommand
from chalicelib.services.ignored_numbers import ignored_warnings
from chalicelib.web.api.event_schemas import read_event
from tests.unit.web.api.test_schemas import TODAY, event, read_sent, wrong_fields

UNUSABLE = ("12", "+15125550100 ext. 3", "+15125550100\r\nX: y", "5" * 3000, "+19005550123", "+442079460958")


def faxed(delivery: Any, number: str) -> bytes:
    body = json.loads(event("data.delivery", delivery))
    body["data"]["provider"]["fax"] = number
    return json.dumps(body).encode()


@pytest.mark.parametrize("number", UNUSABLE)
@pytest.mark.parametrize("delivery", ["fax", "both"])
def test_a_fax_number_that_the_delivery_needs_must_be_usable(delivery: str, number: str) -> None:
    assert wrong_fields(faxed(delivery, number)) == ["data.provider.fax"]
    with pytest.raises(Invalid):
        read_event(faxed(delivery, "+15125550100"), TODAY, ("GB",))


@pytest.mark.parametrize("number", UNUSABLE)
def test_a_fax_number_that_the_delivery_does_not_need_is_left_out(number: str) -> None:
    sent = read_sent(event("data.provider.fax", number))
    assert sent.addressee.fax is None
    assert ignored_warnings(sent.ignored) == ("provider-fax-ignored",)


@pytest.mark.parametrize("delivery", ["email", "fax", "both"])
def test_an_unusable_phone_number_never_causes_a_refusal(delivery: str) -> None:
    body = json.loads(faxed(delivery, "+15125550100"))
    body["data"]["provider"]["phone"] = body["data"]["author"]["phone"] = "ask for Susan"
    sent = read_sent(json.dumps(body).encode())
    assert (sent.addressee.phone, sent.author and sent.author.phone) == (None, None)
    assert ignored_warnings(sent.ignored) == ("provider-phone-ignored", "author-phone-ignored")


def test_an_event_with_usable_numbers_leaves_nothing_out() -> None:
    assert read_sent(event("data.provider.phone", "512-555-0190 x7")).ignored == ()
    assert read_sent(event("data.provider.phone", "512-555-0190 x7")).addressee.phone == "+15125550190;ext=7"


@pytest.mark.parametrize("delivery", ["fax", "both"])
def test_a_resend_by_fax_needs_a_usable_number(delivery: str) -> None:
    resend = {"external_id": "POC-1", "provider": {"fax": "+442079460958"}, "delivery": delivery}
    assert wrong_fields(event_of("document.resend", resend)) == ["data.provider.fax"]


@pytest.mark.parametrize("delivery", [{}, {"delivery": None}, {"delivery": "email"}])
def test_another_resend_leaves_an_unusable_number_to_the_service(delivery: Any) -> None:
    resend = {"external_id": "POC-1", "provider": {"fax": "+442079460958"}, **delivery}
    command = read_event(event_of("document.resend", resend), TODAY)
    assert isinstance(command, ResendCommand)
    assert (command.fax, [error.field for error in command.ignored]) == (None, ["data.provider.fax"])
    assert command.ignored[0].message == "must be a fax number without extra charges in US, CA"


@pytest.mark.parametrize("data", [None, "x", [], 5])
def test_an_event_whose_data_is_no_object_is_refused(data: Any) -> None:
    assert wrong_fields(event_of("document.sent", data)) == ["data"]


def event_of(kind: str, data: Any) -> bytes:
    return json.dumps({"type": kind, "timestamp": "2026-11-22T19:00:00Z", "data": data}).encode()


@pytest.mark.parametrize(("email", "is_left_out"), [("dr@example.com", True), (None, False), ("", False)])
def test_auto_needs_a_usable_fax_number_only_without_an_email_address(email: str | None, *, is_left_out: bool) -> None:
    body = json.loads(faxed("auto", "12"))
    body["data"]["provider"]["email"] = email
    if is_left_out:
        assert ignored_warnings(read_sent(json.dumps(body).encode()).ignored) == ("provider-fax-ignored",)
    else:
        assert wrong_fields(json.dumps(body).encode()) == ["data.provider.fax"]


@pytest.mark.parametrize("provider", [None, "x", []])
def test_auto_without_a_provider_is_refused(provider: Any) -> None:
    assert wrong_fields(event("data", {"delivery": "auto", "provider": provider})) != []
