"""A row of the table of routes: an address, who may use it, and the handler that answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module

from chalice.app import Response


class Access(Enum):
    """Who may come in. What each establishes on the `Caller` stands beside it."""

    ANYONE = "anyone"
    ACCOUNT = "account"  # session, provider; even while a second factor is still to be set up
    PROVIDER = "provider"  # session, provider
    DOCUMENT = "document"  # session, provider, document (addressed to them)
    BY_HAND = "by_hand"  # by_hand, document
    PRACTICE_KEY = "practice_key"  # practice
    PRACTICE_SIGNATURE = "practice_signature"  # practice


WITH_SESSION = frozenset({Access.ACCOUNT, Access.PROVIDER, Access.DOCUMENT})
SHOWS_PATIENTS = frozenset({Access.PROVIDER, Access.DOCUMENT})
_FOR_SOFTWARE = frozenset({Access.PRACTICE_KEY, Access.PRACTICE_SIGNATURE})
_SHOWS_FILES = WITH_SESSION | {Access.BY_HAND}

Handler = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """One row of the table of routes. `handler` answers `(caller, **path parameters)`, or names what does as
    `module:function`. `form` says that a post carries a form of ours, `files` that the page deals with the
    bucket although anyone may come, `wrong` the statuses by which a post says that a password, code, link or
    passkey was wrong: such a route is throttled by source, here unless it `counts_itself`, and not for what
    nobody can guess: a link, or the passkey of a form that `takes_passkey` (`guesses.py`). `keeps_query` says
    that another website's link may choose the query: it is checked, and the page shows no patient.
    `only_reads` says of a post what goes without saying of a get: nothing is written because of it, but for
    a document's first view and what was kept of a note.
    """

    path: str
    methods: tuple[str, ...]
    access: Access
    handler: str | Handler
    form: bool = True
    files: bool = False
    wrong: tuple[int, ...] = ()
    counts_itself: bool = False
    takes_passkey: bool = False
    keeps_query: bool = False
    only_reads: bool = False

    @property
    def for_software(self) -> bool:
        """Whether an EMR reads the answer: then errors are problem+json."""
        return self.access in _FOR_SOFTWARE or self.path.startswith("/v1/")

    @property
    def deals_with_files(self) -> bool:
        return self.files or self.access in _SHOWS_FILES

    def load(self) -> Handler:
        """The handler, its module imported if this is the first request for it."""
        if not isinstance(self.handler, str):
            return self.handler
        module, _, name = self.handler.partition(":")
        found: Handler = getattr(import_module(f"chalicelib.web.{module}"), name)
        return found
