"""Deploys a package with CloudFormation: to AWS, and in just the same way to the local AWS.

`python -m infrastructure.deploy --stage STAGE --package FOLDER Name=value …` uses the AWS credentials and
region of the shell. Zips go to the account's artifact bucket under the hash of their bytes.
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

from infrastructure import mail, package, seal_certificate
from infrastructure.progress import Progress
from infrastructure.trouble import Trouble, exit_status

APPLICATION = "provider-portal"
ZIPS = {"CodeUri": package.CODE, "ContentUri": package.LAYER}
SECONDS_TO_DEPLOY = 3600.0
EVENTS_SHOWN = 5
WHOLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})

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


def artifact_bucket(client: Clients) -> str:
    """The account's bucket for what is deployed; made, private, when it is not there."""
    account = client("sts").get_caller_identity()["Account"]
    s3 = client("s3")
    region = s3.meta.region_name
    bucket = f"{APPLICATION}-artifacts-{account}-{region}"
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise Trouble(f"The artifact bucket {bucket} cannot be used: {error}") from error
        _make_bucket(s3, bucket, region)
    return bucket


def _make_bucket(s3: Any, bucket: str, region: str) -> None:
    # us-east-1 is the one region that may not be named here.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **where)
    s3.put_public_access_block(
        Bucket=bucket,
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


def upload(client: Clients, bucket: str, name: str, content: bytes) -> str:
    """Upload `content` under its hash, unless it is there already, and answer its key."""
    key = artifact_key(name, content)
    s3 = client("s3")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key)
    if not found["KeyCount"]:
        s3.put_object(Bucket=bucket, Key=key, Body=content)
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
    found = describe(target)
    if found and _is_current(found, template, parameters):
        progress.say("The stack is up to date")
        return found
    progress.say("Updating the stack" if found else "Creating the stack")
    began = time.time()
    key = upload(target.client, bucket, "template.json", _serialised(template))
    _submit(target, _template_url(target, bucket, key), parameters, update=bool(found))
    stack = _wait(target, began)
    mail.connect_receipts(target.client, stack.outputs)
    return stack


def _upload_zips(client: Clients, bucket: str, folder: Path) -> dict[str, dict[str, str]]:
    return {
        name: {"Bucket": bucket, "Key": upload(client, bucket, name, (folder / name).read_bytes())}
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


def _submit(target: Target, template_url: str, parameters: Mapping[str, str], *, update: bool) -> None:
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
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise Trouble(f"CloudFormation refused the stack: {error}") from error


def _wait(target: Target, began: float) -> Stack:
    deadline = time.monotonic() + SECONDS_TO_DEPLOY
    while time.monotonic() < deadline:
        found = describe(target)
        if found and not found.status.endswith("_IN_PROGRESS"):
            break
        time.sleep(target.seconds_between_looks)
    else:
        raise Trouble(f"The stack {target.stack} is still being deployed after an hour; look at the console.")
    if found.status not in WHOLE:
        reasons = "\n".join(_failures(target, began)[:EVENTS_SHOWN]) or "no reason was given"
        raise Trouble(f"The stack {target.stack} could not be deployed ({found.status}):\n{reasons}")
    return found


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


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Deploy a package to AWS.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("parameters", nargs="*", type=_pair, metavar="Name=value")
    arguments = parser.parse_args()
    progress = Progress(time.time())
    target = Target(boto3.client, f"{APPLICATION}-{arguments.stage}", seconds_between_looks=5.0)
    parameters = _keeping(describe(target), dict(arguments.parameters))
    refuse_local(parameters)
    stack = deploy(target, arguments.package, parameters, progress)
    if seal_certificate.ensure(boto3.client, stack.outputs, dt.datetime.now(dt.UTC)):
        progress.say("Made a certificate for the sealing key")
    for name, value in sorted(stack.outputs.items()):
        progress.say(f"{name}: {value}")
    return 0


def refuse_local(parameters: Mapping[str, str]) -> None:
    """Raise Trouble when a stack on AWS would be allowed what only the local run may do."""
    if parameters.get("Local", "false") != "false":
        raise Trouble("The parameter Local is for `make run` alone: leave it out, or say Local=false.")


def _keeping(found: Stack | None, given: Mapping[str, str]) -> dict[str, str]:
    """The parameters given now, and for the rest what the stack already has."""
    return dict(found.parameters if found else {}) | dict(given)


if __name__ == "__main__":
    sys.exit(exit_status(main))
