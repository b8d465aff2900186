"""The style sheets, scripts and icons of `templates/static`, served under names that contain a hash."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

TYPES: Mapping[str, str] = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

_HASHED = re.compile(r"(?P<stem>[a-z0-9_]+)-(?P<digest>[0-9a-f]{12})\.(?P<ending>css|js|svg)")


@dataclass(frozen=True)
class Asset:
    """A static file. The portal serves the file at a URL such as `/static/portal-0123456789ab.css`."""

    name: str
    text: str
    content_type: str
    digest: str

    @property
    def url(self) -> str:
        stem, _, ending = self.name.rpartition(".")
        return f"/static/{stem}-{self.digest}.{ending}"


def asset_url(name: str) -> str:
    """Return the URL, with the content's hash, of a file in `templates/static`. Raises `LookupError` without a file."""
    asset = _load(name)
    if asset is None:
        raise LookupError(f"templates/static/{name} does not exist")
    return asset.url


def find_asset(hashed_name: str) -> tuple[Asset, bool] | None:
    """Return the static file that a URL's name such as `portal-0123456789ab.css` means, or None for an unknown file.

    The second value is True if the hash is that of the current content. During a deployment, pages of the previous
    release request an older hash. They get the current file, which browsers must then not cache."""
    matched = _HASHED.fullmatch(hashed_name)
    asset = _load(f"{matched['stem']}.{matched['ending']}") if matched else None
    return (asset, matched["digest"] == asset.digest) if matched and asset else None


@lru_cache(maxsize=64)
def _load(name: str) -> Asset | None:
    file = files("templates").joinpath("static", name)
    if not file.is_file():
        return None
    text = file.read_text("utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Asset(name, text, f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8", digest)
