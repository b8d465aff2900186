"""When the first page of a document is visible, from the tap on Review in the list: and what it waited for.

On a phone whose processor is four times slower than this machine's (Lighthouse's own measure), without and
with a slow network, as Chromium emulates both: each answer takes at least the latency, in which the server's
own time is hidden, and making a connection costs nothing. On a real network the server's time comes on top,
and three times there and back for a connection to the bucket that the list has not made ahead.

The server's share is that of the local AWS on the same machine. How much of it is the local AWS's own is told
by an answer of the same function that asks AWS for nothing: a style sheet.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from chalicelib.web.http.static_assets import asset_url
from tests.support.browser.traffic import newcomer
from tests.support.browser.visitor import PHONE

SLOWER_PROCESSOR = 4
Network = tuple[int, int] | None
NETWORKS: Mapping[str, Network] = {
    "as it is": None,
    "fast 4G": (60, 9_000_000),
    "slow 4G": (150, 1_600_000),
}
"""Milliseconds there and back, and bits per second."""

TIMES = 7
REVIEW = "a.entry__open"
FIRST = "[data-page='1'] img"

NOTE_TAP = """
(selector) => document.querySelector(selector).addEventListener("click", () => {
  window.name = performance.timeOrigin + performance.now();
})
"""
PAINTED = """
(selector) => new Promise((done, fail) => {
  setTimeout(() => fail("the first page was not the largest paint"), 30000);
  const tapped = Number(window.name) || performance.timeOrigin;
  const since = (moment) => performance.timeOrigin + moment - tapped;
  const image = document.querySelector(selector);
  new PerformanceObserver((list) => {
    const paint = list.getEntries().find((each) => each.element === image);
    if (!paint) return;
    const [page] = performance.getEntriesByType("navigation");
    const picture = performance.getEntriesByName(paint.url)[0];
    done({
      moments: [page.requestStart, page.responseStart, page.responseEnd, picture.fetchStart,
        picture.responseEnd, paint.startTime].map(since),
      picture: paint.url,
    });
  }).observe({ type: "largest-contentful-paint", buffered: true });
})
"""
MOMENTS = ("page asked", "answered", "there", "picture asked", "there", "painted")
"""Milliseconds since the tap."""


@dataclass(frozen=True)
class Tap:
    """One tap: its moments, and what was fetched until the first page was painted."""

    moments: Sequence[float]
    page_bytes: int
    picture_bytes: int
    requests: int
    origins: int

    def __str__(self) -> str:
        return (
            f"page {self.page_bytes} bytes, picture {self.picture_bytes}; {self.requests} requests"
            f" to {self.origins} origins"
        )


class Wire:
    """The answers that a page gets, as Chromium tells of them."""

    def __init__(self, devtools: CDPSession) -> None:
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.sizes: dict[str, int] = {}
        self._devtools = devtools
        devtools.send("Network.enable")
        devtools.on("Network.responseReceived", self._answered)
        devtools.on("Network.loadingFinished", self._came)

    def _answered(self, event: Any) -> None:
        self.answers[event["requestId"]] = event["response"]

    def _came(self, event: Any) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]

    def slow_down(self, network: Network) -> None:
        if network is not None:
            latency, bits = network
            speed = {"downloadThroughput": bits / 8, "uploadThroughput": bits / 8}
            told = {"offline": False, "latency": latency, **speed}
            self._devtools.send("Network.emulateNetworkConditions", told)
        self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_PROCESSOR})

    def forget(self) -> None:
        self.answers.clear()

    def fetched(self) -> Mapping[str, Mapping[str, Any]]:
        """Without what the browser had already."""
        return {each: told for each, told in self.answers.items() if not told.get("fromDiskCache")}

    def origins(self) -> int:
        return len({urlsplit(told["url"]).netloc for told in self.fetched().values()})

    def size(self, path: str) -> int:
        """Bytes over the wire of the last answer from there."""
        found = [each for each, told in self.answers.items() if urlsplit(told["url"]).path == path]
        return self.sizes.get(found[-1], 0) if found else 0


Way = Callable[[Page, Mapping[str, str], Wire, Network], None]


def run(browser: Browser, known: BrowserContext, pages: Mapping[str, str]) -> None:
    """Prints a line per network and way, and what the server took of it."""
    print(f"First page, ms since the tap (slow processor, median of {TIMES})")
    print(f"  {'':24}{''.join(f'{each:>15}' for each in MOMENTS)}")
    for name, network in NETWORKS.items():
        for how, way in (("list", _from_list), ("mail", _from_mail)):
            taps = [_tapped(browser, known, pages, network, way) for _ in range(TIMES)]
            middle = [median_low(each) for each in zip(*(tap.moments for tap in taps), strict=True)]
            print(f"  {f'{name}, from the {how}':24}{''.join(f'{each:15.0f}' for each in middle)}")
            print(f"  {'':24}{taps[-1]}")
    review, sheet = (_server(known, each) for each in (pages["review"], _sheet(pages["review"])))
    print(f"  The server takes {review:.0f} ms for the page, {sheet:.0f} ms for a style sheet.\n")


def _sheet(address: str) -> str:
    return urljoin(address, asset_url("portal.css"))


def _server(known: BrowserContext, address: str) -> float:
    """Milliseconds to an answer, without a browser: the median."""
    sent = "; ".join(f"{each.get('name')}={each.get('value')}" for each in known.cookies())
    taken = []
    with httpx.Client(headers={"cookie": sent}, timeout=60) as client:
        for _ in range(TIMES):
            started = time.perf_counter()
            client.get(address).raise_for_status()
            taken.append((time.perf_counter() - started) * 1000)
    return median_low(taken)


def _tapped(
    browser: Browser, known: BrowserContext, pages: Mapping[str, str], network: Network, way: Way
) -> Tap:
    context = browser.new_context(**PHONE)
    page = newcomer(known, context)
    wire = Wire(context.new_cdp_session(page))
    way(page, pages, wire, network)
    page.wait_for_selector(FIRST)
    found = page.evaluate(PAINTED, FIRST)
    tap = Tap(
        found["moments"],
        wire.size(urlsplit(page.url).path),
        wire.size(urlsplit(found["picture"]).path),
        len(wire.fetched()),
        wire.origins(),
    )
    context.close()
    return tap


def _from_list(page: Page, pages: Mapping[str, str], wire: Wire, network: Network) -> None:
    """With what the list has left in the cache."""
    page.goto(pages["pending"], wait_until="networkidle")
    page.evaluate(NOTE_TAP, REVIEW)
    wire.slow_down(network)
    wire.forget()
    page.locator(REVIEW).first.tap(no_wait_after=True)


def _from_mail(page: Page, pages: Mapping[str, str], wire: Wire, network: Network) -> None:
    """With an empty cache."""
    wire.slow_down(network)
    page.goto(pages["review"], wait_until="commit")
