"""Has SES tell the portal what became of each mail: what CloudFormation cannot set."""

from collections.abc import Callable, Mapping
from typing import Any

RECEIPTS = ("Delivery", "Bounce", "Complaint")


def connect_receipts(client: Callable[[str], Any], outputs: Mapping[str, str]) -> None:
    """Send the receipts of the sender's domain to the stack's topic. Doing it again changes nothing."""
    ses = client("ses")
    for kind in RECEIPTS:
        ses.set_identity_notification_topic(
            Identity=outputs["MailDomain"], NotificationType=kind, SnsTopic=outputs["MailFeedbackTopic"]
        )
