"""Test cases about accounts with several email addresses. Two test modules run each case.

One runs the cases on the web function in memory, and the other on the packaged and deployed portal."""

from collections.abc import Callable, Mapping

from tests.support.who_sees_what import PASSWORD, Answer, Clinic, Physician, Visitor, World


def ask(visitor: Visitor, email: str) -> Answer:
    answer = visitor.post("/account/emails", email=email)
    assert (answer.status, answer.location) == (303, "/account/emails"), answer.body[:2000]
    return visitor.get("/account/emails")


def add(world: World, visitor: Visitor, email: str) -> None:
    ask(visitor, email)
    world.settle()
    answer = visitor.post("/account/emails/code", code=world.codes(email)[-1])
    assert answer.location == "/account?done=email-added", answer.body[:2000]
    world.settle()


def remove(world: World, visitor: Visitor, email: str) -> None:
    answer = visitor.post("/account/emails/remove", email=email)
    assert answer.location == "/account?done=email-removed", answer.body[:2000]
    world.settle()


def case_1_documents_follow_an_address_both_ways(world: World) -> None:
    person, first, second = Physician(), Clinic(world), Clinic(world)
    first.send(person.at(person.own))
    owner = world.set_up(person.own)
    documents = [second.send(person.at(person.second)), second.send(person.at(fax=True))]
    assert not any(owner.is_shown(document) for document in documents)
    add(world, owner, person.second)
    documents += [second.send(person.at(person.second)), second.send(person.at(fax=True))]
    assert all(owner.is_shown(document) for document in documents)
    remove(world, owner, person.second)
    for document in documents:
        assert not owner.is_shown(document)
        assert not owner.may_sign(document)
    heir = world.set_up(person.second)
    assert all(heir.is_shown(document) for document in documents)


def case_2_another_person_at_the_address_stays_separate(world: World) -> None:
    person, another, clinic = Physician(), Physician(), Clinic(world)
    clinic.send(person.at(person.own))
    owner = world.set_up(person.own)
    foreign = [clinic.send(another.at(person.second)), clinic.send({**another.at(fax=True)})]
    add(world, owner, person.second)
    foreign.append(clinic.send(another.at(person.second)))
    for document in foreign:
        assert not owner.is_shown(document)
        assert not owner.may_sign(document)


def case_3_an_address_of_another_account_is_not_disclosed(world: World) -> None:
    person, another, clinic = Physician(), Physician(), Clinic(world)
    clinic.send(person.at(person.own))
    clinic.send(another.at(another.own))
    curious, other = world.set_up(person.own), world.set_up(another.own)
    for visitor, email in ((curious, another.own), (other, another.second)):
        assert "If the address can be added" in ask(visitor, email).body
        world.settle()
        refused = visitor.post("/account/emails/code", code="no code")
        assert (refused.status, "That code didn&#39;t work." in refused.body) == (422, True)
    assert world.codes(another.own) == []
    assert len(world.codes(another.second)) == 1
    assert world.is_informed_of_a_try(another.own)
    assert not world.is_informed_of_a_try(another.second)


def case_4_the_username_alone_logs_in_and_gets_links(world: World) -> None:
    person, clinic = Physician(), Clinic(world)
    clinic.send(person.at(person.own))
    owner = world.set_up(person.own)
    add(world, owner, person.second)
    links = world.links(person.own)
    assert world.browser().post("/login/password", email=person.second, password=PASSWORD).status == 401
    world.browser().post("/forgot-password", email=person.second)
    world.settle()
    assert world.links(person.second) == []
    assert len(world.links(person.own)) == len(links) + 1
    assert world.browser().post("/login/password", email=person.own, password=PASSWORD).status == 303


def case_5_a_correction_ends_what_an_added_address_opened(world: World) -> None:
    person, first, second = Physician(), Clinic(world), Clinic(world)
    first.send(person.at(person.own))
    owner = world.set_up(person.own)
    add(world, owner, person.second)
    document, fax = second.send(person.at(person.second)), second.send(person.at(fax=True))
    assert owner.is_shown(document)
    assert owner.is_shown(fax)
    second.correct(document, person.strangers)
    for hidden in (document, fax, second.send(person.at(fax=True))):
        assert not owner.is_shown(hidden)
        assert not owner.may_sign(hidden)


CASES: Mapping[str, Callable[[World], None]] = {
    name: case for name, case in sorted(globals().items()) if name.startswith("case_")
}
