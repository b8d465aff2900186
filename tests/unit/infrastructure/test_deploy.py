import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure import deploy, package, seal_certificate
from infrastructure.cloudformation import Stack, Target
from infrastructure.progress import Progress
from infrastructure.user_error import UserError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = {"PortalUrl": "https://portal.example", "PortalDomain": "portal.example"}
TEMPLATE: dict[str, Any] = {
    "Parameters": {"PortalUrl": {}, "PortalDomain": {}, "Local": {}, "FaxDomain": {}},
    "Resources": {
        "Api": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./deployment.zip", "Timeout": 28}},
        "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "./layer-deployment.zip"}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"BillingMode": "PAY_PER_REQUEST"}},
    },
    "Outputs": {"MailDomain": {"Value": "portal.example"}},
}


class FakeAws:
    """A fake of all AWS services that a deployment uses. It has one stack, whose operations end in `status`."""

    def __init__(self, status: str = "CREATE_COMPLETE") -> None:
        self.status = status
        self.stack: dict[str, Any] | None = None
        self.objects: dict[str, bytes] = {}
        self.submissions: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.owners: list[str] = []
        self.receipts: list[str] = []
        self.ses_refuses = False
        self.protections: list[bool] = []
        self.has_bucket = True
        self.meta = self
        self.region_name = "us-east-1"
        self.endpoint_url = "https://s3.example"

    def client(self, _service: str) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "000000000000"}

    def head_bucket(self, *, ExpectedBucketOwner: str, **_: str) -> None:  # noqa: N803 - its name
        self.owners.append(ExpectedBucketOwner)
        if not self.has_bucket:
            raise ClientError({"Error": {"Code": "404", "Message": ""}}, "HeadBucket")

    def create_bucket(self, **_: str) -> None:
        self.has_bucket = True

    def put_public_access_block(self, *, ExpectedBucketOwner: str, **_: Any) -> None:  # noqa: N803 - its name
        self.owners.append(ExpectedBucketOwner)

    def list_objects_v2(self, *, Prefix: str, ExpectedBucketOwner: str, **_: str) -> dict[str, int]:  # noqa: N803 - its name
        self.owners.append(ExpectedBucketOwner)
        return {"KeyCount": int(Prefix in self.objects)}

    def put_object(self, *, Key: str, Body: bytes, ExpectedBucketOwner: str, **_: str) -> None:  # noqa: N803 - its name
        self.owners.append(ExpectedBucketOwner)
        self.objects[Key] = Body

    def set_identity_notification_topic(self, *, NotificationType: str, **_: str) -> None:  # noqa: N803 - its name
        if self.ses_refuses:
            answer = {"Error": {"Code": "InvalidParameterValue", "Message": "no such identity"}}
            raise ClientError(answer, "SetIdentityNotificationTopic")
        self.receipts.append(NotificationType)

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        if self.stack is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": ""}}, "DescribeStacks")
        return {"Stacks": [self.stack]}

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {"StackEvents": self.events}

    def create_stack(self, **request: Any) -> None:
        assert self.stack is None
        self._submit("create", request)

    def update_stack(self, **request: Any) -> None:
        if self.requests and request == self.requests[-1]:
            message = "No updates are to be performed."
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "UpdateStack")
        self._submit("update", request)

    def delete_stack(self, **_: str) -> None:
        assert not self.protections
        self.submissions.append("delete")
        self.stack = None

    def update_termination_protection(self, *, EnableTerminationProtection: bool, **_: str) -> None:  # noqa: N803 - its name
        self.protections.append(EnableTerminationProtection)

    def _submit(self, kind: str, request: dict[str, Any]) -> None:
        self.submissions.append(kind)
        self.requests.append(request)
        body = json.loads(self.objects[request["TemplateURL"].removeprefix("https://s3.example/").partition("/")[2]])
        outputs = {name: output["Value"] for name, output in body["Outputs"].items()}
        self.stack = {
            "StackStatus": self.status,
            "Parameters": request["Parameters"],
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
            + [{"OutputKey": "MailFeedbackTopic", "OutputValue": "arn:topic"}],
        }

    def parameters(self) -> dict[str, str]:
        """Return the parameters that the last deployment sent to CloudFormation, by name."""
        return {row["ParameterKey"]: row["ParameterValue"] for row in self.requests[-1]["Parameters"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / package.TEMPLATE).write_text(json.dumps(TEMPLATE))
    (tmp_path / package.CODE).write_bytes(b"code")
    (tmp_path / package.LAYER).write_bytes(b"layer")
    return tmp_path


@pytest.fixture
def certified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the step that issues a certificate for the sealing key, because the fake AWS has no keys.

    Return the list to which each call of the step adds an entry."""
    calls: list[str] = []

    def ensure(_client: Any, outputs: Mapping[str, str], _now: datetime) -> bool:
        calls.append(outputs["MailDomain"])
        return False

    monkeypatch.setattr(seal_certificate, "ensure", ensure)
    return calls


def deploy_to(aws: FakeAws, folder: Path, **parameters: str) -> Stack:
    return deploy.deploy(target(aws), folder, parameters, Progress(0.0))


def deploy_to_aws(aws: FakeAws, folder: Path, **given: str) -> Stack:
    return deploy.deploy_to_aws(target(aws), folder, ADDRESS | given, Progress(0.0), NOW)


def target(aws: FakeAws) -> Target:
    return Target(aws.client, "portal", seconds_between_looks=0.0)


def test_zips_are_replaced_by_the_uploaded_objects() -> None:
    places = {package.CODE: {"Bucket": "b", "Key": "c"}, package.LAYER: {"Bucket": "b", "Key": "l"}}
    resources = deploy.replace_zips(TEMPLATE, places)["Resources"]
    assert resources["Api"]["Properties"] == {"CodeUri": places[package.CODE], "Timeout": 28}
    assert resources["Layer"]["Properties"] == {"ContentUri": places[package.LAYER]}
    assert resources["Table"] == TEMPLATE["Resources"]["Table"]


def test_an_unchanged_stack_is_not_updated(folder: Path) -> None:
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


def test_a_stack_after_a_rollback_is_updated(folder: Path) -> None:
    aws = FakeAws()
    deploy_to(aws, folder)
    assert aws.stack is not None
    aws.stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    (folder / package.CODE).write_bytes(b"other code")
    deploy_to(aws, folder)
    assert aws.submissions == ["create", "update"]


def test_a_rollback_to_the_same_template_counts_as_deployed(folder: Path, certified: list[str]) -> None:
    """After a rollback, CloudFormation may have nothing to update. The deployment's later steps must still run."""
    aws = FakeAws()
    deploy_to_aws(aws, folder)
    assert aws.stack is not None
    aws.stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    deploy_to_aws(aws, folder)
    assert aws.submissions == ["create"]
    assert len(certified) == 2


def test_a_deployment_in_progress_is_awaited(folder: Path) -> None:
    aws = FakeAws()
    deploy_to(aws, folder)
    assert aws.stack is not None
    aws.stack["StackStatus"] = "UPDATE_IN_PROGRESS"
    statuses = iter(["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])

    def describe_stacks(**_: str) -> dict[str, Any]:
        assert aws.stack is not None
        aws.stack["StackStatus"] = next(statuses, "UPDATE_COMPLETE")
        return {"Stacks": [aws.stack]}

    aws.describe_stacks = describe_stacks  # type: ignore[method-assign]  # - as time goes by
    (folder / package.CODE).write_bytes(b"other code")
    deploy_to(aws, folder)
    assert aws.submissions == ["create", "update"]


def test_a_stack_whose_creation_failed_is_created_again(folder: Path) -> None:
    """CloudFormation refuses to update a stack whose creation failed, so the stack is deleted first."""
    aws = FakeAws("ROLLBACK_COMPLETE")
    with pytest.raises(UserError, match="ROLLBACK_COMPLETE"):
        deploy_to(aws, folder)
    aws.status = "CREATE_COMPLETE"
    deploy_to(aws, folder)
    assert aws.submissions == ["create", "delete", "create"]


def test_a_stack_that_cannot_be_removed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws("ROLLBACK_COMPLETE")
    with pytest.raises(UserError):
        deploy_to(aws, folder)

    def fail(**_: str) -> None:
        assert aws.stack is not None
        aws.stack["StackStatus"] = "DELETE_FAILED"

    monkeypatch.setattr(aws, "delete_stack", fail)
    with pytest.raises(UserError, match=r"could not be removed \(DELETE_FAILED\)\. Delete it in the"):
        deploy_to(aws, folder)


def test_a_failed_deployment_leaves_no_new_resource(folder: Path) -> None:
    """Tables and keys are kept when a stack is deleted, but not new ones of a deployment that failed.

    Otherwise the next deployment would create the same tables and keys again."""
    aws = FakeAws()
    deploy_to(aws, folder, PortalUrl="http://one")
    deploy_to(aws, folder, PortalUrl="http://two")
    assert [request["RetainExceptOnCreate"] for request in aws.requests] == [True, True]


def test_every_call_on_the_artifact_bucket_names_the_expected_owner(folder: Path) -> None:
    aws = FakeAws()
    aws.has_bucket = False
    deploy_to(aws, folder)
    # Head and close the bucket, then list and put for two zips and a template.
    assert aws.owners == ["000000000000"] * 8


def test_the_next_deployment_connects_receipts_that_ses_refused(folder: Path, certified: list[str]) -> None:
    aws = FakeAws()
    aws.ses_refuses = True
    with pytest.raises(UserError, match=r"receipts of portal\.example.*no such identity"):
        deploy_to_aws(aws, folder)
    aws.ses_refuses = False
    deploy_to_aws(aws, folder)
    assert aws.submissions == ["create"]
    assert aws.receipts == ["Delivery", "Bounce", "Complaint"]
    assert len(certified) == 2


def test_only_a_complete_stack_is_protected_from_deletion(folder: Path, certified: list[str]) -> None:
    aws = FakeAws("ROLLBACK_COMPLETE")
    with pytest.raises(UserError):
        deploy_to_aws(aws, folder)
    assert aws.protections == []
    aws.status = "CREATE_COMPLETE"
    deploy_to_aws(aws, folder)
    assert aws.protections == [True]
    assert certified


@pytest.mark.usefixtures("certified")
def test_earlier_parameters_stay_while_the_template_declares_them(folder: Path) -> None:
    aws = FakeAws()
    deploy_to_aws(aws, folder, FaxDomain="fax.example")
    without = TEMPLATE | {"Parameters": {name: {} for name in ADDRESS}}
    (folder / package.CODE).write_bytes(b"newer code")
    deploy.deploy_to_aws(target(aws), folder, {}, Progress(0.0), NOW)
    assert aws.parameters() == ADDRESS | {"FaxDomain": "fax.example"}
    (folder / package.TEMPLATE).write_text(json.dumps(without))
    deploy.deploy_to_aws(target(aws), folder, {}, Progress(0.0), NOW)
    assert aws.parameters() == ADDRESS


def test_the_error_names_the_first_reason_first(folder: Path) -> None:
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
    with pytest.raises(UserError, match=r"First \(AWS::SQS::Queue\): no such key\n\s+Second"):
        deploy_to(aws, folder)


def test_a_local_stack_is_refused_on_aws() -> None:
    deploy.refuse_local({"Local": "false"})
    deploy.refuse_local({})
    with pytest.raises(UserError, match="make run"):
        deploy.refuse_local({"Local": "true"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "They are not given and not given"),
        ({"PortalUrl": "https://portal.example"}, "portal.example and not given"),
        (ADDRESS | {"PortalUrl": "http://portal.example"}, "They are http://portal.example and"),
        (ADDRESS | {"PortalDomain": "other.example"}, "portal.example and other.example"),
    ],
)
def test_the_url_must_match_the_host_name(given: dict[str, str], message: str) -> None:
    deploy.refuse_other_address(ADDRESS)
    with pytest.raises(UserError, match=message):
        deploy.refuse_other_address(given)


def test_parameters_are_read_without_any_quoting(tmp_path: Path) -> None:
    file = tmp_path / "prod.json"
    file.write_text('{"SupportContact": "(512) 555-0177 & \'friends\'"}')
    assert deploy.read_parameters(file) == {"SupportContact": "(512) 555-0177 & 'friends'"}


@pytest.mark.parametrize("content", ["", "PortalUrl=x", "[]", '{"WithoutTimestamps": true}'])
def test_a_file_without_parameters_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prod.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"prod\.json"):
        deploy.read_parameters(file)


def test_a_missing_parameters_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"prod\.json cannot be read"):
        deploy.read_parameters(tmp_path / "prod.json")
