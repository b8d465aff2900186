"""Has SES tell the portal what became of each mail: what CloudFormation cannot set."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infrastructure.user_error import UserError

RECEIPTS = ("Delivery", "Bounce", "Complaint")


def connect_receipts(client: Callable[[str], Any], outputs: Mapping[str, str]) -> None:
    """Send the receipts of the sender's domain to the stack's topic. Doing it again changes nothing.

    Raises UserError when SES refuses, for instance because the domain is no identity of the account.
    """
    ses = client("ses")
    try:
        for kind in RECEIPTS:
            ses.set_identity_notification_topic(
                Identity=outputs["MailDomain"], NotificationType=kind, SnsTopic=outputs["MailFeedbackTopic"]
            )
    except ClientError as error:
        raise UserError(
            f"The stack is deployed, but SES sends it no receipts of {outputs['MailDomain']}: {error}\n"
            "Mend that, and deploy again: it goes on from there."
        ) from error
