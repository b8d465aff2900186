"""How many calls of a page wait for one another: with nothing kept from before, three at most."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters.ssm_switches import SsmSwitches
from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import Document
from chalicelib.services.review.hand_codes import create_code
from chalicelib.services.transaction import Change
from tests.support.accounts import logged_in
from tests.support.portal import Portal
from tests.support.provider_fixtures import a_document, a_store
from tests.support.slow_calls import Calls, Slow, in_sequence
from tests.unit.adapters.test_ssm_switches import FakeSsm

MOST = 3


class Scene:
    def __init__(self) -> None:
        self.portal = Portal(a_store(a_document()))
        self.calls: Calls = []
        self.browser = logged_in(self.portal)
        fresh = Portal(self.portal.fake_store)
        fresh.store, fresh.files = Slow(fresh.store, self.calls), Slow(fresh.files, self.calls)
        clients: Any = SimpleNamespace(ssm=Slow(FakeSsm(), self.calls))
        fresh.switches = SsmSwitches(clients, "/portal", fresh.clock)
        bootstrap.install(fresh)

    @property
    def document(self) -> Document:
        found = self.portal.fake_store.document(a_document().id)
        assert found is not None
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("below", ["", "/original.pdf"])
def test_the_first_view_by_who_has_no_second_factor_waits_three_times(scene: Scene, below: str) -> None:
    answer = scene.browser.get(f"/documents/{a_document().id}{below}")
    assert answer.status_code == (303 if below else 200)
    assert scene.document.viewed_at is not None
    assert "get_parameters" in {name for name, _, _ in scene.calls}
    chain = in_sequence(scene.calls)
    assert len(chain) <= MOST, chain


def test_seen_again_it_waits_twice_and_reads_no_practice(scene: Scene) -> None:
    for _ in range(2):
        scene.calls.clear()
        assert scene.browser.get(f"/documents/{a_document().id}").status_code == 200
    assert in_sequence(scene.calls) == ["visit", "find"]
    assert len(scene.calls) == 2


def test_what_is_over_waits_for_the_switches_and_for_what_is_next_at_once(scene: Scene) -> None:
    """In the store, the list is two calls: the longest chain is then of three."""
    recalled = scene.document.recall("Sent in error", scene.portal.time.now())
    assert recalled is not None
    scene.portal.store.commit(Change(at=scene.portal.time.now(), documents=(replace(recalled, version=2),)))
    assert scene.browser.get(f"/documents/{recalled.id}").status_code == 200
    assert {name for name, _, _ in scene.calls} == {"visit", "get_parameters", "documents"}
    assert len(in_sequence(scene.calls)) == 2


def test_a_search_of_the_past_waits_for_the_switches_meanwhile(scene: Scene) -> None:
    scene.browser.get("/login")
    scene.calls.clear()
    assert scene.browser.post("/documents/past", q="Byron").status_code == 200
    assert "get_parameters" in {name for name, _, _ in scene.calls}
    assert len(in_sequence(scene.calls)) == 2


@pytest.mark.parametrize("path", ["/documents", "/documents/past", "/account"])
def test_a_page_of_the_account_waits_three_times_at_most(scene: Scene, path: str) -> None:
    assert scene.browser.get(path).status_code == 200
    assert len(in_sequence(scene.calls)) <= MOST


@pytest.mark.parametrize("query", ["", "?asked=yes"])
def test_the_page_for_a_code_waits_twice(scene: Scene, query: str) -> None:
    assert scene.browser.get(f"/by-hand/{a_document().id}{query}").status_code == 200
    assert in_sequence(scene.calls) == ["document", "get_parameters"]


def test_reading_by_hand_waits_three_times_at_most(scene: Scene) -> None:
    portal, document = scene.portal, scene.document
    mail = Delivery(
        id="dlv_1",
        version=1,
        practice_id=document.practice_id,
        document_id=document.id,
        event_id="evt_1",
        channel=Channel.EMAIL,
        type="code",
        recipient="dr.rivera@example.com",
        created_at=portal.time.now(),
    )
    code = create_code(portal.fake_store, document, mail, portal.time.now(), portal.ids)
    assert scene.browser.post(f"/by-hand/{document.id}", code=code).status_code == 303
    scene.calls.clear()
    assert scene.browser.get(f"/by-hand/{document.id}/document").status_code == 200
    chain = in_sequence(scene.calls)
    assert len(chain) <= MOST, chain
