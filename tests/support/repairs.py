"""Test cases in which support repairs accounts that show documents to a wrong person. Two test modules run each case.

One runs the cases on the web function in memory, and the other on the packaged and deployed portal. In each case, one
clinic has led the portal to the wrong person (attack 8 of `who_sees_what.py`)."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.who_sees_what import PASSWORD, Clinic, Physician, Visitor, World

OPERATOR = "Dana Ruiz"


def run(world: World, action: str, **payload: Any) -> dict[str, Any]:
    """Run an action of support, such as `close_account`, and all jobs that follow from it. Return the action's result.

    The test fails if the action is refused."""
    result = world.admin({"action": action, "operator": OPERATOR, **payload})
    assert "error" not in result, result
    world.settle()
    return result


def account_at(world: World, email: str) -> str:
    found: str = world.admin({"action": "find_account", "email": email})["id"]
    return found


def is_logged_in(visitor: Visitor) -> bool:
    return visitor.get("/documents").status == 200


def may_log_in(world: World, email: str) -> bool:
    return world.browser().post("/login/password", email=email, password=PASSWORD, next="/documents").status == 303


def repair_1_close_the_strangers_account(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    past = other.send(person.at(person.strangers, fax=True))
    stranger = world.set_up(person.strangers)
    assert stranger.is_shown(past)
    provider_id = account_at(world, person.strangers)
    for _ in range(2):
        assert run(world, "close_account", provider_id=provider_id) == {"id": provider_id}
    assert not is_logged_in(stranger)
    assert not may_log_in(world, person.strangers)
    links = world.links(person.strangers)
    world.browser().post(f"/documents/{past.id}/setup-link")
    world.browser().post("/forgot-password", email=person.strangers)
    world.settle()
    assert world.links(person.strangers) == links
    new = other.send(person.at(person.strangers))
    reader = world.set_up(person.strangers)
    assert [reader.is_shown(document) for document in (new, past)] == [True, False]
    document = honest.send(person.at(person.own))
    assert not reader.is_shown(document)
    assert world.set_up(person.own).is_shown(document)


def repair_2_move_the_account_to_the_real_physician(world: World) -> None:
    person, honest, other = Physician(), Clinic(world), Clinic(world)
    past = other.send(person.at(person.strangers))
    stranger = world.set_up(person.strangers)
    document = honest.send(person.at(person.own))
    provider_id = account_at(world, person.strangers)
    run(world, "move_account", provider_id=provider_id, email=person.own)
    assert is_logged_in(stranger), "nothing changes before the new address is proven"
    assert not world.browser().get("/documents").body.count(document.patient)
    physician = world.browser()
    physician.get(world.newest_link(person.own))
    moved = physician.post("/setup", confirmed="yes", password=PASSWORD + " again")
    assert moved.location.startswith("/login?reason=password-set"), moved.body[:2000]
    world.settle()
    assert not is_logged_in(stranger)
    assert not may_log_in(world, person.strangers)
    login = physician.post("/login/password", email=person.own, password=PASSWORD + " again", next="/documents")
    assert login.status == 303
    assert [physician.is_shown(sent) for sent in (document, past)] == [True, False]
    activity = physician.get("/account/activity").body
    assert f"Move to another email address started by support ({OPERATOR})" in activity
    assert account_at(world, person.own) == provider_id


def repair_3_separate_two_people_at_one_mailbox(world: World) -> None:
    person, clinic = Physician(), Clinic(world)
    own = clinic.send(person.at(person.own))
    other = {**person.at(person.own), "first_name": "Jane", "last_name": "Okafor"}
    physician, mistaken = world.set_up(person.own), clinic.send(other)
    assert physician.is_shown(mistaken)
    names = {"first_name": "Jane", "last_name": "Okafor", "npi": person.npi}
    run(world, "separate_people", provider_id=account_at(world, person.own), **names)
    assert [physician.is_shown(document) for document in (own, mistaken)] == [True, False]
    assert not physician.may_sign(mistaken)
    assert not physician.is_shown(clinic.send(other))


REPAIRS: Mapping[str, Callable[[World], None]] = {
    name: repair for name, repair in sorted(globals().items()) if name.startswith("repair_")
}
