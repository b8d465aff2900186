"""The context of one request: everything on which a page or an API response may depend."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

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

_SEARCH_PAGES = frozenset({"/documents/past", "/documents/marked"})
"""Paths of pages whose form returns the same page with other content, such as the results of a search."""


@dataclass(frozen=True, kw_only=True)
class RequestContext:
    """One request, with all that a handler may use: the services, the inputs, and what the access rule has read.

    - `session`, `provider`, `document`, `practice`: None unless the route's access rule sets the field. `provider` is
      the owner of the session, who may be an assistant.
    - `principals`: the providers for whom an assistant makes the request; empty for everybody else.
    - `by_hand`: the stored row that opens one document to a reader without an account, who entered its code, or None.
    - `path`: the path of the request, where Chalice's `request.path` is the pattern of the route.
    - `has_page`: a GET of `path` shows a page, which contains the form that is posted to the same path.
    - `address`: the client's IP address from API Gateway, never from X-Forwarded-For.
    - `device`: the first 200 characters of the User-Agent.
    - `csrf`: the value of the CSRF cookie, from which the forms of a page get their tokens.
    - `log_fields`: more fields for the log line of the request."""

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
    log_fields: dict[str, Any] = field(default_factory=dict)
    session: Secret | None = None
    provider: Provider | None = None
    principals: tuple[Provider, ...] = ()
    document: Document | None = None
    practice: Practice | None = None
    by_hand: Secret | None = None
    has_page: bool = False

    @property
    def return_path(self) -> str:
        """The path, without a query, that a login opens afterwards: the current page, or the posted form's page."""
        if self.request.method == "GET" or self.path in _SEARCH_PAGES:
            return self.path
        if self.document is not None:
            return f"/documents/{self.document.id}"
        return "/account" if self.path.startswith("/account") else "/documents"

    def history_url(self, path: str = "") -> str:
        """Return the path that the browser's history gets for the page that this POST returns. Empty for a GET.

        A GET of this path shows the same page. Without it, *Back* and *Reload* would make the browser ask whether to
        send the form again. The page's script sets the path. `path` replaces the default, the page of the form."""
        return "" if self.request.method == "GET" else path or self._form_page

    @property
    def _form_page(self) -> str:
        if self.has_page:
            return self.path
        if found := re.match(r"(/assistant)?/(documents|by-hand)/[^/]+", self.path):
            return found[0]
        first = self.path.split("/")[1]
        return "/" if first == "logout" else f"/{first}"

    @property
    def tab_owner(self) -> str:
        """A hash that names the reader, or an empty text. Under it, the page's script stores typed drafts in the
        browser.

        So a provider on a shared computer never sees another provider's draft. A reader without an account is named by
        the document and the address of the code, and so finds a draft again after entering another code."""
        if self.provider is not None:
            return _hash_tab(self.provider.id)
        if self.by_hand is not None:
            return _hash_tab(f"visit {self.by_hand.document_id} {self.by_hand.email}")
        return ""

    @property
    def actor(self) -> Actor:
        """The person or practice that makes the request, in the form that a document's audit trail records."""
        from chalicelib.services.documents.recorder import Actor

        return Actor(self._actor_name, self.address, self.device)

    @property
    def origin(self) -> Origin:
        """The client's IP address and browser (User-Agent), in the form that an account's events record."""
        from chalicelib.domain.account_events import Origin

        return Origin(self.address, self.device)

    def require_provider(self) -> Provider:
        return _require(self.provider)

    def require_principal(self) -> Provider:
        """Return the provider in whose lists the document is that an assistant has opened."""
        return _require(self.principals[0] if self.principals else None)

    def require_document(self) -> Document:
        return _require(self.document)

    def require_practice(self) -> Practice:
        return _require(self.practice)

    def require_visit(self) -> Secret:
        return _require(self.by_hand)

    @property
    def _actor_name(self) -> str:
        if self.provider is not None:
            return f"{self.provider.kind}:{self.provider.id}"
        if self.practice is not None:
            return f"practice:{self.practice.id}"
        if self.by_hand is not None and self.document is not None:
            return f"by_hand:{self.document.provider_id}"
        return "visitor"


def _hash_tab(reader: str) -> str:
    return hashlib.sha256(f"tabs of {reader}".encode()).hexdigest()[:16]


def _require(value: T | None) -> T:
    """Return the value of a context's field. Raises `LookupError` if the route's access rule has not set the field."""
    if value is None:
        raise LookupError("the access rule of this route does not fill this field")
    return value
