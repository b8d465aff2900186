"""What CloudFormation makes of a template's Conditions, for the two that tell AWS from the local AWS."""

from collections.abc import Iterator
from typing import Any

NOTHING = {"Ref": "AWS::NoValue"}
LOCAL_CONDITIONS = {"IsLocal": True, "IsAws": False}


def resolved(value: Any, *, local: bool) -> Any:
    """`value` with each `Fn::If` on those conditions replaced by the branch that is taken."""
    if isinstance(value, dict) and value.get("Fn::If", [None])[0] in LOCAL_CONDITIONS:
        condition, when_true, when_false = value["Fn::If"]
        return resolved(when_true if LOCAL_CONDITIONS[condition] is local else when_false, local=local)
    if isinstance(value, dict):
        parts = {name: resolved(part, local=local) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part != NOTHING}
    if isinstance(value, list):
        return [part for part in (resolved(part, local=local) for part in value) if part != NOTHING]
    return value


def switched_places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all that differs between AWS and the local AWS."""
    if isinstance(value, list):
        for part in value:
            yield from switched_places(part, path)
    if not isinstance(value, dict):
        return
    # A policy's Condition is an object; a resource's is the name of one of the template's.
    condition = value.get("Fn::If", [value.get("Condition")])[0]
    if isinstance(condition, str) and condition in LOCAL_CONDITIONS:
        yield path
    for name, part in value.items():
        step = () if name == "Fn::If" else (name,)
        yield from switched_places(part, path + step)
