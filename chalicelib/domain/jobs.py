"""The queues of background work and the jobs on them."""

from enum import StrEnum


class QueueName(StrEnum):
    """A queue and the function that works it off."""

    DOCUMENTS = "documents"
    DELIVERIES = "deliveries"


class JobName(StrEnum):
    """A kind of job. The first three are work on a document's PDF, the others on deliveries.

    `RELEASE` sends what was held while a practice's endpoint was off, and `HASTEN` retries what waits.
    `RECEIPT` applies a carrier's receipt, and `FORGOTTEN` answers a request for a new password link.
    """

    PREPARE = "prepare"
    SEAL = "seal"
    TIMESTAMP = "timestamp"
    DELIVER = "deliver"
    RELEASE = "release"
    HASTEN = "hasten"
    RECEIPT = "receipt"
    FORGOTTEN = "forgotten"
