"""The removal of original PDFs that belong to no document, because the intake crashed (docs/decisions/013).

An original is stored before its document, so that no stored document lacks its PDF. A staged (temporary) copy below
`intake/` marks an unfinished intake, and is deleted once the document is stored. The cleanup looks only at originals
with a staged copy, so a stored document's original is safe even if the tables are wrong."""

import re
from datetime import datetime, timedelta

from chalicelib.services.documents.incoming_pdf import STAGING_PREFIX, former_original_key, original_key
from chalicelib.services.ports import Files, Store

ORPHANED_AFTER = timedelta(days=1)
"""The age at which an intake has crashed and is not merely slow: the API function times out after 28 seconds."""

BATCH_SIZE = 50

_STAGING_KEY = re.compile(re.escape(STAGING_PREFIX) + r"([a-z0-9_]{1,64})/([a-z0-9_]{1,64})")


def remove_orphans(store: Store, files: Files, now: datetime) -> int:
    """Delete the originals and temporary copies of intakes that crashed, and return the number of these intakes.

    The original may be in the bucket with Object Lock or, from an earlier release, in the private bucket, so it is
    deleted in both. A call looks at up to `BATCH_SIZE` temporary copies that are older than `ORPHANED_AFTER`."""
    removed = 0
    for key in files.older(STAGING_PREFIX, now - ORPHANED_AFTER)[:BATCH_SIZE]:
        match = _STAGING_KEY.fullmatch(key)
        if match is not None and store.document(match[2]) is None:
            for original in (original_key(match[1], match[2]), former_original_key(match[1], match[2])):
                files.delete(original)
            removed += 1
        # The staged copy goes last, so that the next call repeats a call that crashed.
        files.delete(key)
    return removed
