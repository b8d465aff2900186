"""Test that no page waits for more than three AWS calls in sequence, even with empty caches."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters.ssm_switches import SsmSwitches
from chalicelib.domain.documents import Document
from chalicelib.services.review.hand_codes import create_code
from chalicelib.services.transaction import Change
from tests.support.accounts import logged_in
from tests.support.fakes import START
from tests.support.portal import Portal
from tests.support.provider_fixtures import PROVIDER, a_delivery, a_document, a_store
from tests.support.slow_calls import Calls, Slow, in_sequence
from tests.unit.adapters.test_ssm_switches import FakeSsm

MAX_IN_SEQUENCE = 3


class Scene:
    def __init__(self) -> None:
        self.portal = Portal(a_store(a_document()))
        self.calls: Calls = []
        self.browser = logged_in(self.portal)
        fresh = Portal(self.portal.fake_store)
        fresh.store, fresh.files = Slow(fresh.store, self.calls), Slow(fresh.files, self.calls)
        self.ssm = FakeSsm()
        clients: Any = SimpleNamespace(ssm=Slow(self.ssm, self.calls))
        fresh.switches = SsmSwitches(clients, "/portal", fresh.clock)
        bootstrap.install(fresh)

    @property
    def document(self) -> Document:
        document = self.portal.fake_store.document(a_document().id)
        assert document is not None
        return document


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("below", ["", "/original.pdf"])
def test_the_first_view_without_a_second_factor_waits_three_times(scene: Scene, below: str) -> None:
    response = scene.browser.get(f"/documents/{a_document().id}{below}")
    assert response.status_code == (303 if below else 200)
    assert scene.document.viewed_at is not None
    assert "get_parameters" in {name for name, _, _ in scene.calls}
    chain = in_sequence(scene.calls)
    assert len(chain) <= MAX_IN_SEQUENCE, chain


def test_a_second_view_waits_twice_and_reads_no_practice(scene: Scene) -> None:
    for _ in range(2):
        scene.calls.clear()
        assert scene.browser.get(f"/documents/{a_document().id}").status_code == 200
    assert len(in_sequence(scene.calls)) == 2
    assert sorted(name for name, _, _ in scene.calls) == ["count", "find", "record_access", "secret", "visit"]


@pytest.mark.parametrize("state", ["seen", "recalled"])
def test_a_document_waits_twice_in_a_function_that_does_not_know_the_switches(scene: Scene, state: str) -> None:
    """The switches (settings of practices) are read together with the session, because its cookie names the
    practices."""
    seen, now = replace(scene.document, viewed_at=START), scene.portal.time.now()
    changed = seen.recall("Sent in error", now) if state == "recalled" else seen
    assert changed is not None
    scene.portal.store.commit(Change(at=now, documents=(replace(changed, version=2),)))
    scene.browser = logged_in(scene.portal, replace(PROVIDER, practices=(a_document().practice_id,)))
    scene.calls.clear()
    assert scene.browser.get(f"/documents/{a_document().id}").status_code == 200
    assert {"visit", "get_parameters", "record_access"} <= {name for name, _, _ in scene.calls}
    assert len(in_sequence(scene.calls)) == 2


def test_a_recalled_document_reads_the_switches_and_the_next_document_concurrently(scene: Scene) -> None:
    # The list is two calls in the real store, so the longest chain there is three as well.
    recalled = scene.document.recall("Sent in error", scene.portal.time.now())
    assert recalled is not None
    scene.portal.store.commit(Change(at=scene.portal.time.now(), documents=(replace(recalled, version=2),)))
    assert scene.browser.get(f"/documents/{recalled.id}").status_code == 200
    assert {name for name, _, _ in scene.calls} == {"visit", "get_parameters", "documents", "record_access"}
    assert len(in_sequence(scene.calls)) == MAX_IN_SEQUENCE


def test_a_search_of_the_past_reads_the_switches_concurrently(scene: Scene) -> None:
    scene.browser.get("/login")
    scene.calls.clear()
    assert scene.browser.post("/documents/past", q="Byron").status_code == 200
    assert "get_parameters" in {name for name, _, _ in scene.calls}
    assert len(in_sequence(scene.calls)) == 2


@pytest.mark.parametrize("path", ["/documents", "/documents/past", "/documents/marked", "/account", "/fax"])
def test_a_page_of_an_account_waits_at_most_three_times(scene: Scene, path: str) -> None:
    assert scene.browser.get(path).status_code == 200
    assert len(in_sequence(scene.calls)) <= MAX_IN_SEQUENCE


@pytest.mark.parametrize("query", ["", "?asked=yes"])
def test_the_code_page_waits_twice(scene: Scene, query: str) -> None:
    assert scene.browser.get(f"/by-hand/{a_document().id}{query}").status_code == 200
    assert {name for name, _, _ in scene.calls} <= {"document", "visit", "get_parameters"}
    assert len(in_sequence(scene.calls)) == 2


@pytest.fixture
def guest(scene: Scene) -> Scene:
    """Return a portal and a browser in which a person without an account has entered the document's emailed code."""
    code = create_code(
        scene.portal.fake_store, scene.document, a_delivery(scene.document), scene.portal.time.now(), scene.portal.ids
    )
    assert scene.browser.post(f"/by-hand/{scene.document.id}", code=code).status_code == 303
    scene.calls.clear()
    return scene


def test_a_document_that_a_code_opened_waits_at_most_three_times(guest: Scene) -> None:
    assert guest.browser.get(f"/by-hand/{guest.document.id}/document").status_code == 200
    chain = in_sequence(guest.calls)
    assert len(chain) <= MAX_IN_SEQUENCE, chain


def test_a_decision_by_code_waits_four_times(guest: Scene) -> None:
    guest.ssm.values.update({"/portal/electronic-signature": "on", "/portal/sign-without-account": "on"})
    form = {"reason": "not_my_patient", "decliner": "Luis Rivera"}
    assert guest.browser.post(f"/by-hand/{guest.document.id}/decline", form).status_code == 303
    chain = in_sequence(guest.calls)
    assert len(chain) <= MAX_IN_SEQUENCE + 1, chain
