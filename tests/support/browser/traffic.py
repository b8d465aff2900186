"""What a page makes a browser with an empty cache fetch, and the most that it may."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, CDPSession, Page

MOST_BYTES = 60_000
MOST_REQUESTS = 6
MOST_SHIFT = 0.01
SHIFTS = """
() => new Promise((done) => {
  new PerformanceObserver((list) => done(list.getEntries().map((each) => ({
    value: each.value,
    moved: each.sources.map(({node, previousRect, currentRect}) =>
      [(node?.outerHTML ?? "").slice(0, 80), previousRect, currentRect]),
  })))).observe({type: "layout-shift", buffered: true});
  setTimeout(() => done([]), 500);
})
"""
PICTURES = "/pages/"
"""In the path of the pictures of a document's pages: they weigh what the document weighs."""


class Traffic:
    """Listens from the moment it is made."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, float] = {}
        self.urls: dict[str, str] = {}
        self.client: CDPSession = page.context.new_cdp_session(page)
        self.client.send("Network.enable")
        self.client.on("Network.requestWillBeSent", self._asked)
        self.client.on("Network.loadingFinished", self._came)

    def _asked(self, event: Any) -> None:
        if not event["request"]["url"].startswith("data:"):
            self.urls[event["requestId"]] = event["request"]["url"]

    def _came(self, event: Any) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]

    def ours(self) -> dict[str, float]:
        """Bytes over the wire by address, without the pictures of pages."""
        return {
            url: self.sizes.get(request, 0)
            for request, url in self.urls.items()
            if PICTURES not in urlsplit(url).path
        }


def check_load(page: Page, url: str, origins: Sequence[str]) -> None:
    """The page is light, asks nobody but `origins`, and nothing on it moves while it loads."""
    traffic = Traffic(page)
    page.goto(url, wait_until="networkidle")
    ours = traffic.ours()
    assert sum(ours.values()) <= MOST_BYTES, ours
    assert len(ours) <= MOST_REQUESTS, ours
    assert [each for each in traffic.urls.values() if not each.startswith(tuple(origins))] == []
    first = shifts(page)
    if first:
        # A busy machine may paint half of a page before the rest is there. What a page does, it does again.
        traffic.client.send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.reload(wait_until="networkidle")
        assert not shifts(page), first


def shifts(page: Page) -> list[Any]:
    """What moved on the page, if it moved by more than a trace."""
    found: list[Any] = page.evaluate(SHIFTS)
    return found if sum(each["value"] for each in found) >= MOST_SHIFT else []


def newcomer(known: BrowserContext, fresh: BrowserContext) -> Page:
    """Another browser of the same person, at any port of this machine, which has fetched nothing yet."""
    for each in known.cookies():
        name, value = each.get("name", ""), each.get("value", "")
        fresh.add_cookies([{"name": name, "value": value, "url": "https://localhost", "secure": True}])
    return fresh.new_page()
