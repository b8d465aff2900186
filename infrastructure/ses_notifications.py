"""The delivery receipts of SES, which CloudFormation cannot connect to the portal."""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from infrastructure.cloudformation import Clients
from infrastructure.user_error import UserError

RECEIPTS = ("Delivery", "Bounce", "Complaint")


def connect_receipts(client: Clients, outputs: Mapping[str, str]) -> None:
    """Tell SES to send the receipts of the sender's domain to the stack's topic. Idempotent.

    Raises UserError if SES refuses, for instance because the domain is not verified in this account.
    """
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
