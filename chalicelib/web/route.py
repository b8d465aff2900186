"""The type of a row in the table of routes: a path, the access rule for it, and the handler that responds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module

from chalice.app import Response


class Access(Enum):
    """The access rule of a route: who may use the route. `access_rules.py` implements each rule.

    The comment beside a rule lists the fields of `RequestContext` that the rule sets."""

    ANYONE = "anyone"
    ACCOUNT = "account"  # session, provider (also an assistant); also before a required second factor is set up
    OWN_ACCOUNT = "own_account"  # like ACCOUNT, but not for an assistant
    PROVIDER = "provider"  # session, provider
    DOCUMENT = "document"  # session, provider, and a document that is addressed to this provider
    ASSISTANT = "assistant"  # session, provider (the assistant), principals
    ASSISTED_DOCUMENT = "assisted_document"  # session, provider (the assistant), document, principals (whose it is)
    GIVER = "giver"  # session, provider, and a document that this provider handed over to a colleague
    BY_HAND = "by_hand"  # by_hand, document
    PRACTICE_KEY = "practice_key"  # practice
    PRACTICE_SIGNATURE = "practice_signature"  # practice
    FAX_CARRIER = "fax_carrier"  # nothing


SHOWS_PATIENTS = frozenset({Access.PROVIDER, Access.DOCUMENT, Access.GIVER, Access.ASSISTANT, Access.ASSISTED_DOCUMENT})
WITH_SESSION = SHOWS_PATIENTS | {Access.ACCOUNT, Access.OWN_ACCOUNT}
_FOR_PROGRAMS = frozenset({Access.PRACTICE_KEY, Access.PRACTICE_SIGNATURE, Access.FAX_CARRIER})
_PRIVATE = WITH_SESSION | {Access.BY_HAND}

Handler = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """One row of the table of routes.

    - `handler`: a function that takes `(context, **path parameters)`, or the name of one as
      `module:function`, where the module is relative to `chalicelib.web`.
    - `uses_bucket`: anyone may open the page, and it loads or uploads files of the S3 bucket. Pages that need a login
      or a code may always do so.
    - `failure_statuses`: the HTTP statuses with which a POST reports a wrong password, code, link or passkey.
      `credential_throttle` then makes the client wait before further tries.
    - `throttles_itself`: the handler counts wrong tries itself, so `credential_throttle` does not.
    - `accepts_passkey`: the form may contain a passkey. A passkey causes no delay, as nobody can guess it.
    - `trusts_query`: the handler reads the query even if a link on another website led here. The handler validates
      the query, and the page shows no patient.
    - `reads`: the part of a document that this route shows, for the log of who read the document. A form with `reads`
      shows the document only if the form is refused. Empty for a route that shows no document.
    - `read_only`: this POST writes nothing except a first view and the removal of a saved draft."""

    methods: tuple[str, ...]
    path: str
    access: Access
    handler: str | Handler
    uses_bucket: bool = False
    failure_statuses: tuple[int, ...] = ()
    throttles_itself: bool = False
    accepts_passkey: bool = False
    trusts_query: bool = False
    read_only: bool = False
    reads: str = ""

    @property
    def is_api(self) -> bool:
        """True if a program reads the response, so that errors are JSON (problem+json) and not pages."""
        return self.access in _FOR_PROGRAMS or self.path.startswith("/v1/")

    @property
    def shows_files(self) -> bool:
        """True if the page may show or upload files of the S3 bucket, which its Content-Security-Policy must allow."""
        return self.uses_bucket or self.access in _PRIVATE

    @property
    def shows_private_pages(self) -> bool:
        """True if only a person who has logged in or entered a code may open the page."""
        return self.access in _PRIVATE

    def load(self) -> Handler:
        """Return the route's handler function, and import its module first, if `handler` is a name.

        So a cold start imports only the modules of the requested routes."""
        if not isinstance(self.handler, str):
            return self.handler
        module, _, name = self.handler.partition(":")
        handler: Handler = getattr(import_module(f"chalicelib.web.{module}"), name)
        return handler
