"""Records of the outbox table's stream to outbox rows."""

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters import json_codec as codec
from chalicelib.services.transaction import OutboxRow


def outbox_rows(event: Mapping[str, Any]) -> tuple[OutboxRow, ...]:
    """The rows that were inserted; removals are the relay's own."""
    inserted = (each for each in event["Records"] if each["eventName"] == "INSERT")
    return tuple(codec.load(OutboxRow, each["dynamodb"]["NewImage"]["record"]["S"]) for each in inserted)
