from enum import StrEnum


class QueueName(StrEnum):
    """The name of a queue of jobs. The Lambda function of the same name does the jobs of the queue."""

    DOCUMENTS = "documents"
    DELIVERIES = "deliveries"


class JobName(StrEnum):
    """The kind of a background job. `PREPARE`, `SEAL` and `TIMESTAMP` are work on a document's PDF.

    `ANCHOR` copies the last hashes of the audit trails with new events to the bucket with Object Lock. The other kinds
    are on the deliveries queue. `RELEASE` sends the webhooks that were held while a practice's endpoint was off.
    `HASTEN` retries the webhooks that wait for another attempt. `RECEIPT` applies an email carrier's receipt, and
    `FORGOTTEN` sends a requested password link. `MOVE` moves documents to the provider to whom they belong. `CHECK`
    finds a provider's documents that were never sent to the provider's address. `FAX_REPORT` applies a report of the
    fax carrier."""

    PREPARE = "prepare"
    SEAL = "seal"
    TIMESTAMP = "timestamp"
    ANCHOR = "anchor"
    DELIVER = "deliver"
    RELEASE = "release"
    HASTEN = "hasten"
    RECEIPT = "receipt"
    FORGOTTEN = "forgotten"
    MOVE = "move"
    CHECK = "check"
    FAX_REPORT = "fax_report"
