from collections.abc import Mapping
from typing import Any

from chalicelib.adapters import json_codec as codec
from chalicelib.services.transaction import OutboxRow


def outbox_rows(event: Mapping[str, Any]) -> tuple[OutboxRow, ...]:
    """Return the new outbox rows in an event of the outbox table's stream, for the relay.

    An outbox row holds jobs that the relay puts on their queues. Then the relay deletes the row, so the stream also
    reports deleted rows, which are ignored here."""
    images = (record["dynamodb"]["NewImage"] for record in event["Records"] if record["eventName"] == "INSERT")
    return tuple(codec.load(OutboxRow, image["record"]["S"]) for image in images)
