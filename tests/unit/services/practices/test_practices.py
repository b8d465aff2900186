import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from chalicelib.domain.errors import Conflict, Invalid, TooLarge, Unauthenticated
from chalicelib.domain.practices import Endpoint, Practice
from chalicelib.services.practices import practices
from chalicelib.services.practices.practices import authenticate_key, authenticate_signature
from chalicelib.services.transaction import OutboxRow
from tests.support.fakes import START, FakeClock, FakeIds, FakeStore, FakeSwitches

BODY = b'{"type": "document.sent"}'


class Clinic:
    """A practice with its keys in clear."""

    def __init__(self) -> None:
        self.store, self.ids, self.clock = FakeStore(), FakeIds(), FakeClock()
        self.practice, self.key, self.secret = practices.create(
            self.store, self.ids, START, name="Hill Country Therapy", settings={"phone": "+15125550177"}
        )

    def stored(self) -> Practice:
        found = self.store.practice(self.practice.id)
        assert found is not None
        return found

    def headers(self, body: bytes = BODY, *, secret: str | None = None) -> dict[str, str]:
        """Those of an event signed now."""
        now = self.clock.now()
        return {
            "Portal-Practice": self.practice.id,
            "Webhook-Id": "msg_1",
            "Webhook-Timestamp": str(int(now.timestamp())),
            "Webhook-Signature": Webhook(secret or self.secret).sign("msg_1", now, body.decode()),
        }

    def check(self, headers: Mapping[str, str], body: bytes = BODY) -> Practice:
        return authenticate_signature(self.store, headers, body, self.clock.now())


def signature(clinic: Clinic, body: bytes) -> str:
    """Over the raw bytes, which the official library does not take."""
    signed = f"msg_1.{int(clinic.clock.now().timestamp())}.".encode() + body
    key = base64.b64decode(clinic.secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


# API keys


def test_a_key_is_recognised_and_kept_only_as_a_hash() -> None:
    clinic = Clinic()
    assert clinic.key.startswith("pp_live_")
    assert authenticate_key(clinic.store, f"Bearer {clinic.key}", START) == clinic.practice
    assert authenticate_key(clinic.store, clinic.key, START) == clinic.practice
    assert clinic.key not in clinic.store.tables["practices"][clinic.practice.id].record


@pytest.mark.parametrize("bearer", [None, "", "Bearer", "Bearer pp_live_wrong", "Basic pp_live_x", "\ud800"])
def test_what_is_no_key_gets_one_and_the_same_answer(bearer: str | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        authenticate_key(Clinic().store, bearer, START)
    assert refused.value.detail == practices._WRONG_KEY


def test_two_keys_are_live_at_a_time() -> None:
    clinic = Clinic()
    second = practices.rotate_key(clinic.store, clinic.ids, START + timedelta(days=1), clinic.practice.id)
    for key in (clinic.key, second):
        assert authenticate_key(clinic.store, key, START).id == clinic.practice.id
    third = practices.rotate_key(clinic.store, clinic.ids, START + timedelta(days=2), clinic.practice.id)
    for key in (second, third):
        assert authenticate_key(clinic.store, key, START).id == clinic.practice.id
    with pytest.raises(Unauthenticated):
        authenticate_key(clinic.store, clinic.key, START)


def test_a_leaked_key_can_be_ended_at_once() -> None:
    clinic = Clinic()
    new = practices.rotate_key(clinic.store, clinic.ids, START, clinic.practice.id, end_others=True)
    assert authenticate_key(clinic.store, new, START).id == clinic.practice.id
    with pytest.raises(Unauthenticated):
        authenticate_key(clinic.store, clinic.key, START)


# Signatures


def test_a_signed_body_is_recognised() -> None:
    clinic = Clinic()
    assert clinic.check(clinic.headers()) == clinic.practice


def test_one_good_signature_among_several_is_enough() -> None:
    clinic = Clinic()
    headers = clinic.headers()
    headers["Webhook-Signature"] = f"v1,AAAA v1a,xyz nonsense {headers['Webhook-Signature']}"
    assert clinic.check(headers) == clinic.practice


def test_an_unknown_practice_and_a_wrong_signature_get_the_same_answer() -> None:
    clinic = Clinic()
    wrong = [
        clinic.headers() | {"Portal-Practice": "prc_unknown"},
        clinic.headers() | {"Portal-Practice": "x" * 3000},
        clinic.headers() | {"Webhook-Id": "msg_2"},
        clinic.headers() | {"Webhook-Signature": "v1,AAAA"},
        clinic.headers() | {"Webhook-Signature": "v2," + clinic.headers()["Webhook-Signature"][3:]},
        clinic.headers() | {"Webhook-Signature": "nonsense"},
        clinic.headers(secret="whsec_c29tZW9uZSBlbHNlJ3M="),
        clinic.headers(b"another body"),
    ]
    answers = set()
    for headers in wrong:
        with pytest.raises(Unauthenticated) as refused:
            clinic.check(headers)
        answers.add(refused.value.detail)
    assert len(answers) == 1


@pytest.mark.parametrize(
    "missing", ["Portal-Practice", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"]
)
def test_a_missing_header_is_named(missing: str) -> None:
    clinic = Clinic()
    headers = clinic.headers()
    del headers[missing]
    with pytest.raises(Unauthenticated) as refused:
        clinic.check(headers)
    assert missing.lower() in refused.value.detail


@pytest.mark.parametrize(("seconds", "good"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_timestamp_counts_for_five_minutes_either_way(seconds: int, *, good: bool) -> None:
    clinic = Clinic()
    headers = clinic.headers()
    clinic.clock.pass_time(seconds=seconds)
    if good:
        assert clinic.check(headers) == clinic.practice
    else:
        with pytest.raises(Unauthenticated) as refused:
            clinic.check(headers)
        assert "5 minutes" in refused.value.detail


@pytest.mark.parametrize("seconds", ["soon", "1e9", "-1", "12.5", "9" * 400, "\uff11\uff12"])
def test_a_timestamp_that_is_none_is_refused(seconds: str) -> None:
    clinic = Clinic()
    with pytest.raises(Unauthenticated):
        clinic.check(clinic.headers() | {"Webhook-Timestamp": seconds})


@pytest.mark.parametrize("message_id", ["x" * 257, "with space", "t\u00e4st"])
def test_a_webhook_id_is_short_and_plain(message_id: str) -> None:
    clinic = Clinic()
    with pytest.raises(Invalid):
        clinic.check(clinic.headers() | {"Webhook-Id": message_id})


def test_a_body_over_6_mb_is_too_large_before_anything_else() -> None:
    clinic = Clinic()
    with pytest.raises(TooLarge):
        clinic.check({}, b"x" * (6 * 1024 * 1024 + 1))


def test_what_is_signed_are_bytes_whatever_they_say() -> None:
    clinic = Clinic()
    body = b'{"type": "caf\xe9"}'
    headers = clinic.headers() | {"Webhook-Signature": signature(clinic, body)}
    assert clinic.check(headers, body) == clinic.practice
    with pytest.raises(Unauthenticated):
        clinic.check(headers, body.replace(b"\xe9", b"\xe8"))


def test_a_body_that_was_no_text_before_the_gateway_is_not_taken_for_a_wrong_secret() -> None:
    clinic = Clinic()
    body = b'{"type": "caf\xe9"}'
    headers = clinic.headers() | {"Webhook-Signature": signature(clinic, body)}
    for practice in (clinic.practice.id, "prc_unknown"):
        with pytest.raises(Invalid) as refused:
            clinic.check(headers | {"Portal-Practice": practice}, body.decode(errors="replace").encode())
        assert refused.value.code == "invalid-json"


def test_that_sign_in_a_signed_text_is_a_sign_like_any_other() -> None:
    clinic = Clinic()
    body = '{"type": "\ufffd"}'.encode()
    assert clinic.check(clinic.headers(body), body) == clinic.practice


def test_each_secret_lives_on_for_a_day_though_another_rotation_follows() -> None:
    """The answer to a rotation may have been lost: whoever repeats it must not be cut off."""
    clinic = Clinic()
    first = clinic.stored().live_secrets(START)
    for hours in (0, 1):
        at = START + timedelta(hours=hours)
        practices.rotate_secret(clinic.store, clinic.ids, at, clinic.practice.id)
    assert len(clinic.stored().live_secrets(START + timedelta(hours=23))) == 3
    assert set(first) <= set(clinic.stored().live_secrets(START + timedelta(hours=23)))
    assert len(clinic.stored().live_secrets(START + timedelta(hours=24))) == 2


def test_more_rotations_than_a_header_has_room_for_are_refused_and_cut_nobody_off() -> None:
    clinic = Clinic()
    for _ in range(practices.MOST_OLD_SECRETS):
        practices.rotate_secret(clinic.store, clinic.ids, START, clinic.practice.id)
    with pytest.raises(Conflict):
        practices.rotate_secret(clinic.store, clinic.ids, START, clinic.practice.id)
    assert clinic.secret in clinic.stored().live_secrets(START)


def test_both_secrets_sign_for_a_day_after_a_rotation() -> None:
    clinic = Clinic()
    new = practices.rotate_secret(clinic.store, clinic.ids, clinic.clock.now(), clinic.practice.id)
    assert new.startswith("whsec_")
    assert set(clinic.stored().live_secrets(clinic.clock.now())) == {clinic.secret, new}
    clinic.clock.pass_time(hours=23, minutes=59)
    for secret in (clinic.secret, new):
        assert clinic.check(clinic.headers(secret=secret)).id == clinic.practice.id
    clinic.clock.pass_time(minutes=1)
    assert clinic.check(clinic.headers(secret=new)).id == clinic.practice.id
    with pytest.raises(Unauthenticated):
        clinic.check(clinic.headers(secret=clinic.secret))


def test_rotating_twice_does_not_prolong_the_oldest_secret() -> None:
    clinic = Clinic()
    practices.rotate_secret(clinic.store, clinic.ids, clinic.clock.now(), clinic.practice.id)
    clinic.clock.pass_time(hours=12)
    practices.rotate_secret(clinic.store, clinic.ids, clinic.clock.now(), clinic.practice.id)
    clinic.clock.pass_time(hours=12)
    with pytest.raises(Unauthenticated):
        clinic.check(clinic.headers(secret=clinic.secret))


# Settings


def test_only_what_is_named_changes() -> None:
    clinic, switches = Clinic(), FakeSwitches()
    answer = practices.update(clinic.store, switches, clinic.practice, START, {"fax": "+15125550188"})
    assert answer == {
        "id": clinic.practice.id,
        "name": "Hill Country Therapy",
        "phone": "+15125550177",
        "fax": "+15125550188",
        "reply_to": None,
        "time_zone": "America/New_York",
        "electronic_signature": False,
        "endpoint": None,
    }


def test_electronic_signature_goes_to_the_switch_and_not_into_the_row() -> None:
    clinic, switches = Clinic(), FakeSwitches()
    answer = practices.update(clinic.store, switches, clinic.practice, START, {"electronic_signature": True})
    assert answer["electronic_signature"] is True
    assert switches.on == {clinic.practice.id}
    assert clinic.stored() == clinic.practice


def test_settings_written_at_once_do_not_undo_each_other() -> None:
    clinic, switches = Clinic(), FakeSwitches()

    def other_writer() -> None:
        practices.set_endpoint(clinic.store, clinic.practice, START, "https://emr.example.com/hooks")

    clinic.store.before_commit = other_writer
    practices.update(clinic.store, switches, clinic.practice, START, {"name": "New Name"})
    assert clinic.stored().endpoint == Endpoint(url="https://emr.example.com/hooks")
    assert clinic.stored().name == "New Name"


def test_setting_the_endpoint_switches_it_on_again() -> None:
    clinic = Clinic()
    off = Endpoint(url="https://old.example.com", disabled_at=START, disabled_reason="410")
    practices.change_practice(
        clinic.store, clinic.practice.id, START, lambda found: replace(found, endpoint=off)
    )
    answer = practices.set_endpoint(clinic.store, clinic.stored(), START, "https://new.example.com")
    assert answer == {"url": "https://new.example.com", "disabled_at": None, "disabled_reason": None}


def test_the_release_of_what_was_held_is_written_with_the_endpoint() -> None:
    clinic = Clinic()
    before = clinic.store.commits
    practices.set_endpoint(clinic.store, clinic.stored(), START, "https://new.example.com")
    assert clinic.store.commits == before + 1
    assert [(job.name, job.event_id) for job in clinic.store.jobs()] == [
        ("release", clinic.practice.id),
        ("hasten", clinic.practice.id),
    ]


URL = "https://emr.example.com/hooks"


@pytest.mark.parametrize(
    ("before", "hastens"),
    [
        (None, True),
        (Endpoint(url=URL), False),
        (Endpoint(url=URL, failing_since=START), False),
        (Endpoint(url="https://old.example.com"), True),
        (Endpoint(url=URL, disabled_at=START), True),
    ],
)
def test_only_what_changes_the_endpoint_hastens_what_waits(before: Endpoint | None, *, hastens: bool) -> None:
    clinic = Clinic()
    practices.change_practice(
        clinic.store, clinic.practice.id, START, lambda found: replace(found, endpoint=before)
    )
    practices.set_endpoint(clinic.store, clinic.stored(), START, URL)
    assert [job.name for job in clinic.store.jobs()] == ["release", *(["hasten"] if hastens else [])]
    assert clinic.stored().endpoint == (Endpoint(url=URL) if hastens else before)


def test_an_endpoint_that_goes_off_while_it_is_put_again_hastens_too() -> None:
    """What the caller read of the practice is older than what is written."""
    clinic = Clinic()
    practices.set_endpoint(clinic.store, clinic.practice, START, URL)
    on = clinic.stored()
    for row in clinic.store.every(OutboxRow, "outbox"):
        clinic.store.drop_outbox(row.id)

    def other_writer() -> None:
        off = Endpoint(url=URL, disabled_at=START)
        practices.change_practice(clinic.store, on.id, START, lambda found: replace(found, endpoint=off))

    clinic.store.before_commit = other_writer
    practices.set_endpoint(clinic.store, on, START, URL)
    assert [job.name for job in clinic.store.jobs()] == ["release", "hasten"]
