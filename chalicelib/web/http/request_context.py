"""Who is asking, and for what: everything a page or an answer may depend on, as one value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from chalice.app import Request

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.domain.account_events import Origin
    from chalicelib.domain.documents import Document
    from chalicelib.domain.expiring_records import Secret
    from chalicelib.domain.practices import Practice
    from chalicelib.domain.providers import Provider
    from chalicelib.services.documents.recorder import Actor

T = TypeVar("T")

_ANSWER_THEMSELVES = frozenset({"/documents/past"})
"""Pages whose form leads to the same page."""

_POSTED_TO = frozenset(
    {*_ANSWER_THEMSELVES, "/login/second", "/forgot-password", "/setup", "/account/authenticator"}
)
"""Addresses of pages that forms are sent to as well."""


@dataclass(frozen=True, kw_only=True)
class RequestContext:
    """One request after its route's access rule held; what the rule does not establish is None.

    `path` is the request's own (Chalice's `request.path` is the route's pattern), `address` what API
    Gateway says (never X-Forwarded-For), `device` the User-Agent cut to 200 characters, `csrf` the cookie
    that the tokens of forms prove, `cookies` what the browser sent.
    """

    services: Services
    request: Request
    path: str
    now: datetime
    address: str | None
    device: str | None
    csrf: str
    form: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    session: Secret | None = None
    provider: Provider | None = None
    document: Document | None = None
    practice: Practice | None = None
    by_hand: Secret | None = None

    @property
    def return_path(self) -> str:
        """The page to come back to: this one, or the one that a form was sent from.

        Without its query: it comes to stand in the address of the login page.
        """
        if self.request.method == "GET" or self.path in _ANSWER_THEMSELVES:
            return self.path
        if self.document is not None:
            return f"/documents/{self.document.id}"
        return "/account" if self.path.startswith("/account") else "/documents"

    def history_url(self, address: str = "") -> str:
        """The address by which the page that answers this post can be had by GET; empty for a GET.

        Scripts write it in the browser's history: going back to, or loading again, what answered a post ends
        at the browser's question whether to send the form once more.
        """
        return "" if self.request.method == "GET" else address or self._page_of_the_form

    @property
    def _page_of_the_form(self) -> str:
        if self.path in _POSTED_TO:
            return self.path
        first, _, rest = self.path.removeprefix("/").partition("/")
        below_a_document = first in {"documents", "by-hand"} and rest
        if below_a_document:
            return f"/{first}/{rest.partition('/')[0]}"
        return "/" if first == "logout" else f"/{first}"

    @property
    def tab_owner(self) -> str:
        """Tells a provider's tabs and drafts from another's in a browser that both use; empty for nobody."""
        if self.provider is None:
            return ""
        return hashlib.sha256(f"tabs of {self.provider.id}".encode()).hexdigest()[:16]

    @property
    def actor(self) -> Actor:
        """The caller as the audit trail names them."""
        from chalicelib.services.documents.recorder import Actor

        return Actor(self._name, self.address, self.device)

    @property
    def origin(self) -> Origin:
        """Where the request came from, as the trail of an account says it."""
        from chalicelib.domain.account_events import Origin

        return Origin(self.address, self.device)

    def require_provider(self) -> Provider:
        """The provider of a route that asks for one."""
        return _require(self.provider)

    def require_document(self) -> Document:
        """The document of a route that asks for one."""
        return _require(self.document)

    def require_practice(self) -> Practice:
        """The practice of a route that asks for one."""
        return _require(self.practice)

    @property
    def _name(self) -> str:
        if self.provider is not None:
            return f"provider:{self.provider.id}"
        if self.practice is not None:
            return f"practice:{self.practice.id}"
        if self.by_hand is not None and self.document is not None:
            return f"by_hand:{self.document.provider_id}"
        return "visitor"


def _require(value: T | None) -> T:
    if value is None:
        raise LookupError("this route's access rule does not establish that")
    return value
