"""The outbox to the queues. Its table's stream is only latency: the sweep takes what it missed."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.domain.errors import Unavailable
from chalicelib.services.ports import Queues, Store
from chalicelib.services.transaction import OutboxRow

OLD_ENOUGH = timedelta(minutes=2)
AT_ONCE = 200


def relay_rows(rows: Iterable[OutboxRow], *, store: Store, queues: Queues) -> None:
    """Enqueues the rows' jobs, every entry's answer checked, and only then drops the rows.

    Raises on any failure, so that the whole batch comes again; a job may run twice, so twice is harmless.
    """
    taken = tuple(rows)
    queues.send([job for row in taken for job in row.jobs])
    for row in taken:
        store.drop_outbox(row.id)


def sweep(now: datetime, *, store: Store, queues: Queues) -> int:
    """Relays what has waited for `OLD_ENOUGH`, at most `AT_ONCE` rows; answers how many.

    One row that cannot be relayed holds up no other; it raises `Unavailable` in the end, for the alarm.
    """
    rows = store.outbox(now - OLD_ENOUGH, limit=AT_ONCE)
    refused = [row for row in rows if not _relayed(row, store=store, queues=queues)]
    if refused:
        raise Unavailable(f"{len(refused)} of {len(rows)} outbox rows could not be relayed.")
    return len(rows)


def _relayed(row: OutboxRow, *, store: Store, queues: Queues) -> bool:
    try:
        relay_rows([row], store=store, queues=queues)
    except Unavailable:
        return False
    return True
