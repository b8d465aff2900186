"""The sample practice of `make run`, and the file with the addresses and keys for other programs."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx

from infrastructure.local.paths import LocalPaths
from infrastructure.local.stack import LocalStack
from infrastructure.progress import Progress
from infrastructure.user_error import UserError

CLINIC_PORT_OFFSET = 10
MAILBOX_PORT_OFFSET = 11
SMTP_PORT_OFFSET = 12
FAX_CARRIER_PORT_OFFSET = 13
PRACTICE_FIELDS = ("id", "api_key", "webhook_secret")
RETURN_FAX = "+13125790016"
"""The number of the sample practice at the local fax carrier, to which providers fax signed pages."""

PROFILE = {
    "name": "Cedar Clinic",
    "phone": "+15125550170",
    "fax": "+15125550171",
    "reply_to": "front-desk@cedar.example",
    "time_zone": "America/Chicago",
    "default_payer": "medicare",
}


@dataclass(frozen=True)
class Addresses:
    """The five ports of one `make run`: the portal's port, and four higher ports for the programs beside the portal."""

    port: int

    @property
    def clinic_port(self) -> int:
        """Return the port of the web pages of the sample clinic, a small EMR."""
        return self.port + CLINIC_PORT_OFFSET

    @property
    def mailbox_port(self) -> int:
        """Return the port of the web pages of the mailbox, which shows a provider's emails and faxes."""
        return self.port + MAILBOX_PORT_OFFSET

    @property
    def smtp_port(self) -> int:
        """Return the port at which the mailbox receives, by SMTP, the emails that the local AWS sends."""
        return self.port + SMTP_PORT_OFFSET

    @property
    def fax_carrier_port(self) -> int:
        """Return the port of the local fax carrier, the program that replaces the service that sends faxes."""
        return self.port + FAX_CARRIER_PORT_OFFSET

    @property
    def all_ports(self) -> tuple[int, ...]:
        """Return all five ports, which must be free before `make run` starts its programs."""
        return (self.port, self.clinic_port, self.mailbox_port, self.smtp_port, self.fax_carrier_port)

    @property
    def clinic_url(self) -> str:
        """Return the URL of the web pages of the sample clinic, a small EMR."""
        return f"http://localhost:{self.clinic_port}"

    @property
    def fax_carrier_url(self) -> str:
        """Return the URL of the local fax carrier, the program that replaces the service that sends faxes."""
        return f"http://127.0.0.1:{self.fax_carrier_port}"

    @property
    def mailbox_url(self) -> str:
        """Return the URL of the web pages of the mailbox, which shows a provider's emails and faxes."""
        return f"http://localhost:{self.mailbox_port}"


def ensure_practice(paths: LocalPaths, stack: LocalStack, progress: Progress) -> dict[str, str]:
    """Return the id and keys of the sample practice, with which the sample clinic sends documents.

    If the deployed portal still has the practice of an earlier run, return this practice. Otherwise create one,
    which also allows signing without an account."""
    saved = _read_practice(paths.practice)
    if saved and _is_known(stack, saved):
        return saved
    practice = _rotate_keys(stack, saved, progress) if saved else None
    if saved and practice is None:
        progress.say("The stack does not have the sample practice of the last run. Creating a new one")
    practice = practice or _create_sample_practice(stack, progress)
    write_private(paths.practice, practice)
    return practice


def _create_sample_practice(stack: LocalStack, progress: Progress) -> dict[str, str]:
    """Create the sample practice, with its own number at the local fax carrier, and return its id and keys."""
    practice = create_practice(stack, PROFILE | {"sign_without_account": True})
    number = {"action": "set_fax_number", "practice_id": practice["id"], "fax": RETURN_FAX}
    if "error" in stack.invoke_admin(number):
        progress.say(f"An older sample practice has the fax number {RETURN_FAX}, so returned faxes go there")
    return practice


def _rotate_keys(stack: LocalStack, practice: dict[str, str], progress: Progress) -> dict[str, str] | None:
    """Return the id of the sample practice with new keys, because the saved keys no longer work.

    Return None if the deployed portal no longer has this practice."""
    named = {"practice_id": practice["id"], "end_others": True}
    key = stack.invoke_admin({"action": "rotate_api_key"} | named)
    if "api_key" not in key:
        return None
    secret = stack.invoke_admin({"action": "rotate_webhook_secret"} | named)
    progress.say("The keys of the sample practice were changed elsewhere, so it has new keys")
    return practice | {"api_key": key["api_key"], "webhook_secret": secret["webhook_secret"]}


def create_practice(stack: LocalStack, profile: Mapping[str, Any]) -> dict[str, str]:
    """Create a practice that allows electronic signatures, in the deployed portal. Return its id and keys.

    `profile` has the practice's name and settings. If another practice has the name, a suffix is added to the name."""
    command = {"action": "create_practice", "electronic_signature": True} | dict(profile)
    answer = stack.invoke_admin(command)
    if answer.get("error", {}).get("code") == "conflict":
        answer = stack.invoke_admin(command | {"name": f"{profile['name']} {token_hex(3)}"})
    missing = [name for name in PRACTICE_FIELDS if name not in answer]
    if missing:
        raise UserError(f"The admin function could not create the sample practice: {answer}")
    return {name: answer[name] for name in PRACTICE_FIELDS}


def _read_practice(file: Path) -> dict[str, str] | None:
    try:
        practice = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(
            f"{file} is damaged ({error}). The file holds the keys of the sample practice. Restore it, or "
            "remove it so that `make run` creates a new practice."
        ) from error
    if isinstance(practice, dict) and all(isinstance(practice.get(name), str) for name in PRACTICE_FIELDS):
        return practice
    return None


def _is_known(stack: LocalStack, practice: Mapping[str, str]) -> bool:
    with stack.http() as http:
        answer = http.get("/v1/practice", headers={"authorization": f"Bearer {practice['api_key']}"})
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return False
    answer.raise_for_status()
    return True


def portal_file(stack: LocalStack, addresses: Addresses, practice: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of `.local/portal.json`: the addresses and keys by which other programs reach the portal.

    The fields are documented, and other programs rely on them."""
    return {
        "portal_url": stack.portal_url,
        "aws_endpoint_url": stack.aws_endpoint_url,
        "clinic_url": addresses.clinic_url,
        "mailbox_url": addresses.mailbox_url,
        "fax_carrier_url": addresses.fax_carrier_url,
        "return_fax": RETURN_FAX,
        "practice": {name: practice[name] for name in PRACTICE_FIELDS},
    }


def write_private(file: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON to a file that only its owner may read. The file is replaced in one step."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    draft.replace(file)
