"""The stored facts from which the proof is made that a plan reached its provider (proof of transmission)."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.audit import AccessEvent, Event
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.services.documents.anchors import Anchor


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The stored facts about a document from which its proof of transmission is made.

    `deliveries` are the messages to the provider, `anchors` the positions of the audit trail under Object Lock, and
    `accesses` the oldest entries of the log of who read the document."""

    document: Document
    deliveries: Sequence[Delivery]
    events: tuple[Event, ...]
    anchors: tuple[Anchor, ...]
    accesses: Sequence[AccessEvent]
