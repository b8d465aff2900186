"""The reports of Amazon SES on sent emails, and what each of them means for the email's delivery.

Sources: the pages "Amazon SNS notification contents for Amazon SES" and "Contents of event data that Amazon SES
publishes to Amazon SNS" of the SES developer guide, RFC 5965, RFC 6430 and RFC 6591 for the types of complaints."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.domain.carriers.email_receipts import ReceiptKind


class ReportName(StrEnum):
    """The names of the reports of SES that are about the fate of one email."""

    DELIVERY = "Delivery"
    BOUNCE = "Bounce"
    COMPLAINT = "Complaint"
    DELAY = "DeliveryDelay"
    REJECT = "Reject"


@dataclass(frozen=True, kw_only=True)
class ReportType:
    """The type of a report, in the words of SES.

    `type` is a bounce's type, a complaint's feedback type, a delay's type or a rejection's reason. `sub_type` belongs
    to a bounce or a complaint. A part that SES leaves out is empty."""

    name: ReportName
    type: str = ""
    sub_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """The meaning of a report: the kind of receipt, and a sentence for the clinic without any email address.

    `kind` is None if the report changes nothing."""

    kind: ReceiptKind | None
    detail: str


_DELIVERY, _BOUNCE, _COMPLAINT = ReportName.DELIVERY, ReportName.BOUNCE, ReportName.COMPLAINT
_D, _B, _R, _C = ReceiptKind.DELIVERED, ReceiptKind.BOUNCED, ReceiptKind.RETURNED, ReceiptKind.COMPLAINED
_SUPPRESSED = "OnAccountSuppressionList"

_ROWS: tuple[tuple[ReportName, str, str, ReceiptKind | None, str], ...] = (
    (_DELIVERY, "", "", _D, "The receiving server accepted it."),
    (_BOUNCE, "Permanent", "General", _B, "The receiving server refused the address for good."),
    (_BOUNCE, "Permanent", "NoEmail", _B, "It bounced for good, and the bounce named no address."),
    (_BOUNCE, "Permanent", "Suppressed", _B, "It was not sent, because other emails to this address bounced."),
    (_BOUNCE, "Permanent", _SUPPRESSED, _B, "It was not sent, because an earlier email to this address bounced."),
    (_BOUNCE, "Permanent", "UnsubscribedRecipient", _B, "It was not sent, because the address has unsubscribed."),
    (_BOUNCE, "Transient", "General", _R, "It bounced for now."),
    (_BOUNCE, "Transient", "MailboxFull", _R, "It bounced for now: the mailbox is full."),
    (_BOUNCE, "Transient", "CustomTimeoutExceeded", _R, "It bounced for now: the receiving server took too long."),
    # The same email meets the same refusal, so another attempt would only delay the clinic's call.
    (_BOUNCE, "Transient", "MessageTooLarge", _B, "The receiving server found it too large."),
    (_BOUNCE, "Transient", "ContentRejected", _B, "The receiving server refused its content."),
    (_BOUNCE, "Transient", "AttachmentRejected", _B, "The receiving server refused its attachment."),
    # Often an absence note or another automatic answer that SES cannot read.
    (_BOUNCE, "Undetermined", "Undetermined", _R, "It bounced, and the bounce gave no clear reason."),
    (_COMPLAINT, "", "", _C, "The mailbox reported it as junk."),
    (_COMPLAINT, "abuse", "", _C, "The mailbox reported it as junk."),
    (_COMPLAINT, "fraud", "", _C, "The mailbox reported it as fraud."),
    (_COMPLAINT, "virus", "", _C, "The mailbox reported a virus in it."),
    (_COMPLAINT, "other", "", _C, "The mailbox complained about it."),
    # A person took the email out of the junk folder.
    (_COMPLAINT, "not-spam", "", None, "The mailbox reported that it is not junk."),
    # The sender's domain (SPF, DKIM) is the operator's, and the reader has not complained.
    (_COMPLAINT, "auth-failure", "", None, "The mailbox could not verify the sender's domain."),
    (_COMPLAINT, "", _SUPPRESSED, _B, "It was not sent, because an earlier email was reported as junk."),
    # SES goes on trying, and reports the end as a delivery or a bounce.
    *(
        (ReportName.DELAY, kind, "", None, "SES could not deliver it yet and tries again.")
        for kind in (
            "InternalFailure",
            "General",
            "MailboxFull",
            "SpamDetected",
            "RecipientServerError",
            "IPFailure",
            "TransientCommunicationFailure",
            "BYOIPHostNameLookupUnavailable",
            "Undetermined",
            "SendingDeferral",
        )
    ),
    (ReportName.REJECT, "Bad content", "", _B, "SES found a virus in it and did not send it."),
)

MEANINGS: Mapping[ReportType, Meaning] = {
    ReportType(name=name, type=kind, sub_type=sub_type): Meaning(kind=receipt, detail=detail)
    for name, kind, sub_type, receipt, detail in _ROWS
}
"""The table of all reports. docs/emr-integration.md shows it."""

_GENERAL: Mapping[ReportName, ReportType] = {
    ReportName.DELIVERY: ReportType(name=ReportName.DELIVERY),
    ReportName.BOUNCE: ReportType(name=ReportName.BOUNCE, type="Undetermined", sub_type="Undetermined"),
    ReportName.COMPLAINT: ReportType(name=ReportName.COMPLAINT),
    ReportName.DELAY: ReportType(name=ReportName.DELAY, type="Undetermined"),
    ReportName.REJECT: ReportType(name=ReportName.REJECT, type="Bad content"),
}


def meaning_of(report: ReportType) -> Meaning:
    """Return the meaning of a report of SES. A report that is not in the table has the meaning of the nearest row.

    SES may add types. An unknown sub-type means what the type's general row means, and an unknown type what a report
    without a reason means: such a bounce is retried, and such a complaint is one. A complaint about a suppressed
    address is known by its sub-type, whatever its type is."""
    candidates = (
        report,
        replace(report, type=""),
        replace(report, sub_type="General"),
        replace(report, sub_type=""),
        _GENERAL[report.name],
    )
    return next(MEANINGS[candidate] for candidate in candidates if candidate in MEANINGS)
