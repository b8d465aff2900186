from enum import StrEnum


class QueueName(StrEnum):
    """The name of a queue of jobs. The Lambda function of the same name does the jobs of the queue."""

    DOCUMENTS = "documents"
    DELIVERIES = "deliveries"


class JobName(StrEnum):
    """The kind of a background job. Each kind is on one of the two queues.

    Documents queue:
    - `PREPARE`, `SEAL` and `TIMESTAMP`: work on a document's PDF.
    - `PROOF`: makes the sealed PDF of a proof of transmission.
    - `ANCHOR`: copies the last hash of each audit trail with new events to the bucket with Object Lock.

    Deliveries queue:
    - `DELIVER`: sends one email, fax or webhook.
    - `RELEASE`: sends the webhooks that were held while a practice's endpoint was off.
    - `HASTEN`: retries the webhooks that have failed and wait for another attempt.
    - `RECEIPT` and `FAX_REPORT`: store what SES or the fax carrier reports about an email or a fax.
    - `RECEIVE_FAX`: fetches, reads and matches a fax that came in.
    - `RECEIVE_FAX_MAIL`: opens an email with forwarded faxes, and reads and matches them.
    - `FORGOTTEN`: sends the link to set a password, which a person has requested.
    - `MOVE`: moves documents to the provider to whom they belong.
    - `WRONG_NUMBER`: marks the documents that a practice faxed to a number which was reported as wrong, or restores
      them after the practice confirmed the number.
    - `REMINDERS_STOPPED`: tells clinics that a mailbox gets no reminders by email any more, or gets them again.
    - `REMINDER_BOUNCED`: tells clinics that a reminder could not be delivered.
    - `CHECK`: finds a provider's documents that were sent to none of the provider's addresses."""

    PREPARE = "prepare"
    SEAL = "seal"
    TIMESTAMP = "timestamp"
    PROOF = "proof"
    ANCHOR = "anchor"
    DELIVER = "deliver"
    RELEASE = "release"
    HASTEN = "hasten"
    RECEIPT = "receipt"
    FORGOTTEN = "forgotten"
    MOVE = "move"
    CHECK = "check"
    REMINDERS_STOPPED = "reminders_stopped"
    REMINDER_BOUNCED = "reminder_bounced"
    FAX_REPORT = "fax_report"
    RECEIVE_FAX = "receive_fax"
    RECEIVE_FAX_MAIL = "receive_fax_mail"
    WRONG_NUMBER = "wrong_number"
