"""The portal's account at the local fax carrier, the program that replaces a fax service in `make run` and tests."""

from typing import Any

import httpx

from infrastructure.local.stack import LocalStack

NAME = "fax_carrier"
SECRET = "portal-local-fax-carrier"  # noqa: S105 - the name of the secret
SENDER = "+13125790015"


def enroll(stack: LocalStack, carrier_url: str) -> dict[str, str]:
    """Store the API key of the local fax carrier in the local AWS, and return the stack's parameters for this carrier.

    The carrier is the program `examples/fax_carrier`, which replaces a fax service. Without these parameters, the
    portal would send faxes by email to a gateway."""
    account: dict[str, Any] = httpx.get(f"{carrier_url}/account", trust_env=False).raise_for_status().json()
    secrets = stack.client("secretsmanager")
    try:
        secrets.create_secret(Name=SECRET, SecretString=account["api_key"])
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=SECRET, SecretString=account["api_key"])
    return {
        "FaxCarrierSecret": SECRET,
        "FaxCarrierUrl": f"{carrier_url}/v2",
        "FaxCarrierPublicKey": account["public_key"],
        "FaxConnectionId": account["connection_id"],
        "FaxSender": SENDER,
    }
