"""Test the admin action `report_visibility`, which lists documents that accounts can no longer open.

Also test the checks of providers that the action queues."""

from dataclasses import replace
from typing import Any

from chalicelib.domain.claim_keys import email_claim, known_claims
from chalicelib.domain.documents import DeliveryChoice, Document
from chalicelib.domain.jobs import JobName
from chalicelib.domain.providers import Provider
from chalicelib.domain.visibility import opens_to
from chalicelib.services.transaction import Change, Claim
from chalicelib.workers import run_delivery_job
from tests.support.fakes import START
from tests.support.provider_fixtures import COLLEAGUE, PROVIDER, a_document, handed_over
from tests.support.worlds.delivery_world import World

FAXED = replace(
    a_document(id="doc_faxed"), addressee=replace(a_document().addressee, email=None), delivery=DeliveryChoice.FAX
)
FOREIGN = replace(a_document(id="doc_foreign", practice_id="prc_9"), addressee=FAXED.addressee)


def a_world_from_before(*documents: Document) -> World:
    """Return a portal with an account that an earlier release has stored.

    It has documents, but no record of the practices that sent to the account's address."""
    world = World()
    stored = world.store.provider(PROVIDER.id)
    assert stored is not None
    account = replace(PROVIDER, version=stored.version + 1)
    claim = Claim(key=email_claim(PROVIDER.email or ""), owner=PROVIDER.id)
    world.store.commit(Change(at=START, providers=(account,), documents=documents, claims=(claim,)))
    return world


def run(world: World, **payload: Any) -> Any:
    """Run the admin action `report_visibility` and the checks that it queues. Return the action's result."""
    result = world.admin_actions.run({"action": "report_visibility", **payload})
    for job in world.store.jobs():
        if job.name is JobName.CHECK:
            run_delivery_job(job, world)
    return result


def account(world: World) -> Provider:
    provider = world.store.provider(PROVIDER.id)
    assert provider is not None
    return provider


def test_the_check_fills_in_who_addressed_whom() -> None:
    world = a_world_from_before(FAXED, FOREIGN)
    assert not opens_to(account(world), FAXED)
    run(world)
    assert account(world).addressed_by == {"prc_1": (PROVIDER.email,)}
    assert opens_to(account(world), FAXED)
    assert not opens_to(account(world), FOREIGN)
    keys = known_claims("prc_1", FAXED.addressee)
    assert world.store.claims(keys) == dict.fromkeys(keys, PROVIDER.id)
    assert world.store.claims(known_claims("prc_9", FAXED.addressee)) == {}


def test_the_report_lists_documents_that_were_never_sent_to_the_account() -> None:
    world = a_world_from_before(FAXED, FOREIGN)
    assert run(world)["accounts"] == []
    (found,) = run(world)["accounts"]
    assert (found["id"], set(found["documents"])) == (PROVIDER.id, {"doc_faxed", "doc_foreign"})


def test_the_report_is_paged_and_a_second_check_changes_nothing() -> None:
    world = a_world_from_before()
    others = [replace(PROVIDER, id=f"prv_x{number:02}", email=None, password_hash=None) for number in range(30)]
    world.store.commit(Change(at=START, providers=tuple(others)))
    first = run(world)
    checks = [(job.event_id, job.provider_id) for job in world.store.jobs() if job.name is JobName.CHECK]
    assert checks == [(provider_id, provider_id) for _, provider_id in checks]
    second = run(world, after=first["next"])
    assert (first["checked"], second["checked"], second["next"]) == (25, 6, None)
    before = account(world)
    run(world)
    assert account(world) == before


def test_a_claim_of_another_person_stays() -> None:
    world = a_world_from_before(FAXED)
    key = known_claims("prc_1", FAXED.addressee)[0]
    world.store.commit(Change(at=START, claims=(Claim(key=key, owner="prv_9"),)))
    run(world)
    assert world.store.claims([key]) == {key: "prv_9"}


def test_a_colleagues_word_does_not_open_the_practices_other_documents() -> None:
    giver = replace(PROVIDER, id="prv_9", first_name="Ana", last_name="Silva", npi="1003000126")
    own = replace(a_document().addressee, fax=None)
    addressed = a_document(id="doc_handed", practice_id="prc_9", provider_id=giver.id, addressee=COLLEAGUE)
    world = a_world_from_before(handed_over(addressed, own, to=PROVIDER.id), FOREIGN)
    run(world)
    assert account(world).addressed_by == {"prc_1": (PROVIDER.email,)}
    assert not opens_to(account(world), FOREIGN)
    assert world.store.claims(known_claims("prc_9", own)) == {}
