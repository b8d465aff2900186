from pathlib import Path
from typing import Any

import pytest

from infrastructure import package
from tests.support.template_conditions import resolve_conditions


@pytest.fixture(scope="session")
def template(package_folder: Path) -> dict[str, Any]:
    return package.read_template(package_folder)


@pytest.fixture(scope="session")
def production(template: dict[str, Any]) -> dict[str, Any]:
    """Return the resources of the packaged CloudFormation template as they are on AWS, without the local AWS's
    settings."""
    resources: dict[str, Any] = resolve_conditions(template["Resources"], local=False)
    return resources
