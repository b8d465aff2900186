"""Drafts: the text that a provider sent with a decision after the session had expired, so that no text is lost.

Only its author sees a draft, on the page of that document. A random token in the browser names the draft's row."""

import json
from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import DRAFT_LIFETIME, Secret, SecretKind, new_secret, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change

MAX_LENGTH = 8000
"""The most characters of one field. A note may have fewer, so that a longer note can be shortened after login."""

WRITTEN_FIELDS = ("note", "decline_note", "other_name", "other_address")
"""The fields with text that the provider wrote. A form without such text is not worth a draft."""

DRAFT_FIELDS = (*WRITTEN_FIELDS, "reason", "typed_name")
"""The fields that a draft stores. Consent and passwords are never stored."""


class UnsentDrafts:
    """Service that stores drafts: the text in a decision's form that a provider sent after the session had ended.

    After the next login, the form has this text again. A draft expires `DRAFT_LIFETIME` after the portal saved it."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids

    def save(
        self, session: Secret, document: Document, fields: Mapping[str, str], now: datetime, *, replaces: str = ""
    ) -> str | None:
        """Store the form's fields as a draft, and return its token. Return None if the form had no text.

        `session` says who wrote the text, and may have expired. The draft with the token `replaces` is deleted."""
        draft = {name: fields[name][:MAX_LENGTH] for name in DRAFT_FIELDS if fields.get(name)}
        if not any(name in draft for name in WRITTEN_FIELDS):
            return None
        token = self._ids.token()
        owner = {"provider_id": session.provider_id, "document_id": document.id}
        row = new_secret(SecretKind.DRAFT, token, now, DRAFT_LIFETIME, draft=json.dumps(draft), **owner)
        old = self._row(replaces, session.provider_id, document)
        self._store.commit(Change(at=now, secrets=(row,), dropped=(old,) if old else ()))
        return token

    def load(self, token: str, provider: Provider, document: Document, now: datetime) -> Mapping[str, str]:
        """Return the fields of this provider's draft about this document, or no fields if there is no draft."""
        row = self._row(token, provider.id, document)
        if row is None or not row.is_live(now) or row.draft is None:
            return {}
        return dict(json.loads(row.draft))

    def delete(self, token: str, provider: Provider, document: Document, now: datetime) -> None:
        """Delete this provider's draft about this document. Raises the errors of `Store.commit`."""
        row = self._row(token, provider.id, document)
        if row is not None:
            self._store.commit(Change(at=now, dropped=(row,)))

    def _row(self, token: str, provider_id: str | None, document: Document) -> Secret | None:
        row = self._store.secret(secret_key(SecretKind.DRAFT, token)) if token else None
        if row is None or (row.provider_id, row.document_id) != (provider_id, document.id):
            return None
        return row
