"""Lighthouse at its mobile settings on login, pending and review: fails below 95 of 100.

Against the local stack, through a stand-in for what its gateway lacks (tests/support/browser/gateway.py):
compression. And when the first page of a document is visible on a slow phone (`first_page.py`).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median_low
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from bench import first_page
from infrastructure.progress import Progress
from tests.support.browser.browsers import INSTALLED, running_chromium
from tests.support.browser.gateway import running_gateway
from tests.support.browser.people import someone
from tests.support.browser.stand_ins import running_clinic, running_mailbox
from tests.support.browser.visitor import PHONE, Visitor
from tests.support.stack import packaged, running_stack

FOLDER = Path(__file__).parent / "lighthouse"
PROGRAM = FOLDER / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 95
RUNS = 3
"""The median counts, as Lighthouse advises: whatever else this machine does costs points."""

FIGURES = {"first-contentful-paint": "first paint", "largest-contentful-paint": "largest paint"}


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
        first_page.run(browser, context, pages)
    print(f"{'':10}{''.join(f'{each:>16}' for each in CATEGORIES)}")
    for name, found in scores.items():
        print(f"{name:10}{''.join(f'{found[each]:>16}' for each in CATEGORIES)}")
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


def scores_of(address: str, cookies: str, chromium: str) -> dict[str, int]:
    """The scores of a page, by category."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            str(PROGRAM),
            address,
            "--quiet",
            "--output=json",
            f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}",
            "--chrome-flags=--headless=new --no-sandbox",
            f"--extra-headers={json.dumps({'Cookie': cookies})}",
        ]
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
