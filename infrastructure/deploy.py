"""Deploys a package with CloudFormation: to AWS, and in just the same way to the local AWS.

`python -m infrastructure.deploy --stage STAGE --package FOLDER --parameters FILE Name=value …` uses the AWS
credentials and region of the shell. Zips go to the account's artifact bucket under the hash of their bytes.
"""

import argparse
import datetime as dt
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infrastructure import package, seal_certificate
from infrastructure import ses_notifications as mail
from infrastructure.progress import Progress
from infrastructure.user_error import Trouble, exit_status

APPLICATION = "provider-portal"
ZIPS = {"CodeUri": package.CODE, "ContentUri": package.LAYER}
EXAMPLE = "docs/examples/parameters.json"
SECONDS_TO_DEPLOY = 3600.0
EVENTS_SHOWN = 5
WHOLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
NEVER_MADE = "ROLLBACK_COMPLETE"
"""What a stack is after its creation failed: CloudFormation lets it be deleted, and nothing else."""

Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Target:
    """Where a stack goes: how to make clients of AWS, the stack's name, and how often to look at it."""

    client: Clients
    stack: str
    seconds_between_looks: float


@dataclass(frozen=True)
class Stack:
    """A deployed stack."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    status: str


@dataclass(frozen=True)
class Artifacts:
    """The bucket of what is deployed, and the account that must own it.

    Its name can be guessed, so somebody else may have made it first: every call says whose it has to be.
    """

    name: str
    account: str

    @property
    def place(self) -> dict[str, str]:
        """What every call on the bucket names."""
        return {"Bucket": self.name, "ExpectedBucketOwner": self.account}


def artifact_bucket(client: Clients) -> Artifacts:
    """The account's bucket for what is deployed; made, private, when it is not there."""
    account = client("sts").get_caller_identity()["Account"]
    s3 = client("s3")
    region = s3.meta.region_name
    bucket = Artifacts(f"{APPLICATION}-artifacts-{account}-{region}", account)
    try:
        s3.head_bucket(**bucket.place)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise Trouble(f"The artifact bucket {bucket.name} cannot be used: {error}") from error
        _make_bucket(s3, bucket, region)
    return bucket


def _make_bucket(s3: Any, bucket: Artifacts, region: str) -> None:
    # us-east-1 is the one region that may not be named here.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket.name, **where)
    s3.put_public_access_block(
        **bucket.place,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )


def artifact_key(name: str, content: bytes) -> str:
    """Where `content` is in the artifact bucket: its hash makes it a new object whenever it changes."""
    return f"{hashlib.sha256(content).hexdigest()}/{name}"


def upload(client: Clients, bucket: Artifacts, name: str, content: bytes) -> str:
    """Upload `content` under its hash, unless it is there already, and answer its key."""
    key = artifact_key(name, content)
    s3 = client("s3")
    found = s3.list_objects_v2(**bucket.place, Prefix=key)
    if not found["KeyCount"]:
        s3.put_object(**bucket.place, Key=key, Body=content)
    return key


def with_artifacts(template: dict[str, Any], locations: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The template with its local zips replaced by where they were uploaded (`{"Bucket", "Key"}`)."""
    resources = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        moved = {field: locations[zip_] for field, zip_ in ZIPS.items() if field in properties}
        resources[name] = resource | {"Properties": properties | moved} if moved else resource
    return template | {"Resources": resources}


def deploy(target: Target, folder: Path, parameters: Mapping[str, str], progress: Progress) -> Stack:
    """Create or update the stack from the package in `folder` and wait for it.

    Raises Trouble with the first reason that CloudFormation gave when it fails.
    """
    bucket = artifact_bucket(target.client)
    template = _revised(package.read_template(folder), _upload_zips(target.client, bucket, folder))
    found = _settled(target)
    if found and _is_current(found, template, parameters):
        progress.say("The stack is up to date")
        return found
    if found and found.status == NEVER_MADE:
        progress.say("Removing the stack, whose creation failed: it holds nothing")
        _remove(target)
        found = None
    progress.say("Updating the stack" if found else "Creating the stack")
    began = time.time()
    key = upload(target.client, bucket, "template.json", _serialised(template))
    changes = _submit(target, _template_url(target, bucket.name, key), parameters, update=bool(found))
    if found and not changes:
        progress.say("There is nothing to update: the stack went back to this very template")
        return found
    return _wait(target, began)


def complete(client: Clients, stack: Stack, now: dt.datetime) -> bool:
    """Do what CloudFormation cannot: certify the sealing key, and connect SES's receipts.

    For every deployment, whether or not it changed the stack: the last one may have ended before this.
    Answers whether a certificate was made. Raises Trouble when SES refuses.
    """
    made = seal_certificate.ensure(client, stack.outputs, now)
    mail.connect_receipts(client, stack.outputs)
    return made


def _upload_zips(client: Clients, bucket: Artifacts, folder: Path) -> dict[str, dict[str, str]]:
    return {
        name: {"Bucket": bucket.name, "Key": upload(client, bucket, name, (folder / name).read_bytes())}
        for name in ZIPS.values()
    }


def _revised(template: dict[str, Any], locations: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The template as it is sent, with the output `Revision`: a hash that says what is deployed."""
    located = with_artifacts(template, locations)
    revision = {"Value": hashlib.sha256(_serialised(located)).hexdigest()}
    return located | {"Outputs": located["Outputs"] | {"Revision": revision}}


def _serialised(template: Mapping[str, Any]) -> bytes:
    return json.dumps(template, sort_keys=True).encode()


def _template_url(target: Target, bucket: str, key: str) -> str:
    endpoint = target.client("s3").meta.endpoint_url
    return f"{endpoint}/{bucket}/{key}"


def _is_current(found: Stack, template: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    return (
        found.status in WHOLE
        and found.outputs.get("Revision") == template["Outputs"]["Revision"]["Value"]
        and all(found.parameters.get(name) == value for name, value in parameters.items())
    )


def describe(target: Target) -> Stack | None:
    """The stack as it is, or None when there is none."""
    try:
        found = target.client("cloudformation").describe_stacks(StackName=target.stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return Stack(
        outputs={row["OutputKey"]: row["OutputValue"] for row in found.get("Outputs", [])},
        parameters={row["ParameterKey"]: row["ParameterValue"] for row in found.get("Parameters", [])},
        status=found["StackStatus"],
    )


def _submit(target: Target, template_url: str, parameters: Mapping[str, str], *, update: bool) -> bool:
    """Whether there is anything to change: a stack whose last update failed stands as it was before."""
    cloudformation = target.client("cloudformation")
    send = cloudformation.update_stack if update else cloudformation.create_stack
    try:
        send(
            StackName=target.stack,
            TemplateURL=template_url,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            # What holds data outlives its stack; what a failed deployment has just made holds none.
            RetainExceptOnCreate=True,
        )
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return False
        raise Trouble(f"CloudFormation refused the stack: {error}") from error
    return True


def _remove(target: Target) -> None:
    target.client("cloudformation").delete_stack(StackName=target.stack)
    left = _settled(target)
    if left:
        raise Trouble(
            f"The stack {target.stack}, whose creation failed, could not be removed ({left.status}). "
            "Delete it in the CloudFormation console, then deploy again."
        )


def _wait(target: Target, began: float) -> Stack:
    found = _settled(target)
    if found is None or found.status not in WHOLE:
        status = found.status if found else "it is gone"
        reasons = "\n".join(_failures(target, began)[:EVENTS_SHOWN]) or "no reason was given"
        raise Trouble(f"The stack {target.stack} could not be deployed ({status}):\n{reasons}")
    return found


def _settled(target: Target) -> Stack | None:
    """The stack once nothing is under way any more; None when it is gone."""
    deadline = time.monotonic() + SECONDS_TO_DEPLOY
    while time.monotonic() < deadline:
        found = describe(target)
        if found is None or not found.status.endswith("_IN_PROGRESS"):
            return found
        time.sleep(target.seconds_between_looks)
    raise Trouble(f"The stack {target.stack} is still under way after an hour; look at the console.")


def _failures(target: Target, began: float) -> list[str]:
    """What failed since `began`, the first failure first: the others mostly follow from it."""
    events = target.client("cloudformation").describe_stack_events(StackName=target.stack)["StackEvents"]
    return [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"].timestamp() >= began - 1
    ]


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not Name=value")
    return name, value


def read_parameters(file: Path) -> dict[str, str]:
    """The stack's parameters from a file. Raises Trouble unless it is one JSON object of texts."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Trouble(f"The parameters in {file} cannot be read: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise Trouble(f"{file} must be one JSON object of texts; {EXAMPLE} is one to copy.")
    return content


def deploy_to_aws(
    target: Target, folder: Path, given: Mapping[str, str], progress: Progress, now: dt.datetime
) -> Stack:
    """Deploy with the parameters given now, and for the rest those that the stack has. Raises Trouble."""
    parameters = keeping(describe(target), given, package.read_template(folder))
    refuse_local(parameters)
    refuse_other_address(parameters)
    stack = deploy(target, folder, parameters, progress)
    # Not when it is created: a stack whose creation failed has to be removed.
    target.client("cloudformation").update_termination_protection(
        StackName=target.stack, EnableTerminationProtection=True
    )
    if complete(target.client, stack, now):
        progress.say("Made a certificate for the sealing key")
    return stack


def refuse_local(parameters: Mapping[str, str]) -> None:
    """Raise Trouble when a stack on AWS would be allowed what only the local run may do."""
    if parameters.get("Local", "false") != "false":
        raise Trouble("The parameter Local is for `make run` alone: leave it out, or say Local=false.")


def refuse_other_address(parameters: Mapping[str, str]) -> None:
    """Raise Trouble unless links, cookies and passkeys are for the host that the stack answers at."""
    url, domain = parameters.get("PortalUrl"), parameters.get("PortalDomain")
    if not domain or url != f"https://{domain}":
        raise Trouble(
            f"PortalUrl must be https:// and then PortalDomain, such as https://portal.example.org and "
            f"portal.example.org; they are {url or 'not given'} and {domain or 'not given'}."
        )


def keeping(found: Stack | None, given: Mapping[str, str], template: Mapping[str, Any]) -> dict[str, str]:
    """The parameters given now, and for the rest what the stack already has and the template still knows."""
    kept = found.parameters if found else {}
    known = template["Parameters"]
    return {name: value for name, value in kept.items() if name in known} | dict(given)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Deploy a package to AWS.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--parameters", type=Path, metavar="FILE", dest="file", help=f"such as {EXAMPLE}")
    parser.add_argument("parameters", nargs="*", type=_pair, metavar="Name=value")
    arguments = parser.parse_args()
    given = read_parameters(arguments.file) if arguments.file else {}
    progress = Progress(time.time())
    target = Target(boto3.client, f"{APPLICATION}-{arguments.stage}", seconds_between_looks=5.0)
    stack = deploy_to_aws(
        target, arguments.package, given | dict(arguments.parameters), progress, dt.datetime.now(dt.UTC)
    )
    for name, value in sorted(stack.outputs.items()):
        progress.say(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
