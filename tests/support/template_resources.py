"""Look-ups in the resources of the packaged CloudFormation template."""

from typing import Any

Resources = dict[str, Any]
"""Resources of the template, or their properties, by their names."""


def of_type(resources: Resources, type_: str) -> Resources:
    """Return the resources of one type, such as `AWS::SQS::Queue`. Fail if there is none."""
    found = {name: row for name, row in resources.items() if row["Type"] == type_}
    assert found
    return found


def properties(resources: Resources, type_: str) -> Resources:
    """Return the properties of the resources of one type, by the resources' names."""
    return {name: row["Properties"] for name, row in of_type(resources, type_).items()}


def arn(name: str) -> dict[str, list[str]]:
    """Return the expression in the template for the ARN of a resource."""
    return {"Fn::GetAtt": [name, "Arn"]}
