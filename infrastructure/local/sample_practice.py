"""The sample practice of `make run`, and the file that tells other programs where everything is."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infrastructure.local.paths import LocalPaths
from infrastructure.local.stack import LocalStack
from infrastructure.progress import Progress
from infrastructure.user_error import UserError

CLINIC_PORT_OFFSET = 10
MAILBOX_PORT_OFFSET = 11
SMTP_PORT_OFFSET = 12
PRACTICE_FIELDS = ("id", "api_key", "webhook_secret")
PROFILE = {
    "name": "Cedar Clinic",
    "phone": "+15125550170",
    "fax": "+15125550171",
    "reply_to": "front-desk@cedar.example",
    "time_zone": "America/Chicago",
}


@dataclass(frozen=True)
class Addresses:
    """The four ports that one local run listens on."""

    port: int

    @property
    def clinic_port(self) -> int:
        """The stand-in EMR's port."""
        return self.port + CLINIC_PORT_OFFSET

    @property
    def mailbox_port(self) -> int:
        """The mailbox's port."""
        return self.port + MAILBOX_PORT_OFFSET

    @property
    def smtp_port(self) -> int:
        """Where the mailbox takes in what the local AWS mails."""
        return self.port + SMTP_PORT_OFFSET

    @property
    def all_ports(self) -> tuple[int, ...]:
        """All of them."""
        return (self.port, self.clinic_port, self.mailbox_port, self.smtp_port)

    @property
    def clinic_url(self) -> str:
        """The stand-in EMR."""
        return f"http://localhost:{self.clinic_port}"

    @property
    def mailbox_url(self) -> str:
        """The mailbox."""
        return f"http://localhost:{self.mailbox_port}"


def sample_practice(paths: LocalPaths, stack: LocalStack, progress: Progress) -> dict[str, str]:
    """The practice that is kept from an earlier run, if the stack still knows it, or else a new one."""
    kept = _kept(paths.practice)
    if kept and _is_known(stack, kept):
        return kept
    made = _with_new_keys(stack, kept, progress) if kept else None
    if kept and made is None:
        progress.say("The stack does not know the sample practice of the last run; making a new one")
    made = made or create_practice(stack, PROFILE)
    write_private(paths.practice, made)
    return made


def _with_new_keys(stack: LocalStack, kept: dict[str, str], progress: Progress) -> dict[str, str] | None:
    """The practice whose keys somebody has rotated away, documents and all; None if it is gone."""
    named = {"practice_id": kept["id"], "end_others": True}
    key = stack.invoke_admin({"action": "rotate_api_key"} | named)
    if "api_key" not in key:
        return None
    secret = stack.invoke_admin({"action": "rotate_webhook_secret"} | named)
    progress.say("The keys of the sample practice were changed elsewhere; it has new ones")
    return kept | {"api_key": key["api_key"], "webhook_secret": secret["webhook_secret"]}


def create_practice(stack: LocalStack, profile: Mapping[str, Any]) -> dict[str, str]:
    """Create a practice with Electronic Signature on; its keys are told this once."""
    answer = stack.invoke_admin({"action": "create_practice", "electronic_signature": True} | dict(profile))
    missing = [name for name in PRACTICE_FIELDS if name not in answer]
    if missing:
        raise UserError(f"The admin function could not create the sample practice: {answer}")
    return {name: answer[name] for name in PRACTICE_FIELDS}


def _kept(file: Path) -> dict[str, str] | None:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(
            f"{file} is damaged ({error}). It holds the keys of the sample practice: put it back, or remove "
            "it, and `make run` makes a new practice."
        ) from error
    whole = isinstance(found, dict) and all(isinstance(found.get(name), str) for name in PRACTICE_FIELDS)
    return found if whole else None


def _is_known(stack: LocalStack, practice: Mapping[str, str]) -> bool:
    with stack.http() as http:
        answer = http.get("/v1/practice", headers={"authorization": f"Bearer {practice['api_key']}"})
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return False
    answer.raise_for_status()
    return True


def portal_file(stack: LocalStack, addresses: Addresses, practice: Mapping[str, str]) -> dict[str, Any]:
    """The content of `.local/portal.json`."""
    return {
        "portal_url": stack.portal_url,
        "aws_endpoint_url": stack.aws_endpoint_url,
        "clinic_url": addresses.clinic_url,
        "mailbox_url": addresses.mailbox_url,
        "practice": {name: practice[name] for name in PRACTICE_FIELDS},
    }


def write_private(file: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only its owner may read, whole or not at all."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    draft.replace(file)
