"""Test the documented commands of a deployment, such as `make deploy`, as far as they need no AWS."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infrastructure import deploy, package
from infrastructure.repository import ROOT

DOCS = ("README.md", "docs/operations.md")
EXAMPLE = ROOT / deploy.EXAMPLE
Parameters = dict[str, str]


def documented_line(document: str) -> list[str]:
    (line,) = re.findall(r"^make deploy .+$", (ROOT / document).read_text(), re.MULTILINE)
    return shlex.split(line)


def recipe(*arguments: str) -> str:
    """Return the shell commands that `make` with these arguments would run. Nothing is run."""
    command = ["make", "--dry-run", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def commands(module: str, *arguments: str) -> list[str]:
    """Return the words of the shell command in which `make` with these arguments runs the Python module `module`.

    The test fails unless there is exactly one such command."""
    joined = recipe(*arguments).replace("\\\n", " ")
    (found,) = (line for line in joined.splitlines() if f"-m {module} " in line)
    return shlex.split(found)


@pytest.fixture
def example() -> Parameters:
    return deploy.read_parameters(EXAMPLE)


@pytest.mark.parametrize("document", DOCS)
def test_the_documented_command_is_valid_shell(document: str) -> None:
    _, *arguments = documented_line(document)
    answer = subprocess.run(["sh", "-n"], input=recipe(*arguments), text=True, check=False)
    assert answer.returncode == 0
    found = commands("infrastructure.deploy", *arguments)
    assert found[found.index("--parameters") + 1] == "prod.json"
    assert found[found.index("--stage") + 1] == "prod"


def test_any_stage_can_be_packaged(package_folder: Path, tmp_path: Path) -> None:
    """A package fits every stage (such as `prod`), and `make` does not package the app again if nothing has changed."""
    folder = tmp_path / "prod"
    folder.mkdir()
    for name in ("inputs", package.CODE, package.LAYER, package.TEMPLATE):
        shutil.copyfile(package_folder / name, folder / name)
    command = commands("infrastructure.package", "package", "STAGE=prod")
    assert command[-1] == "build/prod"
    command = [*command[:-1], str(folder), "--architecture", package.host_architecture()]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_the_example_has_every_required_parameter(example: Parameters, template: dict[str, Any]) -> None:
    known = template["Parameters"]
    assert {name for name, row in known.items() if "Default" not in row} <= set(example) <= set(known)
    for name, value in example.items():
        assert re.fullmatch(known[name].get("AllowedPattern", ".*"), value)
        assert value in known[name].get("AllowedValues", [value])


def test_the_example_passes_the_rules(example: Parameters, template: dict[str, Any]) -> None:
    deploy.refuse_local(example)
    deploy.refuse_other_address(example)
    given = {name: row.get("Default") for name, row in template["Parameters"].items()} | example
    for rule in template["Rules"].values():
        assert not holds(rule["RuleCondition"], given) or all(
            holds(assertion["Assert"], given) for assertion in rule["Assertions"]
        )


def test_the_rules_refuse_the_example_without_a_required_parameter(
    example: Parameters, template: dict[str, Any]
) -> None:
    defaults = {name: row.get("Default") for name, row in template["Parameters"].items()}
    refused = {
        name: {left for left in example if not holds(assertion["Assert"], defaults | example | {left: defaults[left]})}
        for name, rule in template["Rules"].items()
        if holds(rule["RuleCondition"], defaults | example)
        for assertion in rule["Assertions"]
    }
    assert refused == {
        "TimestampsUnlessWaived": {"TimestampAuthorityUrl"},
        "PinsOfTheTimestampAuthority": {"TimestampAuthorityPins"},
        "CertificateOfThePortal": {"CertificateArn"},
    }
    assert {json.dumps(rule["RuleCondition"]) for rule in template["Rules"].values()} == {
        '{"Fn::Equals": [{"Ref": "Local"}, "false"]}',
        '{"Fn::Not": [{"Fn::Equals": [{"Ref": "FaxCarrierSecret"}, ""]}]}',
    }


@pytest.mark.parametrize("missing", ["FaxCarrierPublicKey", "FaxConnectionId", "FaxSender"])
def test_a_fax_carrier_needs_all_its_facts(missing: str, template: dict[str, Any]) -> None:
    facts = ("FaxCarrierSecret", "FaxCarrierPublicKey", "FaxConnectionId", "FaxSender")
    (assertion,) = template["Rules"]["FactsOfTheFaxCarrier"]["Assertions"]
    given = dict.fromkeys(facts, "given")
    assert holds(assertion["Assert"], given)
    assert not holds(assertion["Assert"], given | {missing: ""})


def holds(condition: Any, given: Any) -> bool:
    """Return True if a condition (JSON) in a rule of the CloudFormation template is true for the given parameters."""
    ((function, operands),) = condition.items()
    if function == "Fn::Equals":
        left, right = (given[operand["Ref"]] if isinstance(operand, dict) else operand for operand in operands)
        return bool(left == right)
    found = [holds(operand, given) for operand in operands]
    return {"Fn::Not": not found[0], "Fn::Or": any(found), "Fn::And": all(found)}[function]
