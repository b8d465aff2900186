"""WebKit, the engine of Safari, from Debian's package `webkit2gtk-driver`, driven by WebDriver.

WebKit's window is on a virtual screen. WebKit does not read the settings of this machine's user."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from selenium.webdriver import Remote, WebKitGTKOptions
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.webkitgtk.service import Service

DRIVER = "WebKitWebDriver"
SCREEN = "Xvfb"
BROWSERS = Path("/usr/lib")
SCREEN_SIZE = "1280x1024x24"
# With its usual buttons, the window could not become as narrow as a phone.
NO_ROOM_FOR_BUTTONS = "* { padding: 0; margin: 0; min-width: 0; min-height: 0; font-size: 1px; }\n"
SECONDS_TO_LOAD = 30
SECONDS_TO_ANSWER = 60
SECONDS_TO_STOP = 10


def is_installed() -> bool:
    return bool(shutil.which(DRIVER) and shutil.which(SCREEN) and _browser())


@contextlib.contextmanager
def running_webkit(home: Path) -> Iterator[Remote]:
    """Run WebKit until the end of the block, and yield its WebDriver. It accepts self-signed certificates.

    `home` is the folder for WebKit's settings."""
    style = home / "gtk-3.0" / "gtk.css"
    style.parent.mkdir(parents=True)
    style.write_text(NO_ROOM_FOR_BUTTONS, "utf-8")
    places = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(home))
    with _screen() as screen:
        # There is no graphics card, and no assistive technology that would read the virtual screen.
        machine = {"DISPLAY": screen, "NO_AT_BRIDGE": "1", "WEBKIT_DISABLE_DMABUF_RENDERER": "1"}
        service = Service(shutil.which(DRIVER), env={**os.environ, **places, **machine})
        service.start()
        try:
            with Remote(RemoteConnection(client_config=_address(service)), options=_options()) as driver:
                driver.set_page_load_timeout(SECONDS_TO_LOAD)
                driver.set_script_timeout(SECONDS_TO_LOAD)
                yield driver
        finally:
            service.stop()


def _address(service: Service) -> ClientConfig:
    return ClientConfig(remote_server_addr=service.service_url, timeout=SECONDS_TO_ANSWER)


def _options() -> WebKitGTKOptions:
    options = WebKitGTKOptions()
    options.binary_location = str(_browser())
    options.add_argument("--automation")
    options.accept_insecure_certs = True
    return options


def _browser() -> Path | None:
    """Return the path of the installed WebKit browser, such as `/usr/lib/…/webkit2gtk-4.1/MiniBrowser`, or None."""
    return next(iter(sorted(BROWSERS.glob("*/webkit2gtk-4.*/MiniBrowser"))), None)


@contextlib.contextmanager
def _screen() -> Iterator[str]:
    """Start a virtual screen, and yield the screen's name, such as `:1`.

    Xvfb chooses the first free number and writes the number to a pipe when the screen is ready."""
    read_end, write_end = os.pipe()
    command = [SCREEN, "-displayfd", str(write_end), "-screen", "0", SCREEN_SIZE, "-nolisten", "tcp"]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, pass_fds=[write_end], stdout=quiet, stderr=quiet)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as line:
            number = line.readline().strip()
        if not number:
            raise OSError(f"{SCREEN} did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(SECONDS_TO_STOP)
