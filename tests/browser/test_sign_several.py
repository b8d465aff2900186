"""Test how many taps a returning provider needs to sign five documents in one sitting."""

import sys

import pytest
from playwright.sync_api import Page, expect

from chalicelib.domain.status import Status
from tests.browser.conftest import NewContext
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.states.scene import Scene
from tests.support.browser.states.several import SEVERAL, put_several
from tests.support.browser.visitor import PHONE, SHOW_ALL_OF_EACH_PAGE

MOST_MORE_TAPS = 5


class Phone:
    """A phone with a logged-in provider, which counts the taps and lets the provider read by scrolling only."""

    def __init__(self, memory: MemoryPortal, page: Page) -> None:
        self.scene = Scene(memory, page)
        put_several(self.scene)
        self.scene.log_in()
        self.taps = 0
        self.scene.open("/documents")
        self.open_first()

    def tap(self, name: str) -> None:
        self.scene.page.get_by_role("button", name=name, exact=True).tap()
        self.taps += 1

    def open_first(self) -> None:
        self.scene.page.get_by_role("link", name="Review the").first.tap()
        self.taps += 1

    def read(self) -> None:
        page = self.scene.page
        expect(page.locator("[data-reading]")).to_be_visible()
        page.evaluate(SHOW_ALL_OF_EACH_PAGE)
        expect(page.get_by_text("You've seen every page.")).to_be_visible()

    def signed(self) -> list[str]:
        return [key for key in SEVERAL if self.scene.stored(key).status is Status.APPROVED]


def test_five_documents_take_at_most_five_taps_more_than_one(
    memory: MemoryPortal, new_context: NewContext, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Phone(memory, new_context(**PHONE).new_page())
    one.read()
    one.tap("Approve and sign")
    expect(one.scene.page.get_by_role("heading", name="You signed this")).to_be_visible()
    assert one.signed() == [SEVERAL[0]]

    memory.reset()
    five = Phone(memory, new_context(**PHONE).new_page())
    for document_id in SEVERAL:
        expect(five.scene.page).to_have_url(f"{memory.url}/documents/{document_id}")
        five.read()
        five.tap("Mark as read, then sign all" if document_id == SEVERAL[-1] else "Mark as read, then next")
    expect(five.scene.page.locator("li.entry")).to_have_count(5)
    five.tap("Approve and sign 5 documents")
    expect(five.scene.page.get_by_role("heading", name="Signed: 5 documents")).to_be_visible()
    assert five.signed() == [*SEVERAL]
    for document_id in SEVERAL:
        decision = five.scene.stored(document_id).decision
        assert decision is not None
        assert len(decision.pages_shown) == five.scene.stored(document_id).original.pages
    with capsys.disabled():
        sys.stdout.write(f"\ntaps: one document {one.taps}, five documents {five.taps}\n")
    assert five.taps - one.taps <= MOST_MORE_TAPS
