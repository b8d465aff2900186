"""What the deployed stack is like, before anything is sent through it."""

import httpx
import pytest

from infrastructure.stack import ONE_PAGE
from infrastructure.trouble import Trouble
from tests.stack import Stack


def test_what_may_be_forgotten_expires(stack: Stack) -> None:
    dynamodb = stack.client("dynamodb")
    for table in ("secrets", "requests"):
        answer = dynamodb.describe_time_to_live(TableName=stack.table_name(table))
        assert answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


@pytest.mark.parametrize(("key", "allowed"), [("uploads/of-a-test", True), ("originals/of-a-test", False)])
def test_inspect_can_read_uploads_and_nothing_else(
    stack: Stack,
    key: str,
    allowed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    stack.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key=key, Body=ONE_PAGE)
    question = {"key": key, "kind": "pdf"}
    if allowed:
        assert stack.invoke("Inspect", question)["pages"] == 1
    else:
        with pytest.raises(Trouble, match="AccessDenied"):
            stack.invoke("Inspect", question)


def test_an_address_that_is_nowhere_is_a_problem_in_json(stack: Stack) -> None:
    answer = stack.http.get("/v1/nothing/of/the/kind")
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == httpx.codes.NOT_FOUND


def test_practices_of_two_tests_share_nothing(stack: Stack) -> None:
    first, second = stack.practice(), stack.practice(name="Another Clinic")
    assert first.id != second.id
    answer = stack.http.get("/v1/practice", headers={"authorization": f"Bearer {second.api_key}"})
    assert answer.json()["name"] == "Another Clinic"
