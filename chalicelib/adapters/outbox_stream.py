from collections.abc import Mapping
from typing import Any

from chalicelib.adapters import json_codec as codec
from chalicelib.services.transaction import OutboxRow


def outbox_rows(event: Mapping[str, Any]) -> tuple[OutboxRow, ...]:
    """Return the outbox rows that the stream reports as inserted. Deleted rows are ignored: the relay deletes them."""
    images = (record["dynamodb"]["NewImage"] for record in event["Records"] if record["eventName"] == "INSERT")
    return tuple(codec.load(OutboxRow, image["record"]["S"]) for image in images)
