"""The assistants of a provider: people in the provider's office who have accounts of their own (DESIGN 2a, 5.6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AccountKind(StrEnum):
    """The kind of person whose account it is. An assistant decides no document, and has no documents of their own."""

    PROVIDER = "provider"
    ASSISTANT = "assistant"


@dataclass(frozen=True, kw_only=True)
class ReadyMark:
    """An assistant's mark on a document: the assistant has prepared it for the provider with the id `provider_id`.

    `name` is the assistant's. The `remark` may say something about the patient. It is in the document's row only, and
    neither in the audit trail nor in anything that the clinic gets."""

    provider_id: str
    assistant_id: str
    name: str
    at: datetime
    remark: str | None = None


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """An assistant in a provider's list, from the invitation until the provider removes the assistant.

    `email` is the address to which the provider sent the invitation, and `name` is as the provider typed it.
    `invitation` is the delivery with the newest link. Links of older deliveries do not work. `account_id` is the
    assistant's account, or None until the assistant accepts the invitation."""

    id: str
    name: str
    email: str
    invited_at: datetime
    invitation: str
    account_id: str | None = None


def with_entry(assistants: Iterable[Assistant], changed: Assistant) -> tuple[Assistant, ...]:
    """Return a provider's list of assistants with `changed` in the place of the entry that has the same id."""
    return tuple(changed if entry.id == changed.id else entry for entry in assistants)
