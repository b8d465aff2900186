"""The relay of outbox rows to the queues, by the table's stream or, for rows that it missed, by each minute's sweep."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain.errors import Unavailable
from chalicelib.services.ports import Queues, Store
from chalicelib.services.transaction import OutboxRow

SWEEP_AFTER = timedelta(minutes=2)
SWEEP_LIMIT = 200


def relay_rows(rows: Iterable[OutboxRow], *, store: Store, queues: Queues) -> None:
    """Put the jobs of the rows on their queues. Delete the rows only after the queues have accepted every job.

    Raises every failure. The stream then sends the whole batch again. A job that runs twice does no harm."""
    batch = tuple(rows)
    queues.send([job for row in batch for job in row.jobs])
    for row in batch:
        store.drop_outbox(row.id)


def sweep(now: datetime, *, store: Store, queues: Queues) -> int:
    """Relay the outbox rows older than `SWEEP_AFTER`, at most `SWEEP_LIMIT`, and return the number of rows.

    A row that cannot be relayed delays no other row. Raises `Unavailable` at the end, for the alarm."""
    rows = store.outbox(now - SWEEP_AFTER, limit=SWEEP_LIMIT)
    refused = 0
    for row in rows:
        try:
            relay_rows([row], store=store, queues=queues)
        except Unavailable:
            refused += 1
    if refused:
        raise Unavailable(f"{refused} of {len(rows)} outbox rows could not be relayed.")
    return len(rows)
