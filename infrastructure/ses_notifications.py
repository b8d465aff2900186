"""The connection of SES's receipts (reports on sent emails) to the portal, which CloudFormation cannot make."""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from infrastructure.cloudformation import Clients
from infrastructure.user_error import UserError

RECEIPTS = ("Delivery", "Bounce", "Complaint")


def connect_receipts(client: Clients, outputs: Mapping[str, str]) -> None:
    """Make SES send its receipts (reports on sent emails) to the portal's SNS topic. A second call changes nothing.

    The receipts are those for the domain from which the portal sends. Raises UserError if SES refuses, for instance
    because the domain is not verified in this account."""
    ses = client("ses")
    try:
        for kind in RECEIPTS:
            ses.set_identity_notification_topic(
                Identity=outputs["MailDomain"], NotificationType=kind, SnsTopic=outputs["MailFeedbackTopic"]
            )
    except ClientError as error:
        raise UserError(
            f"The stack is deployed, but SES sends no receipts of {outputs['MailDomain']}: {error}\n"
            "Fix the cause, then deploy again. The deployment continues with this step."
        ) from error
