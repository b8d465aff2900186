"""The time from a tap on *Review* in the list until the first page of the document is visible, and its parts.

Chromium emulates a processor that is four times slower than this machine's, as Lighthouse does, and several networks.
In its emulation, a response takes at least the latency, the server's time is hidden in the latency, and a connection
costs nothing. On a real network the server's time is added, and so are three round trips for a connection to the
bucket, unless the list has already made the connection.

The server is the local AWS on the same machine. The time for a style sheet, which needs no AWS call, shows the local
AWS's own share."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from chalicelib.web.http.static_assets import asset_url
from tests.support.browser.traffic import open_fresh_page
from tests.support.browser.visitor import PHONE

SLOWER_PROCESSOR = 4
Network = tuple[int, int] | None
NETWORKS: Mapping[str, Network] = {"as it is": None, "fast 4G": (60, 9_000_000), "slow 4G": (150, 1_600_000)}
"""The round trip in milliseconds, and bits per second."""

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
  setTimeout(() => fail("The first page was not the largest paint."), 30000);
  const tapped = Number(window.name) || performance.timeOrigin;
  const since = (moment) => performance.timeOrigin + moment - tapped;
  const image = document.querySelector(selector);
  new PerformanceObserver((list) => {
    const paint = list.getEntries().find((entry) => entry.element === image);
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
MOMENTS = ("page request", "first byte", "page", "image request", "image", "painted")
"""Milliseconds since the tap."""


@dataclass(frozen=True)
class Tap:
    """The measurements of one tap on *Review*: the times in milliseconds (see `MOMENTS`), and what the browser loaded.

    The sizes and numbers count what was loaded until the document's first page was visible."""

    moments: Sequence[float]
    page_bytes: int
    picture_bytes: int
    requests: int
    origins: int

    def __str__(self) -> str:
        return (
            f"page {self.page_bytes} bytes, image {self.picture_bytes}; {self.requests} requests"
            f" to {self.origins} origins"
        )


class NetworkLog:
    """The responses that Chromium got for one page load, with their sizes, as its developer tools report them."""

    def __init__(self, devtools: CDPSession) -> None:
        self.responses: dict[str, Mapping[str, Any]] = {}
        self.sizes: dict[str, int] = {}
        self._devtools = devtools
        devtools.send("Network.enable")
        devtools.on("Network.responseReceived", self._on_response)
        devtools.on("Network.loadingFinished", self._on_finished)

    def _on_response(self, event: Any) -> None:
        self.responses[event["requestId"]] = event["response"]

    def _on_finished(self, event: Any) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]

    def slow_down(self, network: Network) -> None:
        """Make Chromium emulate a slow processor and this network. With None, the network stays as it is."""
        if network is not None:
            latency, bits = network
            speed = {"downloadThroughput": bits / 8, "uploadThroughput": bits / 8}
            conditions = {"offline": False, "latency": latency, **speed}
            self._devtools.send("Network.emulateNetworkConditions", conditions)
        self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_PROCESSOR})

    def clear(self) -> None:
        self.responses.clear()

    def loaded(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the responses that came over the network, by Chromium's request id. Cached files are left out."""
        return {key: row for key, row in self.responses.items() if not row.get("fromDiskCache")}

    def origins(self) -> int:
        return len({urlsplit(row["url"]).netloc for row in self.loaded().values()})

    def size(self, path: str) -> int:
        """Return the size in bytes, over the network, of the last response for this URL path, or 0 if there is none."""
        keys = [key for key, row in self.responses.items() if urlsplit(row["url"]).path == path]
        return self.sizes.get(keys[-1], 0) if keys else 0


Way = Callable[[Page, Mapping[str, str], NetworkLog, Network], None]


def run(browser: Browser, known: BrowserContext, pages: Mapping[str, str]) -> None:
    """Print the median times for each network and each way to open a document, and the server's share of the time.

    `known` is a logged-in browser, and `pages` maps the names of pages to their URLs."""
    print(f"First page, ms since the tap (slow processor, median of {TIMES})")
    print(f"  {'':24}{''.join(f'{moment:>15}' for moment in MOMENTS)}")
    for name, network in NETWORKS.items():
        for how, way in (("list", _from_list), ("email", _from_email)):
            taps = [_tap(browser, known, pages, network, way) for _ in range(TIMES)]
            medians = [median_low(times) for times in zip(*(tap.moments for tap in taps), strict=True)]
            print(f"  {f'{name}, from the {how}':24}{''.join(f'{median:15.0f}' for median in medians)}")
            print(f"  {'':24}{taps[-1]}")
    review = _server_time(known, pages["review"])
    sheet = _server_time(known, _style_sheet(pages["review"]))
    print(f"  The server takes {review:.0f} ms for the page, {sheet:.0f} ms for a style sheet.\n")


def _style_sheet(address: str) -> str:
    return urljoin(address, asset_url("portal.css"))


def _server_time(known: BrowserContext, address: str) -> float:
    """Return the median time, in milliseconds, in which the server responds to this URL, measured without a browser."""
    cookies = "; ".join(f"{cookie.get('name')}={cookie.get('value')}" for cookie in known.cookies())
    times = []
    with httpx.Client(headers={"cookie": cookies}, timeout=60) as client:
        for _ in range(TIMES):
            started = time.perf_counter()
            client.get(address).raise_for_status()
            times.append((time.perf_counter() - started) * 1000)
    return median_low(times)


def _tap(browser: Browser, known: BrowserContext, pages: Mapping[str, str], network: Network, way: Way) -> Tap:
    context = browser.new_context(**PHONE)
    page = open_fresh_page(known, context)
    log = NetworkLog(context.new_cdp_session(page))
    way(page, pages, log, network)
    page.wait_for_selector(FIRST)
    paint = page.evaluate(PAINTED, FIRST)
    tap = Tap(
        paint["moments"],
        log.size(urlsplit(page.url).path),
        log.size(urlsplit(paint["picture"]).path),
        len(log.loaded()),
        log.origins(),
    )
    context.close()
    return tap


def _from_list(page: Page, pages: Mapping[str, str], log: NetworkLog, network: Network) -> None:
    """Open the document by a tap in the list. The files of the list's page are then in the browser's cache."""
    page.goto(pages["pending"], wait_until="networkidle")
    page.evaluate(NOTE_TAP, REVIEW)
    log.slow_down(network)
    log.clear()
    page.locator(REVIEW).first.tap(no_wait_after=True)


def _from_email(page: Page, pages: Mapping[str, str], log: NetworkLog, network: Network) -> None:
    """Open the document's URL directly, as from an email, with an empty browser cache."""
    log.slow_down(network)
    page.goto(pages["review"], wait_until="commit")
