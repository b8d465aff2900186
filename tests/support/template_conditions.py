"""The two conditions (`IsLocal`, `IsAws`) by which the CloudFormation template differs on the local AWS and on AWS."""

from collections.abc import Iterator
from typing import Any

NOTHING = {"Ref": "AWS::NoValue"}
LOCAL_CONDITIONS = {"IsLocal": True, "IsAws": False}


def resolve_conditions(value: Any, *, local: bool) -> Any:
    """Return a part of the CloudFormation template as it applies on the local AWS (`local`) or on AWS.

    Every `Fn::If` on the conditions `IsLocal` and `IsAws` is replaced by the branch that applies."""
    if isinstance(value, dict) and value.get("Fn::If", [None])[0] in LOCAL_CONDITIONS:
        condition, when_true, when_false = value["Fn::If"]
        return resolve_conditions(when_true if LOCAL_CONDITIONS[condition] is local else when_false, local=local)
    if isinstance(value, dict):
        parts = {name: resolve_conditions(part, local=local) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part != NOTHING}
    if isinstance(value, list):
        return [part for part in (resolve_conditions(part, local=local) for part in value) if part != NOTHING]
    return value


def conditional_paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path (names of nested keys) of every part of the CloudFormation template that differs on the local AWS.

    So a test can list all differences between the local AWS and AWS."""
    if isinstance(value, list):
        for part in value:
            yield from conditional_paths(part, path)
    if not isinstance(value, dict):
        return
    # The Condition of a policy is an object, and the Condition of a resource is a name.
    condition = value.get("Fn::If", [value.get("Condition")])[0]
    if isinstance(condition, str) and condition in LOCAL_CONDITIONS:
        yield path
    for name, part in value.items():
        step = () if name == "Fn::If" else (name,)
        yield from conditional_paths(part, path + step)
