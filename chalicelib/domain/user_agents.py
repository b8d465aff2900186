"""A User-Agent in a few words, for the person whose browser it may be."""

import re

_BROWSERS = (
    ("Edg(e|A|iOS)?/", "Edge"),
    ("OPR/|OPiOS/|OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("Chrome/|CriOS/|Chromium/", "Chrome"),
    ("Safari/", "Safari"),
)
"""In this order: most name those further down too."""

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
    """`Safari on iPhone`; whoever sends it may say anything, so it only ever is one of a few words."""
    browser = _first(_BROWSERS, agent or "")
    system = _first(_SYSTEMS, agent or "")
    if system is None:
        return browser or "Unknown device"
    return f"{browser or 'A browser'} on {system}"


def _first(words: tuple[tuple[str, str], ...], agent: str) -> str | None:
    return next((word for pattern, word in words if re.search(pattern, agent)), None)
