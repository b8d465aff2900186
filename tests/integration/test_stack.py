"""Test the deployed portal before any document is sent, for example that its jobs start."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.adapters import json_codec as codec
from chalicelib.services.delivery.outbox_relay import SWEEP_AFTER
from chalicelib.services.transaction import OutboxRow
from infrastructure import deploy, package
from infrastructure.cloudformation import Target, describe
from infrastructure.local import emulator
from infrastructure.local.paths import LocalPaths
from infrastructure.local.processes import Processes, take_lock
from infrastructure.local.warm_up import ONE_PAGE
from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from infrastructure.user_error import UserError
from tests.support.free_ports import free_port
from tests.support.pdf import malformed_pdfs as odd
from tests.support.stack import Stack, wait_until

TABLE_NAME = "of-a-deployment-that-failed"
KEPT_TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "TableName": TABLE_NAME,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}
REFUSED = {
    "Type": "AWS::Lambda::EventInvokeConfig",
    "DependsOn": "Kept",
    "Properties": {"FunctionName": "nobody", "Qualifier": "$LATEST"},
}


def test_rows_with_a_time_to_live_expire(stack: Stack) -> None:
    dynamodb = stack.client("dynamodb")
    for table in ("SecretsTable", "RequestsTable", "AccountEventsTable"):
        answer = dynamodb.describe_time_to_live(TableName=stack.table_name(table))
        assert answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    answer = dynamodb.describe_time_to_live(TableName=stack.table_name("events"))
    assert answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}


def test_inspect_reads_only_the_file_of_its_link(stack: Stack) -> None:
    s3, place = stack.client("s3"), {"Bucket": stack.outputs["Bucket"], "Key": "uploads/of-a-test"}
    s3.put_object(**place, Body=ONE_PAGE)
    link = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    assert stack.invoke("Inspect", {"url": link, "kind": "pdf"})["pages"] == 1
    bare = link.split("?")[0]
    assert stack.invoke("Inspect", {"url": bare, "kind": "pdf"}) == {"unavailable": True}


def test_a_harmful_file_is_refused_and_the_function_continues(stack: Stack) -> None:
    s3, bucket = stack.client("s3"), stack.outputs["Bucket"]
    for name, data, wanted in odd.harmful():
        place = {"Bucket": bucket, "Key": "uploads/of-a-harmful-test"}
        s3.put_object(**place, Body=data)
        link = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
        assert stack.invoke("Inspect", {"url": link, "kind": "pdf"})["refused"]["code"] == wanted, name


def test_an_unknown_api_path_is_a_problem_in_json(stack: Stack) -> None:
    answer = stack.http.get("/v1/nothing/of/the/kind")
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("path", ["/nothing", "/Login", "/account/nope", "/documents/a/b", "/documents/a/approve"])
def test_an_unknown_path_in_a_browser_is_a_page(stack: Stack, path: str) -> None:
    answer = stack.http.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "This page does not exist." in answer.text
    assert 'href="/"' in answer.text


def test_a_post_to_an_unknown_path_is_a_problem(stack: Stack) -> None:
    answer = stack.http.post("/v1/nothing", json={})
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_practices_of_two_tests_share_nothing(stack: Stack) -> None:
    first, second = stack.practice(), stack.practice(name="Another Clinic")
    assert first.id != second.id
    answer = stack.http.get("/v1/practice", headers={"authorization": f"Bearer {second.api_key}"})
    assert answer.json()["name"] == "Another Clinic"


def test_the_stream_wakes_the_relay_immediately(stack: Stack) -> None:
    """A new outbox row (stored jobs) must start the function `relay` at once, by the stream of the table.

    Without the stream, the job of every minute would take the row much later."""
    seconds = 30.0
    assert seconds < SWEEP_AFTER.total_seconds()
    row = OutboxRow(id="of-a-test", created_at=datetime.now(UTC), jobs=())
    item = {"id": row.id, "created_at": row.created_at.isoformat(), "record": codec.dump(row)}
    table, dynamodb = stack.table_name("outbox"), stack.client("dynamodb")
    dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in item.items()})
    key = {"id": {"S": row.id}}
    wait_until(
        lambda: "Item" not in dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True),
        seconds,
        "the relay to take a row",
    )


def forwarded(file: bytes) -> bytes:
    """Return an email from a fax service, with this PDF of a fax."""
    message = EmailMessage()
    message["From"], message["Message-ID"] = "service@fax.example", "<1@fax.example>"
    message.set_content("A fax is attached.")
    message.add_attachment(file, maintype="application", subtype="pdf", filename="fax.pdf")
    return message.as_bytes()


def report_email(stack: Stack, mail_id: str, recipient: str) -> None:
    """Publish SES's report on an email that came in. The local SES receives no emails."""
    checks = {name: {"status": "PASS"} for name in ("virusVerdict", "spamVerdict")}
    receipt = {"timestamp": datetime.now(UTC).isoformat(), "recipients": [recipient], **checks}
    report = {"notificationType": "Received", "mail": {"messageId": mail_id}, "receipt": receipt}
    stack.client("sns").publish(TopicArn=stack.outputs["MailFeedbackTopic"], Message=json.dumps(report))


def test_a_fax_that_a_service_forwards_by_email_reaches_its_practice(stack: Stack) -> None:
    """Check by the deployed functions' own roles how an email that SES stored becomes a fax in the practice's list."""
    s3, bucket, mail_id = stack.client("s3"), stack.outputs["Bucket"], "mailofastacktest"
    owner, other = stack.practice(), stack.practice()
    address = stack.invoke_admin({"action": "rotate_fax_address", "practice_id": owner.id})["fax_email"]

    def ask(path: str, key: str = owner.api_key) -> httpx.Response:
        return stack.http.get(path, headers={"authorization": f"Bearer {key}"})

    s3.put_object(Bucket=bucket, Key=f"inbound/{mail_id}", Body=forwarded(ONE_PAGE))
    report_email(stack, mail_id, address)
    wait_until(lambda: ask("/v1/faxes").json()["faxes"], 60.0, "the practice's list to show the fax")
    stack.outbox_drained()
    (fax,) = ask("/v1/faxes").json()["faxes"]
    assert (fax["arrival"], fax["sender"], fax["refused"]) == ("email", None, "")
    (page,) = fax["pages"]
    picture, file = (ask(httpx.URL(url).path).headers["location"] for url in (page["url"], fax["file_url"]))
    assert httpx.get(picture).content.startswith(b"\x89PNG")
    assert httpx.get(file).content == ONE_PAGE
    assert ask("/v1/faxes", other.api_key).json()["faxes"] == []
    assert s3.list_objects_v2(Bucket=bucket, Prefix=f"work/faxes/{owner.id}")["KeyCount"] == 0


def test_local_event_sources_have_the_same_limits_and_filters(stack: Stack) -> None:
    mappings = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    bounds = {mapping["ScalingConfig"]["MaximumConcurrency"] for mapping in mappings if "ScalingConfig" in mapping}
    assert bounds == {5, 10}
    (filtered,) = (mapping["FilterCriteria"] for mapping in mappings if mapping.get("FilterCriteria"))
    assert filtered == {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}


def package_of(folder: Path, **resources: Any) -> Path:
    template = {"Parameters": {}, "Resources": resources, "Outputs": {"One": {"Value": "1"}}}
    (folder / package.TEMPLATE).write_text(json.dumps(template))
    for name in (package.CODE, package.LAYER):
        (folder / name).write_bytes(b"nothing")
    return folder


def test_a_failed_creation_leaves_no_table_and_can_be_repeated(stack: Stack, tmp_path: Path) -> None:
    target = Target(stack.client, "of-a-test", seconds_between_looks=0.1)
    with pytest.raises(UserError, match="ROLLBACK_COMPLETE"):
        deploy.deploy(target, package_of(tmp_path, Kept=KEPT_TABLE, Broken=REFUSED), {}, Progress(0.0))
    failed = describe(target)
    assert failed is not None
    assert failed.status == deploy.CREATION_FAILED
    assert TABLE_NAME not in stack.client("dynamodb").list_tables()["TableNames"]
    made = deploy.deploy(target, package_of(tmp_path, Kept=KEPT_TABLE), {}, Progress(0.0))
    assert made.status == "CREATE_COMPLETE"


@pytest.fixture
def empty_aws() -> Iterator[Mapping[str, str]]:
    """Yield the environment variables with which a shell command uses a new, empty local AWS in place of AWS."""
    home = Path(tempfile.mkdtemp(prefix="portal-tests-"))
    paths = LocalPaths(home)
    paths.prepare()
    processes, port = Processes(paths, take_lock(paths, Progress(time.time()))), free_port()
    try:
        processes.start(emulator.command(paths, port, smtp_port=free_port(), persistent=False))
        emulator.wait_until_up(processes, port)
        credentials = {name.upper(): value for name, value in emulator.ROOT_CREDENTIALS.items()}
        yield (
            emulator.inherited_variables()
            | credentials
            | {"AWS_ENDPOINT_URL": emulator.endpoint(port), "AWS_DEFAULT_REGION": emulator.REGION}
        )
    finally:
        processes.stop()
        shutil.rmtree(home, ignore_errors=True)


def test_the_documented_example_deploys_as_on_aws(package_folder: Path, empty_aws: Mapping[str, str]) -> None:
    """The command `make deploy` of the documentation must deploy what `make run` switches off on the local AWS."""
    command = [sys.executable, "-m", "infrastructure.deploy", "--stage", "prod"]
    command += ["--package", str(package_folder)]

    def deploy_output(*arguments: str) -> str:
        run = [*command, *arguments]
        answer = subprocess.run(run, cwd=ROOT, env=empty_aws, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    first = deploy_output("--parameters", deploy.EXAMPLE)
    assert "Creating the stack" in first
    assert "Issued a certificate for the sealing key" in first
    assert "RegionalDomainName: portal.example.org" in first
    assert "The stack is up to date" in deploy_output()
    assert "Updating the stack" in deploy_output("OwnMailIdentity=true")
