"""The engine of Safari, as Debian packages it (`webkit2gtk-driver`), driven by the W3C's WebDriver.

Its window stands on a screen of its own that nobody sees. It takes no settings of this machine's user.
"""

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
# The window's own buttons would keep it wider than a phone.
NO_ROOM_FOR_BUTTONS = "* { padding: 0; margin: 0; min-width: 0; min-height: 0; font-size: 1px; }\n"
SECONDS_TO_LOAD = 30
SECONDS_TO_ANSWER = 60
SECONDS_TO_STOP = 10


def is_installed() -> bool:
    return bool(shutil.which(DRIVER) and shutil.which(SCREEN) and _browser())


@contextlib.contextmanager
def running_webkit(home: Path) -> Iterator[Remote]:
    """A WebKit that takes certificates which nobody has signed; `home` is a folder for what it keeps."""
    style = home / "gtk-3.0" / "gtk.css"
    style.parent.mkdir(parents=True)
    style.write_text(NO_ROOM_FOR_BUTTONS, "utf-8")
    places = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(home))
    with _screen() as screen:
        # No graphics card, and no bus to tell assistive technology what is on a screen that nobody sees.
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
    """`/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser`, or wherever this machine's kind has it."""
    return next(iter(sorted(BROWSERS.glob("*/webkit2gtk-4.*/MiniBrowser"))), None)


@contextlib.contextmanager
def _screen() -> Iterator[str]:
    """The name of a screen in memory, such as `:1`: the first that is free, which it tells when it is up."""
    told, tells = os.pipe()
    command = [SCREEN, "-displayfd", str(tells), "-screen", "0", SCREEN_SIZE, "-nolisten", "tcp"]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, pass_fds=[tells], stdout=quiet, stderr=quiet)
    os.close(tells)
    try:
        with os.fdopen(told) as line:
            number = line.readline().strip()
        if not number:
            raise OSError(f"{SCREEN} did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(SECONDS_TO_STOP)
