"""The command `make lighthouse`: scores of the pages login, pending and review, with Lighthouse's mobile settings.

A score below 95 of 100 fails. The pages come from the local stack, through a gateway that adds compression
(`tests/support/browser/gateway.py`). `first_page.py` adds the time until the first page of a document is visible on a
slow phone."""

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
from tests.support.stack import package_once, running_stack

FOLDER = Path(__file__).parent / "lighthouse"
PROGRAM = FOLDER / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
LOWEST_SCORE = 95
RUNS = 3
"""The median counts, as Lighthouse advises, because other work on this machine lowers a score."""

FIGURES = {"first-contentful-paint": "first paint", "largest-contentful-paint": "largest paint"}


def main() -> int:
    """Measure the pages and print their scores. Return the exit status: 1 if a score is too low, else 0."""
    if not PROGRAM.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True)
    chromium = next(path for path in map(shutil.which, INSTALLED) if path)
    scores: dict[str, dict[str, int]] = {}
    with running_chromium() as browser, portal_with_documents(browser) as (context, pages):
        cookies = "; ".join(f"{cookie.get('name')}={cookie.get('value')}" for cookie in context.cookies())
        for name, address in pages.items():
            runs = [measure(address, "" if name == "login" else cookies, chromium) for _ in range(RUNS)]
            scores[name] = {category: median_low(run[category] for run in runs) for category in CATEGORIES}
        first_page.run(browser, context, pages)
    print(f"{'':10}{''.join(f'{category:>16}' for category in CATEGORIES)}")
    for name, page in scores.items():
        print(f"{name:10}{''.join(f'{page[category]:>16}' for category in CATEGORIES)}")
    return int(min(min(page.values()) for page in scores.values()) < LOWEST_SCORE)


@contextmanager
def portal_with_documents(browser: Browser) -> Iterator[tuple[BrowserContext, Mapping[str, str]]]:
    """Yield a browser in which a provider with documents is logged in, and the URLs of the pages to measure by name."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(package_once(Progress(time.time())), "lighthouse") as stack,
        running_mailbox(stack, Path(folder) / "mailbox") as mailbox,
        running_clinic(stack, mailbox, Path(folder) / "clinic") as clinic,
        running_gateway(stack.portal_url) as gateway,
    ):
        person, context = someone(), browser.new_context(**PHONE)
        documents = [clinic.send(person) for _ in range(3)]
        provider = Visitor(context, stack.portal_url, mailbox)
        provider.sign_up(person)
        for document_id in documents:
            provider.open(f"/documents/{document_id}")
            provider.wait_for_pages()
        paths = {"login": "/login", "pending": "/documents", "review": f"/documents/{documents[0]}"}
        yield context, {name: f"{gateway.url}{path}" for name, path in paths.items()}


def measure(address: str, cookies: str, chromium: str) -> dict[str, int]:
    """Run Lighthouse on a page, and return its scores (0 to 100) by category. Print what lowered the scores.

    `cookies` are sent with the request, and `chromium` is the path of the browser."""
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
        result = json.loads(report.read_text("utf-8"))
    figures = (f"{label} {result['audits'][name]['displayValue']}" for name, label in FIGURES.items())
    print(f"{result['finalDisplayedUrl']}: {', '.join(figures)}")
    print_faults(result)
    return {category: round(result["categories"][category]["score"] * 100) for category in CATEGORIES}


def print_faults(result: dict[str, Any]) -> None:
    """Print what lowered the scores in Lighthouse's report (`result`), one line for each failed check."""
    for audit in result["audits"].values():
        if (
            audit["score"] is not None
            and audit["score"] < 1
            and audit["scoreDisplayMode"] in ("binary", "metricSavings")
        ):
            print(f"  {audit['title']} {audit.get('displayValue', '')}")


if __name__ == "__main__":
    sys.exit(main())
