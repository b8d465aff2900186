"""Events of reading: who read which document, when, and in which session. They are kept as long as the trail."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class AccessEvent:
    """One request for a document.

    `sort_key` is unique within the document: microseconds since 1970, followed by six digits. `what` is
    `page`, `text`, `original`, `signed` or `certificate`. `actor` is a kind and an opaque id, such as
    `provider:prv_…`. `session` is an opaque id of the actor's login, code visit or API key.
    """

    document_id: str
    sort_key: int
    at: datetime
    what: str
    actor: str
    session: str
