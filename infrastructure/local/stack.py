"""The portal as a CloudFormation stack on the local AWS: its addresses, its parameters, and its deployment.

`make run` has one such stack. The tests have other stacks, with other folders and ports."""

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infrastructure import deploy, package
from infrastructure.cloudformation import Stack, Target, describe
from infrastructure.local import emulator, warm_up
from infrastructure.local.localhost_http import LocalhostTransport
from infrastructure.progress import Progress
from infrastructure.user_error import UserError

NAME = "portal-local"
DOMAIN = "portal.localhost"
FIXED_PARAMETERS = {
    "Local": "true",
    "PortalDomain": DOMAIN,
    "MailFrom": "no-reply@portal.example",
    "FaxDomain": "fax.example.net",
    "FaxMailDomain": "faxes.portal.example",
    "SendAtAnyHour": "true",
    "NoticeWaitSeconds": "2",
    "SupportContact": "support@portal.example",
}
FUNCTIONS_WARMED_AT_ONCE = 3
TRIES_TO_WARM_UP = 3
SECONDS_TO_WARM_UP = 120.0
"""No function is called again after this time."""

NOT_YET = (httpx.HTTPError, BotoCoreError, ClientError, UserError)
"""The errors of a function that is still starting on a busy machine."""


@dataclass(frozen=True)
class LocalStack:
    """The portal's CloudFormation stack on the local AWS that listens at `port`. The stack need not be deployed yet."""

    port: int

    @property
    def portal_url(self) -> str:
        """Return the portal's URL, such as `http://portal.localhost:4566`.

        Browsers and the client of `http` know that `*.localhost` is this machine."""
        return f"http://{DOMAIN}:{self.port}"

    @property
    def aws_endpoint_url(self) -> str:
        """Return the URL of the local AWS, which boto3 clients use in place of the URLs of AWS."""
        return emulator.endpoint(self.port)

    def client(self, service: str) -> Any:
        """Return a boto3 client of the local AWS for a service such as `s3`. It may call every operation."""
        return boto3.client(
            service,
            endpoint_url=self.aws_endpoint_url,
            region_name=emulator.REGION,
            # The shell may name a proxy, which cannot reach this machine's own ports.
            config=Config(retries={"total_max_attempts": 2}, signature_version=_signature(service), proxies={}),
            **emulator.ROOT_CREDENTIALS,
        )

    def http(self) -> httpx.Client:
        """Return an HTTP client for paths of the portal, such as `/login`. The caller closes the client."""
        return httpx.Client(base_url=self.portal_url, transport=LocalhostTransport(), timeout=30.0)

    @property
    def target(self) -> Target:
        """Return the destination that the deployment to this stack uses: the local AWS and the stack's name."""
        return Target(self.client, NAME, seconds_between_looks=0.2)

    @property
    def parameters(self) -> dict[str, str]:
        """Return the CloudFormation parameters that every local stack has, by name."""
        return FIXED_PARAMETERS | {"PortalUrl": self.portal_url}

    def outputs(self) -> Mapping[str, str]:
        """Return the deployed stack's outputs by name, such as `Bucket`. Raise UserError if nothing is deployed."""
        stack = describe(self.target)
        if stack is None:
            raise UserError(f"There is no stack at {self.aws_endpoint_url}.")
        return stack.outputs

    def deploy(self, folder: Path, progress: Progress, parameters: Mapping[str, str] = MappingProxyType({})) -> Stack:
        """Deploy the package in `folder` to the local AWS, and return the deployed stack.

        What the local AWS ignores in the template is configured by API calls. `parameters` are added to those that
        every local stack has."""
        stack = deploy.deploy(self.target, folder, self.parameters | dict(parameters), progress)
        deploy.complete(self.client, stack, dt.datetime.now(dt.UTC))
        self._switch_on_ttl(package.read_template(folder))
        self._remove_old_artifacts(folder)
        return stack

    def _switch_on_ttl(self, template: Mapping[str, Any]) -> None:
        """Make the tables delete expired rows (TTL), by API calls, because the local AWS ignores TTL in a template."""
        names = self._physical_names()
        dynamodb = self.client("dynamodb")
        for logical, resource in template["Resources"].items():
            ttl = resource.get("Properties", {}).get("TimeToLiveSpecification")
            if not ttl:
                continue
            current = dynamodb.describe_time_to_live(TableName=names[logical])
            if current["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED":
                dynamodb.update_time_to_live(TableName=names[logical], TimeToLiveSpecification=ttl)

    def _remove_old_artifacts(self, folder: Path) -> None:
        """Delete the zips of earlier deployments, which would fill this machine's disk."""
        s3, bucket = self.client("s3"), deploy.artifact_bucket(self.client).name
        current = {deploy.artifact_key(name, (folder / name).read_bytes()) for name in deploy.ZIPS.values()}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for key in {row["Key"] for row in page.get("Contents", [])} - current:
                s3.delete_object(Bucket=bucket, Key=key)

    def _physical_names(self, resource_type: str | None = None) -> dict[str, str]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=NAME)
        return {
            row["LogicalResourceId"]: row["PhysicalResourceId"]
            for page in pages
            for row in page["StackResourceSummaries"]
            if resource_type in {None, row["ResourceType"]}
        }

    def functions(self) -> dict[str, str]:
        """Return the deployed Lambda functions: a dict from the name in the template to the name in the local AWS."""
        return self._physical_names("AWS::Lambda::Function")

    def invoke(self, function: str, payload: Mapping[str, Any]) -> Any:
        """Invoke a Lambda function, and return the JSON value that it returns. Raise UserError if the function
        failed."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        content = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise UserError(f"The function {function} failed: {content}")
        return content

    def invoke_admin(self, payload: Mapping[str, Any]) -> Any:
        """Run an action of administrators, such as `create_practice`, in the `admin` function, and return its
        result."""
        return self.invoke(self.outputs()["AdminFunction"], payload)

    def warm_up(self) -> bool:
        """Call each Lambda function once, so that the first click does not wait for a cold start.

        Returns True if every function responded in time. A function that does not respond raises no error."""
        succeeds = partial(_succeeds, before=time.monotonic() + SECONDS_TO_WARM_UP)
        pool = ThreadPoolExecutor(max_workers=FUNCTIONS_WARMED_AT_ONCE)
        try:
            return all(list(pool.map(succeeds, self._warm_ups())))
        except NOT_YET:
            return False
        finally:
            # After Ctrl-C nobody waits for a function that does not respond.
            pool.shutdown(wait=False, cancel_futures=True)

    def _warm_ups(self) -> Sequence[Callable[[], object]]:
        workers = [partial(self.invoke, worker, {"Records": []}) for worker in self._queue_workers()]
        return [self._warm_up_api, self._warm_up_pdf, *workers]

    def _queue_workers(self) -> set[str]:
        mappings = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return {mapping["FunctionArn"] for mapping in mappings}

    def _warm_up_api(self) -> None:
        with self.http() as http:
            http.get("/login").raise_for_status()

    def _warm_up_pdf(self) -> None:
        """Call `inspect` and `pdf`, the functions that parse PDFs, one after the other, with a PDF of one empty page.

        Each function then has imported its libraries, which takes seconds."""
        outputs, s3 = self.outputs(), self.client("s3")
        bucket, key = outputs["Bucket"], "uploads/warm-up"
        s3.put_object(Bucket=bucket, Key=key, Body=warm_up.ONE_PAGE)
        try:
            place = {"Bucket": bucket, "Key": key}
            link = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=warm_up.SECONDS)
            self.invoke(outputs["InspectFunction"], {"url": link, "kind": "pdf"})
            self.invoke(outputs["PdfFunction"], warm_up.pdf_request(s3, bucket, link))
        finally:
            for made in (key, warm_up.TARGET):
                s3.delete_object(Bucket=bucket, Key=made)


def _succeeds(call: Callable[[], object], *, before: float) -> bool:
    """Call a function until it succeeds, at most `TRIES_TO_WARM_UP` times. Return False if no call succeeded.

    After `before`, a time on the monotonic clock, no further call is made."""
    for _ in range(TRIES_TO_WARM_UP):
        try:
            call()
        except NOT_YET:
            if time.monotonic() > before:
                break
        else:
            return True
    return False


def _signature(service: str) -> str | None:
    return "s3v4" if service == "s3" else None
