"""Stylesheet, scripts and icons: text files of `templates/static`, named by their content."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}

_HASHED = re.compile(r"(?P<stem>[a-z0-9_]+)-(?P<digest>[0-9a-f]{12})\.(?P<ending>css|js|svg)")


@dataclass(frozen=True)
class Asset:
    """A file and where it is served: `/static/portal-0123456789ab.css`."""

    name: str
    text: str
    content_type: str
    digest: str

    @property
    def url(self) -> str:
        stem, _, ending = self.name.rpartition(".")
        return f"/static/{stem}-{self.digest}.{ending}"


def asset_url(name: str) -> str:
    """The address of an asset. Raises `LookupError` for a name that is not there: a page's mistake."""
    found = _load(name)
    if found is None:
        raise LookupError(f"templates/static/{name} does not exist")
    return found.url


def find_asset(hashed_name: str) -> tuple[Asset, bool] | None:
    """The asset of a name with a hash, and whether that is still its content's: during a deployment
    pages of the version before may ask for theirs. None when there is no such file.
    """
    matched = _HASHED.fullmatch(hashed_name)
    found = _load(f"{matched['stem']}.{matched['ending']}") if matched else None
    return (found, matched["digest"] == found.digest) if matched and found else None


@lru_cache(maxsize=64)
def _load(name: str) -> Asset | None:
    file = files("templates").joinpath("static", name)
    if not file.is_file():
        return None
    text = file.read_text("utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Asset(name, text, TYPES[name.rpartition(".")[2]], digest)
