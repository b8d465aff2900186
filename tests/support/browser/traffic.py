"""Measurement of what a browser with an empty cache loads for a page, and the limits that each page must meet."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, CDPSession, Page

MOST_BYTES = 60_000
MOST_REQUESTS = 6
MOST_SHIFT = 0.01
SHIFTS = """
() => new Promise((done) => {
  new PerformanceObserver((list) => done(list.getEntries().map((entry) => ({
    value: entry.value,
    moved: entry.sources.map(({node, previousRect, currentRect}) =>
      [(node?.outerHTML ?? "").slice(0, 80), previousRect, currentRect]),
  })))).observe({type: "layout-shift", buffered: true});
  setTimeout(() => done([]), 500);
})
"""
PICTURES = "/pages/"
"""A part of the URL of each page image. Page images do not count: their size depends on the document."""


class Traffic:
    """The requests that a browser page has made since this object was created, with their sizes."""

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

    def bytes_by_url(self) -> dict[str, float]:
        """Return the bytes loaded over the network for each URL, without page images, whose size depends on the
        document."""
        return {
            url: self.sizes.get(request, 0) for request, url in self.urls.items() if PICTURES not in urlsplit(url).path
        }


def check_load(page: Page, url: str, origins: Sequence[str]) -> None:
    """Load a page, and assert that it is small, loads from `origins` only, and that its parts do not move meanwhile."""
    traffic = Traffic(page)
    page.goto(url, wait_until="networkidle")
    sizes = traffic.bytes_by_url()
    assert sum(sizes.values()) <= MOST_BYTES, sizes
    assert len(sizes) <= MOST_REQUESTS, sizes
    assert [address for address in traffic.urls.values() if not address.startswith(tuple(origins))] == []
    first = shifts(page)
    if first:
        # A busy machine may paint half of a page early. A real shift happens again on a second load.
        traffic.client.send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.reload(wait_until="networkidle")
        assert not shifts(page), first


def shifts(page: Page) -> list[Any]:
    """Return the movements of the page's parts during its loading (layout shifts), if they are too large.

    The list is empty if their sum is below `MOST_SHIFT`."""
    entries: list[Any] = page.evaluate(SHIFTS)
    return entries if sum(entry["value"] for entry in entries) >= MOST_SHIFT else []


def open_fresh_page(known: BrowserContext, fresh: BrowserContext) -> Page:
    """Open a page in the browser `fresh`, with an empty cache and the cookies of the logged-in browser `known`.

    Cookies are valid for every port of this machine."""
    for cookie in known.cookies():
        name, value = cookie.get("name", ""), cookie.get("value", "")
        fresh.add_cookies([{"name": name, "value": value, "url": "https://localhost", "secure": True}])
    return fresh.new_page()
