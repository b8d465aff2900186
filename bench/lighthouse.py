"""Lighthouse at its mobile settings on login, pending and review: fails below 95 of 100.

The web function runs in memory behind a real address (tests/browser/memory.py) and compresses as the gateway
does, so that what is measured are the pages and not the emulator.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.browsers import INSTALLED, running_chromium
from tests.browser.memory import MemoryPortal, running_memory_portal
from tests.browser.states import STATES
from tests.browser.states.scene import Scene
from tests.browser.visitor import PHONE

FOLDER = Path(__file__).parent / "lighthouse"
PROGRAM = FOLDER / "node_modules" / ".bin" / "lighthouse"
PAGES = ("login", "pending", "review")
CATEGORIES = ("performance", "accessibility", "best-practices")
LEAST = 95


def main() -> int:
    if not PROGRAM.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True)
    chromium = next(path for path in map(shutil.which, INSTALLED) if path)
    with running_chromium() as browser, running_memory_portal() as memory:
        scores = {name: measured(memory, browser, name, chromium) for name in PAGES}
    print(f"{'':10}{''.join(f'{each:>16}' for each in CATEGORIES)}")
    for name, found in scores.items():
        print(f"{name:10}{''.join(f'{found[each]:>16}' for each in CATEGORIES)}")
    return int(min(min(each.values()) for each in scores.values()) < LEAST)


def measured(memory: MemoryPortal, browser: Browser, name: str, chromium: str) -> dict[str, int]:
    """The scores of a page in a state, by category."""
    memory.reset()
    context = browser.new_context(**PHONE)
    scene = Scene(memory, context.new_page())
    STATES[name](scene)
    cookies = "; ".join(f"{each.get('name')}={each.get('value')}" for each in context.cookies())
    address = scene.page.url
    context.close()
    with tempfile.TemporaryDirectory() as folder:
        return scores_of(address, cookies, chromium, Path(folder) / "report.json")


def scores_of(address: str, cookies: str, chromium: str, report: Path) -> dict[str, int]:
    command = [
        str(PROGRAM), address, "--quiet", "--output=json", f"--output-path={report}",
        f"--only-categories={','.join(CATEGORIES)}", "--chrome-flags=--headless=new --no-sandbox",
        f"--extra-headers={json.dumps({'Cookie': cookies})}",
    ]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": chromium})
    found = json.loads(report.read_text("utf-8"))
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
            print(f"  {found['finalDisplayedUrl']}: {each['title']} {each.get('displayValue', '')}")


if __name__ == "__main__":
    sys.exit(main())
