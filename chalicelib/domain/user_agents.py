"""Short descriptions of User-Agent headers, for account activity and audit trails."""

import re

_BROWSERS = (
    ("Edg(e|A|iOS)?/", "Edge"),
    ("OPR/|OPiOS/|OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("Chrome/|CriOS/|Chromium/", "Chrome"),
    ("Safari/", "Safari"),
)
"""The order matters: the User-Agent of a browser often names the browsers further down too."""

_SYSTEMS = (
    ("iPhone|iPod", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "Chromebook"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux|X11", "Linux"),
)


def describe_device(agent: str | None) -> str:
    """Return a phrase such as `Safari on iPhone` for a User-Agent header. The phrase has no text of the header."""
    browser, system = _first(_BROWSERS, agent or ""), _first(_SYSTEMS, agent or "")
    if system is None:
        return browser or "Unknown device"
    return f"{browser or 'A browser'} on {system}"


def _first(words: tuple[tuple[str, str], ...], agent: str) -> str | None:
    return next((word for pattern, word in words if re.search(pattern, agent)), None)
