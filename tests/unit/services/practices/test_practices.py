from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.certification.facts import PayerKind
from chalicelib.domain.errors import Conflict, Unauthenticated
from chalicelib.domain.practices import Endpoint
from chalicelib.services.practices.practices import MAX_OLD_SECRETS, Practices
from chalicelib.services.transaction import OutboxRow
from tests.support.fakes import START, FakeIds
from tests.support.worlds.practice_world import Clinic

# API keys


def test_two_keys_are_live_at_a_time() -> None:
    clinic = Clinic()
    second = clinic.practices.rotate_key(clinic.practice.id, START + timedelta(days=1))
    for key in (clinic.key, second):
        assert clinic.authenticate_key(key).id == clinic.practice.id
    third = clinic.practices.rotate_key(clinic.practice.id, START + timedelta(days=2))
    for key in (second, third):
        assert clinic.authenticate_key(key).id == clinic.practice.id
    with pytest.raises(Unauthenticated):
        clinic.authenticate_key(clinic.key)


def test_a_leaked_key_can_be_ended_immediately() -> None:
    clinic = Clinic()
    new = clinic.practices.rotate_key(clinic.practice.id, START, end_others=True)
    assert clinic.authenticate_key(new).id == clinic.practice.id
    with pytest.raises(Unauthenticated):
        clinic.authenticate_key(clinic.key)


def test_a_key_is_recognized_by_four_characters_after_the_prefix() -> None:
    clinic = Clinic()
    new = clinic.practices.rotate_key(clinic.practice.id, START, end_others=True)
    (key,) = clinic.stored().api_keys
    assert key.hint == new[: len("pp_live_") + 4]


def test_every_old_secret_works_for_a_day_even_after_another_rotation() -> None:
    """The response with the new webhook secret may be lost. An EMR that then rotates again must not lose its working
    secret."""
    clinic = Clinic()
    first = clinic.stored().live_secrets(START)
    for hours in (0, 1):
        at = START + timedelta(hours=hours)
        clinic.practices.rotate_secret(clinic.practice.id, at)
    assert len(clinic.stored().live_secrets(START + timedelta(hours=23))) == 3
    assert set(first) <= set(clinic.stored().live_secrets(START + timedelta(hours=23)))
    assert len(clinic.stored().live_secrets(START + timedelta(hours=24))) == 2


def test_a_rotation_with_too_many_old_secrets_is_refused_and_ends_no_secret() -> None:
    clinic = Clinic()
    for _ in range(MAX_OLD_SECRETS):
        clinic.practices.rotate_secret(clinic.practice.id, START)
    with pytest.raises(Conflict):
        clinic.practices.rotate_secret(clinic.practice.id, START)
    assert clinic.secret in clinic.stored().live_secrets(START)


def test_both_secrets_sign_for_a_day_after_a_rotation() -> None:
    clinic = Clinic()
    new = clinic.practices.rotate_secret(clinic.practice.id, clinic.clock.now())
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
    clinic.practices.rotate_secret(clinic.practice.id, clinic.clock.now())
    clinic.clock.pass_time(hours=12)
    clinic.practices.rotate_secret(clinic.practice.id, clinic.clock.now())
    clinic.clock.pass_time(hours=12)
    with pytest.raises(Unauthenticated):
        clinic.check(clinic.headers(secret=clinic.secret))


# Settings


def test_only_the_given_settings_change() -> None:
    clinic = Clinic()
    answer = clinic.practices.update(clinic.practice, {"fax": "+15125550188"}, START)
    assert answer == {
        "id": clinic.practice.id,
        "name": "Hill Country Therapy",
        "phone": "+15125550177",
        "fax": "+15125550188",
        "reply_to": None,
        "time_zone": "America/New_York",
        "default_payer": None,
        "electronic_signature": False,
        "endpoint": None,
        "fax_email": None,
    }


def test_the_default_payer_is_set_and_cleared() -> None:
    clinic = Clinic()
    for payer in (PayerKind.MEDICARE, None):
        answer = clinic.practices.update(clinic.stored(), {"default_payer": payer}, START)
        assert (answer["default_payer"], clinic.stored().default_payer) == (payer, payer)


def test_electronic_signature_goes_to_the_switch_and_not_into_the_row() -> None:
    clinic = Clinic()
    answer = clinic.practices.update(clinic.practice, {"electronic_signature": True}, START)
    assert answer["electronic_signature"] is True
    assert clinic.switches.on == {clinic.practice.id}
    assert clinic.stored() == clinic.practice


def test_concurrent_changes_of_settings_do_not_undo_each_other() -> None:
    clinic = Clinic()

    def other_writer() -> None:
        clinic.practices.set_endpoint(clinic.practice, "https://emr.example.com/hooks", START)

    clinic.store.before_commit = other_writer
    clinic.practices.update(clinic.practice, {"phone": "+15125550178"}, START)
    assert clinic.stored().endpoint == Endpoint(url="https://emr.example.com/hooks")
    assert clinic.stored().phone == "+15125550178"


def test_setting_the_endpoint_switches_it_on_again() -> None:
    clinic = Clinic()
    off = Endpoint(url="https://old.example.com", disabled_at=START, disabled_reason="410")
    clinic.practices.change(clinic.practice.id, START, lambda practice: replace(practice, endpoint=off))
    answer = clinic.practices.set_endpoint(clinic.stored(), "https://new.example.com", START)
    assert answer == {"url": "https://new.example.com", "disabled_at": None, "disabled_reason": None}


def test_the_release_of_held_webhooks_is_written_with_the_endpoint() -> None:
    clinic = Clinic()
    before = clinic.store.commits
    clinic.practices.set_endpoint(clinic.stored(), "https://new.example.com", START)
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
def test_only_a_changed_endpoint_makes_waiting_webhooks_due(before: Endpoint | None, *, hastens: bool) -> None:
    clinic = Clinic()
    clinic.practices.change(clinic.practice.id, START, lambda practice: replace(practice, endpoint=before))
    clinic.practices.set_endpoint(clinic.stored(), URL, START)
    assert [job.name for job in clinic.store.jobs()] == ["release", *(["hasten"] if hastens else [])]
    assert clinic.stored().endpoint == (Endpoint(url=URL) if hastens else before)


def test_an_endpoint_that_goes_off_during_the_change_makes_webhooks_due() -> None:
    """The caller has read the practice while its webhook endpoint was still on."""
    clinic = Clinic()
    clinic.practices.set_endpoint(clinic.practice, URL, START)
    on = clinic.stored()
    for row in clinic.store.every(OutboxRow, "outbox"):
        clinic.store.drop_outbox(row.id)

    def other_writer() -> None:
        off = Endpoint(url=URL, disabled_at=START)
        clinic.practices.change(on.id, START, lambda practice: replace(practice, endpoint=off))

    clinic.store.before_commit = other_writer
    clinic.practices.set_endpoint(on, URL, START)
    assert [job.name for job in clinic.store.jobs()] == ["release", "hasten"]


# Addresses for forwarded faxes


def by_email(clinic: Clinic) -> Practices:
    return Practices(clinic.store, clinic.switches, FakeIds(), fax_mail_domain="faxes.example.com")


def test_two_addresses_are_live_at_a_time_and_the_newest_is_shown() -> None:
    clinic = Clinic()
    practices = by_email(clinic)
    addresses = [practices.rotate_fax_address(clinic.practice.id, START) for _ in range(3)]
    tokens = [address.partition("@")[0].partition(".")[2] for address in addresses]
    assert clinic.stored().fax_tokens == (tokens[2], tokens[1])
    assert practices.resource(clinic.stored())["fax_email"] == addresses[2]
    assert len(set(addresses)) == 3


def test_a_leaked_address_can_be_ended_immediately() -> None:
    clinic = Clinic()
    practices = by_email(clinic)
    practices.rotate_fax_address(clinic.practice.id, START)
    last = practices.rotate_fax_address(clinic.practice.id, START, end_others=True)
    assert [f"{clinic.practice.id}.{token}@faxes.example.com" for token in clinic.stored().fax_tokens] == [last]


def test_an_installation_without_a_domain_gives_no_address() -> None:
    clinic = Clinic()
    with pytest.raises(Conflict, match="FaxMailDomain"):
        clinic.practices.rotate_fax_address(clinic.practice.id, START)
    assert clinic.stored().fax_tokens == ()
    assert clinic.practices.resource(clinic.stored())["fax_email"] is None


def test_the_address_stays_in_the_settings_after_a_change() -> None:
    clinic = Clinic()
    practices = by_email(clinic)
    address = practices.rotate_fax_address(clinic.practice.id, START)
    assert practices.update(clinic.stored(), {"phone": "+15125550199"}, START)["fax_email"] == address
