from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.certification.facts import PayerKind
from chalicelib.domain.claim_keys import own_fax_number_claim
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeClock, FakeFiles, FakeIds, FakeKeys, FakeSwitches
from tests.support.pdf.fake_pdf import FakePdf
from tests.support.worlds.delivery_world import some_settings

WHOLE = {
    "action": "create_practice",
    "name": " Hill Country Therapy ",
    "phone": "(512) 555-0177",
    "fax": "512-555-0188",
    "reply_to": "Front.Desk@Clinic.example",
    "time_zone": "America/Chicago",
    "electronic_signature": True,
    "default_payer": "medicare",
}


class World(bootstrap.Services):
    """The portal's services with fakes for everything that the admin function uses. No practice exists yet."""

    store: FakeStore
    switches: FakeSwitches
    session_key_rotation: FakeKeys
    clock: FakeClock

    def __init__(self) -> None:
        super().__init__(some_settings(), clock=FakeClock(), ids=FakeIds())
        self.store = FakeStore()
        self.files = FakeFiles()
        self.quick_pdf = FakePdf(self.files)
        self.switches = FakeSwitches()
        self.session_key_rotation = FakeKeys()


def run(world: World, payload: Any) -> Any:
    return world.admin_actions.run(payload)


def test_a_new_practice_has_normalized_settings_and_working_keys() -> None:
    world = World()
    made = run(world, WHOLE)
    practice = world.request_authentication.authenticate_key(made["api_key"], START)

    assert made.keys() == {"id", "api_key", "webhook_secret"}
    assert practice.id == made["id"]
    assert (practice.name, practice.phone, practice.fax) == ("Hill Country Therapy", "+15125550177", "+15125550188")
    assert (practice.reply_to, practice.time_zone) == ("front.desk@clinic.example", "America/Chicago")
    assert practice.default_payer is PayerKind.MEDICARE
    assert practice.live_secrets(START) == (made["webhook_secret"],)
    assert world.switches.on == {made["id"]}


def test_a_name_is_enough_and_the_switch_stays_off() -> None:
    world = World()
    made = run(world, {"action": "create_practice", "name": "Small"})
    practice = world.store.practice(made["id"])
    assert practice is not None
    assert (practice.phone, practice.time_zone) == (None, "America/New_York")
    assert world.switches.on == set()


@pytest.mark.parametrize(
    ("payload", "wrong"),
    [
        ({}, "action"),
        ([], "payload"),
        ([{"action": "ping"}], "payload"),
        ("ping", "payload"),
        (None, "payload"),
        ({"action": "drop_everything"}, "action"),
        ({"action": ["ping"]}, "action"),
        ({"action": "create_practice"}, "name"),
        (WHOLE | {"name": "a\nb"}, "name"),
        (WHOLE | {"name": 5}, "name"),
        (WHOLE | {"phone": "12"}, "phone"),
        (WHOLE | {"fax": "+19005550123"}, "fax"),
        (WHOLE | {"reply_to": "a@b.example\r\nBcc: c@d.example"}, "reply_to"),
        (WHOLE | {"time_zone": "Texas"}, "time_zone"),
        (WHOLE | {"electronic_signature": "on"}, "electronic_signature"),
        ({"action": "rename_practice", "name": "Cedar"}, "practice_id"),
        ({"action": "rename_practice", "practice_id": "prc_9"}, "name"),
        ({"action": "rename_practice", "practice_id": "prc_9", "name": "cedar.example"}, "name"),
        ({"action": "rotate_api_key"}, "practice_id"),
        ({"action": "rotate_api_key", "practice_id": "No Practice"}, "practice_id"),
        ({"action": "set_switch", "practice_id": "prc_9", "electronic_signature": True}, "practice_id"),
        ({"action": "set_switch", "practice_id": "prc_9", "second_factor": True}, "practice_id"),
        ({"action": "set_switch", "practice_id": "prc_9", "second_factor": "on"}, "second_factor"),
        ({"action": "set_switch", "practice_id": "prc_9"}, "electronic_signature"),
        ({"action": "set_switch", "practice_id": "prc_9", "sign_without_account": "on"}, "sign_without_account"),
        (WHOLE | {"sign_without_account": 1}, "sign_without_account"),
    ],
)
def test_a_refused_action_names_the_field_and_changes_nothing(payload: Any, wrong: str) -> None:
    world = World()
    answer = run(world, payload)
    assert answer["error"]["code"] == "invalid-request"
    assert [error["field"] for error in answer["error"]["errors"]] == [wrong]
    assert not any(world.store.tables.values())
    assert world.switches.on == set()


@pytest.mark.parametrize(
    "name",
    [
        "desk@cedar.example",
        "desk\uff20cedar",
        "Log in: cedar.example",
        "cedar\uff0eexample",
        "cedar\u3002example",
        "https://cedar",
        "WWW cedar",
        "C\u0435dar Clinic",
        "\u039fak Clinic",
        "O\u0251k Clinic",
        "\u1d0fak Clinic",
        "Oak C\u01c0inic",
        "12345",
        "x" * 121,
        "a\u202eb",
    ],
)
def test_a_name_that_could_mislead_a_provider_is_refused(name: str) -> None:
    world = World()
    practice_id = run(world, WHOLE)["id"]
    for payload in (WHOLE | {"name": name}, {"action": "rename_practice", "practice_id": practice_id, "name": name}):
        assert [error["field"] for error in run(world, payload)["error"]["errors"]] == ["name"]
    assert [practice.name for practice in world.store.practices()] == ["Hill Country Therapy"]


@pytest.mark.parametrize(
    "name",
    ["St. Mary's P.T. & Rehab, Inc.", "Caf\u00e9 Physio 24/7", "\u6771\u4eac\u30ea\u30cf\u30d3\u30ea", "Ka\u02bbu PT"],
)
def test_a_practice_is_renamed(name: str) -> None:
    world = World()
    practice_id = run(world, WHOLE)["id"]
    asked = {"action": "rename_practice", "practice_id": practice_id, "name": f" {name} "}
    assert run(world, asked) == run(world, asked) == {"id": practice_id, "name": name}
    assert [practice.name for practice in world.store.practices()] == [name]


@pytest.mark.parametrize(
    "name",
    [
        "Hill Country Therapy",
        "HILL COUNTRY-THERAPY.",
        "H\u00edll Country Therapy",
        "Hi11 C0untry Therapy",
        "H\u0131\u0142l C\u00f8untry Therapy",
        "Hill\u200dCountry Therapy",
    ],
)
def test_the_name_of_another_practice_is_taken(name: str) -> None:
    world = World()
    run(world, WHOLE)
    other = run(world, {"action": "create_practice", "name": "Cedar"})["id"]
    for payload in (WHOLE | {"name": name}, {"action": "rename_practice", "practice_id": other, "name": name}):
        answer = run(world, payload)["error"]
        assert (answer["code"], answer["errors"][0]["field"]) == ("conflict", "name")
    assert [practice.name for practice in world.store.practices()] == ["Hill Country Therapy", "Cedar"]


def test_rotating_keys_of_an_unknown_practice_is_not_found() -> None:
    for action in ("rotate_api_key", "rotate_webhook_secret"):
        answer = run(World(), {"action": action, "practice_id": "prc_9"})
        assert answer["error"]["code"] == "not-found"


def test_keys_and_secrets_rotate() -> None:
    world = World()
    made = run(world, WHOLE)
    key = run(world, {"action": "rotate_api_key", "practice_id": made["id"]})["api_key"]
    secret = run(world, {"action": "rotate_webhook_secret", "practice_id": made["id"]})["webhook_secret"]
    practice = world.request_authentication.authenticate_key(key, START)
    assert set(practice.live_secrets(START)) == {made["webhook_secret"], secret}


def test_a_practice_gets_an_address_for_forwarded_faxes() -> None:
    world = World()
    world.settings = replace(world.settings, fax_mail_domain="faxes.example.com")
    made = run(world, WHOLE)
    order = {"action": "rotate_fax_address", "practice_id": made["id"]}
    first, second = run(world, order), run(world, order)
    practice = world.store.practice(made["id"])
    assert practice is not None
    assert first == {"id": made["id"], "fax_email": f"{made['id']}.{practice.fax_tokens[1]}@faxes.example.com"}
    assert second == {"id": made["id"], "fax_email": f"{made['id']}.{practice.fax_tokens[0]}@faxes.example.com"}
    last = run(world, order | {"end_others": True})["fax_email"]
    practice = world.store.practice(made["id"])
    assert practice is not None
    assert [f"{made['id']}.{token}@faxes.example.com" for token in practice.fax_tokens] == [last]


def test_the_switch_is_set() -> None:
    world = World()
    made = run(world, WHOLE)
    answer = run(world, {"action": "set_switch", "practice_id": made["id"], "electronic_signature": False})
    assert answer == {"id": made["id"], "electronic_signature": False}
    assert world.switches.on == set()


def test_signing_without_an_account_is_set_alone_or_with_a_new_practice() -> None:
    world = World()
    made = run(world, WHOLE | {"sign_without_account": True})
    assert (world.switches.on, world.switches.open) == ({made["id"]}, {made["id"]})
    answer = run(world, {"action": "set_switch", "practice_id": made["id"], "sign_without_account": False})
    assert answer == {"id": made["id"], "sign_without_account": False}
    assert (world.switches.on, world.switches.open) == ({made["id"]}, set())


def test_the_second_factor_switch_is_set_and_unset() -> None:
    world = World()
    made = run(world, WHOLE)
    asked = {"action": "set_switch", "practice_id": made["id"]}
    assert run(world, asked | {"second_factor": True}) == {"id": made["id"], "second_factor": True}
    assert (world.switches.requiring, world.switches.on) == ({made["id"]}, {made["id"]})
    both = run(world, asked | {"second_factor": False, "electronic_signature": False})
    assert both == {"id": made["id"], "second_factor": False, "electronic_signature": False}
    assert (world.switches.requiring, world.switches.on) == (set(), set())


def test_a_ping_returns_ok() -> None:
    assert run(World(), {"action": "ping"}) == {"ok": True}


# The key of the sessions


def test_the_session_key_is_rotated_when_no_session_of_an_older_key_is_live() -> None:
    world = World()
    first = world.session_key_rotation.session_key()
    world.session_key_rotation.at = START - timedelta(hours=12, minutes=9)
    refused = run(world, {"action": "rotate_session_key"})
    assert refused["error"]["code"] == "conflict"
    assert "2026-11-22T19:01:00" in refused["error"]["detail"]
    assert world.session_key_rotation.keys == [first]
    world.clock.pass_time(minutes=1)
    assert run(world, {"action": "rotate_session_key"}) == {"rotated": True, "sessions_ended": False}
    newest, before = world.session_key_rotation.known_session_keys()
    assert before == first
    assert newest != first


def test_a_leaked_session_key_is_rotated_twice_and_all_sessions_end() -> None:
    world = World()
    first = world.session_key_rotation.session_key()
    world.session_key_rotation.at = START
    asked = {"action": "rotate_session_key", "end_sessions": True}
    assert run(world, asked) == {"rotated": True, "sessions_ended": True}
    assert first not in world.session_key_rotation.known_session_keys()
    assert len(set(world.session_key_rotation.known_session_keys())) == 2


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("rotate_session_key", "end_sessions"),
        ("rotate_api_key", "end_others"),
        ("rotate_webhook_secret", "end_others"),
        ("rotate_fax_address", "end_others"),
    ],
)
def test_a_flag_that_is_not_a_boolean_is_refused(action: str, name: str) -> None:
    world = World()
    practice_id = run(world, {"action": "create_practice", "name": "Cedar"})["id"]
    before = list(world.session_key_rotation.keys), world.store.practice(practice_id)
    refused = run(world, {"action": action, "practice_id": practice_id, name: "yes"})
    assert [error["field"] for error in refused["error"]["errors"]] == [name]
    assert (world.session_key_rotation.keys, world.store.practice(practice_id)) == before


def test_a_leaked_webhook_secret_is_replaced_and_no_other_remains() -> None:
    world = World()
    made = run(world, {"action": "create_practice", "name": "Cedar"})
    asked = {"action": "rotate_webhook_secret", "practice_id": made["id"], "end_others": True}
    secret = run(world, asked)["webhook_secret"]
    practice = world.store.practice(made["id"])
    assert practice is not None
    assert practice.live_secrets(START) == (secret,)


def test_the_result_of_a_rotation_does_not_contain_the_key() -> None:
    world = World()
    answer = run(world, {"action": "rotate_session_key"})
    assert not [key for key in world.session_key_rotation.keys if key.decode() in repr(answer)]


# The fax number at the carrier


def test_a_practice_gets_a_number_of_the_fax_carrier() -> None:
    world = World()
    practice_id = run(world, WHOLE)["id"]
    result = run(world, {"action": "set_fax_number", "practice_id": practice_id, "fax": "(312) 579-0015"})
    assert result == {"id": practice_id, "fax": "+13125790015"}
    practice = world.store.practice(practice_id)
    assert practice is not None
    assert practice.fax == "+13125790015"
    key = own_fax_number_claim("+13125790015")
    assert world.store.claims([key]) == {key: practice_id}


def test_a_number_belongs_to_one_practice_until_it_is_moved() -> None:
    world = World()
    first, second = (run(world, {"action": "create_practice", "name": name})["id"] for name in ("First", "Second"))
    order = {"action": "set_fax_number", "fax": "+13125790015"}
    assert "error" not in run(world, {**order, "practice_id": first})
    refused = run(world, {**order, "practice_id": second})["error"]
    assert (refused["code"], [error["field"] for error in refused["errors"]]) == ("conflict", ["fax"])
    assert refused["detail"] == "The number belongs to another practice."
    assert "error" not in run(world, {**order, "practice_id": second, "replaces": first})
    key = own_fax_number_claim("+13125790015")
    assert world.store.claims([key]) == {key: second}


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"practice_id": "prc_9", "fax": "+13125790015", "more": 1}, "more"),
        ({"practice_id": "prc_9"}, "fax"),
        ({"practice_id": "prc_9", "fax": "12"}, "fax"),
        ({"fax": "+13125790015"}, "practice_id"),
    ],
)
def test_a_wrong_field_of_a_fax_number_is_named(payload: dict[str, Any], field: str) -> None:
    errors = run(World(), {"action": "set_fax_number", **payload})["error"]["errors"]
    assert field in [error["field"] for error in errors]
