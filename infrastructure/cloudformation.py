"""A CloudFormation stack of the portal: where it is deployed, its outputs, its parameters and its status."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

APPLICATION = "provider-portal"

Clients = Callable[[str], Any]
"""Returns the boto3 client of a service, such as `s3`."""


@dataclass(frozen=True)
class Target:
    """The destination of a deployment with CloudFormation, which is either AWS or the local AWS of `make run`.

    `client` returns the boto3 client of a service. `stack` is the stack's name. `seconds_between_looks` is the interval
    at which the deployment asks for the stack's status."""

    client: Clients
    stack: str
    seconds_between_looks: float


@dataclass(frozen=True)
class Stack:
    """A deployed CloudFormation stack: its outputs and parameters by name, and its status, such as
    `UPDATE_COMPLETE`."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    status: str


def aws_target(stage: str) -> Target:
    """Return the destination on AWS for a stage such as `prod`. It uses the credentials and the region of the shell."""
    return Target(boto3.client, f"{APPLICATION}-{stage}", seconds_between_looks=5.0)


def describe(target: Target) -> Stack | None:
    """Return the destination's stack in its present state, or None if it has not been deployed."""
    try:
        stack = target.client("cloudformation").describe_stacks(StackName=target.stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return Stack(
        outputs={row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", [])},
        parameters={row["ParameterKey"]: row["ParameterValue"] for row in stack.get("Parameters", [])},
        status=stack["StackStatus"],
    )
