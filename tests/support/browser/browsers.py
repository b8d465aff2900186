"""The Chromium that tests and screenshots use."""

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

# The first is a Chromium without windows: a whole one spends more on drawing its own than on the pages.
INSTALLED = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Nothing of the browser's own business: no sandbox (continuous integration is root), no calls home.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    """An installed Chromium, else the one that Playwright has fetched."""
    installed = next((path for path in map(shutil.which, INSTALLED) if path), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
