"""Deploy a package with CloudFormation, to AWS or to the local AWS of `make run`.

`python -m infrastructure.deploy --stage STAGE --package FOLDER --parameters FILE Name=value …` uses the AWS
credentials and the region of the shell. The zips go to the account's artifact bucket, each under the
hash of its bytes."""

import argparse
import datetime as dt
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infrastructure import package, seal_certificate, ses_notifications
from infrastructure.cloudformation import APPLICATION, Clients, Stack, Target, aws_target, describe
from infrastructure.progress import Progress
from infrastructure.user_error import UserError, run_command

ZIPS = {"CodeUri": package.CODE, "ContentUri": package.LAYER}
"""The zip that replaces a resource's property in the template."""

EXAMPLE = "docs/examples/parameters.json"
SECONDS_TO_DEPLOY = 3600.0
EVENTS_SHOWN = 5
COMPLETE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
CREATION_FAILED = "ROLLBACK_COMPLETE"
"""The status of a stack whose creation failed. CloudFormation lets such a stack only be deleted."""


@dataclass(frozen=True)
class Artifacts:
    """The S3 bucket (artifact bucket) from which CloudFormation reads the zips and templates of deployments.

    `account` is the id of the AWS account that must own the bucket. Another account may have guessed and taken the
    bucket's name, so every call names the expected owner."""

    name: str
    account: str

    @property
    def owned_bucket(self) -> dict[str, str]:
        """The keyword arguments of every S3 call on the artifact bucket: the bucket's name and its expected owner."""
        return {"Bucket": self.name, "ExpectedBucketOwner": self.account}


def artifact_bucket(client: Clients) -> Artifacts:
    """Return the account's S3 bucket for deployed zips and templates. A missing bucket is created, without public
    access."""
    account = client("sts").get_caller_identity()["Account"]
    s3 = client("s3")
    region = s3.meta.region_name
    bucket = Artifacts(f"{APPLICATION}-artifacts-{account}-{region}", account)
    try:
        s3.head_bucket(**bucket.owned_bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise UserError(f"The artifact bucket {bucket.name} cannot be used: {error}") from error
        _make_bucket(s3, bucket, region)
    return bucket


def _make_bucket(s3: Any, bucket: Artifacts, region: str) -> None:
    # S3 refuses the name of its default region here.
    location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket.name, **location)
    s3.put_public_access_block(
        **bucket.owned_bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )


def artifact_key(name: str, content: bytes) -> str:
    """Return the S3 key at which a zip or template is uploaded: the SHA-256 of its bytes, followed by its name.

    Changed content has a new key, so CloudFormation notices the change."""
    return f"{hashlib.sha256(content).hexdigest()}/{name}"


def upload(client: Clients, bucket: Artifacts, name: str, content: bytes) -> str:
    """Upload a zip or template to the bucket, unless the bucket has it already. Return its S3 key."""
    key = artifact_key(name, content)
    s3 = client("s3")
    listing = s3.list_objects_v2(**bucket.owned_bucket, Prefix=key)
    if not listing["KeyCount"]:
        s3.put_object(**bucket.owned_bucket, Key=key, Body=content)
    return key


def replace_zips(template: dict[str, Any], locations: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the template with the uploaded zips in place of the local zips that the packaging wrote.

    `locations` maps the name of a zip to its place in S3, `{"Bucket", "Key"}`."""
    resources = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        uploaded = {field: locations[zip_] for field, zip_ in ZIPS.items() if field in properties}
        resources[name] = resource | {"Properties": properties | uploaded} if uploaded else resource
    return template | {"Resources": resources}


def deploy(target: Target, folder: Path, parameters: Mapping[str, str], progress: Progress) -> Stack:
    """Create or update the CloudFormation stack from the package in `folder`, wait for the end, and return the stack.

    If the stack is up to date, it does not change. Raises UserError with the reasons that CloudFormation gave, the
    first one first."""
    bucket = artifact_bucket(target.client)
    template = _add_revision(package.read_template(folder), _upload_zips(target.client, bucket, folder))
    stack = _wait_until_settled(target)
    if stack and _is_current(stack, template, parameters):
        progress.say("The stack is up to date")
        return stack
    if stack and stack.status == CREATION_FAILED:
        progress.say("Removing the stack whose creation failed; it holds no data")
        _remove(target)
        stack = None
    progress.say("Updating the stack" if stack else "Creating the stack")
    began = time.time()
    key = upload(target.client, bucket, "template.json", _serialize(template))
    changes = _submit(target, _template_url(target, bucket.name, key), parameters, update=bool(stack))
    if stack and not changes:
        progress.say("There is nothing to update: the last rollback restored this template")
        return stack
    return _wait_until_complete(target, began)


def complete(client: Clients, stack: Stack, now: dt.datetime) -> bool:
    """Do what CloudFormation cannot do: issue a certificate for the key that seals PDFs, and connect SES's receipts.

    This step runs after every deployment, even without changes, because the previous run may have stopped before it.
    Returns True if a certificate was issued, and False if there was one already. Raises UserError if SES refuses."""
    issued = seal_certificate.ensure(client, stack.outputs, now)
    ses_notifications.connect_receipts(client, stack.outputs)
    return issued


def _upload_zips(client: Clients, bucket: Artifacts, folder: Path) -> dict[str, dict[str, str]]:
    return {
        name: {"Bucket": bucket.name, "Key": upload(client, bucket, name, (folder / name).read_bytes())}
        for name in ZIPS.values()
    }


def _add_revision(template: dict[str, Any], locations: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the template with the uploaded zips and a new output `Revision`, a hash of the whole template.

    By this hash in a deployed stack, the next deployment recognizes that nothing has changed."""
    located = replace_zips(template, locations)
    revision = {"Value": hashlib.sha256(_serialize(located)).hexdigest()}
    return located | {"Outputs": located["Outputs"] | {"Revision": revision}}


def _serialize(template: Mapping[str, Any]) -> bytes:
    return json.dumps(template, sort_keys=True).encode()


def _template_url(target: Target, bucket: str, key: str) -> str:
    endpoint = target.client("s3").meta.endpoint_url
    return f"{endpoint}/{bucket}/{key}"


def _is_current(stack: Stack, template: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    return (
        stack.status in COMPLETE
        and stack.outputs.get("Revision") == template["Outputs"]["Revision"]["Value"]
        and all(stack.parameters.get(name) == value for name, value in parameters.items())
    )


def _submit(target: Target, template_url: str, parameters: Mapping[str, str], *, update: bool) -> bool:
    """Ask CloudFormation to create or update the stack. Return False if the stack already matches the template.

    A stack can match after a rollback, although its status says that an update failed. Raises UserError if
    CloudFormation refuses."""
    cloudformation = target.client("cloudformation")
    send = cloudformation.update_stack if update else cloudformation.create_stack
    try:
        send(
            StackName=target.stack,
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            # Tables and keys are retained, but not those that this deployment creates before it fails.
            RetainExceptOnCreate=True,
        )
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return False
        raise UserError(f"CloudFormation refused the stack: {error}") from error
    return True


def _remove(target: Target) -> None:
    target.client("cloudformation").delete_stack(StackName=target.stack)
    stack = _wait_until_settled(target)
    if stack:
        raise UserError(
            f"The stack {target.stack}, whose creation failed, could not be removed ({stack.status}). "
            "Delete it in the CloudFormation console, then deploy again."
        )


def _wait_until_complete(target: Target, began: float) -> Stack:
    stack = _wait_until_settled(target)
    if stack is None or stack.status not in COMPLETE:
        status = stack.status if stack else "it is gone"
        reasons = "\n".join(_failures(target, began)[:EVENTS_SHOWN]) or "no reason was given"
        raise UserError(f"The stack {target.stack} could not be deployed ({status}):\n{reasons}")
    return stack


def _wait_until_settled(target: Target) -> Stack | None:
    """Wait until CloudFormation has finished its operation on the stack, and return the stack, or None if there is
    none.

    Raises UserError after an hour."""
    deadline = time.monotonic() + SECONDS_TO_DEPLOY
    while time.monotonic() < deadline:
        stack = describe(target)
        if stack is None or not stack.status.endswith("_IN_PROGRESS"):
            return stack
        time.sleep(target.seconds_between_looks)
    raise UserError(f"The stack {target.stack} is still in progress after an hour. Look at the CloudFormation console.")


def _failures(target: Target, began: float) -> list[str]:
    """Return a line for each resource that could not be created, changed or deleted since `began`, oldest first.

    `began` is in epoch seconds. The first failure often causes the others."""
    events = target.client("cloudformation").describe_stack_events(StackName=target.stack)["StackEvents"]
    return [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"].timestamp() >= began - 1
    ]


def _parse_parameter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not Name=value")
    return name, value


def read_parameters(file: Path) -> dict[str, str]:
    """Return the stack's parameters from a file. Raise UserError unless it is one JSON object of strings."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"The parameters in {file} cannot be read: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise UserError(f"{file} must be one JSON object of strings. See {EXAMPLE} for an example.")
    return content


def deploy_to_aws(
    target: Target, folder: Path, given: Mapping[str, str], progress: Progress, now: dt.datetime
) -> Stack:
    """Deploy to AWS with the given parameters, and protect the stack from deletion. Return the stack.

    Parameters that are not given keep their present values. Raises UserError with a sentence for the administrator."""
    parameters = merge_parameters(describe(target), given, package.read_template(folder))
    refuse_local(parameters)
    refuse_other_address(parameters)
    stack = deploy(target, folder, parameters, progress)
    # Protected only now, because a stack whose creation failed has to be deleted.
    target.client("cloudformation").update_termination_protection(
        StackName=target.stack, EnableTerminationProtection=True
    )
    if complete(target.client, stack, now):
        progress.say("Issued a certificate for the sealing key")
    return stack


def refuse_local(parameters: Mapping[str, str]) -> None:
    """Raise UserError if the stack's parameter `Local` is true, because it relaxes security for `make run` only."""
    if parameters.get("Local", "false") != "false":
        raise UserError("The parameter Local is for `make run` only. Omit it, or set Local=false.")


def refuse_other_address(parameters: Mapping[str, str]) -> None:
    """Raise UserError unless the parameter `PortalUrl` is the https URL of the parameter `PortalDomain`.

    Links, cookies and passkeys work only on the host name at which people reach the portal."""
    url, domain = parameters.get("PortalUrl"), parameters.get("PortalDomain")
    if not domain or url != f"https://{domain}":
        raise UserError(
            f"PortalUrl must be https:// followed by PortalDomain, such as https://portal.example.org and "
            f"portal.example.org. They are {url or 'not given'} and {domain or 'not given'}."
        )


def merge_parameters(stack: Stack | None, given: Mapping[str, str], template: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters for a deployment: the given ones, and the deployed stack's present values of all others.

    Parameters that the template no longer declares are left out. `stack` is None at the first deployment."""
    current = stack.parameters if stack else {}
    declared = template["Parameters"]
    return {name: value for name, value in current.items() if name in declared} | dict(given)


def main() -> int:
    """Deploy the package that is named on the command line."""
    parser = argparse.ArgumentParser(description="Deploy a package to AWS.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--parameters", type=Path, metavar="FILE", dest="file", help=f"such as {EXAMPLE}")
    parser.add_argument("parameters", nargs="*", type=_parse_parameter, metavar="Name=value")
    arguments = parser.parse_args()
    given = read_parameters(arguments.file) if arguments.file else {}
    progress = Progress(time.time())
    stack = deploy_to_aws(
        aws_target(arguments.stage),
        arguments.package,
        given | dict(arguments.parameters),
        progress,
        dt.datetime.now(dt.UTC),
    )
    for name, value in sorted(stack.outputs.items()):
        progress.say(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
