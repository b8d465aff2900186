"""What the deployed stack is like, before anything is sent through it."""

import httpx
import pytest

from infrastructure.stack import ONE_PAGE
from tests.stack import Stack
from tests.unit.pdf import odd


def test_what_may_be_forgotten_expires(stack: Stack) -> None:
    dynamodb = stack.client("dynamodb")
    for table in ("secrets", "requests"):
        answer = dynamodb.describe_time_to_live(TableName=stack.table_name(table))
        assert answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_inspect_reads_what_it_is_given_a_link_to_and_nothing_by_itself(stack: Stack) -> None:
    s3, place = stack.client("s3"), {"Bucket": stack.outputs["Bucket"], "Key": "uploads/of-a-test"}
    s3.put_object(**place, Body=ONE_PAGE)
    link = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    assert stack.invoke("Inspect", {"url": link, "kind": "pdf"})["pages"] == 1
    bare = link.split("?")[0]
    assert stack.invoke("Inspect", {"url": bare, "kind": "pdf"}) == {"unavailable": True}


def test_a_harmful_file_costs_a_refusal_and_the_function_lives_on(stack: Stack) -> None:
    s3, bucket = stack.client("s3"), stack.outputs["Bucket"]
    for name, data, wanted in odd.harmful():
        place = {"Bucket": bucket, "Key": "uploads/of-a-harmful-test"}
        s3.put_object(**place, Body=data)
        link = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
        assert stack.invoke("Inspect", {"url": link, "kind": "pdf"})["refused"]["code"] == wanted, name


def test_an_address_that_is_nowhere_is_a_problem_in_json(stack: Stack) -> None:
    answer = stack.http.get("/v1/nothing/of/the/kind")
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == httpx.codes.NOT_FOUND


@pytest.mark.parametrize(
    "path", ["/nothing", "/Login", "/account/nope", "/documents/a/b", "/documents/a/approve"]
)
def test_a_person_at_an_address_that_is_nowhere_gets_a_page(stack: Stack, path: str) -> None:
    answer = stack.http.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "This page does not exist." in answer.text
    assert 'href="/"' in answer.text


def test_what_is_posted_to_nowhere_is_still_a_problem(stack: Stack) -> None:
    answer = stack.http.post("/v1/nothing", json={})
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_practices_of_two_tests_share_nothing(stack: Stack) -> None:
    first, second = stack.practice(), stack.practice(name="Another Clinic")
    assert first.id != second.id
    answer = stack.http.get("/v1/practice", headers={"authorization": f"Bearer {second.api_key}"})
    assert answer.json()["name"] == "Another Clinic"
