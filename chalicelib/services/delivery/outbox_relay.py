"""The relay of outbox rows to the queues. A transaction stores its jobs in an outbox row, so no job is lost.

The table's stream relays new rows, and the sweep of each minute relays rows that the stream missed."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain.errors import Unavailable
from chalicelib.services.ports import Queues, Store
from chalicelib.services.transaction import OutboxRow

SWEEP_AFTER = timedelta(minutes=2)
SWEEP_LIMIT = 200


def relay_rows(rows: Iterable[OutboxRow], *, store: Store, queues: Queues) -> None:
    """Put the jobs of the rows on their queues. Delete the rows only after the queues have accepted every job.

    Raises any error of a queue or the store. The stream then sends the whole batch again. A job that runs twice does no
    harm."""
    batch = tuple(rows)
    queues.send([job for row in batch for job in row.jobs])
    for row in batch:
        store.drop_outbox(row.id)


def sweep(now: datetime, *, store: Store, queues: Queues) -> int:
    """Relay the outbox rows older than `SWEEP_AFTER`, at most `SWEEP_LIMIT`, and return the number of rows.

    A row that cannot be relayed delays no other row. At the end, such a row raises `Unavailable`, for the alarm."""
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
