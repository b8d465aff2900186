import pytest

from chalicelib.domain.carriers.email_receipts import ReceiptKind
from chalicelib.domain.carriers.ses_reports import MEANINGS, ReportName, ReportType, meaning_of

D, B, R, C = ReceiptKind.DELIVERED, ReceiptKind.BOUNCED, ReceiptKind.RETURNED, ReceiptKind.COMPLAINED
BOUNCE, COMPLAINT, DELAY = ReportName.BOUNCE, ReportName.COMPLAINT, ReportName.DELAY

MEANT = {
    (ReportName.DELIVERY, "", ""): D,
    (BOUNCE, "Permanent", "General"): B,
    (BOUNCE, "Permanent", "NoEmail"): B,
    (BOUNCE, "Permanent", "Suppressed"): B,
    (BOUNCE, "Permanent", "OnAccountSuppressionList"): B,
    (BOUNCE, "Permanent", "UnsubscribedRecipient"): B,
    (BOUNCE, "Transient", "General"): R,
    (BOUNCE, "Transient", "MailboxFull"): R,
    (BOUNCE, "Transient", "CustomTimeoutExceeded"): R,
    (BOUNCE, "Transient", "MessageTooLarge"): B,
    (BOUNCE, "Transient", "ContentRejected"): B,
    (BOUNCE, "Transient", "AttachmentRejected"): B,
    (BOUNCE, "Undetermined", "Undetermined"): R,
    (COMPLAINT, "", ""): C,
    (COMPLAINT, "abuse", ""): C,
    (COMPLAINT, "fraud", ""): C,
    (COMPLAINT, "virus", ""): C,
    (COMPLAINT, "other", ""): C,
    (COMPLAINT, "not-spam", ""): None,
    (COMPLAINT, "auth-failure", ""): None,
    (COMPLAINT, "", "OnAccountSuppressionList"): B,
    (DELAY, "InternalFailure", ""): None,
    (DELAY, "General", ""): None,
    (DELAY, "MailboxFull", ""): None,
    (DELAY, "SpamDetected", ""): None,
    (DELAY, "RecipientServerError", ""): None,
    (DELAY, "IPFailure", ""): None,
    (DELAY, "TransientCommunicationFailure", ""): None,
    (DELAY, "BYOIPHostNameLookupUnavailable", ""): None,
    (DELAY, "Undetermined", ""): None,
    (DELAY, "SendingDeferral", ""): None,
    (ReportName.REJECT, "Bad content", ""): B,
}


def kind(name: ReportName, kind: str = "", sub_type: str = "") -> ReceiptKind | None:
    return meaning_of(ReportType(name=name, type=kind, sub_type=sub_type)).kind


def test_every_type_of_report_has_its_meaning() -> None:
    assert {(report.name, report.type, report.sub_type): meaning.kind for report, meaning in MEANINGS.items()} == MEANT
    assert {key: kind(*key) for key in MEANT} == MEANT


@pytest.mark.parametrize(
    ("report", "meant"),
    [
        ((BOUNCE, "Permanent", "New"), B),
        ((BOUNCE, "Permanent", ""), B),
        ((BOUNCE, "Transient", "New"), R),
        ((BOUNCE, "New", "New"), R),
        ((BOUNCE, "", ""), R),
        ((BOUNCE, "Undetermined", ""), R),
        ((COMPLAINT, "new", ""), C),
        ((COMPLAINT, "abuse", "New"), C),
        ((COMPLAINT, "not-spam", "New"), None),
        ((COMPLAINT, "abuse", "OnAccountSuppressionList"), B),
        ((DELAY, "New", ""), None),
        ((DELAY, "", ""), None),
        ((ReportName.REJECT, "New", ""), B),
        ((ReportName.DELIVERY, "New", "New"), D),
    ],
)
def test_a_type_that_ses_adds_later_means_what_the_nearest_row_means(
    report: tuple[ReportName, str, str], meant: ReceiptKind | None
) -> None:
    assert kind(*report) is meant


def test_every_meaning_is_a_sentence() -> None:
    assert all(meaning.detail[0].isupper() and meaning.detail.endswith(".") for meaning in MEANINGS.values())


def test_a_suppressed_address_is_told_apart_from_one_that_refused_the_email() -> None:
    refused = meaning_of(ReportType(name=BOUNCE, type="Permanent", sub_type="General"))
    suppressed = meaning_of(ReportType(name=BOUNCE, type="Permanent", sub_type="OnAccountSuppressionList"))
    assert (refused.detail, suppressed.detail) == (
        "The receiving server refused the address for good.",
        "It was not sent, because an earlier email to this address bounced.",
    )
