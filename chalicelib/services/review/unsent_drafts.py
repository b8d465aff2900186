"""What somebody had written when their session ended: kept until they are back, for them and that document.

A decision that is sent too late changes nothing; but its note may have been ten minutes' work. It waits in a
row of its own, which only the provider who wrote it gets to see, on the page of that document; the browser
has nothing but a random name of that row.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import DRAFT_LIFETIME, Secret, SecretKind, secret_key
from chalicelib.domain.providers import Provider
from chalicelib.services.ports import Ids, Store
from chalicelib.services.transaction import Change

LONGEST = 8000
"""Characters of each field: more than a note may have, so that a longer one can still be shortened."""

WRITTEN = ("note", "decline_note", "other_name", "other_address")
"""Without any of these there is nothing to lose. What attests or authenticates is never kept."""

KEPT = (*WRITTEN, "reason", "typed_name")


def keep(
    store: Store,
    ids: Ids,
    session: Secret,
    document: Document,
    fields: Mapping[str, str],
    now: datetime,
    *,
    before: str = "",
) -> str | None:
    """The name of the new row; None when nothing was written. The session may be over but not ended.

    The row that `before` names is replaced.
    """
    kept = {name: fields[name][:LONGEST] for name in KEPT if fields.get(name)}
    if not any(name in kept for name in WRITTEN):
        return None
    token = ids.token()
    row = Secret(
        key=secret_key(SecretKind.DRAFT, token),
        version=1,
        kind=SecretKind.DRAFT,
        created_at=now,
        expires_at=now + DRAFT_LIFETIME,
        provider_id=session.provider_id,
        document_id=document.id,
        draft=json.dumps(kept),
    )
    old = _row(store, before, session.provider_id, document)
    store.commit(Change(at=now, secrets=(row,), dropped=(old,) if old else ()))
    return token


def kept(
    store: Store, token: str, provider: Provider, document: Document, now: datetime
) -> Mapping[str, str]:
    """What this provider had written about this document; empty when there is nothing (any more)."""
    row = _row(store, token, provider.id, document)
    if row is None or not row.live(now) or row.draft is None:
        return {}
    found: dict[str, str] = json.loads(row.draft)
    return found


def drop(store: Store, token: str, provider: Provider, document: Document, now: datetime) -> None:
    """Ends it, if it is this provider's about this document. Raises what `Store.commit` raises."""
    row = _row(store, token, provider.id, document)
    if row is not None:
        store.commit(Change(at=now, dropped=(row,)))


def _row(store: Store, token: str, provider_id: str | None, document: Document) -> Secret | None:
    row = store.secret(secret_key(SecretKind.DRAFT, token)) if token else None
    if row is None or (row.provider_id, row.document_id) != (provider_id, document.id):
        return None
    return row
