import pytest

from chalicelib.domain.errors import Invalid, TooLarge, Unauthenticated
from chalicelib.services.practices.request_authentication import WRONG_KEY
from tests.support.worlds.practice_world import Clinic, sign_bytes

# API keys


def test_a_key_is_accepted_and_stored_only_as_a_hash() -> None:
    clinic = Clinic()
    assert clinic.key.startswith("pp_live_")
    assert clinic.authenticate_key(f"Bearer {clinic.key}") == clinic.practice
    assert clinic.authenticate_key(clinic.key) == clinic.practice
    assert clinic.key not in clinic.store.tables["practices"][clinic.practice.id].record


@pytest.mark.parametrize("bearer", [None, "", "Bearer", "Bearer pp_live_wrong", "Basic pp_live_x", "\ud800"])
def test_every_invalid_key_gets_the_same_error(bearer: str | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        Clinic().authenticate_key(bearer)
    assert refused.value.detail == WRONG_KEY


# Signatures


def test_a_signed_body_is_accepted() -> None:
    clinic = Clinic()
    assert clinic.check(clinic.headers()) == clinic.practice


def test_one_good_signature_among_several_is_enough() -> None:
    clinic = Clinic()
    headers = clinic.headers()
    headers["Webhook-Signature"] = f"v1,AAAA v1,%%% v1a,xyz nonsense {headers['Webhook-Signature']}"
    assert clinic.check(headers) == clinic.practice


def test_an_unknown_practice_and_a_wrong_signature_get_the_same_error() -> None:
    clinic = Clinic()
    wrong = [
        clinic.headers() | {"Portal-Practice": "prc_unknown"},
        clinic.headers() | {"Portal-Practice": "x" * 3000},
        clinic.headers() | {"Webhook-Id": "msg_2"},
        clinic.headers() | {"Webhook-Signature": "v1,AAAA"},
        clinic.headers() | {"Webhook-Signature": "v2," + clinic.headers()["Webhook-Signature"][3:]},
        clinic.headers() | {"Webhook-Signature": "v1,%" + clinic.headers()["Webhook-Signature"][3:]},
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


@pytest.mark.parametrize("missing", ["Portal-Practice", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_a_missing_header_is_named(missing: str) -> None:
    clinic = Clinic()
    headers = clinic.headers()
    del headers[missing]
    with pytest.raises(Unauthenticated) as refused:
        clinic.check(headers)
    assert missing.lower() in refused.value.detail


@pytest.mark.parametrize(("seconds", "good"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_timestamp_is_accepted_up_to_five_minutes_before_or_after(seconds: int, *, good: bool) -> None:
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
def test_an_invalid_timestamp_is_refused(seconds: str) -> None:
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


def test_bytes_that_are_not_text_can_be_signed() -> None:
    clinic = Clinic()
    body = b'{"type": "caf\xe9"}'
    headers = clinic.headers() | {"Webhook-Signature": sign_bytes(clinic, body)}
    assert clinic.check(headers, body) == clinic.practice
    with pytest.raises(Unauthenticated):
        clinic.check(headers, body.replace(b"\xe9", b"\xe8"))


def test_a_wrong_signature_of_a_body_repaired_by_the_gateway_is_invalid_json() -> None:
    clinic = Clinic()
    body = b'{"type": "caf\xe9"}'
    headers = clinic.headers() | {"Webhook-Signature": sign_bytes(clinic, body)}
    for practice in (clinic.practice.id, "prc_unknown"):
        with pytest.raises(Invalid) as refused:
            clinic.check(headers | {"Portal-Practice": practice}, body.decode(errors="replace").encode())
        assert refused.value.code == "invalid-json"


def test_a_replacement_character_in_a_signed_body_is_accepted() -> None:
    clinic = Clinic()
    body = '{"type": "\ufffd"}'.encode()
    assert clinic.check(clinic.headers(body), body) == clinic.practice
