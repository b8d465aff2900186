"""The start of Chromium, for browser tests and screenshots."""

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

# The headless shell comes first. A full Chromium spends more time on drawing its own windows than on pages.
INSTALLED = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Chromium refuses to run a sandbox as root, and continuous integration runs as root. The other arguments
# stop Chromium from calling its maker.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start Chromium, yield the browser, and close it at the end of the block.

    It is the Chromium installed on this machine, or else the one that Playwright has downloaded."""
    installed = next((path for path in map(shutil.which, INSTALLED) if path), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
