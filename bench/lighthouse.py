"""Lighthouse at its mobile settings on login, pending and review: fails below 95 of 100.

Against the local stack, through a stand-in for what its gateway lacks (tests/browser/gateway.py):
compression. And, with the network and the processor of a slow phone, when the first page of a document is
visible.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median_low
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from infrastructure.progress import Progress
from tests.browser.browsers import INSTALLED, running_chromium
from tests.browser.gateway import running_gateway
from tests.browser.people import someone
from tests.browser.stand_ins import running_clinic, running_mailbox
from tests.browser.traffic import newcomer
from tests.browser.visitor import PHONE, Visitor
from tests.stack import packaged, running_stack

FOLDER = Path(__file__).parent / "lighthouse"
PROGRAM = FOLDER / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 95
RUNS = 3
"""The median counts, as Lighthouse advises: whatever else this machine does costs points."""

FIGURES = {"first-contentful-paint": "first paint", "largest-contentful-paint": "largest paint"}

SLOWER_PROCESSOR = 4
"""How many times slower than this machine: Lighthouse's own measure of a slow phone."""

NETWORKS = {"slow 4G": (150, 1_600_000), "4G": (60, 9_000_000)}
"""Milliseconds to the server and back, and bits per second."""

TIMES = 5
FIRST_PAGE = """
async () => {
  await document.querySelector("[data-page='1'] img").decode();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now();
}
"""


def main() -> int:
    if not PROGRAM.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True)
    chromium = next(path for path in map(shutil.which, INSTALLED) if path)
    scores: dict[str, dict[str, int]] = {}
    with running_chromium() as browser, portal_with_documents(browser) as (context, pages):
        sent = "; ".join(f"{each.get('name')}={each.get('value')}" for each in context.cookies())
        for name, address in pages.items():
            runs = [scores_of(address, "" if name == "login" else sent, chromium) for _ in range(RUNS)]
            scores[name] = {each: median_low(run[each] for run in runs) for each in CATEGORIES}
        seconds = {
            f"{name}, {how}": first_page_seconds(browser, context, [*before, pages["review"]], network)
            for name, network in NETWORKS.items()
            for how, before in (("straight from the mail", []), ("from the list", [pages["pending"]]))
        }
    print(f"{'':10}{''.join(f'{each:>16}' for each in CATEGORIES)}")
    for name, found in scores.items():
        print(f"{name:10}{''.join(f'{found[each]:>16}' for each in CATEGORIES)}")
    for name, taken in seconds.items():
        print(f"First page visible after {taken:.2f} s (median of {TIMES}; {name}, slow processor)")
    return int(min(min(each.values()) for each in scores.values()) < LEAST)


@contextmanager
def portal_with_documents(browser: Browser) -> Iterator[tuple[BrowserContext, Mapping[str, str]]]:
    """The local stack, a provider who is logged in, and the addresses of the pages."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(packaged(Progress(time.time())), "lighthouse") as stack,
        running_mailbox(stack, Path(folder) / "mailbox") as mailbox,
        running_clinic(stack, mailbox, Path(folder) / "clinic") as clinic,
        running_gateway(stack.portal_url) as gateway,
    ):
        person, context = someone(), browser.new_context(**PHONE)
        documents = [clinic.send(person) for _ in range(3)]
        provider = Visitor(context, stack.portal_url, mailbox)
        provider.sign_up(person)
        for each in documents:
            provider.open(f"/documents/{each}")
            provider.wait_for_pages()
        paths = {"login": "/login", "pending": "/documents", "review": f"/documents/{documents[0]}"}
        yield context, {name: f"{gateway.url}{path}" for name, path in paths.items()}


def first_page_seconds(
    browser: Browser, known: BrowserContext, way: Sequence[str], network: tuple[int, int]
) -> float:
    """From the last tap of a way through these addresses, begun with an empty cache: the median of some."""
    (milliseconds, bits), taken = network, list[float]()
    for _ in range(TIMES):
        context = browser.new_context(**PHONE)
        page = newcomer(known, context)
        phone = context.new_cdp_session(page)
        slow = {"offline": False, "latency": milliseconds, "downloadThroughput": bits / 8}
        phone.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": bits / 8})
        phone.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_PROCESSOR})
        for address in way[:-1]:
            page.goto(address, wait_until="networkidle")
        page.goto(way[-1], wait_until="commit")
        page.wait_for_selector("[data-page='1'] img")
        taken.append(page.evaluate(FIRST_PAGE) / 1000)
        context.close()
    return median_low(taken)


def scores_of(address: str, cookies: str, chromium: str) -> dict[str, int]:
    """The scores of a page, by category."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            str(PROGRAM), address, "--quiet", "--output=json", f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}", "--chrome-flags=--headless=new --no-sandbox",
            f"--extra-headers={json.dumps({'Cookie': cookies})}",
        ]  # fmt: skip
        subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": chromium})
        found = json.loads(report.read_text("utf-8"))
    told = (f"{words} {found['audits'][name]['displayValue']}" for name, words in FIGURES.items())
    print(f"{found['finalDisplayedUrl']}: {', '.join(told)}")
    show_faults(found)
    return {each: round(found["categories"][each]["score"] * 100) for each in CATEGORIES}


def show_faults(found: dict[str, Any]) -> None:
    """Names what cost points."""
    for each in found["audits"].values():
        if (
            each["score"] is not None
            and each["score"] < 1
            and each["scoreDisplayMode"] in ("binary", "metricSavings")
        ):
            print(f"  {each['title']} {each.get('displayValue', '')}")


if __name__ == "__main__":
    sys.exit(main())
