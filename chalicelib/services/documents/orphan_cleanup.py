"""What a crash left of an intake: a PDF in its place that no document names (docs/decisions/013).

An original is in its place before its document is stored, so that no stored document ever lacks one. Between
the two lies a copy below `intake/`, which is removed once the document is stored. A function that died in
between leaves that copy, and by it the sweep finds what else it left. Nothing without such a copy is ever
looked at, so what is stored for good is safe from this whatever the tables say.
"""

import re
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.services.documents.incoming_pdf import STAGED, original_key
from chalicelib.services.ports import Files, Store

LEFT_AFTER = timedelta(days=1)
"""An intake that is slow is not dead: its function is ended after 28 seconds."""

AT_ONCE = 50

_STAGED_KEY = re.compile(re.escape(STAGED) + r"([a-z0-9_]{1,64})/([a-z0-9_]{1,64})")


class Parts(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def files(self) -> Files: ...


def sweep(parts: Parts, now: datetime) -> int:
    """Removes the originals of documents that were never stored; answers how many there may have been."""
    removed = 0
    for key in parts.files.older(STAGED, now - LEFT_AFTER)[:AT_ONCE]:
        named = _STAGED_KEY.fullmatch(key)
        if named is not None and parts.store.document(named[2]) is None:
            parts.files.delete(original_key(named[1], named[2]))
            removed += 1
        # Last, so that a sweep that dies before is done again.
        parts.files.delete(key)
    return removed
