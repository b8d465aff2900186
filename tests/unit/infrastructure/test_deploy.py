import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure import deploy, package
from infrastructure.deploy import Target
from infrastructure.progress import Progress
from infrastructure.trouble import Trouble

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Api": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"CodeUri": "./deployment.zip", "Timeout": 28},
        },
        "Layer": {
            "Type": "AWS::Serverless::LayerVersion",
            "Properties": {"ContentUri": "./layer-deployment.zip"},
        },
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"BillingMode": "PAY_PER_REQUEST"}},
    },
    "Outputs": {"MailDomain": {"Value": "portal.example"}},
}


class FakeAws:
    """CloudFormation, S3 and the rest, for one stack that ends as `status` says."""

    def __init__(self, status: str = "CREATE_COMPLETE") -> None:
        self.status = status
        self.stack: dict[str, Any] | None = None
        self.objects: dict[str, bytes] = {}
        self.submissions: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.meta = self
        self.region_name = "us-east-1"
        self.endpoint_url = "https://s3.example"

    def client(self, _service: str) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "000000000000"}

    def head_bucket(self, **_: str) -> None:
        """The bucket is there."""

    def list_objects_v2(self, *, Prefix: str, **_: str) -> dict[str, int]:  # noqa: N803 - its name
        return {"KeyCount": int(Prefix in self.objects)}

    def put_object(self, *, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803 - its name
        self.objects[Key] = Body

    def set_identity_notification_topic(self, **_: str) -> None:
        """Accepted."""

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        if self.stack is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": ""}}, "DescribeStacks")
        return {"Stacks": [self.stack]}

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {"StackEvents": self.events}

    def create_stack(self, **request: Any) -> None:
        self._submit("create", request)

    def update_stack(self, **request: Any) -> None:
        self._submit("update", request)

    def _submit(self, kind: str, request: dict[str, Any]) -> None:
        self.submissions.append(kind)
        body = json.loads(
            self.objects[request["TemplateURL"].removeprefix("https://s3.example/").partition("/")[2]]
        )
        outputs = {name: output["Value"] for name, output in body["Outputs"].items()}
        self.stack = {
            "StackStatus": self.status,
            "Parameters": request["Parameters"],
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
            + [{"OutputKey": "MailFeedbackTopic", "OutputValue": "arn:topic"}],
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / package.TEMPLATE).write_text(json.dumps(TEMPLATE))
    (tmp_path / package.CODE).write_bytes(b"code")
    (tmp_path / package.LAYER).write_bytes(b"layer")
    return tmp_path


def deploy_to(aws: FakeAws, folder: Path, **parameters: str) -> deploy.Stack:
    target = Target(aws.client, "portal", seconds_between_looks=0.0)
    return deploy.deploy(target, folder, parameters, Progress(0.0))


def test_zips_are_replaced_by_where_they_were_uploaded() -> None:
    places = {package.CODE: {"Bucket": "b", "Key": "c"}, package.LAYER: {"Bucket": "b", "Key": "l"}}
    resources = deploy.with_artifacts(TEMPLATE, places)["Resources"]
    assert resources["Api"]["Properties"] == {"CodeUri": places[package.CODE], "Timeout": 28}
    assert resources["Layer"]["Properties"] == {"ContentUri": places[package.LAYER]}
    assert resources["Table"] == TEMPLATE["Resources"]["Table"]


def test_an_unchanged_stack_is_left_alone(folder: Path) -> None:
    aws = FakeAws()
    first = deploy_to(aws, folder, Local="true")
    assert deploy_to(aws, folder, Local="true") == first
    assert aws.submissions == ["create"]


@pytest.mark.parametrize("changed", ["code", "parameter"])
def test_a_change_updates_the_stack(folder: Path, changed: str) -> None:
    aws = FakeAws()
    deploy_to(aws, folder, PortalUrl="http://one")
    if changed == "code":
        (folder / package.CODE).write_bytes(b"other code")
    deploy_to(aws, folder, PortalUrl="http://two" if changed == "parameter" else "http://one")
    assert aws.submissions == ["create", "update"]


def test_a_stack_that_was_rolled_back_is_deployed_again(folder: Path) -> None:
    aws = FakeAws()
    deploy_to(aws, folder)
    assert aws.stack is not None
    aws.stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    deploy_to(aws, folder)
    assert aws.submissions == ["create", "update"]


def test_a_failure_is_told_with_the_first_reason_first(folder: Path) -> None:
    aws = FakeAws("ROLLBACK_COMPLETE")
    later, earlier = (
        {
            "LogicalResourceId": name,
            "ResourceType": "AWS::SQS::Queue",
            "ResourceStatus": "CREATE_FAILED",
            "ResourceStatusReason": reason,
            "Timestamp": datetime.now(UTC),
        }
        for name, reason in (("Second", "cancelled"), ("First", "no such key"))
    )
    aws.events = [later, earlier]
    with pytest.raises(Trouble, match=r"First \(AWS::SQS::Queue\): no such key\n\s+Second"):
        deploy_to(aws, folder)


def test_nothing_on_aws_is_deployed_as_local() -> None:
    deploy.refuse_local({"Local": "false"})
    deploy.refuse_local({})
    with pytest.raises(Trouble, match="make run"):
        deploy.refuse_local({"Local": "true"})
